-- Brings a store of version 4 to version 5; see schema.sql.

ALTER TABLE community ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meter ADD COLUMN dispute BLOB;
