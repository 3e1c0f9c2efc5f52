-- A signed transaction may carry the answers to several windows: its bytes are kept once.
CREATE TABLE transactions (
    hash      TEXT    PRIMARY KEY,
    bytes     BLOB    NOT NULL,
    sequence  INTEGER NOT NULL
);

INSERT OR IGNORE INTO transactions (hash, bytes, sequence)
    SELECT tx_hash, tx_bytes, sequence FROM journal WHERE tx_bytes IS NOT NULL;

ALTER TABLE journal DROP COLUMN tx_bytes;
ALTER TABLE journal DROP COLUMN sequence;
