-- The embedded store, version 6. Times are Unix seconds, energy is Wh, prices are µEUR/kWh.

CREATE TABLE community (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    -- What stands for it in the ids of its trades.
    hash   INTEGER NOT NULL UNIQUE,
    -- End of the last committed interval: the resume mark.
    mark   INTEGER,
    -- Number of the last decision about its algorithm or its meters.
    course INTEGER NOT NULL DEFAULT 0,
    -- Number of the last decision that has taken effect.
    taken  INTEGER NOT NULL DEFAULT 0,
    -- The state of every meter at the mark; see record/states.rs.
    states BLOB
) STRICT;

-- Meters that were ever read.
CREATE TABLE meter (
    meter     TEXT NOT NULL,
    community INTEGER NOT NULL REFERENCES community (id),
    PRIMARY KEY (meter, community)
) STRICT, WITHOUT ROWID;

-- Components that were uploaded or that intervals were cleared with, by SHA-256.
CREATE TABLE component (
    digest BLOB PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE interval (
    id              INTEGER PRIMARY KEY,
    community       INTEGER NOT NULL REFERENCES community (id),
    start           INTEGER NOT NULL,
    length          INTEGER NOT NULL,
    -- The order of the platform's answers: the end, then what the ids of its trades begin with.
    "end"           INTEGER NOT NULL,
    minute          INTEGER NOT NULL,
    hash            INTEGER NOT NULL,
    basis           TEXT NOT NULL,
    -- Number of its trades.
    trades          INTEGER NOT NULL,
    -- Number of its trades between members, and of those of which nothing has become yet.
    paid            INTEGER NOT NULL,
    fresh           INTEGER NOT NULL,
    settled_at      INTEGER NOT NULL,
    round_digest    BLOB,
    trades_digest   BLOB,
    algorithm       BLOB REFERENCES component (digest),
    name            TEXT,
    version         TEXT,
    engine          TEXT,
    fuel            INTEGER,
    fallback_reason TEXT,
    -- Token of the lease it was settled under.
    fence           INTEGER,
    -- SHA-256 of the community's configuration.
    configuration   BLOB,
    -- Trades, readings, the round: see record/block.rs.
    block           BLOB NOT NULL,
    UNIQUE (community, start)
) STRICT;

CREATE INDEX interval_by_end ON interval ("end", minute, hash, trades);
CREATE INDEX interval_fresh ON interval ("end", minute, hash, fresh) WHERE fresh > 0;

-- Trades between members of which something has become: who was offered or paid what. All others wait.
CREATE TABLE payment (
    community      INTEGER NOT NULL REFERENCES community (id),
    start          INTEGER NOT NULL,
    number         INTEGER NOT NULL,
    id             BLOB NOT NULL,
    buyer          TEXT NOT NULL,
    -- End of the interval: the order of the platform's answers.
    "end"          INTEGER NOT NULL,
    state          INTEGER NOT NULL,
    -- Null where it is the trade's own.
    message        TEXT,
    transaction_id TEXT,
    updated_at     INTEGER,
    -- A claim that nobody reports of lapses then, and the trade returns to that state. While only the state is there, the
    -- claim has lapsed and nobody has claimed the trade since.
    claimed_until  INTEGER,
    claimed_from   INTEGER,
    PRIMARY KEY (community, start, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX payment_by_state ON payment (state, "end", id);
CREATE INDEX payment_waiting ON payment (buyer, "end", id) WHERE state IN (0, 3);
CREATE INDEX payment_claimed ON payment (claimed_until) WHERE claimed_until IS NOT NULL;

-- What was traded in intervals that follow each other within one day of the community's time zone.
CREATE TABLE day (
    id        INTEGER PRIMARY KEY,
    community INTEGER NOT NULL REFERENCES community (id),
    -- Starts of the first and the last interval, and the end of the last.
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    -- First instant of the day, as it was when they were settled.
    day       INTEGER NOT NULL,
    intervals INTEGER NOT NULL,
    trades    INTEGER NOT NULL,
    -- Number of trades between members of which nothing has become yet.
    fresh     INTEGER NOT NULL,
    -- Of each party: see record/days.rs.
    parties   BLOB NOT NULL,
    UNIQUE (community, until)
) STRICT;

CREATE INDEX day_fresh ON day (community, until) WHERE fresh > 0;

-- Details of days that are over, made later than their sums. Those whose numbers are not those of the day count as missing.
CREATE TABLE detail (
    id        INTEGER PRIMARY KEY,
    community INTEGER NOT NULL REFERENCES community (id),
    until     INTEGER NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    intervals INTEGER NOT NULL,
    trades    INTEGER NOT NULL,
    -- Of each interval, and who sold to whom: see record/details.rs.
    content   BLOB NOT NULL,
    UNIQUE (community, until)
) STRICT;

-- Where somebody is a party of trades.
CREATE TABLE party (
    name      TEXT NOT NULL,
    community INTEGER NOT NULL REFERENCES community (id),
    PRIMARY KEY (name, community)
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

-- What people were told of how meters are read. Rows are only ever added.
CREATE TABLE notice (
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

CREATE INDEX notice_by_time ON notice (community, at, meter, number);

-- Trades that a person has offered for payment again. Rows are only ever added.
CREATE TABLE reopening (
    number         INTEGER PRIMARY KEY,
    at             INTEGER NOT NULL,
    actor          TEXT NOT NULL,
    why            TEXT NOT NULL,
    -- The trade's id.
    trade          BLOB NOT NULL,
    -- What the trade was before.
    state          INTEGER NOT NULL,
    transaction_id TEXT,
    message        TEXT
) STRICT;

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

-- Backtests that people can look at again, the newest of each community.
CREATE TABLE backtest (
    number    INTEGER PRIMARY KEY,
    community TEXT NOT NULL,
    -- When it was finished, in milliseconds.
    at        INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    -- Start of its first interval and end of its last; null without any.
    first     INTEGER,
    until     INTEGER,
    -- A line for each rule.
    rules     TEXT NOT NULL,
    content   BLOB NOT NULL
) STRICT;

CREATE INDEX backtest_by_community ON backtest (community, number);

-- Processes that settle on this store, and until when each counts as living, in milliseconds.
CREATE TABLE replica (
    name  TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Links with which members look at their own pages, without the tokens in them. Times are Unix milliseconds.
CREATE TABLE link (
    -- The beginning of the digest.
    id         TEXT PRIMARY KEY,
    digest     BLOB NOT NULL,
    community  TEXT NOT NULL,
    member     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX link_by_time ON link (created_at, id);

-- Who looks at the pages until when, in milliseconds: a viewer of the configuration, or whoever has a link.
CREATE TABLE session (
    digest     BLOB PRIMARY KEY,
    viewer     TEXT,
    link       TEXT,
    bound      BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_end ON session (expires_at);

-- Who opened which page, and when, in milliseconds. Rows are only ever added.
CREATE TABLE visit (
    number    INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    viewer    TEXT NOT NULL,
    role      TEXT NOT NULL,
    page      TEXT NOT NULL,
    community TEXT,
    member    TEXT,
    status    INTEGER NOT NULL
) STRICT;

CREATE INDEX visit_by_time ON visit (at, number);

-- Readings from files, and those that were sent to the Meters service of this program: a row for each meter and day of UTC. A day
-- is only ever added to.
CREATE TABLE meter_day (
    meter       TEXT NOT NULL,
    day         INTEGER NOT NULL,
    -- The arrival that added to it last.
    revision    INTEGER NOT NULL,
    -- The registers that were read last on this day, in Wh; null if none were.
    read_import INTEGER,
    read_export INTEGER,
    -- What was counted since, or on the whole day, in grains.
    import      INTEGER NOT NULL,
    export      INTEGER NOT NULL,
    content     BLOB NOT NULL,
    PRIMARY KEY (meter, day)
) STRICT;
-- What meters have counted is added up from the index alone.
CREATE INDEX meter_day_counted ON meter_day (meter, day, read_import, read_export, import, export);
-- What came after its intervals had been settled.
CREATE TABLE late_arrival (
    number INTEGER PRIMARY KEY,
    meter  TEXT NOT NULL,
    start  INTEGER NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
