//! The journal: pending events, the sealed chain, its checkpoints.

use domain::{
    DeviceId,
    journal::{Checkpoint, Draft, Event, Head},
    scope::Actor,
};

use crate::{
    Result, StoreError, Tx, Wake,
    statement::statements,
    value::{Row, Value, values},
};

/// Which events. `None` does not restrict; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// About this device.
    pub device: Option<DeviceId>,
    /// Kinds that start with this text, for example `device.`.
    pub kind_prefix: Option<String>,
    /// By the actor, as [`actor_key`] writes it.
    pub actor: Option<String>,
}

/// How an actor is named in filters and idempotency keys: its kind, a colon, its identifier.
pub fn actor_key(actor: &Actor) -> String {
    format!("{}:{}", actor.kind, actor.id)
}

/// The journal. Everyone reads sealed events only, by their dense `seq`: none is ever missed.
pub trait Journal {
    /// Writes an event with the change it tells of. It is sealed soon after.
    fn append_event(&mut self, draft: &Draft) -> impl Future<Output = Result<()>> + Send;
    /// Moves up to `limit` pending events into the chain ([`domain::journal::seal`]), one node at
    /// a time; gives them. Fewer than `limit` means that nothing is pending any more.
    fn seal_journal(&mut self, limit: u32) -> impl Future<Output = Result<Vec<Event>>> + Send;
    /// The end of the chain.
    fn journal_head(&mut self) -> impl Future<Output = Result<Head>> + Send;
    /// Events waiting to be sealed.
    fn journal_backlog(&mut self) -> impl Future<Output = Result<i64>> + Send;
    /// Events with `seq` above `after`, oldest first.
    fn events_after(
        &mut self,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Event>>> + Send;
    /// Events with `seq` below `before` (all when `None`), newest first.
    fn events_before(
        &mut self,
        filter: &EventFilter,
        before: Option<u64>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Event>>> + Send;
    /// One event.
    fn event(&mut self, seq: u64) -> impl Future<Output = Result<Option<Event>>> + Send;
    /// Keeps a checkpoint.
    fn insert_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> impl Future<Output = Result<()>> + Send;
    /// The newest checkpoint.
    fn latest_checkpoint(&mut self) -> impl Future<Output = Result<Option<Checkpoint>>> + Send;
    /// Checkpoints above `after`, oldest first.
    fn checkpoints_after(
        &mut self,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Checkpoint>>> + Send;
}

macro_rules! event_columns {
    () => {
        "seq, id, at, kind, actor, device_id, subject, unit_id, data, prev, hash"
    };
}
/// $1 device, $2 and $3 the kinds from and below, $4 actor; NULL does not restrict.
macro_rules! event_filter {
    () => {
        " AND (CAST($1 AS {uuid}) IS NULL OR device_id = $1)
          AND (CAST($2 AS TEXT) IS NULL OR (kind >= $2 AND kind < $3))
          AND (CAST($4 AS TEXT) IS NULL OR actor_key = $4)"
    };
}

statements! {
    EVENT_APPEND = "INSERT INTO journal_pending (id, at, kind, actor, device_id, subject, unit_id, data)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    // Updating the row locks it: one sealer at a time, on both databases.
    EVENT_HEAD_LOCK = "UPDATE journal_head SET id = 1 WHERE id = 1 RETURNING seq, hash";
    EVENT_HEAD = "SELECT seq, hash FROM journal_head WHERE id = 1";
    EVENT_HEAD_MOVE = "UPDATE journal_head SET seq = $1, hash = $2 WHERE id = 1";
    EVENT_PENDING = "SELECT n, id, at, kind, actor, device_id, subject, unit_id, data FROM journal_pending
        ORDER BY n LIMIT $1";
    EVENT_TAKE = "DELETE FROM journal_pending WHERE n = $1";
    EVENT_SEAL = "INSERT INTO journal (", event_columns!(), ", actor_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    EVENT_BACKLOG = "SELECT COUNT(*) FROM journal_pending";
    EVENT_GET = "SELECT ", event_columns!(), " FROM journal WHERE seq = $1";
    EVENT_ALL_AFTER = "SELECT ", event_columns!(), " FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2";
    EVENT_AFTER = "SELECT ", event_columns!(), " FROM journal WHERE seq > $5", event_filter!(), "
        ORDER BY seq LIMIT $6";
    EVENT_OF_DEVICE_AFTER = "SELECT ", event_columns!(), " FROM journal WHERE device_id = $1 AND seq > $5",
        event_filter!(), " ORDER BY seq LIMIT $6";
    EVENT_BEFORE = "SELECT ", event_columns!(), " FROM journal WHERE seq < $5", event_filter!(), "
        ORDER BY seq DESC LIMIT $6";
    EVENT_OF_DEVICE_BEFORE = "SELECT ", event_columns!(), " FROM journal WHERE device_id = $1 AND seq < $5",
        event_filter!(), " ORDER BY seq DESC LIMIT $6";
    CHECKPOINT_INSERT = "INSERT INTO journal_checkpoints (seq, hash, at, key_id, signature)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (seq) DO NOTHING";
    CHECKPOINT_LATEST = "SELECT seq, hash, at, key_id, signature FROM journal_checkpoints ORDER BY seq DESC LIMIT 1";
    CHECKPOINT_AFTER = "SELECT seq, hash, at, key_id, signature FROM journal_checkpoints
        WHERE seq > $1 ORDER BY seq LIMIT $2";
}

fn read_draft(row: &mut Row) -> Result<Draft> {
    Ok(Draft {
        id: row.take()?,
        at: row.take()?,
        kind: row.take()?,
        actor: row.json()?,
        device: row.take()?,
        subject: row.take()?,
        unit: row.take()?,
        data: row.json()?,
    })
}

pub(crate) fn read_event(row: &mut Row) -> Result<Event> {
    Ok(Event {
        seq: row.take()?,
        draft: read_draft(row)?,
        prev: row.take()?,
        hash: row.take()?,
    })
}

fn read_head(row: &mut Row) -> Result<Head> {
    Ok(Head {
        seq: row.take()?,
        hash: row.take()?,
    })
}

fn read_checkpoint(row: &mut Row) -> Result<Checkpoint> {
    Ok(Checkpoint {
        seq: row.take()?,
        hash: row.take()?,
        at: row.take()?,
        key_id: row.take()?,
        signature: row.take()?,
    })
}

fn draft_values(draft: &Draft) -> Result<Vec<Value>> {
    Ok(values![
        draft.id,
        draft.at,
        &draft.kind,
        Value::json(&draft.actor)?,
        draft.device,
        draft.subject.as_deref(),
        draft.unit,
        &draft.data,
    ]
    .to_vec())
}

fn filter_values(filter: &EventFilter, bound: Value, limit: u32) -> [Value; 6] {
    let kinds = filter
        .kind_prefix
        .as_deref()
        .filter(|prefix| !prefix.is_empty());
    values![
        filter.device,
        kinds,
        // Everything that starts with the prefix sorts below the prefix and the last character.
        kinds.map(|prefix| format!("{prefix}\u{10ffff}")),
        filter.actor.as_deref(),
        bound,
        limit,
    ]
}

fn missing_head() -> StoreError {
    StoreError::Corrupt("the journal has no head".to_owned())
}

impl Journal for Tx {
    async fn append_event(&mut self, draft: &Draft) -> Result<()> {
        let values = draft_values(draft)?;
        self.execute(&EVENT_APPEND, &values).await?;
        self.notify(Wake::JournalPending);
        Ok(())
    }

    async fn seal_journal(&mut self, limit: u32) -> Result<Vec<Event>> {
        let mut head = self
            .find(&EVENT_HEAD_LOCK, &[], read_head)
            .await?
            .ok_or_else(missing_head)?;
        let pending = self
            .all(&EVENT_PENDING, &values![limit], |row| {
                Ok((row.take::<i64>()?, read_draft(row)?))
            })
            .await?;
        let (mut events, mut sealed, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for (n, draft) in pending {
            let mut values = values![head.seq + 1].to_vec();
            values.extend(draft_values(&draft)?);
            let actor = actor_key(&draft.actor);
            let event = domain::journal::seal(head, draft);
            values.extend(values![event.prev, event.hash, actor]);
            head = Head {
                seq: event.seq,
                hash: event.hash,
            };
            sealed.push(values);
            taken.push(values![n].to_vec());
            events.push(event);
        }
        if events.is_empty() {
            return Ok(events);
        }
        self.execute_many(&EVENT_SEAL, &sealed).await?;
        self.execute_many(&EVENT_TAKE, &taken).await?;
        self.execute(&EVENT_HEAD_MOVE, &values![head.seq, head.hash])
            .await?;
        self.notify(Wake::Journal);
        Ok(events)
    }

    async fn journal_head(&mut self) -> Result<Head> {
        self.find(&EVENT_HEAD, &[], read_head)
            .await?
            .ok_or_else(missing_head)
    }

    async fn journal_backlog(&mut self) -> Result<i64> {
        Ok(self
            .find(&EVENT_BACKLOG, &[], Row::take)
            .await?
            .unwrap_or(0))
    }

    async fn events_after(
        &mut self,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Event>> {
        if *filter == EventFilter::default() {
            return self
                .all(&EVENT_ALL_AFTER, &values![after, limit], read_event)
                .await;
        }
        let statement = match filter.device {
            Some(_) => &EVENT_OF_DEVICE_AFTER,
            None => &EVENT_AFTER,
        };
        self.all(
            statement,
            &filter_values(filter, after.into(), limit),
            read_event,
        )
        .await
    }

    async fn events_before(
        &mut self,
        filter: &EventFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let statement = match filter.device {
            Some(_) => &EVENT_OF_DEVICE_BEFORE,
            None => &EVENT_BEFORE,
        };
        let bound = Value::from(before.unwrap_or(u64::MAX));
        self.all(statement, &filter_values(filter, bound, limit), read_event)
            .await
    }

    async fn event(&mut self, seq: u64) -> Result<Option<Event>> {
        self.find(&EVENT_GET, &values![seq], read_event).await
    }

    async fn insert_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let values = values![
            checkpoint.seq,
            checkpoint.hash,
            checkpoint.at,
            &checkpoint.key_id,
            &checkpoint.signature,
        ];
        self.execute(&CHECKPOINT_INSERT, &values).await?;
        Ok(())
    }

    async fn latest_checkpoint(&mut self) -> Result<Option<Checkpoint>> {
        self.find(&CHECKPOINT_LATEST, &[], read_checkpoint).await
    }

    async fn checkpoints_after(&mut self, after: u64, limit: u32) -> Result<Vec<Checkpoint>> {
        self.all(&CHECKPOINT_AFTER, &values![after, limit], read_checkpoint)
            .await
    }
}
