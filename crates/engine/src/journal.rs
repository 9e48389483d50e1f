//! The journal's pen: events go in with their change, and are sealed right after.

use std::time::Duration;

use domain::{
    DeviceId, EventId, Timestamp, UnitId,
    journal::{Checkpoint, Draft, Event},
    scope::{Actor, Authority, Scope},
};
use serde_json::Value as Json;
use store::{EventFilter, Journal as _, Tx, Wake};
use tokio::sync::watch;

use crate::{Engine, Result};

/// How many events one sealing takes.
const SEAL_BATCH: u32 = 500;
/// A checkpoint is signed after this many events...
const CHECKPOINT_EVENTS: u64 = 1000;
/// ... or this long after the last, when there are new ones.
const CHECKPOINT_AGE: Duration = Duration::from_secs(3600);

/// What an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The device.
    pub device: Option<DeviceId>,
    /// The identifier of whatever else.
    pub subject: Option<String>,
    /// The unit.
    pub unit: Option<UnitId>,
}

impl About {
    /// About the installation as a whole.
    pub const NOTHING: Self = Self {
        device: None,
        subject: None,
        unit: None,
    };

    /// About a device.
    pub const fn device(device: DeviceId) -> Self {
        Self {
            device: Some(device),
            subject: None,
            unit: None,
        }
    }

    /// About something with an identifier.
    pub fn subject(subject: impl ToString) -> Self {
        Self {
            device: None,
            subject: Some(subject.to_string()),
            unit: None,
        }
    }

    /// Also about something with an identifier.
    #[must_use]
    pub fn and(mut self, subject: impl ToString) -> Self {
        self.subject = Some(subject.to_string());
        self
    }

    /// In a unit.
    #[must_use]
    pub const fn within(mut self, unit: Option<UnitId>) -> Self {
        self.unit = unit;
        self
    }
}

impl Engine {
    /// Writes an event in the transaction of its change. `data` must hold no secret.
    ///
    /// # Errors
    /// When the database cannot serve; then the change is not kept either.
    pub async fn record(
        &self,
        tx: &mut Tx,
        kind: &str,
        actor: &Actor,
        about: About,
        data: Json,
    ) -> Result<()> {
        let now = self.now();
        tx.append_event(&Draft {
            id: EventId::new(now, self.random()),
            at: now,
            kind: kind.to_owned(),
            actor: actor.clone(),
            device: about.device,
            subject: about.subject,
            unit: about.unit,
            data,
        })
        .await?;
        tx.notify(Wake::JournalPending);
        Ok(())
    }

    /// Events after a place, oldest first; never with gaps.
    ///
    /// # Errors
    /// Without the scope `journal:read`, or when the database cannot serve.
    pub async fn events_after(
        &self,
        by: &Authority,
        filter: EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Event>> {
        by.require(Scope::JournalRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.events_after(&filter, after, limit).await }))
            .await
            .map_err(Into::into)
    }

    /// Events before a place, newest first.
    ///
    /// # Errors
    /// Without the scope `journal:read`, or when the database cannot serve.
    pub async fn events_before(
        &self,
        by: &Authority,
        filter: EventFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Event>> {
        by.require(Scope::JournalRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.events_before(&filter, before, limit).await }))
            .await
            .map_err(Into::into)
    }

    /// Checkpoints after a place, oldest first, with the public key they are signed with (DER).
    ///
    /// # Errors
    /// Without the scope `journal:read`, or when the database cannot serve.
    pub async fn checkpoints_after(
        &self,
        by: &Authority,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Checkpoint>> {
        by.require(Scope::JournalRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.checkpoints_after(after, limit).await }))
            .await
            .map_err(Into::into)
    }

    /// The place of the last sealed event, and news of later ones.
    pub fn journal_head(&self) -> watch::Receiver<u64> {
        self.journal_head.subscribe()
    }

    pub(crate) async fn load_journal_head(&self) -> Result<()> {
        let head = self
            .db
            .read(|tx| Box::pin(async move { tx.journal_head().await }))
            .await?;
        self.announce_head(head.seq);
        Ok(())
    }

    fn announce_head(&self, seq: u64) {
        self.journal_head.send_if_modified(|known| {
            let newer = seq > *known;
            if newer {
                *known = seq;
            }
            newer
        });
    }

    /// Seals everything that waits; gives how many events that were.
    ///
    /// # Errors
    /// When the database cannot serve; what waits stays.
    pub async fn seal_journal(&self) -> Result<usize> {
        let mut sealed = 0;
        loop {
            let batch = self
                .db
                .write(|tx| {
                    Box::pin(async move {
                        let batch = tx.seal_journal(SEAL_BATCH).await?;
                        if !batch.is_empty() {
                            tx.notify(Wake::Journal);
                        }
                        Ok::<_, store::StoreError>(batch)
                    })
                })
                .await?;
            sealed += batch.len();
            if let Some(last) = batch.last() {
                self.announce_head(last.seq);
                self.checkpoint_if_due(last).await?;
            }
            if batch.len() < SEAL_BATCH as usize {
                return Ok(sealed);
            }
        }
    }

    /// Signs where the chain stands now, unless that was signed before.
    ///
    /// # Errors
    /// When the database or the journal's key cannot serve.
    pub async fn checkpoint_now(&self) -> Result<()> {
        let head = self
            .db
            .read(|tx| Box::pin(async move { tx.journal_head().await }))
            .await?;
        if head.seq == 0 {
            return Ok(());
        }
        let latest = self.latest_checkpoint().await?;
        if latest.is_some_and(|checkpoint| checkpoint.seq >= head.seq) {
            return Ok(());
        }
        self.sign_checkpoint(head.seq, head.hash).await
    }

    async fn latest_checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.db
            .read(|tx| Box::pin(async move { tx.latest_checkpoint().await }))
            .await
            .map_err(Into::into)
    }

    async fn checkpoint_if_due(&self, last: &Event) -> Result<()> {
        let due = self.latest_checkpoint().await?.is_none_or(|checkpoint| {
            last.seq >= checkpoint.seq + CHECKPOINT_EVENTS
                || self.now().since(checkpoint.at) >= CHECKPOINT_AGE
        });
        if due {
            self.sign_checkpoint(last.seq, last.hash).await?;
        }
        Ok(())
    }

    async fn sign_checkpoint(&self, seq: u64, hash: domain::journal::Hash) -> Result<()> {
        let at: Timestamp = self.now();
        let statement = Checkpoint::statement(seq, hash, at);
        let (key_id, signature) = self
            .authority
            .load()
            .sign_checkpoint(statement.as_bytes())?;
        let checkpoint = Checkpoint {
            seq,
            hash,
            at,
            key_id,
            signature,
        };
        self.db
            .write(move |tx| Box::pin(async move { tx.insert_checkpoint(&checkpoint).await }))
            .await
            .map_err(Into::into)
    }
}
