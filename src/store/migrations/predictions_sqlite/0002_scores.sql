-- Times are unix milliseconds.

CREATE TABLE scores (
    prediction_id INTEGER PRIMARY KEY REFERENCES predictions (id) ON DELETE CASCADE,
    crps REAL,
    log_score REAL,
    crps_reference REAL,
    log_reference REAL,
    detail TEXT,
    scored_at INTEGER NOT NULL
) STRICT;

-- Answers that wait for their score, so that finding them costs the same however many are scored.
CREATE TABLE unscored (
    prediction_id INTEGER PRIMARY KEY REFERENCES predictions (id) ON DELETE CASCADE,
    crunch_id TEXT NOT NULL,
    resolvable_at INTEGER NOT NULL
) STRICT;
CREATE INDEX unscored_due ON unscored (crunch_id, resolvable_at, prediction_id);

INSERT INTO unscored (prediction_id, crunch_id, resolvable_at)
    SELECT p.id, c.crunch_id, p.resolvable_at
    FROM predictions p JOIN prediction_configs c ON c.id = p.config_id WHERE p.status = 'SUCCESS';

CREATE TRIGGER unscored_stored AFTER INSERT ON predictions WHEN NEW.status = 'SUCCESS'
BEGIN
    INSERT INTO unscored (prediction_id, crunch_id, resolvable_at)
        SELECT NEW.id, c.crunch_id, NEW.resolvable_at
        FROM prediction_configs c WHERE c.id = NEW.config_id;
END;

-- An answer that takes the place of an absence.
CREATE TRIGGER unscored_answered AFTER UPDATE OF status ON predictions
WHEN NEW.status = 'SUCCESS' AND OLD.status <> 'SUCCESS'
BEGIN
    INSERT INTO unscored (prediction_id, crunch_id, resolvable_at)
        SELECT NEW.id, c.crunch_id, NEW.resolvable_at
        FROM prediction_configs c WHERE c.id = NEW.config_id
            AND NOT EXISTS (SELECT 1 FROM unscored u WHERE u.prediction_id = NEW.id)
            AND NOT EXISTS (SELECT 1 FROM scores s WHERE s.prediction_id = NEW.id);
END;

-- All of a round's parts without the rows themselves, which are large.
CREATE INDEX predictions_parts
    ON predictions (config_id, slot, model_id, resolvable_at, status);

CREATE TABLE snapshots (
    crunch_id TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    "rank" INTEGER,
    recent_score REAL,
    recent_log_gain REAL,
    recent_rounds INTEGER NOT NULL,
    recent_answered INTEGER NOT NULL,
    steady_score REAL,
    steady_log_gain REAL,
    steady_rounds INTEGER NOT NULL,
    steady_answered INTEGER NOT NULL,
    anchor_score REAL,
    anchor_log_gain REAL,
    anchor_rounds INTEGER NOT NULL,
    anchor_answered INTEGER NOT NULL,
    PRIMARY KEY (crunch_id, "at", model_id)
) STRICT, WITHOUT ROWID;
