//! `SecurityInfo`: passcode, encryption, firewall, management state.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{EscrowKind, Meta, Outcome, Priority, Rules, Spec, Support};
use crate::{facts, plist::Dict};

/// Security information.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityInfo {}

impl Spec for SecurityInfo {
    const META: Meta = Meta {
        name: "security_info",
        request_type: "SecurityInfo",
        title: "Security information",
        description: "Asks for passcode state, encryption, firewall, secure boot and management state.",
        hazard: Hazard::None,
        priority: Priority::Background,
        rules: Rules {
            ios: Some(Support::since(4, 0).user_enrollment()),
            macos: Some(Support::since(10, 7).user_enrollment().user_channel()),
            tvos: Some(Support::since(9, 0)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[],
    };

    fn write(&self, _command: &mut Dict) {}

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        let info = body.dict("SecurityInfo").unwrap_or(body);
        outcome.observations = facts::from_security_info(info);
        if let Some(cms) = info.data("FDE_PersonalRecoveryKeyCMS") {
            outcome.keep(EscrowKind::FilevaultRecoveryKeyCms, cms);
        }
    }
}
