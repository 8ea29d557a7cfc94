-- Who may use the API, and who changed what by it.

CREATE TABLE tokens (
    name       TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    -- The SHA-256 of the token.
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    -- 0 read, 1 operate, 2 admin
    role       INTEGER NOT NULL CHECK (role BETWEEN 0 AND 2),
    -- Patterns for the names of the tasks that it is for, with spaces between them; none if it is for everything.
    tasks      TEXT CHECK (length(tasks) > 0),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- About when it was last used.
    used_at    INTEGER
) STRICT, WITHOUT ROWID;

-- Each kind is numbered by itself, so that it is bounded by itself: an entry pushes out the one 100,000 before it.
CREATE TABLE audit (
    -- 0 refused, 1 what an operator may change, 2 what only an administrator may
    kind    INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    number  INTEGER NOT NULL CHECK (number > 0),
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    -- A name and an id, which outlast what they name.
    task    TEXT,
    run     INTEGER,
    result  TEXT NOT NULL,
    request TEXT NOT NULL,

    PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;
