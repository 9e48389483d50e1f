//! Waking devices: whom, when, and what the push service said.

mod address;
mod apns;
mod certificate;

use std::{collections::HashSet, sync::Mutex, time::Duration};

use ::apple::push::{PushVerdict as Verdict, verdict};
use domain::{EnrollmentId, Timestamp, command::next_push, scope::Actor};
use serde_json::json;
use store::{Commands as _, Enrollments as _, PushTarget, PushWanted as _};
use tokio::sync::Notify;

pub use apns::{Apns, ApnsOptions, PRODUCTION, PushAnswer, PushError, PushIdentity, PushRequest};
pub use certificate::PushCertificate;

use crate::{Engine, Result, journal::About, wake::lock};

/// How many pushes are claimed at a time.
const BATCH: u32 = 256;
/// A claimed push that was not settled, because its process died, is taken again after this.
const LEASE: Duration = Duration::from_secs(60);
/// After this an unreachable or overloaded service is tried again.
const BACK_OFF: Duration = Duration::from_secs(30);

/// Wakes the worker and keeps it from pushing one enrollment twice at a time.
#[derive(Default)]
pub(crate) struct PushQueue {
    wake: Notify,
    in_flight: Mutex<HashSet<EnrollmentId>>,
}

impl Engine {
    /// Something may be due: look now.
    pub(crate) fn after_enqueue(&self) {
        self.pushes.wake.notify_one();
        self.journal_waiting.notify_one();
    }

    pub(crate) async fn push_wanted(&self) {
        self.pushes.wake.notified().await;
    }

    /// Sends all pushes that are due; gives how many were tried.
    ///
    /// # Errors
    /// When the database cannot serve. What the push service says is journalled, not returned.
    pub async fn push_due(&self) -> Result<usize> {
        let mut tried = 0;
        loop {
            let now = self.now();
            let due = self
                .db
                .write(move |tx| {
                    Box::pin(async move {
                        let due = tx.claim_pushes(now, now.plus(LEASE), BATCH).await?;
                        // The node that queued may have died before it told the others: no device
                        // is woken for a queue that some node still takes for empty.
                        for target in &due {
                            tx.notify(store::Wake::Enrollment(target.enrollment_id));
                        }
                        Ok::<_, store::StoreError>(due)
                    })
                })
                .await?;
            let taken = due.len();
            tried += taken;
            let mut tasks = tokio::task::JoinSet::new();
            for target in due {
                if !lock(&self.pushes.in_flight).insert(target.enrollment_id) {
                    continue;
                }
                let engine = self.clone();
                tasks.spawn(async move {
                    let id = target.enrollment_id;
                    let outcome = engine.push_one(target).await;
                    lock(&engine.pushes.in_flight).remove(&id);
                    outcome
                });
            }
            let mut settled = Vec::with_capacity(taken);
            while let Some(outcome) = tasks.join_next().await {
                if let Ok(outcome) = outcome {
                    settled.push(outcome);
                }
            }
            self.settle_pushes(settled, now, now.plus(LEASE)).await?;
            if taken < BATCH as usize {
                return Ok(tried);
            }
        }
    }

    async fn push_one(&self, target: PushTarget) -> (PushTarget, Outcome) {
        let outcome = match self.push_address(&target) {
            Ok((token, magic)) => {
                let request = PushRequest {
                    topic: target.topic.clone(),
                    token,
                    magic,
                    expiration: self.now().plus(self.settings.push_expiration),
                };
                match self.apns.push(&request).await {
                    Ok(answer) => Outcome::Answered(verdict(answer.status, &answer.body)),
                    Err(error) => Outcome::Failed(error),
                }
            }
            Err(error) => Outcome::Failed(PushError::Sealed(error.to_string())),
        };
        metrics::counter!(crate::metrics::PUSHES, "outcome" => outcome.name()).increment(1);
        (target, outcome)
    }

    /// Writes down what became of a batch, in one transaction.
    async fn settle_pushes(
        &self,
        settled: Vec<(PushTarget, Outcome)>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<()> {
        if settled.is_empty() {
            return Ok(());
        }
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    for (target, outcome) in settled {
                        let id = target.enrollment_id;
                        let attempts = target.attempts + 1;
                        let about = About::device(target.device_id).and(id);
                        // Something was queued while this push was under way: its push is still due.
                        let wanted_again = tx
                            .push_wish(id)
                            .await?
                            .is_some_and(|wish| wish.due_at < lease_until);
                        if wanted_again && matches!(outcome, Outcome::Answered(Verdict::Delivered)) {
                            continue;
                        }
                        match outcome {
                            Outcome::Answered(Verdict::Delivered) => {
                                tx.pushed(id, next_push(attempts, now), attempts).await?;
                                tx.mark_commands_pushed(id, now).await?;
                            }
                            Outcome::Answered(Verdict::Unregistered { since }) => {
                                engine
                                    .unregistered(tx, &target, since, about)
                                    .await?;
                                tx.pushed(id, next_push(4, now), attempts).await?;
                            }
                            Outcome::Answered(Verdict::BackOff(_)) | Outcome::Failed(PushError::Unreachable(_)) => {
                                let wait = BACK_OFF * (1 << target.attempts.min(6));
                                tx.pushed(id, now.plus(wait), attempts).await?;
                            }
                            Outcome::Answered(
                                Verdict::BadToken(reason)
                                | Verdict::CertificateProblem(reason)
                                | Verdict::Refused(reason),
                            ) => {
                                let data = json!({ "reason": reason.to_string(), "topic": target.topic });
                                engine
                                    .record(tx, "push.refused", &Actor::system(), about, data)
                                    .await?;
                                tx.pushed(id, next_push(attempts.max(3), now), attempts).await?;
                            }
                            Outcome::Failed(error) => {
                                if attempts == 1 {
                                    let data = json!({ "error": error.to_string(), "topic": target.topic });
                                    engine.record(tx, "push.failed", &Actor::system(), about, data).await?;
                                }
                                tx.pushed(id, next_push(attempts, now), attempts).await?;
                            }
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    /// The service says that the device left; believed unless the device spoke since.
    async fn unregistered(
        &self,
        tx: &mut store::Tx,
        target: &PushTarget,
        since: Option<Timestamp>,
        about: About,
    ) -> Result<()> {
        let enrollment = tx.enrollment(target.enrollment_id).await?;
        let newer = enrollment.is_some_and(|enrollment| {
            enrollment
                .push_token
                .is_some_and(|token| token.expose() != target.push_token.expose())
        });
        if newer {
            return Ok(());
        }
        tx.clear_push_info(target.enrollment_id).await?;
        self.record(
            tx,
            "push.unregistered",
            &Actor::system(),
            about,
            json!({ "since": since }),
        )
        .await
    }
}

/// What became of one push.
enum Outcome {
    Answered(Verdict),
    Failed(PushError),
}

impl Outcome {
    const fn name(&self) -> &'static str {
        match self {
            Self::Answered(Verdict::Delivered) => "delivered",
            Self::Answered(Verdict::Unregistered { .. }) => "unregistered",
            Self::Answered(Verdict::BackOff(_)) => "back_off",
            Self::Answered(_) => "refused",
            Self::Failed(PushError::NoCertificate(_)) => "no_certificate",
            Self::Failed(PushError::Identity(_)) => "bad_certificate",
            Self::Failed(PushError::Sealed(_)) => "sealed",
            Self::Failed(PushError::Unreachable(_)) => "unreachable",
        }
    }
}
