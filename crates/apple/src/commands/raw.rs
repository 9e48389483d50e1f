//! Any command, written by hand: for those of a later release.

use domain::{Ownership, Secret, command::Hazard};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    Effect, Escrow, EscrowKind, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority,
    Rules, Spec, Support, Target, Unfit, check_object, find_request_type, object,
};
use crate::plist::Dict;

const ANYWHERE: Option<Support> = Some(Support::since(0, 0).user_enrollment().user_channel());

/// Any command as Apple documents it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// The content of `Command`, `RequestType` included; bytes as `{"$data": "<base64>"}`,
    /// dates as `{"$date": "<RFC 3339>"}`.
    pub command: Map<String, Json>,
}

impl Spec for Raw {
    const META: Meta = Meta {
        name: "raw",
        request_type: "*",
        title: "Raw command",
        description: "Sends a command written by hand. The device has the last word on it.",
        hazard: Hazard::Raw,
        priority: Priority::Normal,
        rules: Rules {
            ios: ANYWHERE,
            macos: ANYWHERE,
            tvos: ANYWHERE,
            watchos: ANYWHERE,
            visionos: ANYWHERE,
            personal: None,
        },
        // Nobody knows which of its values are secret, so all are.
        parameters: &[Parameter::new(
            "command",
            Kind::Object,
            "The content of Command, RequestType included",
        )
        .required()
        .secret()],
    };

    fn validate(&self) -> Result<(), Invalid> {
        check_object(Some(&self.command), "command")?;
        let request_type = self.request_type();
        if request_type == "*" || request_type.len() > 128 || request_type.trim() != request_type {
            return Err(Invalid {
                parameter: "command",
                reason: "RequestType is missing",
            });
        }
        Ok(())
    }

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if target.ownership != Ownership::Personal {
            return Ok(());
        }
        // What is never done to a private device is not done by hand either, and what
        // nobody has judged yet counts as that.
        match find_request_type(self.request_type()) {
            Some(meta) => meta
                .rules
                .personal
                .map_or(Ok(()), |reason| Err(Unfit::Personal(reason)))
                .and(Err(Unfit::Personal("use the command of that name"))),
            None => Err(Unfit::Personal(
                "commands Muster does not know are not sent",
            )),
        }
    }

    fn hazard(&self, enrollment_profile: Option<&str>) -> Hazard {
        let known = find_request_type(self.request_type()).map(|meta| meta.hazard);
        let identifier = self.command.get("Identifier").and_then(Json::as_str);
        match (known, enrollment_profile) {
            (None | Some(Hazard::None), _) => Hazard::Raw,
            (Some(Hazard::Unenroll), Some(profile)) if identifier != Some(profile) => Hazard::Raw,
            (Some(hazard), _) => hazard,
        }
    }

    fn request_type(&self) -> &str {
        self.command
            .get("RequestType")
            .and_then(Json::as_str)
            .filter(|text| !text.is_empty())
            .unwrap_or(Self::META.request_type)
    }

    fn write(&self, command: &mut Dict) {
        *command = object(&self.command);
    }

    fn summary(&self) -> String {
        format!("Raw command {}", self.request_type())
    }

    /// A PIN locks a Mac, however it was sent.
    fn secrets(&self) -> Vec<Escrow> {
        let pin = self.command.get("PIN").and_then(Json::as_str);
        pin.map(|pin| Escrow {
            kind: EscrowKind::DeviceLockPin,
            secret: Secret::new(pin.as_bytes().to_vec()),
        })
        .into_iter()
        .collect()
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        if find_request_type(self.request_type()).is_some_and(|meta| meta.name == "erase_device") {
            outcome.effects.push(Effect::Erased);
        }
    }
}
