-- From version 1 of the embedded store to version 2. What was settled stays as it is.

ALTER TABLE interval ADD COLUMN settled_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE interval ADD COLUMN fence INTEGER;
ALTER TABLE interval ADD COLUMN configuration BLOB;
ALTER TABLE trade ADD COLUMN "end" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trade ADD COLUMN transaction_id TEXT;
ALTER TABLE trade ADD COLUMN updated_at INTEGER;
ALTER TABLE trade ADD COLUMN claimed_until INTEGER;
ALTER TABLE trade ADD COLUMN claimed_from INTEGER;
-- Nothing says when they were settled; their end is the earliest that it can have been.
UPDATE interval SET settled_at = start + length;
UPDATE trade SET "end" = start + (SELECT length FROM interval
                                  WHERE interval.community = trade.community AND interval.start = trade.start);

CREATE INDEX trade_by_end ON trade ("end", id);
CREATE INDEX trade_by_buyer ON trade (buyer, "end", id);
CREATE INDEX trade_by_seller ON trade (seller, "end", id);
CREATE INDEX trade_by_state ON trade (state, "end", id) WHERE state IS NOT NULL;
CREATE INDEX trade_claimed ON trade (claimed_until) WHERE claimed_until IS NOT NULL;

-- Prices that members set, in µEUR/kWh.
CREATE TABLE price (
    meter  TEXT NOT NULL,
    start  INTEGER NOT NULL,
    bid    INTEGER NOT NULL,
    offer  INTEGER NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (meter, start)
) STRICT, WITHOUT ROWID;

-- Rights that one process has at a time.
CREATE TABLE lease (
    name   TEXT PRIMARY KEY,
    holder TEXT,
    token  INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
