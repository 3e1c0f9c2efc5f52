-- Complete candles of every interval and from every source, side by side: of one interval the candle of
-- the strongest source counts, and two sources of the same interval can be compared.
CREATE TABLE candles_of_sources (
    ticker  TEXT             NOT NULL,
    seconds BIGINT           NOT NULL,  -- length of the interval
    start   BIGINT           NOT NULL,  -- unix time in seconds, a multiple of the interval
    source  TEXT             NOT NULL,  -- tiingo, coinbase, csv
    open    DOUBLE PRECISION NOT NULL,
    high    DOUBLE PRECISION NOT NULL,
    low     DOUBLE PRECISION NOT NULL,
    close   DOUBLE PRECISION NOT NULL,
    volume  DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (ticker, seconds, start, source)
);

INSERT INTO candles_of_sources
    (ticker, seconds, start, source, open, high, low, close, volume)
    SELECT ticker, 3600, start, 'tiingo', open, high, low, close, volume FROM candles;

DROP TABLE candles;
ALTER TABLE candles_of_sources RENAME TO candles;

-- Candles that are not used, and why.
CREATE TABLE candles_set_aside (
    ticker  TEXT   NOT NULL,
    seconds BIGINT NOT NULL,
    start   BIGINT NOT NULL,
    source  TEXT   NOT NULL,
    at      BIGINT NOT NULL,  -- unix time in seconds
    reason  TEXT   NOT NULL,
    PRIMARY KEY (ticker, seconds, start, source)
);

-- Requests that count against a plan's quota; those older than a day are dropped.
CREATE TABLE price_requests (
    account TEXT   NOT NULL,
    at      BIGINT NOT NULL  -- unix time in milliseconds
);

CREATE INDEX price_requests_by_time ON price_requests (account, at);
