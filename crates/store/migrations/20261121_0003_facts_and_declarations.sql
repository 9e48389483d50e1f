-- What devices report, and what declarative management tells them.

CREATE TABLE facts (
    device_id   {uuid} NOT NULL REFERENCES devices (id),
    category    TEXT   NOT NULL,
    document    {json} NOT NULL,
    observed_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, category)
);

CREATE TABLE raw_reports (
    id            {uuid}  NOT NULL PRIMARY KEY,
    device_id     {uuid}  NOT NULL REFERENCES devices (id),
    enrollment_id {uuid}  NOT NULL REFERENCES enrollments (id),
    kind          TEXT    NOT NULL,
    received_at   BIGINT  NOT NULL,
    body          {blob}  NOT NULL,
    truncated     BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX raw_reports_recent ON raw_reports (enrollment_id, kind, received_at, id);
CREATE INDEX raw_reports_device ON raw_reports (device_id, received_at);

CREATE TABLE declarations (
    id           {uuid}  NOT NULL PRIMARY KEY,
    identifier   TEXT    NOT NULL UNIQUE,
    kind         TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    payload      {json}  NOT NULL,
    server_token TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL,
    deleted      BOOLEAN NOT NULL DEFAULT FALSE
);

-- Bodies as they were offered: a device may fetch a token it was shown before the last change.
CREATE TABLE declaration_versions (
    identifier   TEXT   NOT NULL,
    server_token TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    body         {blob} NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (identifier, server_token)
);

-- device_id NULL means every device.
CREATE TABLE declaration_targets (
    seq            {serial},
    declaration_id {uuid} NOT NULL REFERENCES declarations (id),
    device_id      {uuid} REFERENCES devices (id),
    channel        TEXT   NOT NULL
);
CREATE INDEX declaration_targets_device ON declaration_targets (device_id, channel);
CREATE INDEX declaration_targets_declaration ON declaration_targets (declaration_id);

CREATE TABLE ddm_snapshots (
    seq                {serial},
    enrollment_id      {uuid} NOT NULL REFERENCES enrollments (id),
    declarations_token TEXT   NOT NULL,
    items              {json} NOT NULL,
    created_at         BIGINT NOT NULL
);
CREATE UNIQUE INDEX ddm_snapshots_token ON ddm_snapshots (enrollment_id, declarations_token);

CREATE TABLE ddm_status (
    enrollment_id {uuid} NOT NULL REFERENCES enrollments (id),
    path          TEXT   NOT NULL,
    document      {json} NOT NULL,
    observed_at   BIGINT NOT NULL,
    PRIMARY KEY (enrollment_id, path)
);
