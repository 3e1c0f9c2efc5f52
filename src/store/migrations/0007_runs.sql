-- When the worker ran: one row a start, kept current each minute.
CREATE TABLE runs (
    id           INTEGER PRIMARY KEY,
    chain_id     TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    pid          INTEGER NOT NULL,
    started      INTEGER NOT NULL,  -- this and the next four: unix time in milliseconds
    ready        INTEGER,           -- when it could answer a window first, or stood by for it
    marked       INTEGER,           -- when the first of the two heights was the chain's
    seen         INTEGER NOT NULL,  -- last sign of life
    ended        INTEGER,
    mark_height  INTEGER,           -- the chain's height then
    heard        INTEGER,           -- when the second of them was: unix time in milliseconds
    seen_height  INTEGER,           -- the chain's newest height that was heard of
    why          TEXT               -- why it ended
);

CREATE INDEX runs_by_wallet ON runs (chain_id, address, id);

-- By what rule a topic opens windows, one row for each change that was seen.
CREATE TABLE topic_terms (
    chain_id  TEXT    NOT NULL,
    topic     INTEGER NOT NULL,
    height    INTEGER NOT NULL,  -- of the chain when it was seen
    at        INTEGER NOT NULL,  -- unix time in milliseconds
    epoch     INTEGER NOT NULL,  -- blocks from one window's opening to the next one's
    blocks    INTEGER NOT NULL,  -- blocks that a window takes answers for
    active    INTEGER NOT NULL,  -- 1: it opens windows
    opened    INTEGER,           -- the newest nonce then
    PRIMARY KEY (chain_id, topic, height)
);
