//! Which configurations are active, and what they do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Group, predicate};
use crate::apple::{Device, channel::Channel, state::Update};

impl Device {
    /// Evaluates all activations and puts configurations into effect or out of it.
    pub(super) async fn apply(&mut self, channel: &Channel) -> crate::Result<()> {
        let wanted = self.evaluate(channel);
        let configurations: Vec<(String, String, Json)> = self
            .declarations(channel)
            .held
            .iter()
            .filter(|((group, _), declaration)| {
                *group == Group::Configuration && !declaration.kind.is_empty()
            })
            .map(|((_, id), declaration)| {
                (
                    id.clone(),
                    declaration.kind.clone(),
                    declaration.payload.clone(),
                )
            })
            .collect();
        let mut subscriptions = BTreeSet::new();
        for (identifier, kind, payload) in &configurations {
            let problem = if wanted.contains(identifier) {
                self.activate(channel, identifier, kind, payload, &mut subscriptions)
                    .await
            } else {
                None
            };
            let key = (Group::Configuration, identifier.clone());
            if let Some(declaration) = self.declarations(channel).held.get_mut(&key) {
                declaration.active = problem.is_none() && wanted.contains(identifier);
                declaration.valid = if problem.is_none() {
                    "valid"
                } else {
                    "invalid"
                };
                declaration.reasons = problem.into_iter().collect();
            }
        }
        self.declarations(channel).subscriptions = subscriptions;
        self.withdraw(channel);
        Ok(())
    }

    /// Marks the activations and returns the configurations they want.
    fn evaluate(&mut self, channel: &Channel) -> BTreeSet<String> {
        let values = self.status_values(channel);
        let declarations = self.declarations(channel);
        let properties: BTreeMap<String, Json> = declarations
            .held
            .values()
            .filter(|declaration| declaration.kind == "com.apple.management.properties")
            .filter_map(|declaration| declaration.payload.as_object())
            .flat_map(|members| {
                members
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
            })
            .collect();
        let known: BTreeSet<String> = declarations
            .held
            .keys()
            .filter(|(group, _)| *group == Group::Configuration)
            .map(|(_, identifier)| identifier.clone())
            .collect();
        let mut wanted = BTreeSet::new();
        for ((group, _), activation) in &mut declarations.held {
            if *group == Group::Management || *group == Group::Asset {
                activation.active = activation.valid == "valid";
                continue;
            }
            if *group != Group::Activation || activation.kind.is_empty() {
                continue;
            }
            activation.reasons.clear();
            activation.active = false;
            activation.valid = "invalid";
            let mut refuse =
                |code: &str, why: String| activation.reasons.push((code.to_owned(), why));
            if activation.kind != "com.apple.activation.simple" {
                refuse("Error.UnknownDeclarationType", activation.kind.clone());
                continue;
            }
            let list: Option<Vec<String>> = activation.payload["StandardConfigurations"]
                .as_array()
                .and_then(|list| {
                    list.iter()
                        .map(|item| item.as_str().map(str::to_owned))
                        .collect()
                });
            let Some(list) = list else {
                refuse(
                    "Error.DeclarationInvalid",
                    "StandardConfigurations is not an array of strings".into(),
                );
                continue;
            };
            if let Some(missing) = list.iter().find(|identifier| !known.contains(*identifier)) {
                refuse("Error.MissingConfigurations", missing.clone());
                continue;
            }
            match activation.payload["Predicate"]
                .as_str()
                .map(|text| predicate::holds(text, &values, &properties))
            {
                Some(Err(why)) => refuse("Error.PredicateInvalid", why),
                Some(Ok(false)) => {
                    refuse("Info.PredicateFalse", "the predicate does not hold".into());
                    activation.valid = "valid";
                }
                Some(Ok(true)) | None => {
                    activation.valid = "valid";
                    activation.active = true;
                    wanted.extend(list);
                }
            }
        }
        wanted
    }

    /// Puts one configuration into effect; returns what is wrong with it.
    async fn activate(
        &mut self,
        channel: &Channel,
        identifier: &str,
        kind: &str,
        payload: &Json,
        subscriptions: &mut BTreeSet<String>,
    ) -> Option<(String, String)> {
        let invalid = |why: &str| Some(("Error.ConfigurationInvalid".to_owned(), why.to_owned()));
        if let Some(problem) = self.fetch_referenced_assets(channel, payload).await {
            return Some(("Error.AssetCannotBeDownloaded".into(), problem));
        }
        match kind {
            "com.apple.configuration.management.status-subscriptions" => {
                let names: Option<Vec<String>> =
                    payload["StatusItems"].as_array().and_then(|list| {
                        list.iter()
                            .map(|item| item["Name"].as_str().map(str::to_owned))
                            .collect()
                    });
                match names {
                    Some(names) => subscriptions.extend(names),
                    None => return invalid("StatusItems is not an array of named items"),
                }
            }
            "com.apple.configuration.legacy" | "com.apple.configuration.legacy.interactive" => {
                let Some(url) = payload["ProfileURL"].as_str() else {
                    return invalid("no ProfileURL");
                };
                if let Err(error) = self.install_declared_profile(identifier, url).await {
                    return Some((
                        "Error.ConfigurationCannotBeApplied".into(),
                        error.to_string(),
                    ));
                }
            }
            "com.apple.configuration.softwareupdate.enforcement.specific" => {
                let (Some(version), Some(when)) = (
                    payload["TargetOSVersion"].as_str(),
                    payload["TargetLocalDateTime"].as_str(),
                ) else {
                    return invalid("no TargetOSVersion or TargetLocalDateTime");
                };
                if when.len() != 19 || when.as_bytes().get(10) != Some(&b'T') {
                    return invalid("TargetLocalDateTime is not yyyy-mm-ddThh:mm:ss");
                }
                if self.hardware.os_version != version {
                    self.state.update = Some(Update {
                        version: version.to_owned(),
                        state: "downloading".into(),
                    });
                }
            }
            "com.apple.configuration.passcode.settings" => {
                for key in [
                    "MinimumLength",
                    "MaximumFailedAttempts",
                    "MaximumInactivityInMinutes",
                ] {
                    if payload.get(key).is_some_and(|value| !value.is_u64()) {
                        return invalid(&format!("{key} is not a number"));
                    }
                }
            }
            kind if kind.starts_with("com.apple.configuration.test.unknown") => {
                return Some(("Error.UnknownDeclarationType".into(), kind.to_owned()));
            }
            _ => {}
        }
        None
    }

    /// Takes back what inactive configurations had installed.
    fn withdraw(&mut self, channel: &Channel) {
        let declarations = self.declarations(channel);
        let active: BTreeSet<String> = declarations
            .active_configurations()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let update_wanted = declarations.held.values().any(|held| {
            held.active
                && held.kind == "com.apple.configuration.softwareupdate.enforcement.specific"
        });
        if *channel == Channel::Device {
            self.state.profiles.retain(|_, profile| {
                profile
                    .declaration
                    .as_ref()
                    .is_none_or(|owner| active.contains(owner))
            });
            if !update_wanted {
                self.state.update = None;
            }
        }
    }

    /// Finishes the update that a declaration asked for: the device now runs that version.
    pub fn finish_update(&mut self) {
        if let Some(update) = self.state.update.take() {
            self.hardware.os_version = update.version;
        }
    }
}
