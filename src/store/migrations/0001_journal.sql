-- Every step of every submission, in the order written. Nothing is ever updated but the chain's
-- name when a local chain begins anew.
CREATE TABLE journal (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,  -- unix time in nanoseconds
    chain_id    TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    topic       INTEGER NOT NULL,
    nonce       INTEGER NOT NULL,
    window_end  INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    value       TEXT,
    tx_bytes    BLOB,
    tx_hash     TEXT,
    sequence    INTEGER,
    endpoint    TEXT,
    height      INTEGER,
    code        INTEGER,
    codespace   TEXT,
    detail      TEXT
);

CREATE INDEX journal_by_window ON journal (chain_id, address, nonce, topic, id);
