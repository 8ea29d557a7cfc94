-- Alerts: what is to be judged, what is known of each trouble, and what is on its way to somebody. Codes are those of
-- `alerts/codes.rs`.

-- Ends of runs and ranges of missed slots that alerts have not judged yet, in the order in which they were entered. A row is
-- written in the transaction that enters the end, and goes in the one that enters what came of it.
CREATE TABLE alert_causes (
    seq        INTEGER PRIMARY KEY,
    task       INTEGER NOT NULL REFERENCES tasks (id),
    at         INTEGER NOT NULL,
    -- As `runs.outcome`; 9, missed, for a range.
    outcome    INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 9),
    -- The run, which may be gone from `runs` by the time it is judged.
    run        INTEGER,
    -- The range.
    why        INTEGER,
    first_slot INTEGER,
    last_slot  INTEGER,
    count      INTEGER,

    CHECK ((outcome = 9) = (run IS NULL)),
    CHECK ((outcome = 9) = (why IS NOT NULL AND first_slot IS NOT NULL AND last_slot IS NOT NULL AND count IS NOT NULL))
) STRICT;

-- What each channel knows of each trouble.
CREATE TABLE alert_problems (
    channel    TEXT NOT NULL,
    subject    TEXT NOT NULL,
    kind       INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    streak     INTEGER NOT NULL,
    unsaid     INTEGER NOT NULL,
    told_at    INTEGER,
    -- 0 open, 1 over, 2 settling; and since when, unless it is open
    stage      INTEGER NOT NULL CHECK (stage BETWEEN 0 AND 2),
    stage_at   INTEGER,
    relapses   INTEGER NOT NULL,
    -- Eight bytes for each error that was told.
    signatures BLOB NOT NULL,
    last_at    INTEGER NOT NULL,
    run        INTEGER,
    what       TEXT NOT NULL,

    PRIMARY KEY (channel, subject, kind),
    CHECK ((stage = 0) = (stage_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Messages, each of one or more notices.
CREATE TABLE alert_messages (
    id           INTEGER PRIMARY KEY,
    channel      TEXT NOT NULL,
    -- What every attempt to deliver it is known by at the other end.
    key          TEXT NOT NULL UNIQUE,
    made_at      INTEGER NOT NULL,
    tries        INTEGER NOT NULL,
    -- When it is tried next; none once it was delivered or given up.
    next_at      INTEGER,
    delivered_at INTEGER,
    -- What went wrong the last time.
    error        TEXT,

    CHECK (delivered_at IS NULL OR next_at IS NULL)
) STRICT;

CREATE INDEX alert_messages_pending ON alert_messages (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX alert_messages_channel ON alert_messages (channel, id);

CREATE TABLE alert_notices (
    id      INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    -- The message that it is part of; none while it waits for others.
    message INTEGER REFERENCES alert_messages (id) ON DELETE CASCADE,
    made_at INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    subject TEXT NOT NULL,
    news    INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    run     INTEGER,
    what    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    count   INTEGER NOT NULL
) STRICT;

CREATE INDEX alert_notices_waiting ON alert_notices (id) WHERE message IS NULL;
CREATE INDEX alert_notices_message ON alert_notices (message) WHERE message IS NOT NULL;

-- Whether a host with alerts runs: one that finds another's mark knows that it did not end as it should have.
CREATE TABLE alert_host (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    up         INTEGER NOT NULL CHECK (up IN (0, 1)),
    changed_at INTEGER NOT NULL
) STRICT;
