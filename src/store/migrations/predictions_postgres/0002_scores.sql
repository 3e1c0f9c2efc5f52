CREATE TABLE scores (
    prediction_id bigint PRIMARY KEY REFERENCES predictions (id) ON DELETE CASCADE,
    crps double precision CHECK (crps <> 'NaN'),
    log_score double precision CHECK (log_score <> 'NaN'),
    crps_reference double precision CHECK (crps_reference <> 'NaN'),
    log_reference double precision CHECK (log_reference <> 'NaN'),
    scored_at timestamptz NOT NULL,
    detail text
);

-- Answers that wait for their score, so that finding them costs the same however many are scored. It
-- refers to predictions by its triggers: a check of each row would cost the Predict worker more.
CREATE TABLE unscored (
    prediction_id bigint PRIMARY KEY,
    resolvable_at timestamptz NOT NULL,
    crunch_id text NOT NULL
);
CREATE INDEX unscored_due ON unscored (crunch_id, resolvable_at, prediction_id);

CREATE FUNCTION predictions_await_scores() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unscored (prediction_id, resolvable_at, crunch_id)
        SELECT p.id, p.resolvable_at, c.crunch_id
        FROM new_rows p JOIN prediction_configs c ON c.id = p.config_id
        WHERE p.status = 'SUCCESS'
            AND NOT EXISTS (SELECT 1 FROM scores s WHERE s.prediction_id = p.id)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE FUNCTION predictions_await_no_scores() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM unscored u USING old_rows p WHERE u.prediction_id = p.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER unscored_stored AFTER INSERT ON predictions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION predictions_await_scores();
-- An answer that takes the place of an absence.
CREATE TRIGGER unscored_answered AFTER UPDATE ON predictions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION predictions_await_scores();
CREATE TRIGGER unscored_removed AFTER DELETE ON predictions
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION predictions_await_no_scores();

-- What was stored before. A trigger's lock waits for whoever stores just now, and holds up whoever would
-- next: after it nothing can be stored without being seen here or by the trigger.
INSERT INTO unscored (prediction_id, resolvable_at, crunch_id)
    SELECT p.id, p.resolvable_at, c.crunch_id
    FROM predictions p JOIN prediction_configs c ON c.id = p.config_id WHERE p.status = 'SUCCESS'
    ON CONFLICT DO NOTHING;

CREATE TABLE snapshots (
    crunch_id text NOT NULL,
    "at" timestamptz NOT NULL,
    model_id text NOT NULL,
    "rank" bigint,
    recent_score double precision CHECK (recent_score <> 'NaN'),
    recent_log_gain double precision CHECK (recent_log_gain <> 'NaN'),
    recent_rounds bigint NOT NULL,
    recent_answered bigint NOT NULL,
    steady_score double precision CHECK (steady_score <> 'NaN'),
    steady_log_gain double precision CHECK (steady_log_gain <> 'NaN'),
    steady_rounds bigint NOT NULL,
    steady_answered bigint NOT NULL,
    anchor_score double precision CHECK (anchor_score <> 'NaN'),
    anchor_log_gain double precision CHECK (anchor_log_gain <> 'NaN'),
    anchor_rounds bigint NOT NULL,
    anchor_answered bigint NOT NULL,
    PRIMARY KEY (crunch_id, "at", model_id)
);
