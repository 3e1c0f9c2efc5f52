-- When a worker that ran could answer no window: cut off, out of coins, starved of prices.
CREATE TABLE unready (
    id       INTEGER PRIMARY KEY,
    run      INTEGER NOT NULL,  -- the row of `runs`
    reason   TEXT    NOT NULL,  -- as in /readyz
    began    INTEGER NOT NULL,  -- this and the next: unix time in milliseconds
    ended    INTEGER            -- none while it lasts, and where the run ended before it
);

CREATE INDEX unready_by_run ON unready (run);
