//! `RefreshCellularPlans`: fetches eSIM plans.

use domain::command::Hazard;
use domain::facts::Category;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec,
    Support,
};
use crate::plist::Dict;

/// Refresh cellular plans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshCellularPlans {
    /// The carrier's eSIM server.
    pub esim_server_url: String,
}

impl Spec for RefreshCellularPlans {
    const META: Meta = Meta {
        name: "refresh_cellular_plans",
        request_type: "RefreshCellularPlans",
        title: "Refresh cellular plans",
        description: "Makes the device ask a carrier for its eSIM plan.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(13, 0)),
            personal: Some("the plan is its owner's"),
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new("esim_server_url", Kind::Text, "The carrier's eSIM server").required(),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        if !self.esim_server_url.starts_with("https://") {
            return Err(Invalid {
                parameter: "esim_server_url",
                reason: "it must begin with https://",
            });
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert("eSIMServerURL", &self.esim_server_url);
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Refresh(Category::Network));
    }
}
