//! Declarations that administrators write, and whom they are for.

use ::apple::ddm::Declaration;
use domain::{
    Channel, DeclarationId, DeviceId,
    scope::{Authority, Scope},
};
use serde_json::{Value as Json, json};
use store::{
    DeclarationTarget, Declarations as _, DeviceCursor, DeviceFilter, DeviceList as _, DeviceOrder,
    DeviceSort, Devices as _, Enrollments as _, Leases as _, Setting, Settings as _, Tx,
};

use crate::{Engine, EngineError, Result, apple::BUILT_IN_PREFIX, journal::About};

/// The setting that says that all devices are to be planned anew, and how far that has come.
const REPLAN: &str = "declarations.replan";
/// How many devices are planned in one transaction.
const PAGE: u32 = 100;

impl Engine {
    /// Writes a declaration: the document as Apple describes it.
    ///
    /// Devices that it is for are told at once.
    ///
    /// # Errors
    /// [`EngineError::Denied`], and [`EngineError::Invalid`] naming the part that is wrong.
    pub async fn put_declaration(
        &self,
        by: &Authority,
        document: Json,
    ) -> Result<store::Declaration> {
        by.require(Scope::DeclarationsWrite)?;
        let declaration = Declaration::from_json(document)
            .map_err(|error| EngineError::invalid(error.to_string()))?;
        if declaration
            .identifier()
            .split('.')
            .next()
            .is_some_and(|first| first == BUILT_IN_PREFIX)
        {
            return Err(EngineError::invalid(
                "identifiers that begin with \"muster.\" are Muster's own",
            ));
        }
        let now = self.now();
        let row = store::Declaration {
            id: DeclarationId::new(now, self.random()),
            identifier: declaration.identifier().to_owned(),
            kind: declaration.kind().as_str().to_owned(),
            declaration_type: declaration.declaration_type().to_owned(),
            payload: declaration.payload().clone(),
            server_token: declaration.server_token().to_owned(),
            created_at: now,
            updated_at: now,
            deleted: false,
        };
        let engine = self.clone();
        let actor = by.actor.clone();
        let stored = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let before = tx.declaration(&row.identifier).await?;
                    if before
                        .as_ref()
                        .is_some_and(|known| !known.deleted && known.kind != row.kind)
                    {
                        return Err(EngineError::Conflict(
                            "a declaration of another kind has this identifier".into(),
                        ));
                    }
                    tx.put_declaration(&row).await?;
                    let stored = tx
                        .declaration(&row.identifier)
                        .await?
                        .ok_or(EngineError::NotFound("declaration"))?;
                    let data = json!({
                        "identifier": stored.identifier,
                        "type": stored.declaration_type,
                        "server_token": stored.server_token,
                        "replaces": before.map(|known| known.server_token),
                    });
                    let about = About::subject(&stored.identifier);
                    engine
                        .record(tx, "declaration.written", &actor, about, data)
                        .await?;
                    let targets = tx.declaration_targets(stored.id).await?;
                    engine.replan_targets(tx, &targets).await?;
                    Ok(stored)
                })
            })
            .await?;
        self.after_enqueue();
        Ok(stored)
    }

    /// All declarations that are not withdrawn, by identifier.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn declarations(&self, by: &Authority) -> Result<Vec<store::Declaration>> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(|tx| Box::pin(async move { tx.declarations().await }))
            .await
            .map_err(Into::into)
    }

    /// One declaration with its targets.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn declaration_with_targets(
        &self,
        by: &Authority,
        identifier: &str,
    ) -> Result<(store::Declaration, Vec<DeclarationTarget>)> {
        by.require(Scope::DevicesRead)?;
        let identifier = identifier.to_owned();
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    let found = living(tx, &identifier).await?;
                    let targets = tx.declaration_targets(found.id).await?;
                    Ok((found, targets))
                })
            })
            .await
    }

    /// Says whom a declaration is for; replaces what was said before.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`] for an unknown declaration or device.
    pub async fn assign_declaration(
        &self,
        by: &Authority,
        identifier: &str,
        targets: Vec<DeclarationTarget>,
    ) -> Result<()> {
        by.require(Scope::DeclarationsWrite)?;
        let identifier = identifier.to_owned();
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let found = living(tx, &identifier).await?;
                    for device in targets.iter().filter_map(|target| target.device_id) {
                        tx.device(device)
                            .await?
                            .ok_or(EngineError::NotFound("device"))?;
                    }
                    let before = tx.declaration_targets(found.id).await?;
                    tx.set_declaration_targets(found.id, &targets).await?;
                    let everybody = targets.iter().any(|target| target.device_id.is_none());
                    let data = json!({
                        "identifier": found.identifier,
                        "all_devices": everybody,
                        "devices": targets.iter().filter_map(|t| t.device_id).collect::<Vec<_>>(),
                    });
                    let about = About::subject(&found.identifier);
                    engine
                        .record(tx, "declaration.assigned", &actor, about, data)
                        .await?;
                    let touched: Vec<_> = before.into_iter().chain(targets).collect();
                    engine.replan_targets(tx, &touched).await
                })
            })
            .await?;
        self.after_enqueue();
        Ok(())
    }

    /// Withdraws a declaration; devices drop it at their next synchronization.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn withdraw_declaration(&self, by: &Authority, identifier: &str) -> Result<()> {
        by.require(Scope::DeclarationsWrite)?;
        let identifier = identifier.to_owned();
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let found = living(tx, &identifier).await?;
                    tx.withdraw_declaration(&identifier, engine.now()).await?;
                    let about = About::subject(&identifier);
                    let data = json!({ "identifier": identifier });
                    engine
                        .record(tx, "declaration.withdrawn", &actor, about, data)
                        .await?;
                    let targets = tx.declaration_targets(found.id).await?;
                    engine.replan_targets(tx, &targets).await
                })
            })
            .await?;
        self.after_enqueue();
        Ok(())
    }

    /// Plans the named devices at once, and all of them in the background when a target says so.
    async fn replan_targets(&self, tx: &mut Tx, targets: &[DeclarationTarget]) -> Result<()> {
        if targets.iter().any(|target| target.device_id.is_none()) {
            tx.put_setting(&Setting {
                key: REPLAN.to_owned(),
                value: json!({ "after": null }),
                updated_at: self.now(),
            })
            .await?;
            tx.notify(store::Wake::Changed("replan".into()));
            return Ok(());
        }
        for device in targets.iter().filter_map(|target| target.device_id) {
            self.replan_device(tx, device).await?;
        }
        Ok(())
    }

    /// Plans all channels of a device anew.
    pub(crate) async fn replan_device(&self, tx: &mut Tx, device: DeviceId) -> Result<()> {
        let Some(device) = tx.device(device).await? else {
            return Ok(());
        };
        for enrollment in tx.living_enrollments_of(device.id).await? {
            if enrollment.state == domain::enrollment::EnrollmentState::Active {
                self.plan_apple(tx, &device, &enrollment).await?;
            }
        }
        Ok(())
    }

    /// Goes on planning all devices anew, if that was asked for; gives how many were planned.
    ///
    /// # Errors
    /// When the database cannot serve; the work goes on from where it was.
    pub async fn replan_all(&self) -> Result<usize> {
        let mut planned = 0;
        loop {
            let engine = self.clone();
            let page = self
                .db
                .write(move |tx| Box::pin(async move { engine.replan_page(tx).await }))
                .await?;
            match page {
                Some(count) => planned += count,
                None => break,
            }
            self.after_enqueue();
        }
        Ok(planned)
    }

    /// Plans one page of devices; `None` when there is nothing (more) to do here.
    async fn replan_page(&self, tx: &mut Tx) -> Result<Option<usize>> {
        let now = self.now();
        let Some(job) = tx.setting(REPLAN).await? else {
            return Ok(None);
        };
        let until = now.plus(std::time::Duration::from_secs(60));
        if !tx.acquire_lease(REPLAN, &self.node, now, until).await? {
            return Ok(None);
        }
        let after: Option<DeviceCursor> =
            serde_json::from_value(job.value["after"].clone()).unwrap_or(None);
        let order = DeviceOrder {
            sort: DeviceSort::EnrolledAt,
            descending: true,
        };
        let filter = DeviceFilter {
            state: Some(domain::DeviceState::Enrolled),
            ..DeviceFilter::default()
        };
        let page = tx
            .list_devices(&filter, order, after.as_ref(), PAGE)
            .await?;
        let count = page.devices.len();
        for device in page.devices {
            self.replan_device(tx, device.id).await?;
        }
        match page.next {
            Some(next) => {
                tx.put_setting(&Setting {
                    key: REPLAN.to_owned(),
                    value: json!({ "after": next }),
                    updated_at: now,
                })
                .await?;
            }
            None => {
                tx.remove_setting(REPLAN).await?;
                tx.release_lease(REPLAN, &self.node).await?;
            }
        }
        Ok(Some(count))
    }
}

async fn living(tx: &mut Tx, identifier: &str) -> Result<store::Declaration> {
    tx.declaration(identifier)
        .await?
        .filter(|declaration| !declaration.deleted)
        .ok_or(EngineError::NotFound("declaration"))
}

/// The targets that mean "every device, on its device channel".
pub fn everybody() -> Vec<DeclarationTarget> {
    vec![DeclarationTarget {
        device_id: None,
        channel: Channel::Device,
    }]
}
