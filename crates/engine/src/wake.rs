//! What is remembered between requests so that an idle device costs nothing.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{DeviceId, EnrollmentId, Timestamp};
use store::Seen;

const SHARDS: usize = 64;
/// How long a queue that was found empty is taken for empty without asking again.
const BELIEVED: Duration = Duration::from_secs(300);

/// Enrollments whose command queue was found empty and has not been filled since, or the other way round.
///
/// A query that finds a queue empty races with whoever fills it. So the reader
/// takes a [`Generation`] before it asks, and its finding counts only if nothing
/// was filled in that shard since. A node that dies right after its commit takes
/// its wake-up along, so a finding is believed for [`BELIEVED`] at most.
pub(crate) struct EmptyQueues {
    shards: Vec<Shard>,
}

#[derive(Default)]
struct Shard {
    generation: AtomicU64,
    known: Mutex<HashMap<EnrollmentId, Known>>,
}

/// What is known of a queue.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// It was found empty then.
    Empty(Timestamp),
    /// It was filled and not found empty since: to ask first would be a wasted query.
    Filled,
}

/// A moment in the life of one shard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generation(u64);

impl Default for EmptyQueues {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }
}

impl EmptyQueues {
    /// Whether the queue is known to be empty.
    pub(crate) fn is_empty(&self, enrollment: EnrollmentId, now: Timestamp) -> bool {
        let found = lock(&self.shard(enrollment).known)
            .get(&enrollment)
            .copied();
        matches!(found, Some(Known::Empty(at)) if now.since(at) < BELIEVED)
    }

    /// Whether something was put into the queue that may well be there still.
    pub(crate) fn was_filled(&self, enrollment: EnrollmentId) -> bool {
        let found = lock(&self.shard(enrollment).known)
            .get(&enrollment)
            .copied();
        matches!(found, Some(Known::Filled))
    }

    /// Call before asking the database.
    pub(crate) fn before_reading(&self, enrollment: EnrollmentId) -> Generation {
        Generation(self.shard(enrollment).generation.load(Ordering::Acquire))
    }

    /// The database said "empty"; believed only when nothing was filled since `generation`.
    pub(crate) fn found_empty(
        &self,
        enrollment: EnrollmentId,
        generation: Generation,
        now: Timestamp,
    ) {
        let shard = self.shard(enrollment);
        let mut known = lock(&shard.known);
        if shard.generation.load(Ordering::Acquire) == generation.0 {
            known.insert(enrollment, Known::Empty(now));
        }
    }

    /// Something was put into the queue, here or on another node.
    pub(crate) fn filled(&self, enrollment: EnrollmentId) {
        let shard = self.shard(enrollment);
        let mut known = lock(&shard.known);
        shard.generation.fetch_add(1, Ordering::AcqRel);
        known.insert(enrollment, Known::Filled);
    }

    /// News of other nodes may have been lost: nothing is known any more.
    pub(crate) fn forget_all(&self) {
        for shard in &self.shards {
            let mut known = lock(&shard.known);
            shard.generation.fetch_add(1, Ordering::AcqRel);
            known.clear();
        }
    }

    fn shard(&self, enrollment: EnrollmentId) -> &Shard {
        let bytes = enrollment.uuid().into_bytes();
        &self.shards[usize::from(bytes[15]) % SHARDS]
    }
}

/// Connections not yet written down.
#[derive(Default)]
pub(crate) struct LastSeen {
    waiting: Mutex<HashMap<EnrollmentId, (DeviceId, Timestamp)>>,
}

impl LastSeen {
    /// A device connected.
    pub(crate) fn note(&self, enrollment: EnrollmentId, device: DeviceId, at: Timestamp) {
        lock(&self.waiting).insert(enrollment, (device, at));
    }

    /// Takes what is waiting.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *lock(&self.waiting))
            .into_iter()
            .map(|(enrollment_id, (device_id, at))| Seen {
                enrollment_id,
                device_id,
                at,
            })
            .collect()
    }

    /// Puts back what could not be written, unless newer is there.
    pub(crate) fn put_back(&self, seen: Vec<Seen>) {
        let mut waiting = lock(&self.waiting);
        for one in seen {
            waiting
                .entry(one.enrollment_id)
                .or_insert((one.device_id, one.at));
        }
    }
}

/// A lock whose holder panicked still guards plain data that is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn enrollment(n: u8) -> EnrollmentId {
        EnrollmentId::new(Timestamp::from_millis(1), [n; 10])
    }

    #[test]
    fn a_queue_filled_while_it_was_being_read_is_not_taken_for_empty() {
        let queues = EmptyQueues::default();
        let generation = queues.before_reading(enrollment(1));
        queues.filled(enrollment(1));
        queues.found_empty(enrollment(1), generation, NOW);
        assert!(!queues.is_empty(enrollment(1), NOW));
        assert!(queues.was_filled(enrollment(1)));
        let generation = queues.before_reading(enrollment(1));
        queues.found_empty(enrollment(1), generation, NOW);
        assert!(queues.is_empty(enrollment(1), NOW));
        assert!(!queues.was_filled(enrollment(1)));
        assert!(!queues.is_empty(enrollment(1), NOW.plus(BELIEVED)));
    }

    #[test]
    fn nothing_is_believed_after_news_may_have_been_lost() {
        let queues = EmptyQueues::default();
        let before = queues.before_reading(enrollment(1));
        queues.found_empty(enrollment(1), before, NOW);
        queues.forget_all();
        assert!(!queues.is_empty(enrollment(1), NOW));
        queues.found_empty(enrollment(1), before, NOW);
        assert!(!queues.is_empty(enrollment(1), NOW));
    }

    #[test]
    fn what_could_not_be_written_does_not_hide_what_came_later() {
        let seen = LastSeen::default();
        let device = DeviceId::new(Timestamp::from_millis(1), [9; 10]);
        seen.note(enrollment(1), device, Timestamp::from_millis(5));
        let taken = seen.take();
        seen.note(enrollment(1), device, Timestamp::from_millis(9));
        seen.put_back(taken);
        assert_eq!(seen.take()[0].at, Timestamp::from_millis(9));
    }
}
