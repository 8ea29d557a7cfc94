-- The first schema. Times (`…_at`, `since`, slots) are Unix milliseconds; codes are those of `stored.rs`.
-- Codes instead of words, and no column that fills up later on, keep a row in its place on its page while the run goes
-- through its states: a page of runs is written full and stays full.

CREATE TABLE tasks (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    -- Every slot up to and including this one was decided, or lies before the task was first seen.
    cursor INTEGER,
    -- Every slot up to and including this one may have had an entry that was removed since, so none can be entered.
    horizon INTEGER
) STRICT;

-- How a task stands beside its cursor. Apart from it because the cursor is rewritten with every slot, and this hardly ever.
CREATE TABLE task_states (
    task      INTEGER PRIMARY KEY REFERENCES tasks (id),
    -- The schedule that the cursor's slots are of, and whether the task was enabled, when a host last took it up.
    schedule  TEXT,
    disabled  INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    -- Since when it is paused, and who paused it.
    paused_at INTEGER,
    paused_by TEXT,

    CHECK ((paused_at IS NULL) = (paused_by IS NULL))
) STRICT;

CREATE TABLE plugins (
    id     INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32)
) STRICT;

-- One row for each slot that was run or skipped, and for each trigger.
CREATE TABLE runs (
    id           INTEGER PRIMARY KEY CHECK (id >= 0),
    task         INTEGER NOT NULL REFERENCES tasks (id),
    slot         INTEGER,
    cause        INTEGER NOT NULL CHECK (cause >= 0),
    cause_detail TEXT,
    -- 0 queued, 1 running, 2 waiting for a retry, 3 final
    state        INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    -- When it came into this state.
    since        INTEGER NOT NULL,
    -- Attempts begun, and those among them that were begun before a backfill opened the run again.
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    attempts_before INTEGER NOT NULL DEFAULT 0 CHECK (attempts_before BETWEEN 0 AND attempts),
    admitted_at  INTEGER NOT NULL,
    -- When its first attempt began; once a backfill has opened it again, the first since.
    started_at   INTEGER,
    -- When its next attempt is due.
    retry_at     INTEGER,
    -- How it ended; 9, missed, is a range of its own.
    outcome      INTEGER CHECK (outcome BETWEEN 0 AND 8),
    -- What is to be said about an end that was not the end of its last attempt.
    detail       TEXT,

    CHECK ((attempts > 0) = (started_at IS NOT NULL)),
    CHECK ((state = 2) = (retry_at IS NOT NULL)),
    CHECK ((state = 3) = (outcome IS NOT NULL)),
    CHECK (state <> 0 OR attempts = attempts_before),
    CHECK (state NOT IN (1, 2) OR attempts > attempts_before),
    CHECK (state = 3 OR detail IS NULL),
    CHECK (attempts > 0 OR outcome IS NULL OR outcome IN (5, 8))
) STRICT;

-- The steps of `model/transition.rs`, and no others; a test compares the two. It costs a run 1.2 µs; another one for how
-- a run begins would cost 2 µs, and is left to the checks.
CREATE TRIGGER runs_step AFTER UPDATE OF state, attempts, outcome ON runs
WHEN NEW.attempts <> OLD.attempts + (NEW.state = 1) OR NOT CASE OLD.state
    WHEN 0 THEN NEW.state = 1 OR NEW.state = 3 AND NEW.outcome IN (5, 8)
    WHEN 1 THEN NEW.state = 2 OR NEW.state = 3 AND NEW.outcome <> 8
    WHEN 2 THEN NEW.state = 1 OR NEW.state = 3 AND NEW.outcome IN (5, 8)
    ELSE NEW.state = 0 AND OLD.outcome > 0
END
BEGIN
    SELECT raise(ABORT, 'that step cannot follow from where the run stands');
END;
CREATE TRIGGER runs_stay BEFORE UPDATE OF id, task, slot ON runs
BEGIN
    SELECT raise(ABORT, 'a run is of one slot for ever');
END;

-- A slot has one row for ever. The slot comes first because slots grow with time, and an index that only ever grows at
-- its end is twice as fast as one that is written to all over.
CREATE UNIQUE INDEX runs_slot ON runs (slot, task) WHERE slot IS NOT NULL;
CREATE INDEX runs_task ON runs (task, id);
CREATE INDEX runs_unfinished ON runs (id) WHERE outcome IS NULL;
-- Nearly every run succeeds and is due to its schedule, and those are found without help. Only the others pay for these:
-- what led to one row among ten million would otherwise read all of them.
CREATE INDEX runs_not_succeeded ON runs (outcome, id) WHERE outcome > 0;
CREATE INDEX runs_task_not_succeeded ON runs (task, outcome, id) WHERE outcome > 0;
CREATE INDEX runs_task_not_scheduled ON runs (task, cause, id) WHERE cause > 0;

-- Slots that nobody could run, and those of tasks that were paused or disabled, as ranges: a year of seconds is one row.
CREATE TABLE missed (
    id         INTEGER PRIMARY KEY CHECK (id >= 0),
    task       INTEGER NOT NULL REFERENCES tasks (id),
    first_slot INTEGER NOT NULL,
    last_slot  INTEGER NOT NULL,
    count      INTEGER NOT NULL CHECK (count > 0),
    why        INTEGER NOT NULL CHECK (why >= 0),
    entered_at INTEGER NOT NULL,

    CHECK (first_slot <= last_slot),
    CHECK (count > 1 OR first_slot = last_slot)
) STRICT;

CREATE UNIQUE INDEX missed_task ON missed (task, last_slot);

CREATE TABLE attempts (
    run           INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    attempt       INTEGER NOT NULL CHECK (attempt > 0),
    outcome       INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 7),
    detail        TEXT,
    -- A key of `plugins`. No foreign key: it would have all attempts searched when a plugin goes.
    plugin        INTEGER,
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER NOT NULL,
    duration_us   INTEGER NOT NULL,
    -- None where fuel is not metered.
    fuel          INTEGER,
    peak_memory   INTEGER NOT NULL,
    peak_table_elements INTEGER NOT NULL,
    output_bytes  INTEGER NOT NULL,
    log_bytes     INTEGER NOT NULL,
    log_lines     INTEGER NOT NULL,
    log_dropped   INTEGER NOT NULL,
    http_requests INTEGER NOT NULL,
    http_concurrent INTEGER NOT NULL,
    http_largest_body INTEGER NOT NULL,

    PRIMARY KEY (run, attempt)
) STRICT, WITHOUT ROWID;

-- The lines of an attempt's log, in the form of `lines.rs`.
CREATE TABLE logs (
    run     INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lines   BLOB NOT NULL,

    PRIMARY KEY (run, attempt),
    FOREIGN KEY (run, attempt) REFERENCES attempts (run, attempt) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE payloads (
    run          INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    content_type TEXT NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;

CREATE TABLE outputs (
    run          INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    content_type TEXT NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;

-- One row that is rewritten to find out whether the ledger can be written.
CREATE TABLE probe (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    probed_at INTEGER NOT NULL
) STRICT;

-- How many runs of a task ended so on a day (days since 1970, in UTC) and took so long (`model/tally.rs`; -1: no attempt).
-- A task has some 10 to 50 rows a day, however many runs, and keeps them for two years, also when the runs go. Kept here because to read a
-- day's attempts takes seconds where there are many; the writer adds a group's ends up first.
CREATE TABLE tallies (
    task    INTEGER NOT NULL REFERENCES tasks (id),
    day     INTEGER NOT NULL,
    outcome INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 8),
    took    INTEGER NOT NULL CHECK (took >= -1),
    runs    INTEGER NOT NULL CHECK (runs > 0),

    PRIMARY KEY (task, day, outcome, took)
) STRICT, WITHOUT ROWID;

-- A task's success that ended last and the newest run that succeeded, both of which may be gone from `runs` by now; and how
-- many of its runs have failed since the former.
CREATE TABLE streaks (
    task       INTEGER PRIMARY KEY REFERENCES tasks (id),
    success    INTEGER,
    success_at INTEGER,
    newest     INTEGER,
    failures   INTEGER NOT NULL CHECK (failures >= 0),

    CHECK ((success IS NULL) = (success_at IS NULL)),
    CHECK ((success IS NULL) = (newest IS NULL))
) STRICT;
