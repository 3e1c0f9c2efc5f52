-- Who may submit for a wallet. The token grows with each new owner, and what is written bears it.
CREATE TABLE standby_leases (
    chain_id text        NOT NULL,
    address  text        NOT NULL,
    owner    text,                  -- NULL: it was given back
    token    bigint      NOT NULL,
    until    timestamptz NOT NULL,
    renewed  timestamptz NOT NULL,  -- when its owner was heard of last
    previous text,                  -- the owner before
    silent   interval,              -- how long that one had not been heard of
    PRIMARY KEY (chain_id, address)
);

-- Every step of every submission, in the order written. Nothing is ever updated but the chain's name
-- when a local chain begins anew.
CREATE TABLE standby_journal (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token      bigint      NOT NULL,  -- the lease under which it was written
    at         timestamptz NOT NULL,
    chain_id   text        NOT NULL,
    address    text        NOT NULL,
    topic      bigint      NOT NULL,
    nonce      bigint      NOT NULL,
    window_end bigint      NOT NULL,
    state      text        NOT NULL,
    value      text,
    tx_hash    text,
    endpoint   text,
    height     bigint,
    code       bigint,
    codespace  text,
    detail     text
);

CREATE INDEX standby_journal_by_window
    ON standby_journal (chain_id, address, nonce, topic, id);
CREATE INDEX standby_journal_by_id ON standby_journal (chain_id, address, id);

-- A signed transaction may carry the answers to several windows: its bytes are kept once.
CREATE TABLE standby_transactions (
    hash     text   PRIMARY KEY,
    bytes    bytea  NOT NULL,
    sequence bigint NOT NULL
);
