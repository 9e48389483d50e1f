//! How a device misbehaves, within and beyond what Apple allows.

use std::collections::BTreeMap;

/// What a device does other than obey at once. The default is a model device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Behavior {
    /// Answers NotNow to this many commands before it executes any.
    pub not_now_first: u32,
    /// Chance (0 to 1) that a command gets NotNow.
    pub not_now: f64,
    /// Request types always answered with Error, and how.
    pub refuse: BTreeMap<String, Refusal>,
    /// Loses the reply to this many results: the connection drops after the result went out, and
    /// the device sends the same result again.
    pub lose_replies: u32,
    /// Chance (0 to 1) that a reply to a result is lost in the same way.
    pub lose_reply: f64,
    /// Before each session, chance (0 to 1) that it sends the last result of an earlier session
    /// again.
    pub replay: f64,
    /// Seconds its clock is ahead (behind when negative).
    pub clock_drift: i64,
    /// Chance (0 to 1) that a push finds it asleep. It wakes on the next connect order.
    pub sleeps: f64,
    /// Signs the acknowledgement of an identity renewal with the identity it replaces.
    pub acknowledges_renewal_by_old_identity: bool,
    /// Odd bytes it sends.
    pub quirks: Quirks,
}

/// The error a device gives for a refused command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For example 12021.
    pub code: i64,
    /// For example `MCMDMErrorDomain`.
    pub domain: String,
    /// For people.
    pub text: String,
}

impl Refusal {
    /// An error in the domain of MDM.
    #[must_use]
    pub fn mdm(code: i64, text: &str) -> Self {
        Self {
            code,
            domain: "MCMDMErrorDomain".into(),
            text: text.into(),
        }
    }
}

/// Odd but legal ways of writing the same message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Sends no Content-Type.
    pub no_content_type: bool,
    /// Sends the Content-Type with a charset and in other case.
    pub odd_content_type: bool,
    /// Sends binary property lists.
    pub binary_plist: bool,
    /// Writes booleans as the strings `true` and `false`.
    pub booleans_as_strings: bool,
    /// Adds keys that no documentation knows.
    pub extra_keys: bool,
    /// Uses POST where Apple's devices use PUT.
    pub post: bool,
    /// Writes `Mdm-Signature` as streamed BER (indefinite lengths).
    pub ber_signature: bool,
    /// Writes `Mdm-Signature` with its content attached.
    pub attached_signature: bool,
}

impl Quirks {
    /// All at once.
    pub const ALL: Self = Self {
        no_content_type: true,
        odd_content_type: true,
        binary_plist: true,
        booleans_as_strings: true,
        extra_keys: true,
        post: true,
        ber_signature: true,
        attached_signature: true,
    };

    /// The quirks that bit by bit `n` selects; every combination for 0 to 255.
    #[must_use]
    pub const fn combination(n: u8) -> Self {
        Self {
            no_content_type: n & 1 != 0,
            odd_content_type: n & 2 != 0,
            binary_plist: n & 4 != 0,
            booleans_as_strings: n & 8 != 0,
            extra_keys: n & 16 != 0,
            post: n & 32 != 0,
            ber_signature: n & 64 != 0,
            attached_signature: n & 128 != 0,
        }
    }
}
