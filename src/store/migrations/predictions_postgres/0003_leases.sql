-- The workers that share a crunch. One that has lapsed may be removed by any other: its models are free then.
CREATE TABLE workers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    crunch_id text NOT NULL,
    name text NOT NULL,
    -- Heartbeats so far: who lives is seen without a clock.
    beats bigint NOT NULL,
    lapses_at timestamptz NOT NULL,
    UNIQUE (crunch_id, name)
);

-- Who calls which model. A lease lasts as long as its owner does, so that a heartbeat writes one row.
CREATE TABLE leases (
    crunch_id text NOT NULL,
    model_id text NOT NULL,
    owner bigint REFERENCES workers (id) ON DELETE SET NULL,
    -- The deployment that was told all of the past.
    told text,
    PRIMARY KEY (crunch_id, model_id)
);
CREATE INDEX leases_owner ON leases (owner);
