-- Trades that a person has offered for payment again. Rows are only ever added. It came after the rest of the schema: a file
-- that was made before gets it when it is opened to write.
CREATE TABLE IF NOT EXISTS reopening (
    number         INTEGER PRIMARY KEY,
    at             INTEGER NOT NULL,
    actor          TEXT NOT NULL,
    why            TEXT NOT NULL,
    trade          BLOB NOT NULL REFERENCES trade (id),
    -- What the trade was before.
    state          INTEGER NOT NULL,
    transaction_id TEXT,
    message        TEXT
) STRICT;
