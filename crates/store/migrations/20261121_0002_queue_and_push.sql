-- The command queue holds only what is unfinished; a finished command moves to the history.

CREATE TABLE commands (
    seq            {serial},
    id             {uuid} NOT NULL UNIQUE,
    enrollment_id  {uuid} NOT NULL REFERENCES enrollments (id),
    device_id      {uuid} NOT NULL REFERENCES devices (id),
    priority       BIGINT NOT NULL,
    kind           TEXT   NOT NULL,
    dedupe_key     TEXT,
    request        {blob} NOT NULL,
    parameters     {json} NOT NULL,
    state          TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    created_by     {json} NOT NULL,
    reason         TEXT,
    expires_at     BIGINT,
    pushed_at      BIGINT,
    sent_at        BIGINT,
    sent_count     BIGINT NOT NULL DEFAULT 0,
    deferred_at    BIGINT,
    deferred_count BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX commands_head ON commands (enrollment_id, priority DESC, seq);
CREATE INDEX commands_device ON commands (device_id, seq);
CREATE INDEX commands_expiry ON commands (expires_at) WHERE expires_at IS NOT NULL;
CREATE UNIQUE INDEX commands_dedupe ON commands (enrollment_id, kind, dedupe_key) WHERE dedupe_key IS NOT NULL;

CREATE TABLE command_history (
    seq            BIGINT NOT NULL PRIMARY KEY,
    id             {uuid} NOT NULL UNIQUE,
    enrollment_id  {uuid} NOT NULL REFERENCES enrollments (id),
    device_id      {uuid} NOT NULL REFERENCES devices (id),
    priority       BIGINT NOT NULL,
    kind           TEXT   NOT NULL,
    dedupe_key     TEXT,
    request        {blob} NOT NULL,
    parameters     {json} NOT NULL,
    state          TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    created_by     {json} NOT NULL,
    reason         TEXT,
    expires_at     BIGINT,
    pushed_at      BIGINT,
    sent_at        BIGINT,
    sent_count     BIGINT NOT NULL,
    deferred_at    BIGINT,
    deferred_count BIGINT NOT NULL,
    finished_at    BIGINT NOT NULL,
    outcome        TEXT   NOT NULL,
    error          {json},
    response_ref   {uuid}
);
CREATE INDEX command_history_device ON command_history (device_id, seq);
CREATE INDEX command_history_finished ON command_history (finished_at);

-- Whom to push, and when next. Written with the command, gone when the queue is empty.
CREATE TABLE push_wanted (
    enrollment_id {uuid}  NOT NULL PRIMARY KEY REFERENCES enrollments (id),
    due_at        BIGINT  NOT NULL,
    attempts      BIGINT  NOT NULL DEFAULT 0,
    urgent        BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX push_wanted_due ON push_wanted (due_at);
