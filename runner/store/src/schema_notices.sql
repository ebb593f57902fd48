-- What people were told of how meters are read. Rows are only ever added. It came after the rest of the schema: a file that
-- was made before gets it when it is opened to write.
CREATE TABLE IF NOT EXISTS notice (
    community INTEGER NOT NULL REFERENCES community (id),
    meter     TEXT NOT NULL,
    -- From 1 for each meter. The last one says how it is read now.
    number    INTEGER NOT NULL,
    -- Its time among events: the start, or when it was told if there is none.
    at        INTEGER NOT NULL,
    -- Start of the interval that was settled last.
    start     INTEGER,
    told_at   INTEGER NOT NULL,
    code      TEXT NOT NULL,
    -- How far off readings are, in seconds.
    off       INTEGER,
    message   TEXT NOT NULL,
    PRIMARY KEY (community, meter, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS notice_by_time ON notice (community, at, meter, number);
