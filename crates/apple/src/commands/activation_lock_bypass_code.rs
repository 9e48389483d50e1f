//! `ActivationLockBypassCode`: fetches the code that turns off Activation Lock.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{EscrowKind, Meta, Outcome, Priority, Rules, Spec, Support};
use crate::plist::Dict;

/// Fetch Activation Lock bypass code.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivationLockBypassCode {}

impl Spec for ActivationLockBypassCode {
    const META: Meta = Meta {
        name: "activation_lock_bypass_code",
        request_type: "ActivationLockBypassCode",
        title: "Fetch Activation Lock bypass code",
        description: "Fetches the code that turns off Activation Lock and puts it in escrow. It is available for 15 days after supervision.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(7, 1).supervised().not_shared()),
            macos: Some(Support::since(10, 15).supervised()),
            visionos: Some(Support::since(2, 0).supervised()),
            personal: Some("Activation Lock belongs to its owner"),
            ..Rules::NOWHERE
        },
        parameters: &[],
    };

    fn write(&self, _command: &mut Dict) {}

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        if let Some(code) = body.string("ActivationLockBypassCode") {
            outcome.keep(EscrowKind::ActivationLockBypassCode, code);
        }
    }
}
