-- Processes that settle on this store, and until when each counts as living, in milliseconds. It came after the rest of the
-- schema: a file that was made before gets it when it is opened to write.
CREATE TABLE IF NOT EXISTS replica (
    name  TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
