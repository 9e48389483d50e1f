//! The journal: pending events, the sealed chain, its checkpoints.

use domain::{
    DeviceId,
    journal::{Checkpoint, Draft, Event, Head},
    scope::Actor,
};

use crate::Result;

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
    fn insert_checkpoint(&mut self, checkpoint: &Checkpoint) -> impl Future<Output = Result<()>> + Send;
    /// The newest checkpoint.
    fn latest_checkpoint(&mut self) -> impl Future<Output = Result<Option<Checkpoint>>> + Send;
    /// Checkpoints above `after`, oldest first.
    fn checkpoints_after(
        &mut self,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Checkpoint>>> + Send;
}
