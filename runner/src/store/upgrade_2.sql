-- From version 2 of the embedded store to version 3. What was settled stays as it is.

ALTER TABLE community ADD COLUMN course INTEGER NOT NULL DEFAULT 0;

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

-- What was decided and noted about algorithms. Rows are only ever added.
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
