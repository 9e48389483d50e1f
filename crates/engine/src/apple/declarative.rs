//! Declarative management: what is advertised, what is served, what devices report.
//!
//! A device that was shown a set of declarations is served from that very set,
//! also when another one has been made since: the snapshot named by the
//! enrollment's `ddm_token` is the one its `declaration-items` came from.

use std::collections::BTreeSet;

use apple::ddm::{
    BuiltIn, Capabilities, Declaration, DeclarationKind, Endpoint, OrganizationInfo, Snapshot,
    StatusReport, StatusState, built_in, merge,
};
use domain::{Channel, EnrollmentId, Ownership, facts::Assurance};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{
    CommandRecord, Ddm as _, DdmSnapshot, DdmStatusItem, DeclarationVersion, Declarations as _,
    Device, Devices as _, Enrollment, Enrollments as _, Tx,
};

use super::{Caller, PLATFORMS, Refusal, Reply, checkin::lock};
use crate::{Engine, EngineError, Result, journal::About};

/// What the identifiers of Muster's own declarations begin with.
pub const BUILT_IN_PREFIX: &str = "muster";
/// How many snapshots are kept for an enrollment: the one served and a few before it.
pub const SNAPSHOTS_KEPT: u32 = 3;
/// Under this path the merged status of a channel is kept.
const STATE_PATH: &str = "";

/// One line of a stored snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Item {
    kind: DeclarationKind,
    identifier: String,
    server_token: String,
}

impl Engine {
    pub(super) async fn apple_declarative(
        &self,
        caller: Caller,
        endpoint: &str,
        data: Option<Vec<u8>>,
    ) -> Result<Reply, Refusal> {
        let enrollment = match caller.key.channel() {
            Channel::Device => caller.enrolled.enrollment,
            Channel::User => self.declarative_user(&caller).await?,
        };
        match Endpoint::parse(endpoint) {
            Endpoint::Tokens => {
                let snapshot = self.snapshot_or_make(enrollment).await?;
                let response =
                    apple::ddm::tokens_response(&snapshot.declarations_token, snapshot.created_at);
                Ok(Reply::json(response))
            }
            Endpoint::DeclarationItems => self.declaration_items(enrollment).await,
            Endpoint::Declaration { kind, identifier } => {
                self.declaration(enrollment, kind, identifier).await
            }
            Endpoint::Status => self.status_report(caller, enrollment, data).await,
            Endpoint::Unknown(text) => Err(Refusal::Unacceptable(format!(
                "the endpoint {text:?} is not known"
            ))),
        }
    }

    async fn declarative_user(&self, caller: &Caller) -> Result<EnrollmentId, Refusal> {
        let key = caller.key.to_string();
        let parent = caller.enrolled.enrollment;
        self.db
            .read(move |tx| Box::pin(async move { tx.living_enrollment(PLATFORMS, &key).await }))
            .await?
            .filter(|user| user.parent_id == Some(parent))
            .map(|user| user.id)
            .ok_or(Refusal::NotEnrolled)
    }

    async fn snapshot_or_make(&self, enrollment: EnrollmentId) -> Result<DdmSnapshot, Refusal> {
        let known = self
            .db
            .read(move |tx| Box::pin(async move { tx.latest_ddm_snapshot(enrollment).await }))
            .await?;
        if let Some(snapshot) = known {
            return Ok(snapshot);
        }
        let engine = self.clone();
        let made = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let row = lock(tx, enrollment).await?;
                    let device = tx
                        .device(row.device_id)
                        .await?
                        .ok_or(EngineError::NotFound("device"))?;
                    engine.declarations_wanted(tx, &device, &row).await?;
                    tx.latest_ddm_snapshot(enrollment)
                        .await?
                        .ok_or(EngineError::NotFound("declarations"))
                })
            })
            .await?;
        Ok(made)
    }

    async fn declaration_items(&self, enrollment: EnrollmentId) -> Result<Reply, Refusal> {
        let snapshot = self.snapshot_or_make(enrollment).await?;
        let token = snapshot.declarations_token.clone();
        let (loaded, advertised) = self
            .db
            .read(move |tx| {
                Box::pin(async move {
                    let advertised = tx.enrollment(enrollment).await?;
                    let channel = advertised
                        .as_ref()
                        .map_or(Channel::Device, |enrollment| enrollment.channel);
                    let loaded = load(tx, &snapshot, channel).await?;
                    Ok::<_, EngineError>((loaded, advertised))
                })
            })
            .await?;
        let already = advertised
            .is_some_and(|row| row.ddm_enabled && row.ddm_token.as_deref() == Some(token.as_str()));
        if !already {
            self.db
                .write(move |tx| {
                    Box::pin(
                        async move { tx.set_enrollment_ddm(enrollment, true, Some(&token)).await },
                    )
                })
                .await?;
        }
        Ok(Reply::json(loaded.declaration_items()))
    }

    async fn declaration(
        &self,
        enrollment: EnrollmentId,
        kind: DeclarationKind,
        identifier: String,
    ) -> Result<Reply, Refusal> {
        let body = self
            .db
            .read(move |tx| {
                Box::pin(async move {
                    let advertised = tx
                        .enrollment(enrollment)
                        .await?
                        .and_then(|row| row.ddm_token);
                    let snapshot = match advertised {
                        Some(token) => tx.ddm_snapshot(enrollment, &token).await?,
                        None => tx.latest_ddm_snapshot(enrollment).await?,
                    };
                    let Some(item) = snapshot.as_ref().and_then(|snapshot| {
                        items(snapshot)
                            .into_iter()
                            .find(|item| item.kind == kind && item.identifier == identifier)
                    }) else {
                        return Ok::<_, store::StoreError>(None);
                    };
                    tx.declaration_version(&item.identifier, &item.server_token)
                        .await
                })
            })
            .await?
            .ok_or(Refusal::NoDeclaration)?
            .body;
        Ok(Reply::json(body))
    }

    async fn status_report(
        &self,
        caller: Caller,
        enrollment: EnrollmentId,
        data: Option<Vec<u8>>,
    ) -> Result<Reply, Refusal> {
        let report = StatusReport::parse(&data.unwrap_or_default())
            .map_err(|error| Refusal::Unacceptable(error.to_string()))?;
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move { engine.take_status(tx, &caller, enrollment, &report).await })
            })
            .await?;
        self.after_enqueue();
        Ok(Reply::EMPTY)
    }

    async fn take_status(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        enrollment: EnrollmentId,
        report: &StatusReport,
    ) -> Result<()> {
        let row = lock(tx, enrollment).await?;
        let before = status_of(tx, enrollment).await?;
        let mut after = merge(&before, report);
        let observations = match row.channel {
            Channel::Device => after.observations(),
            Channel::User => Vec::new(),
        };
        if caller.enrolled.ownership != Ownership::Corporate {
            // Facts pass the collection manifest; beside them only what synchronizing needs is kept.
            after.items.retain(|key, _| key == "management");
        }
        let document = serde_json::to_value(&after).map_err(EngineError::keys)?;
        tx.put_ddm_status(
            enrollment,
            &DdmStatusItem {
                path: STATE_PATH.to_owned(),
                document,
                observed_at: caller.now,
            },
        )
        .await?;
        let about = About::device(caller.enrolled.device).and(enrollment);
        if !report.errors.is_empty() {
            let errors: Vec<_> = report
                .errors
                .iter()
                .take(50)
                .map(|error| json!({ "item": error.item, "reasons": error.reasons }))
                .collect();
            let data = json!({ "errors": errors });
            self.record(
                tx,
                "declarations.errors",
                &caller.actor,
                about.clone(),
                data,
            )
            .await?;
        }
        self.record_refused_declarations(tx, caller, &before, &after, about)
            .await?;
        let facts = domain::facts::Report {
            observed_at: caller.now,
            origin: "StatusReport".into(),
            assurance: Assurance::SelfReported,
            observations,
        };
        self.ingest(
            tx,
            caller.enrolled.device,
            enrollment,
            facts,
            Some(&report.raw),
        )
        .await?;
        if Capabilities::of(&before) != Capabilities::of(&after) {
            let device = tx
                .device(caller.enrolled.device)
                .await?
                .ok_or(EngineError::NotFound("device"))?;
            self.plan_apple(tx, &device, &row).await?;
        }
        Ok(())
    }

    /// A declaration that a device finds invalid is journalled once, when it becomes so.
    async fn record_refused_declarations(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        before: &StatusState,
        after: &StatusState,
        about: About,
    ) -> Result<()> {
        let invalid = |state: &StatusState| -> BTreeSet<(String, String)> {
            state
                .declarations()
                .into_iter()
                .filter(|declaration| declaration.validity == apple::ddm::Validity::Invalid)
                .map(|declaration| (declaration.identifier, declaration.server_token))
                .collect()
        };
        for (identifier, server_token) in invalid(after).difference(&invalid(before)) {
            let data = json!({ "identifier": identifier, "server_token": server_token });
            self.record(
                tx,
                "declaration.refused",
                &caller.actor,
                about.clone(),
                data,
            )
            .await?;
        }
        Ok(())
    }

    /// The token of the declarations an enrollment shall have; keeps the set as a snapshot.
    ///
    /// `None` where the platform's version has no declarative management.
    pub(crate) async fn declarations_wanted(
        &self,
        tx: &mut Tx,
        device: &Device,
        enrollment: &Enrollment,
    ) -> Result<Option<String>> {
        let announce =
            apple::commands::Command::from(apple::commands::DeclarativeManagement { data: None });
        if announce
            .fits(&super::target_of(device, enrollment))
            .is_err()
        {
            return Ok(None);
        }
        let assigned = tx.declarations_for(device.id, enrollment.channel).await?;
        let mut declarations: Vec<Declaration> = Vec::new();
        for row in &assigned {
            let document = json!({
                "Identifier": row.identifier,
                "Type": row.declaration_type,
                "Payload": row.payload,
            });
            match Declaration::from_json(document) {
                Ok(declaration) => declarations.push(declaration),
                // A bad declaration fails alone.
                Err(error) => {
                    tracing::warn!(identifier = %row.identifier, %error, "declaration left out");
                }
            }
        }
        let state = status_of(tx, enrollment.id).await?;
        let capabilities = Capabilities::of(&state);
        let organization = OrganizationInfo {
            name: self.settings.organization.clone(),
            email: None,
            url: None,
        };
        let own = built_in(&BuiltIn {
            prefix: BUILT_IN_PREFIX,
            organization: &organization,
            capabilities: capabilities.as_ref(),
            configurations: &always_active(&declarations),
        })
        .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let (snapshot, _rejected) =
            Snapshot::new(enrollment.channel, declarations.into_iter().chain(own));
        self.keep_snapshot(tx, enrollment, &snapshot).await?;
        Ok(Some(snapshot.token().to_owned()))
    }

    async fn keep_snapshot(
        &self,
        tx: &mut Tx,
        enrollment: &Enrollment,
        snapshot: &Snapshot,
    ) -> Result<()> {
        let latest = tx.latest_ddm_snapshot(enrollment.id).await?;
        if latest.is_some_and(|latest| latest.declarations_token == snapshot.token()) {
            return Ok(());
        }
        if let Some(token) = &enrollment.ddm_token
            && let Some(advertised) = tx.ddm_snapshot(enrollment.id, token).await?
        {
            // The device may be fetching from it: it outlives the ones nobody was shown.
            tx.put_ddm_snapshot(&advertised, SNAPSHOTS_KEPT).await?;
        }
        let now = self.now();
        let mut lines = Vec::with_capacity(snapshot.len());
        for declaration in snapshot.declarations() {
            tx.put_declaration_version(&DeclarationVersion {
                identifier: declaration.identifier().to_owned(),
                server_token: declaration.server_token().to_owned(),
                kind: declaration.kind().as_str().to_owned(),
                body: declaration.encode(),
                created_at: now,
            })
            .await?;
            lines.push(Item {
                kind: declaration.kind(),
                identifier: declaration.identifier().to_owned(),
                server_token: declaration.server_token().to_owned(),
            });
        }
        let kept = DdmSnapshot {
            enrollment_id: enrollment.id,
            declarations_token: snapshot.token().to_owned(),
            items: serde_json::to_value(lines).map_err(EngineError::keys)?,
            created_at: now,
        };
        tx.put_ddm_snapshot(&kept, SNAPSHOTS_KEPT).await?;
        Ok(())
    }

    /// The `Data` of a DeclarativeManagement command, which saves the device a round trip.
    pub(crate) async fn tokens_for(
        &self,
        tx: &mut Tx,
        enrollment: &Enrollment,
    ) -> Result<Option<Vec<u8>>> {
        Ok(tx
            .latest_ddm_snapshot(enrollment.id)
            .await?
            .map(|snapshot| {
                apple::ddm::tokens_response(&snapshot.declarations_token, snapshot.created_at)
            }))
    }

    pub(super) async fn declarations_announced(
        &self,
        tx: &mut Tx,
        enrollment: EnrollmentId,
        _record: &CommandRecord,
    ) -> Result<()> {
        let row = lock(tx, enrollment).await?;
        if !row.ddm_enabled {
            tx.set_enrollment_ddm(enrollment, true, row.ddm_token.as_deref())
                .await?;
        }
        Ok(())
    }
}

fn items(snapshot: &DdmSnapshot) -> Vec<Item> {
    serde_json::from_value(snapshot.items.clone()).unwrap_or_default()
}

async fn load(tx: &mut Tx, snapshot: &DdmSnapshot, channel: Channel) -> Result<Snapshot> {
    let mut declarations = Vec::new();
    for item in items(snapshot) {
        let version = tx
            .declaration_version(&item.identifier, &item.server_token)
            .await?;
        if let Some(version) = version
            && let Ok(declaration) = Declaration::parse(&version.body)
        {
            declarations.push(declaration);
        }
    }
    Ok(Snapshot::new(channel, declarations).0)
}

async fn status_of(tx: &mut Tx, enrollment: EnrollmentId) -> Result<StatusState> {
    Ok(tx
        .ddm_status(enrollment)
        .await?
        .into_iter()
        .find(|item| item.path == STATE_PATH)
        .and_then(|item| serde_json::from_value(item.document).ok())
        .unwrap_or_default())
}

/// Configurations that no activation of their own names: these apply always.
fn always_active(declarations: &[Declaration]) -> Vec<String> {
    let named: BTreeSet<&str> = declarations
        .iter()
        .filter(|declaration| declaration.kind() == DeclarationKind::Activation)
        .filter_map(|declaration| declaration.payload().get("StandardConfigurations"))
        .filter_map(serde_json::Value::as_array)
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .collect();
    declarations
        .iter()
        .filter(|declaration| declaration.kind() == DeclarationKind::Configuration)
        .map(|declaration| declaration.identifier().to_owned())
        .filter(|identifier| !named.contains(identifier.as_str()))
        .collect()
}
