-- Organisation, devices, enrollments, certificates and the doors they enter by.
-- Type placeholders: {uuid} {blob} {json} {serial} {key}; see src/dialect.rs.
-- Every time is milliseconds since 1970 UTC.

CREATE TABLE units (
    id         {uuid} NOT NULL PRIMARY KEY,
    parent_id  {uuid} REFERENCES units (id) DEFERRABLE INITIALLY IMMEDIATE,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE devices (
    id           {uuid}  NOT NULL PRIMARY KEY,
    unit_id      {uuid}  REFERENCES units (id),
    platform     TEXT    NOT NULL,
    ownership    TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    serial       {key}   NOT NULL DEFAULT '',
    udid         {key}   NOT NULL DEFAULT '',
    name         TEXT    NOT NULL DEFAULT '',
    model        {key}   NOT NULL DEFAULT '',
    model_name   TEXT    NOT NULL DEFAULT '',
    os_version   TEXT    NOT NULL DEFAULT '',
    build        TEXT    NOT NULL DEFAULT '',
    user_label   TEXT    NOT NULL DEFAULT '',
    supervised   BOOLEAN NOT NULL DEFAULT FALSE,
    lost_mode    BOOLEAN NOT NULL DEFAULT FALSE,
    last_seen_at BIGINT  NOT NULL DEFAULT 0,
    enrolled_at  BIGINT  NOT NULL DEFAULT 0,
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL,
    version      BIGINT  NOT NULL DEFAULT 1,
    -- Derived by the store: lower-cased name, zero-padded OS version, and the text the search box looks in.
    name_key     {key}   NOT NULL DEFAULT '',
    os_key       {key}   NOT NULL DEFAULT '',
    search_key   {key}   NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX devices_udid ON devices (platform, udid) WHERE udid <> '';
CREATE INDEX devices_name ON devices (name_key, id);
CREATE INDEX devices_serial ON devices (serial, id);
CREATE INDEX devices_model ON devices (model, id);
CREATE INDEX devices_os ON devices (os_key, id);
CREATE INDEX devices_last_seen ON devices (last_seen_at, id);
CREATE INDEX devices_enrolled ON devices (enrolled_at, id);
CREATE INDEX devices_groups ON devices (platform, state, ownership);
CREATE INDEX devices_unit ON devices (unit_id, name_key, id);

CREATE TABLE enrollment_tokens (
    id          {uuid} NOT NULL PRIMARY KEY,
    secret_hash {blob} NOT NULL UNIQUE,
    name        TEXT   NOT NULL,
    unit_id     {uuid} REFERENCES units (id),
    ownership   TEXT   NOT NULL,
    platforms   {json} NOT NULL,
    serials     {json} NOT NULL,
    max_uses    BIGINT,
    uses        BIGINT NOT NULL DEFAULT 0,
    expires_at  BIGINT NOT NULL,
    revoked_at  BIGINT,
    created_at  BIGINT NOT NULL,
    created_by  {json} NOT NULL
);

CREATE TABLE enrollments (
    id                     {uuid}  NOT NULL PRIMARY KEY,
    device_id              {uuid}  NOT NULL REFERENCES devices (id),
    channel                TEXT    NOT NULL,
    parent_id              {uuid}  REFERENCES enrollments (id) DEFERRABLE INITIALLY IMMEDIATE,
    platform               TEXT    NOT NULL,
    kind                   TEXT    NOT NULL,
    state                  TEXT    NOT NULL,
    native_key             TEXT    NOT NULL,
    user_id                TEXT,
    user_short_name        TEXT,
    topic                  TEXT,
    push_token             {blob},
    push_magic             TEXT,
    token_id               {uuid}  REFERENCES enrollment_tokens (id),
    ticket_id              {uuid},
    awaiting_configuration BOOLEAN NOT NULL DEFAULT FALSE,
    ddm_enabled            BOOLEAN NOT NULL DEFAULT FALSE,
    ddm_token              TEXT,
    created_at             BIGINT  NOT NULL,
    activated_at           BIGINT,
    ended_at               BIGINT,
    end_reason             TEXT,
    last_seen_at           BIGINT  NOT NULL DEFAULT 0
);
-- One living enrollment per device and channel identity; ended ones stay as history.
CREATE UNIQUE INDEX enrollments_native ON enrollments (platform, native_key) WHERE state <> 'ended';
CREATE INDEX enrollments_device ON enrollments (device_id, created_at);
CREATE INDEX enrollments_pending ON enrollments (created_at) WHERE state = 'pending';
CREATE INDEX enrollments_parent ON enrollments (parent_id) WHERE parent_id IS NOT NULL;

-- What an opened enrollment page, or an identity about to expire, hands to one device: one challenge, once.
CREATE TABLE tickets (
    id                {uuid} NOT NULL PRIMARY KEY,
    token_id          {uuid} REFERENCES enrollment_tokens (id),
    enrollment_id     {uuid} REFERENCES enrollments (id),
    challenge_hash    {blob} NOT NULL UNIQUE,
    created_at        BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    challenge_used_at BIGINT,
    client_address    TEXT,
    person            TEXT
);
CREATE INDEX tickets_expires ON tickets (expires_at);
CREATE INDEX tickets_enrollment ON tickets (enrollment_id) WHERE enrollment_id IS NOT NULL;

CREATE TABLE certificates (
    sha256            {blob} NOT NULL PRIMARY KEY,
    serial            TEXT   NOT NULL,
    issuer            TEXT   NOT NULL DEFAULT '',
    kind              TEXT   NOT NULL,
    subject           TEXT   NOT NULL,
    der               {blob} NOT NULL,
    enrollment_id     {uuid} REFERENCES enrollments (id),
    ticket_id         {uuid},
    not_before        BIGINT NOT NULL,
    not_after         BIGINT NOT NULL,
    issued_at         BIGINT NOT NULL,
    revoked_at        BIGINT,
    revocation_reason BIGINT,
    superseded_at     BIGINT
);
CREATE UNIQUE INDEX certificates_serial ON certificates (issuer, serial);
CREATE INDEX certificates_revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificates_kind ON certificates (kind, issued_at);
CREATE INDEX certificates_ticket ON certificates (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX certificates_enrollment ON certificates (enrollment_id) WHERE enrollment_id IS NOT NULL;

-- Which identity may speak for which device enrollment. A certificate is pinned to one enrollment for ever.
CREATE TABLE identities (
    sha256        {blob} NOT NULL PRIMARY KEY,
    enrollment_id {uuid} NOT NULL REFERENCES enrollments (id),
    pinned_at     BIGINT NOT NULL,
    not_after     BIGINT
);
CREATE INDEX identities_enrollment ON identities (enrollment_id, not_after);
CREATE INDEX identities_expiring ON identities (not_after);
