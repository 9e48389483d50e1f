//! What an operator can choose about the engine's behaviour.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::plan::{Inquiry, Wanted};
use pki::KeyPair;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The engine's settings, with defaults that suit most installations.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the organisation, shown on devices.
    pub organization: String,
    /// The address at which devices and people reach this server, without a trailing slash.
    pub public_url: String,
    /// Whether our own CA made the server's TLS certificate, so that devices must be told to trust it.
    pub own_tls: bool,
    /// How long a device identity is valid.
    pub identity_lifetime: Duration,
    /// How long before its end an identity is renewed.
    pub renew_before: Duration,
    /// How long a downloaded enrollment profile can be used.
    pub ticket_lifetime: Duration,
    /// How far a device's clock may be off when its certificates are judged.
    pub clock_skew: Duration,
    /// Whether SCEP accepts DES, 3DES and SHA-1, as older clients need.
    pub scep_legacy: bool,
    /// How often each question is asked.
    pub freshness: BTreeMap<Inquiry, Duration>,
    /// How long a command stays useful.
    pub command_lifetime: Duration,
    /// How many raw reports of a kind are kept for an enrollment.
    pub raw_reports_kept: u32,
    /// How long APNs keeps a push for a device that is off.
    pub push_expiration: Duration,
    /// How often coalesced last-seen times are written.
    pub last_seen_flush: Duration,
    /// Addresses that webhooks and other outbound calls may reach although they are private.
    pub allow_private_egress: bool,
    /// The account at Apple Business in whose name devices sign in to Managed Apple Accounts.
    pub managed_apple_account: Option<ManagedAppleAccount>,
}

/// What a token for Managed Apple Accounts is made with.
#[derive(Debug, Clone)]
pub struct ManagedAppleAccount {
    /// `server_uuid` of the account.
    pub server_uuid: String,
    /// The RSA key of the server's token there.
    pub key: Arc<KeyPair>,
}

impl Settings {
    /// Defaults for a server at this address.
    pub fn new(organization: impl Into<String>, public_url: impl Into<String>) -> Self {
        Self {
            organization: organization.into(),
            public_url: public_url.into().trim_end_matches('/').to_owned(),
            own_tls: false,
            identity_lifetime: 365 * DAY,
            renew_before: 90 * DAY,
            ticket_lifetime: HOUR,
            clock_skew: 24 * HOUR,
            scep_legacy: true,
            freshness: BTreeMap::from([
                (Inquiry::DeviceInformation, DAY),
                (Inquiry::SecurityInfo, DAY),
                (Inquiry::InstalledApplications, DAY),
                (Inquiry::ManagedApplications, DAY),
                (Inquiry::Profiles, DAY),
                (Inquiry::Certificates, DAY),
            ]),
            command_lifetime: domain::command::DEFAULT_LIFETIME,
            raw_reports_kept: 3,
            push_expiration: 30 * DAY,
            last_seen_flush: Duration::from_secs(10),
            allow_private_egress: false,
            managed_apple_account: None,
        }
    }

    /// What the planner wants of an enrollment whose declarations shall have this token.
    pub fn wanted(&self, declarations: Option<String>) -> Wanted {
        Wanted {
            freshness: self.freshness.clone(),
            renew_before: self.renew_before,
            declarations,
        }
    }
}
