-- Brings a store of version 3 to version 4; see schema.sql.

ALTER TABLE price ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
CREATE TABLE waiting (
    turn  INTEGER PRIMARY KEY,
    meter TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO waiting (meter) SELECT DISTINCT meter FROM price WHERE meter NOT IN (SELECT meter FROM meter);
