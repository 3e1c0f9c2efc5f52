-- Submitted forecasts, one row each, and what became of them once their horizon had passed.
CREATE TABLE outcomes (
    chain_id       TEXT             NOT NULL,
    address        TEXT             NOT NULL,
    topic          BIGINT           NOT NULL,
    nonce          BIGINT           NOT NULL,
    window_end     BIGINT           NOT NULL,
    value          DOUBLE PRECISION NOT NULL,  -- as submitted, in the target's unit
    source         TEXT,                       -- who made it, such as 'gated'; NULL: not known
    opened         BIGINT           NOT NULL,  -- time of the nonce's block, unix seconds
    clock          TEXT             NOT NULL,  -- who told it: 'header', 'block' or 'journal'
    asked          BIGINT           NOT NULL DEFAULT 0,  -- 1: the chain was asked for the others' values
    peered         BIGINT           NOT NULL DEFAULT 0,  -- 1: it told them
    resolved       BIGINT,                     -- when it was resolved or given up, unix seconds
    base           DOUBLE PRECISION,           -- the close known at the opening
    close          DOUBLE PRECISION,           -- the close one horizon later
    outcome        DOUBLE PRECISION,           -- what was to be forecast; NULL when it was given up
    loss           DOUBLE PRECISION,           -- (value - outcome)^2
    zero_loss      DOUBLE PRECISION,           -- the same of "the price stays"
    place          BIGINT,                     -- our rank by loss, 1 is the best; NULL: not ranked
    places         BIGINT,                     -- among so many inferers, us included
    median_loss    DOUBLE PRECISION,           -- of the median of the others' values
    combined_loss  DOUBLE PRECISION,           -- of the network's combined value
    PRIMARY KEY (chain_id, address, topic, nonce)
);

CREATE INDEX outcomes_open ON outcomes (chain_id, address, topic, nonce) WHERE resolved IS NULL;
CREATE INDEX outcomes_unranked ON outcomes (chain_id, address, topic, nonce)
    WHERE outcome IS NOT NULL AND place IS NULL AND peered = 1;
CREATE INDEX outcomes_unasked ON outcomes (chain_id, address, topic, nonce) WHERE asked = 0;

-- What others answered for a nonce, and what the network made of it.
CREATE TABLE peers (
    chain_id  TEXT    NOT NULL,
    topic     BIGINT  NOT NULL,
    nonce     BIGINT  NOT NULL,
    opened    BIGINT  NOT NULL,      -- as in outcomes
    combined  DOUBLE PRECISION,      -- the network's value; NULL when it had none
    inferers  TEXT    NOT NULL,      -- a JSON object: address to value, without our own
    PRIMARY KEY (chain_id, topic, nonce)
);

CREATE INDEX peers_by_age ON peers (opened);

-- How a topic's resolved forecasts have done so far, as JSON.
CREATE TABLE standings (
    chain_id  TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    topic     BIGINT  NOT NULL,
    standing  TEXT    NOT NULL,
    PRIMARY KEY (chain_id, address, topic)
);
