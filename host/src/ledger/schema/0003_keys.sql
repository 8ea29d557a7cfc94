-- Idempotency keys of requests for runs. They outlive their runs where a task keeps few, and go by age alone.

CREATE TABLE request_keys (
    task    INTEGER NOT NULL REFERENCES tasks (id),
    key     TEXT NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),
    -- Tells the same request from another one with the same key.
    request BLOB NOT NULL CHECK (length(request) = 32),
    run     INTEGER NOT NULL,
    at      INTEGER NOT NULL,

    PRIMARY KEY (task, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX request_keys_at ON request_keys (at);
