-- How fast the wallet's answers were, how the chain scored them, and what it paid for them.

-- From a window's event to a node's mempool, one row a window.
CREATE TABLE latencies (
    chain_id  TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    topic     BIGINT  NOT NULL,
    nonce     BIGINT  NOT NULL,
    at        BIGINT  NOT NULL,  -- when it was sent, unix time in milliseconds
    micros    BIGINT  NOT NULL,
    PRIMARY KEY (chain_id, address, topic, nonce)
);

CREATE INDEX latencies_by_age ON latencies (at);

-- The chain's score of an inference, and the moving average of the wallet's scores with it: whichever
-- is known. Before an inference is scored, the average is that of the time when it was sent.
CREATE TABLE scores (
    chain_id  TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    topic     BIGINT  NOT NULL,
    nonce     BIGINT  NOT NULL,
    at        BIGINT  NOT NULL,  -- when it was scored, unix time in milliseconds
    score     DOUBLE PRECISION,
    ema       DOUBLE PRECISION,
    PRIMARY KEY (chain_id, address, topic, nonce)
);

CREATE INDEX scores_by_age ON scores (at);

-- What the chain paid the wallet as an inferer of a topic, by the block that paid.
CREATE TABLE rewards (
    chain_id  TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    topic     BIGINT  NOT NULL,
    height    BIGINT  NOT NULL,
    at        BIGINT  NOT NULL,  -- the block's time, unix time in milliseconds
    amount    TEXT    NOT NULL,  -- whole uallo, which 64 bits may not hold
    PRIMARY KEY (chain_id, address, topic, height)
);

CREATE INDEX rewards_by_age ON rewards (at);

-- Up to which block scores and rewards were read.
CREATE TABLE earnings_read (
    chain_id  TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    topic     BIGINT  NOT NULL,
    height    BIGINT  NOT NULL,
    PRIMARY KEY (chain_id, address, topic)
);
