-- Complete hourly candles, one row an hour; a corrected candle replaces the one before.
CREATE TABLE candles (
    ticker  TEXT             NOT NULL,
    start   BIGINT           NOT NULL,  -- unix time in seconds, a multiple of 3600
    open    DOUBLE PRECISION NOT NULL,
    high    DOUBLE PRECISION NOT NULL,
    low     DOUBLE PRECISION NOT NULL,
    close   DOUBLE PRECISION NOT NULL,
    volume  DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (ticker, start)
);
