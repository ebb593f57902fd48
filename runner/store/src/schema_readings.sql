-- Readings from files, and those that were sent to the Meters service of this program: a row for each meter and day of UTC. A day
-- is only ever added to. It came after the rest of the schema: a file that was made before gets it when it is opened to write.
CREATE TABLE IF NOT EXISTS meter_day (
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
CREATE INDEX IF NOT EXISTS meter_day_counted ON meter_day (meter, day, read_import, read_export, import, export);
-- What came after its intervals had been settled.
CREATE TABLE IF NOT EXISTS late_arrival (
    number INTEGER PRIMARY KEY,
    meter  TEXT NOT NULL,
    start  INTEGER NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
