-- Of use to a worker that shares its wallet with others; empty elsewhere. They may be there already.

-- How far the journal that several workers share was copied into this one.
CREATE TABLE IF NOT EXISTS journal_copied (
    chain_id TEXT    NOT NULL,
    address  TEXT    NOT NULL,
    last     INTEGER NOT NULL,  -- the shared journal's id of the newest step that is here
    PRIMARY KEY (chain_id, address)
);

-- Steps that the shared journal does not have yet.
CREATE TABLE IF NOT EXISTS journal_waiting (
    id INTEGER PRIMARY KEY
);
