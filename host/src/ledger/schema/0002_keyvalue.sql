-- Key-value stores of guests.

CREATE TABLE stores (
    id       INTEGER PRIMARY KEY,
    -- 0 a task's own, by the task's name; 1 one that tasks share
    kind     INTEGER NOT NULL CHECK (kind IN (0, 1)),
    name     TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    -- Counts the changes, so that no two values of a store have the same revision.
    revision INTEGER NOT NULL CHECK (revision >= 0),
    keys     INTEGER NOT NULL CHECK (keys >= 0),
    bytes    INTEGER NOT NULL CHECK (bytes >= 0),

    UNIQUE (kind, name)
) STRICT;

-- Values lie apart from the index, so that keys are listed without a look at them.
CREATE TABLE store_values (
    id       INTEGER PRIMARY KEY,
    store    INTEGER NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    key      TEXT NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 512),
    revision INTEGER NOT NULL CHECK (revision > 0),
    value    BLOB NOT NULL,

    UNIQUE (store, key)
) STRICT;

-- Writes of an attempt to its stores, refused ones included.
ALTER TABLE attempts ADD COLUMN kv_writes INTEGER NOT NULL DEFAULT 0;
