-- The embedded store, version 1. Times are Unix seconds, energy is Wh, prices are µEUR/kWh.

CREATE TABLE community (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- End of the last committed interval: the resume mark.
    mark INTEGER
) STRICT;

-- The last registers of every meter.
CREATE TABLE meter (
    community INTEGER NOT NULL REFERENCES community (id),
    meter     TEXT NOT NULL,
    boundary  INTEGER NOT NULL,
    import_wh INTEGER NOT NULL,
    export_wh INTEGER NOT NULL,
    PRIMARY KEY (community, meter)
) STRICT, WITHOUT ROWID;

-- Components that intervals were cleared with, by SHA-256.
CREATE TABLE component (
    digest BLOB PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE interval (
    community       INTEGER NOT NULL REFERENCES community (id),
    start           INTEGER NOT NULL,
    length          INTEGER NOT NULL,
    basis           TEXT NOT NULL,
    -- Readings at the end and trades of gaps; see record.rs.
    inputs          BLOB NOT NULL,
    -- The round and how it was cleared; null if nobody was read at both ends.
    round           BLOB,
    round_digest    BLOB,
    trades_digest   BLOB,
    algorithm       BLOB REFERENCES component (digest),
    name            TEXT,
    version         TEXT,
    engine          TEXT,
    fuel            INTEGER,
    fallback_reason TEXT,
    UNIQUE (community, start)
) STRICT;

CREATE TABLE trade (
    community INTEGER NOT NULL REFERENCES community (id),
    start     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    id        BLOB NOT NULL UNIQUE,
    seller    TEXT NOT NULL,
    buyer     TEXT NOT NULL,
    energy    INTEGER NOT NULL,
    price     INTEGER NOT NULL,
    state     INTEGER,
    message   TEXT,
    PRIMARY KEY (community, start, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    community INTEGER NOT NULL REFERENCES community (id),
    start     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    code      TEXT NOT NULL,
    subject   TEXT NOT NULL,
    message   TEXT NOT NULL,
    PRIMARY KEY (community, start, number)
) STRICT, WITHOUT ROWID;
