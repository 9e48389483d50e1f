//! The planner: what to do so that what is reported becomes what is wanted.
//!
//! Pure, deterministic, and quiet when there is nothing to do: after its
//! actions have succeeded it gives nothing. It stands above the command queue,
//! so a queue lost to re-enrollment is planned again.

use std::{collections::BTreeMap, collections::BTreeSet, time::Duration};

use crate::{Channel, Timestamp, words::words};

words! {
    /// A question that keeps facts fresh.
    Inquiry, "inquiry" {
        /// Names, model, OS, network.
        DeviceInformation = "device_information",
        /// Passcode, encryption, firewall.
        SecurityInfo = "security_info",
        /// Applications.
        InstalledApplications = "installed_applications",
        /// Applications that we installed, with their state.
        ManagedApplications = "managed_applications",
        /// Configuration profiles.
        Profiles = "profiles",
        /// Certificates.
        Certificates = "certificates",
    }
}

/// The wanted state of one enrollment, as far as the planner keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How old the answer to an inquiry may grow; an absent inquiry is never made.
    pub freshness: BTreeMap<Inquiry, Duration>,
    /// How long before its expiry an identity is renewed.
    pub renew_before: Duration,
    /// The token of the declarations this enrollment shall have; `None` where it has no such channel.
    pub declarations: Option<String>,
}

/// What is known of one enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its channel.
    pub channel: Channel,
    /// When each inquiry was last answered.
    pub answered: BTreeMap<Inquiry, Timestamp>,
    /// The device waits in its setup assistant until we let it go.
    pub awaiting_configuration: bool,
    /// When its identity expires.
    pub identity_expires: Option<Timestamp>,
    /// The declarations token it last fetched.
    pub declarations: Option<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Tell the device that its declarations are these.
    SyncDeclarations(String),
    /// Let the device leave its setup assistant.
    ReleaseFromSetup,
    /// Give it a new identity before the old one expires.
    RenewIdentity,
    /// Ask.
    Inquire(Inquiry),
}

impl Action {
    /// What stands for this action among those in flight: at most one of each at a time.
    pub fn key(&self) -> String {
        match self {
            Self::SyncDeclarations(token) => format!("declarations:{token}"),
            Self::ReleaseFromSetup => "release".into(),
            Self::RenewIdentity => "renew".into(),
            Self::Inquire(inquiry) => format!("inquire:{inquiry}"),
        }
    }
}

/// The actions that close the gap, in the order they should be taken.
///
/// `in_flight` holds the [`Action::key`]s of commands that are queued or sent;
/// those are not repeated. Settings come before release from setup, questions last.
pub fn plan(
    wanted: &Wanted,
    known: &Known,
    in_flight: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Some(token) = &wanted.declarations
        && known.declarations.as_ref() != Some(token)
    {
        actions.push(Action::SyncDeclarations(token.clone()));
    }
    if known.awaiting_configuration {
        actions.push(Action::ReleaseFromSetup);
    }
    if known.channel == Channel::Device
        && known
            .identity_expires
            .is_some_and(|at| now.plus(wanted.renew_before) >= at)
    {
        actions.push(Action::RenewIdentity);
    }
    for (inquiry, freshness) in &wanted.freshness {
        let stale = known
            .answered
            .get(inquiry)
            .is_none_or(|at| now.since(*at) >= *freshness);
        if stale {
            actions.push(Action::Inquire(*inquiry));
        }
    }
    actions.retain(|action| !in_flight.contains(&action.key()));
    actions
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn succeed(known: &mut Known, actions: &[Action], now: Timestamp) {
        for action in actions {
            match action {
                Action::SyncDeclarations(token) => known.declarations = Some(token.clone()),
                Action::ReleaseFromSetup => known.awaiting_configuration = false,
                Action::RenewIdentity => known.identity_expires = Some(now.plus(365 * DAY)),
                Action::Inquire(inquiry) => {
                    known.answered.insert(*inquiry, now);
                }
            }
        }
    }

    prop_compose! {
        fn any_case()(
            asked in prop::collection::btree_map(prop::sample::select(Inquiry::ALL), 1u64..40, 0..6),
            answered in prop::collection::btree_map(prop::sample::select(Inquiry::ALL), 0i64..3_000_000_000, 0..6),
            awaiting in any::<bool>(),
            expires in prop::option::of(0i64..40_000_000_000),
            token in prop::option::of("[a-c]"),
            has in prop::option::of("[a-c]"),
        ) -> (Wanted, Known) {
            (
                Wanted {
                    freshness: asked.into_iter().map(|(k, days)| (k, DAY * u32::try_from(days).unwrap())).collect(),
                    renew_before: 90 * DAY,
                    declarations: token,
                },
                Known {
                    channel: Channel::Device,
                    answered: answered.into_iter().map(|(k, at)| (k, Timestamp::from_millis(at))).collect(),
                    awaiting_configuration: awaiting,
                    identity_expires: expires.map(Timestamp::from_millis),
                    declarations: has,
                },
            )
        }
    }

    proptest! {
        #[test]
        fn after_success_there_is_nothing_to_do((wanted, mut known) in any_case()) {
            let now = Timestamp::from_millis(3_000_000_000);
            let actions = plan(&wanted, &known, &BTreeSet::new(), now);
            succeed(&mut known, &actions, now);
            prop_assert_eq!(plan(&wanted, &known, &BTreeSet::new(), now), vec![]);
        }

        #[test]
        fn what_is_in_flight_is_not_repeated((wanted, known) in any_case()) {
            let now = Timestamp::from_millis(3_000_000_000);
            let actions = plan(&wanted, &known, &BTreeSet::new(), now);
            let keys: BTreeSet<_> = actions.iter().map(Action::key).collect();
            prop_assert_eq!(keys.len(), actions.len());
            prop_assert_eq!(plan(&wanted, &known, &keys, now), vec![]);
        }
    }

    #[test]
    fn settings_come_before_release_and_questions_last() {
        let wanted = Wanted {
            freshness: BTreeMap::from([(Inquiry::DeviceInformation, DAY)]),
            renew_before: 90 * DAY,
            declarations: Some("t1".into()),
        };
        let known = Known {
            channel: Channel::Device,
            answered: BTreeMap::new(),
            awaiting_configuration: true,
            identity_expires: Some(Timestamp::from_millis(0).plus(365 * DAY)),
            declarations: None,
        };
        assert_eq!(
            plan(&wanted, &known, &BTreeSet::new(), Timestamp::from_millis(0)),
            [
                Action::SyncDeclarations("t1".into()),
                Action::ReleaseFromSetup,
                Action::Inquire(Inquiry::DeviceInformation)
            ]
        );
    }
}
