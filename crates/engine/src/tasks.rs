//! Everything that runs by itself.

use std::{future::Future, time::Duration};

use domain::{EnrollmentId, scope::Actor};
use store::{
    Certificates as _, Commands as _, Enrollments as _, IdempotencyKeys as _, Journal as _,
    Plans as _, Sessions as _, Tickets as _, Wake,
};
use tokio::{sync::watch, task::JoinSet};

use crate::{Engine, Result};

/// Turns true when the process is to end.
pub type Shutdown = watch::Receiver<bool>;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// How many enrollments are planned in one transaction.
const PLAN_BATCH: u32 = 50;
/// Identities looked at in one transaction.
const RENEWALS: u32 = 200;
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Engine {
    /// Starts all background work; it ends when `shutdown` turns true.
    pub fn start(&self, shutdown: &Shutdown) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let engine = self.clone();
        tasks.spawn(engine.listen(shutdown.clone()));
        let engine = self.clone();
        tasks.spawn(engine.seal_forever(shutdown.clone()));
        let engine = self.clone();
        tasks.spawn(engine.push_forever(shutdown.clone()));
        let engine = self.clone();
        tasks.spawn(engine.flush_forever(shutdown.clone()));
        let engine = self.clone();
        let stop = shutdown.clone();
        tasks.spawn(async move { engine.run_webhooks(stop).await });
        self.every(
            &mut tasks,
            shutdown,
            "expire_commands",
            MINUTE,
            |engine| async move { engine.expire_commands().await.map(|_| ()) },
        );
        // The command line may have taken one in, in another process.
        self.every(
            &mut tasks,
            shutdown,
            "push_certificates",
            MINUTE,
            |engine| async move { engine.load_push_identities().await },
        );
        self.every(
            &mut tasks,
            shutdown,
            "plan",
            Duration::from_secs(10),
            |engine| async move { engine.plan_all_due().await },
        );
        self.every(
            &mut tasks,
            shutdown,
            "replan",
            Duration::from_secs(5),
            |engine| async move { engine.replan_all().await.map(|_| ()) },
        );
        self.every(
            &mut tasks,
            shutdown,
            "renew_identities",
            HOUR,
            |engine| async move { engine.renew_identities().await.map(|_| ()) },
        );
        self.every(
            &mut tasks,
            shutdown,
            "own_certificates",
            DAY,
            |engine| async move { engine.renew_own_certificates().await },
        );
        self.every(
            &mut tasks,
            shutdown,
            "abandoned",
            HOUR,
            |engine| async move { engine.end_abandoned().await },
        );
        self.every(&mut tasks, shutdown, "purge", HOUR, |engine| async move {
            engine.purge().await
        });
        self.every(
            &mut tasks,
            shutdown,
            "gauges",
            MINUTE,
            |engine| async move { engine.measure().await },
        );
        tasks
    }

    fn every<F, W>(
        &self,
        tasks: &mut JoinSet<()>,
        shutdown: &Shutdown,
        name: &'static str,
        pause: Duration,
        work: F,
    ) where
        F: Fn(Self) -> W + Send + 'static,
        W: Future<Output = Result<()>> + Send + 'static,
    {
        let engine = self.clone();
        let mut shutdown = shutdown.clone();
        tasks.spawn(async move {
            while !*shutdown.borrow() {
                if let Err(error) = work(engine.clone()).await {
                    failed(name, &error);
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = shutdown.changed() => return,
                }
            }
        });
    }

    /// Hears what other parts of this process and other nodes did.
    async fn listen(self, mut shutdown: Shutdown) {
        let mut wakes = self.db.wakes();
        loop {
            tokio::select! {
                wake = wakes.next() => match wake {
                    Some(wake) => self.hear(wake).await,
                    None => return,
                },
                _ = shutdown.changed() => return,
            }
        }
    }

    async fn hear(&self, wake: Wake) {
        match wake {
            Wake::Enrollment(id) => self.empty_queues.filled(id),
            Wake::Push => self.after_enqueue(),
            Wake::JournalPending => self.journal_waiting.notify_one(),
            Wake::Journal => {
                if let Err(error) = self.load_journal_head().await {
                    failed("journal_head", &error);
                }
            }
            Wake::Changed(what) => {
                if let Some(id) = what
                    .strip_prefix("identity:")
                    .and_then(|id| id.parse::<EnrollmentId>().ok())
                {
                    self.identities.forget(id);
                    // Where an enrollment ended, its certificates were revoked.
                    self.revocation_list.store(std::sync::Arc::new(None));
                } else if let Some(hash) = what.strip_prefix("certificate:") {
                    let mut fingerprint = [0; 32];
                    if hex::decode_to_slice(hash, &mut fingerprint).is_ok() {
                        self.identities.forget_certificate(&fingerprint);
                    }
                    self.revocation_list.store(std::sync::Arc::new(None));
                } else if what == "push-certificates"
                    && let Err(error) = self.load_push_identities().await
                {
                    failed("push_certificates", &error);
                }
            }
            Wake::Resync => {
                self.empty_queues.forget_all();
                self.identities.forget_all();
                self.after_enqueue();
            }
        }
    }

    async fn seal_forever(self, mut shutdown: Shutdown) {
        loop {
            if let Err(error) = self.seal_journal().await {
                failed("seal_journal", &error);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::select! {
                () = self.journal_waiting.notified() => {}
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
                _ = shutdown.changed() => break,
            }
        }
        // What was acknowledged is sealed before the process ends.
        if let Err(error) = self.seal_journal().await {
            failed("seal_journal", &error);
        }
        if let Err(error) = self.checkpoint_now().await {
            failed("checkpoint", &error);
        }
    }

    async fn push_forever(self, mut shutdown: Shutdown) {
        while !*shutdown.borrow() {
            if let Err(error) = self.push_due().await {
                failed("push", &error);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::select! {
                () = self.push_wanted() => {}
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
                _ = shutdown.changed() => return,
            }
        }
    }

    async fn flush_forever(self, mut shutdown: Shutdown) {
        loop {
            let ending = tokio::select! {
                () = tokio::time::sleep(self.settings.last_seen_flush) => false,
                _ = shutdown.changed() => true,
            };
            if let Err(error) = self.flush_last_seen().await {
                failed("last_seen", &error);
            }
            if ending {
                return;
            }
        }
    }

    /// Writes down who connected since the last time.
    ///
    /// # Errors
    /// When the database cannot serve; nothing is forgotten.
    pub async fn flush_last_seen(&self) -> Result<()> {
        let seen = self.last_seen.take();
        for batch in seen.chunks(2000) {
            let rows = batch.to_vec();
            let written = self
                .db
                .write(move |tx| Box::pin(async move { tx.flush_last_seen(&rows).await }))
                .await;
            if let Err(error) = written {
                self.last_seen.put_back(batch.to_vec());
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Plans every enrollment whose time has come.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn plan_all_due(&self) -> Result<()> {
        while self.plan_due(PLAN_BATCH).await? == PLAN_BATCH as usize {
            self.after_enqueue();
        }
        self.after_enqueue();
        Ok(())
    }

    /// Queues a renewal for every identity that ends soon; gives how many were looked at.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn renew_identities(&self) -> Result<usize> {
        let mut after = self.now();
        let before = after.plus(self.settings.renew_before);
        let mut looked_at = 0;
        loop {
            let engine = self.clone();
            let page = self
                .db
                .write(move |tx| {
                    Box::pin(async move {
                        let ending = tx.expiring_identities(after, before, RENEWALS).await?;
                        for identity in &ending {
                            engine.replan_device(tx, identity.device_id).await?;
                        }
                        Ok::<_, crate::EngineError>(ending)
                    })
                })
                .await?;
            self.after_enqueue();
            looked_at += page.len();
            match page.last() {
                Some(last) if page.len() == RENEWALS as usize => after = last.not_after,
                _ => return Ok(looked_at),
            }
        }
    }

    /// Replaces our own certificates before they end.
    async fn renew_own_certificates(&self) -> Result<()> {
        let authority = crate::authority::Authority::reload(self).await?;
        self.authority.store(std::sync::Arc::new(authority));
        Ok(())
    }

    /// Ends enrollments that were begun and never finished.
    async fn end_abandoned(&self) -> Result<()> {
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let before = engine.now().minus(DAY);
                    for stale in tx.stale_pending_enrollments(before, 200).await? {
                        engine
                            .end_enrollment(
                                tx,
                                &stale,
                                domain::enrollment::EndReason::Abandoned,
                                &Actor::system(),
                            )
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Removes what is over and no longer needed.
    async fn purge(&self) -> Result<()> {
        let now = self.now();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    tx.purge_tickets(now.minus(7 * DAY), 1000).await?;
                    tx.purge_sessions(now.minus(DAY)).await?;
                    tx.purge_idempotency_keys(now).await?;
                    tx.purge_plans().await?;
                    tx.purge_command_history(now.minus(365 * DAY), 1000).await?;
                    Ok::<_, store::StoreError>(())
                })
            })
            .await
            .map_err(Into::into)
    }

    async fn measure(&self) -> Result<()> {
        let (queue, backlog) = self
            .db
            .read(|tx| {
                Box::pin(async move {
                    Ok::<_, store::StoreError>((
                        tx.queue_counts().await?,
                        tx.journal_backlog().await?,
                    ))
                })
            })
            .await?;
        for row in queue {
            metrics::gauge!(crate::metrics::QUEUE, "state" => row.state.as_str())
                .set(row.count as f64);
        }
        metrics::gauge!(crate::metrics::JOURNAL_BACKLOG).set(backlog as f64);
        let authority = self.authority.load();
        let now = self.now();
        for (name, certificate) in [
            ("root", &authority.root),
            ("issuing", authority.issuing.certificate()),
            ("scep", &authority.scep.certificate),
            ("profiles", &authority.profiles.certificate),
            ("ocsp", &authority.ocsp.certificate),
            ("tls", &authority.tls.certificate),
        ] {
            let left = certificate.not_after().since(now).as_secs() / 86_400;
            metrics::gauge!(crate::metrics::CERTIFICATE_DAYS, "name" => name).set(left as f64);
        }
        Ok(())
    }
}

fn failed(task: &'static str, error: &crate::EngineError) {
    metrics::counter!(crate::metrics::TASK_FAILURES, "task" => task).increment(1);
    tracing::warn!(task, %error, "background work failed; it is tried again");
}
