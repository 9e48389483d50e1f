-- Escrowed secrets, keys, settings, and the journal of everything.

CREATE TABLE secrets (
    id            {uuid} NOT NULL PRIMARY KEY,
    device_id     {uuid} NOT NULL REFERENCES devices (id),
    enrollment_id {uuid} REFERENCES enrollments (id),
    kind          TEXT   NOT NULL,
    sealed        {blob} NOT NULL,
    created_at    BIGINT NOT NULL,
    superseded_at BIGINT
);
CREATE INDEX secrets_device ON secrets (device_id, kind, created_at);

CREATE TABLE keys (
    name       TEXT   NOT NULL PRIMARY KEY,
    sealed     {blob} NOT NULL,
    public     {blob} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE settings (
    key        TEXT   NOT NULL PRIMARY KEY,
    value      {json} NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE leases (
    name  TEXT   NOT NULL PRIMARY KEY,
    node  TEXT   NOT NULL,
    until BIGINT NOT NULL
);

-- An event is written here in the transaction of its change; a sealer then moves it into the chain.
CREATE TABLE journal_pending (
    n         {serial},
    id        {uuid} NOT NULL,
    at        BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    actor     {json} NOT NULL,
    device_id {uuid},
    subject   TEXT,
    unit_id   {uuid},
    data      {json} NOT NULL
);

CREATE TABLE journal (
    seq       BIGINT NOT NULL PRIMARY KEY,
    id        {uuid} NOT NULL UNIQUE,
    at        BIGINT NOT NULL,
    kind      {key}  NOT NULL,
    actor     {json} NOT NULL,
    actor_key {key}  NOT NULL,
    device_id {uuid},
    subject   TEXT,
    unit_id   {uuid},
    data      {json} NOT NULL,
    prev      {blob} NOT NULL,
    hash      {blob} NOT NULL
);
CREATE INDEX journal_device ON journal (device_id, seq) WHERE device_id IS NOT NULL;
CREATE INDEX journal_kind ON journal (kind, seq);
CREATE INDEX journal_actor ON journal (actor_key, seq);

-- The last link, and the row whose lock makes one sealer at a time.
CREATE TABLE journal_head (
    id   BIGINT NOT NULL PRIMARY KEY,
    seq  BIGINT NOT NULL,
    hash {blob} NOT NULL
);

CREATE TABLE journal_checkpoints (
    seq        BIGINT NOT NULL PRIMARY KEY,
    hash       {blob} NOT NULL,
    at         BIGINT NOT NULL,
    key_id     TEXT   NOT NULL,
    signature  TEXT   NOT NULL
);

--@sqlite
INSERT INTO journal_head (id, seq, hash) VALUES (1, 0, zeroblob(32));
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN
    SELECT RAISE(ABORT, 'journal is append-only');
END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN
    SELECT RAISE(ABORT, 'journal is append-only');
END;
--@postgres
INSERT INTO journal_head (id, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
CREATE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'journal is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_append_only();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only();
--@end

CREATE TABLE webhooks (
    id              {uuid}  NOT NULL PRIMARY KEY,
    url             TEXT    NOT NULL,
    secret          {blob}  NOT NULL,
    kinds           {json}  NOT NULL,
    cursor          BIGINT  NOT NULL,
    enabled         BOOLEAN NOT NULL DEFAULT TRUE,
    failures        BIGINT  NOT NULL DEFAULT 0,
    next_attempt_at BIGINT  NOT NULL DEFAULT 0,
    created_at      BIGINT  NOT NULL
);

CREATE TABLE webhook_deliveries (
    id          {uuid} NOT NULL PRIMARY KEY,
    webhook_id  {uuid} NOT NULL REFERENCES webhooks (id),
    at          BIGINT NOT NULL,
    from_seq    BIGINT NOT NULL,
    to_seq      BIGINT NOT NULL,
    status      BIGINT,
    error       TEXT,
    duration_ms BIGINT NOT NULL
);
CREATE INDEX webhook_deliveries_recent ON webhook_deliveries (webhook_id, at, id);
