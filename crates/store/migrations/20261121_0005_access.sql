-- People and programs that may use the console and the API.

CREATE TABLE admins (
    id          {uuid} NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE passkeys (
    id            {uuid} NOT NULL PRIMARY KEY,
    admin_id      {uuid} NOT NULL REFERENCES admins (id),
    credential_id {blob} NOT NULL UNIQUE,
    credential    {json} NOT NULL,
    name          TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    last_used_at  BIGINT
);
CREATE INDEX passkeys_admin ON passkeys (admin_id);

CREATE TABLE sessions (
    hash                {blob} NOT NULL PRIMARY KEY,
    admin_id            {uuid} NOT NULL REFERENCES admins (id),
    created_at          BIGINT NOT NULL,
    last_seen_at        BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    absolute_expires_at BIGINT NOT NULL,
    user_agent          TEXT,
    address             TEXT
);
CREATE INDEX sessions_admin ON sessions (admin_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE sign_in_links (
    hash       {blob} NOT NULL PRIMARY KEY,
    admin_id   {uuid} NOT NULL REFERENCES admins (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE TABLE api_tokens (
    id           {uuid} NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    hash         {blob} NOT NULL UNIQUE,
    scopes       {json} NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   {json} NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    revoked_at   BIGINT
);

CREATE TABLE idempotency_keys (
    actor        TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    request_hash {blob} NOT NULL,
    status       BIGINT,
    response     {blob},
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_keys_expires ON idempotency_keys (expires_at);
