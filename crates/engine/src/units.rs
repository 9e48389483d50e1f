//! The organisation tree.

use domain::{
    UnitId,
    scope::{Authority, Scope},
};
use serde_json::json;
use store::{Unit, Units as _};

use crate::{Engine, EngineError, Result, journal::About};

impl Engine {
    /// All units, by name.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn units(&self, by: &Authority) -> Result<Vec<Unit>> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(|tx| Box::pin(async move { tx.units().await }))
            .await
            .map_err(Into::into)
    }

    /// Adds a unit, under another one or as a root.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::Invalid`], [`EngineError::NotFound`] for an unknown parent.
    pub async fn add_unit(
        &self,
        by: &Authority,
        name: &str,
        parent: Option<UnitId>,
    ) -> Result<Unit> {
        by.require(Scope::SettingsWrite)?;
        let now = self.now();
        let unit = Unit {
            id: UnitId::new(now, self.random()),
            parent_id: parent,
            name: checked(name)?,
            created_at: now,
        };
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(parent) = parent {
                        tx.unit(parent)
                            .await?
                            .ok_or(EngineError::NotFound("unit"))?;
                    }
                    tx.insert_unit(&unit).await?;
                    let about = About::subject(unit.id).within(Some(unit.id));
                    let data = json!({ "name": unit.name, "parent": unit.parent_id });
                    engine.record(tx, "unit.added", &actor, about, data).await?;
                    Ok(unit)
                })
            })
            .await
    }

    /// Gives a unit another name.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::Invalid`], [`EngineError::NotFound`].
    pub async fn rename_unit(&self, by: &Authority, id: UnitId, name: &str) -> Result<Unit> {
        by.require(Scope::SettingsWrite)?;
        let name = checked(name)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let mut unit = tx.unit(id).await?.ok_or(EngineError::NotFound("unit"))?;
                    tx.rename_unit(id, &name).await?;
                    let data = json!({ "from": unit.name, "to": name });
                    let about = About::subject(id).within(Some(id));
                    engine
                        .record(tx, "unit.renamed", &actor, about, data)
                        .await?;
                    unit.name = name;
                    Ok(unit)
                })
            })
            .await
    }
}

fn checked(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 {
        return Err(EngineError::invalid(
            "a unit needs a name of at most 200 characters",
        ));
    }
    Ok(name.to_owned())
}
