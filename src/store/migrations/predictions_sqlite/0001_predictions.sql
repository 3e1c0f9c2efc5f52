-- Times are unix milliseconds, `slot` is unix seconds.

CREATE TABLE models (
    crunch_id TEXT NOT NULL,
    model_id TEXT NOT NULL,
    model_name TEXT,
    cruncher_id TEXT,
    cruncher_name TEXT,
    deployment_id TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    metrics_since INTEGER NOT NULL,
    -- Written by whoever scores; the greater the better.
    score REAL,
    PRIMARY KEY (crunch_id, model_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE deployments (
    id INTEGER PRIMARY KEY,
    crunch_id TEXT NOT NULL,
    model_id TEXT NOT NULL,
    previous_id TEXT NOT NULL,
    deployment_id TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    effect TEXT NOT NULL,
    UNIQUE (crunch_id, model_id, deployment_id)
) STRICT;

-- Rows may be written by hand, too: then `declared` stays 0, and no configuration file touches them.
CREATE TABLE prediction_configs (
    id INTEGER PRIMARY KEY,
    crunch_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    horizon INTEGER NOT NULL,
    step INTEGER NOT NULL,
    "interval" INTEGER NOT NULL,
    active INTEGER NOT NULL DEFAULT 1,
    "order" INTEGER NOT NULL DEFAULT 0,
    best INTEGER CHECK (best > 0),
    performed_slot INTEGER,
    declared INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX prediction_configs_key
    ON prediction_configs (crunch_id, asset, horizon, step, COALESCE(best, 0));

-- The payload is last: it spills into pages of its own, which nothing else has to read.
CREATE TABLE predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    config_id INTEGER NOT NULL REFERENCES prediction_configs (id),
    slot INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    deployment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    asset TEXT NOT NULL,
    horizon INTEGER NOT NULL,
    step INTEGER NOT NULL,
    exec_time_us INTEGER NOT NULL,
    base REAL,
    performed_at INTEGER NOT NULL,
    resolvable_at INTEGER NOT NULL,
    detail TEXT,
    payload BLOB
) STRICT;
CREATE UNIQUE INDEX predictions_round ON predictions (config_id, slot, model_id);
CREATE INDEX predictions_performed ON predictions (performed_at);
CREATE INDEX predictions_resolvable ON predictions (resolvable_at) WHERE status = 'SUCCESS';

CREATE TABLE closes (
    asset TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    price REAL NOT NULL,
    PRIMARY KEY (asset, "at")
) STRICT, WITHOUT ROWID;
