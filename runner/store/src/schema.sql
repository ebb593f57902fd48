-- The embedded store, version 5. Times are Unix seconds, energy is Wh, prices are µEUR/kWh.

CREATE TABLE community (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- End of the last committed interval: the resume mark.
    mark INTEGER,
    -- Number of the last decision about its algorithm or its meters.
    course INTEGER NOT NULL DEFAULT 0,
    -- Number of the last decision that has taken effect.
    taken  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The last good registers of every meter.
CREATE TABLE meter (
    community INTEGER NOT NULL REFERENCES community (id),
    meter     TEXT NOT NULL,
    boundary  INTEGER NOT NULL,
    import_wh INTEGER NOT NULL,
    export_wh INTEGER NOT NULL,
    -- What was read since and is disputed; see record/meters.rs. Null if nothing is.
    dispute   BLOB,
    PRIMARY KEY (community, meter)
) STRICT, WITHOUT ROWID;

-- Components that were uploaded or that intervals were cleared with, by SHA-256.
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
    settled_at      INTEGER NOT NULL DEFAULT 0,
    -- Token of the lease it was settled under.
    fence           INTEGER,
    -- SHA-256 of the community's configuration.
    configuration   BLOB,
    UNIQUE (community, start)
) STRICT;

CREATE TABLE trade (
    community      INTEGER NOT NULL REFERENCES community (id),
    start          INTEGER NOT NULL,
    number         INTEGER NOT NULL,
    id             BLOB NOT NULL UNIQUE,
    seller         TEXT NOT NULL,
    buyer          TEXT NOT NULL,
    energy         INTEGER NOT NULL,
    price          INTEGER NOT NULL,
    state          INTEGER,
    message        TEXT,
    -- End of the interval: the order of the platform's answers.
    "end"          INTEGER NOT NULL DEFAULT 0,
    transaction_id TEXT,
    updated_at     INTEGER,
    -- A claim that nobody reports of lapses then, and the trade returns to that state. While only the state is there, the
    -- claim has lapsed and nobody has claimed the trade since.
    claimed_until  INTEGER,
    claimed_from   INTEGER,
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

CREATE INDEX trade_by_end ON trade ("end", id);
CREATE INDEX trade_by_buyer ON trade (buyer, "end", id);
CREATE INDEX trade_by_seller ON trade (seller, "end", id);
CREATE INDEX trade_by_state ON trade (state, "end", id) WHERE state IS NOT NULL;
CREATE INDEX trade_claimed ON trade (claimed_until) WHERE claimed_until IS NOT NULL;

-- Prices that members set, in µEUR/kWh.
CREATE TABLE price (
    meter     TEXT NOT NULL,
    start     INTEGER NOT NULL,
    bid       INTEGER NOT NULL,
    offer     INTEGER NOT NULL,
    set_at    INTEGER NOT NULL,
    -- 1 if there is no price from then on; bid and offer are 0 then.
    withdrawn INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (meter, start)
) STRICT, WITHOUT ROWID;

-- Meters with prices that are neither configured nor have been read, in the order in which somebody set one last.
CREATE TABLE waiting (
    turn  INTEGER PRIMARY KEY,
    meter TEXT NOT NULL UNIQUE
) STRICT;

-- Rights that one process has at a time.
CREATE TABLE lease (
    name   TEXT PRIMARY KEY,
    holder TEXT,
    token  INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Algorithms that were uploaded. Times are Unix milliseconds.
CREATE TABLE algorithm (
    digest      BLOB PRIMARY KEY REFERENCES component (digest),
    name        TEXT NOT NULL,
    version     TEXT NOT NULL,
    summary     TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    uploaded_at INTEGER NOT NULL,
    uploaded_by TEXT NOT NULL,
    -- What the gate found, as JSON.
    report      TEXT NOT NULL,
    UNIQUE (name, version)
) STRICT;

-- What a name without a version means for a community.
CREATE TABLE pin (
    community TEXT NOT NULL,
    name      TEXT NOT NULL,
    digest    BLOB NOT NULL,
    PRIMARY KEY (community, name)
) STRICT, WITHOUT ROWID;

-- What was decided and noted about algorithms and meters. Rows are only ever added.
CREATE TABLE change (
    number    INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    community TEXT,
    action    TEXT NOT NULL,
    -- Whether it is a decision, which commits must know.
    decides   INTEGER NOT NULL,
    -- All of it; see record/change.rs.
    record    BLOB NOT NULL
) STRICT;
CREATE INDEX change_by_community ON change (community, number) WHERE community IS NOT NULL;

-- What came of candidates that ran beside what settles, by the number of the decision that started them.
CREATE TABLE tally (
    number INTEGER PRIMARY KEY REFERENCES change (number),
    until  INTEGER NOT NULL,
    sums   BLOB NOT NULL
) STRICT;
