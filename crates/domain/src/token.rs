//! Enrollment tokens: who may enrol what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Ownership, Platform, Timestamp};

/// What an enrollment token permits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenTerms {
    /// The ownership that enrolled devices get.
    pub ownership: Ownership,
    /// The platforms allowed; empty allows all.
    #[serde(default)]
    pub platforms: BTreeSet<Platform>,
    /// The serial numbers allowed, upper case; empty allows all.
    #[serde(default)]
    pub serials: BTreeSet<String>,
    /// How many enrollments in all; `None` is no limit.
    pub max_uses: Option<u32>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A token's terms with its life so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenStanding {
    /// What it permits.
    pub terms: TokenTerms,
    /// Enrollments made with it.
    pub uses: u32,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What is known of a device that wants to enrol; `None` where it did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applicant {
    /// Its platform.
    pub platform: Option<Platform>,
    /// Its serial number.
    pub serial: Option<String>,
}

/// Why an enrollment is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its time is over.
    #[error("the enrollment token expired at {0}")]
    Expired(Timestamp),
    /// Somebody revoked it.
    #[error("the enrollment token was revoked at {0}")]
    Revoked(Timestamp),
    /// It was used as often as allowed.
    #[error("the enrollment token has been used {0} times, as often as it allows")]
    UsedUp(u32),
    /// The platform is not among those allowed.
    #[error("the enrollment token does not allow {0}")]
    Platform(Platform),
    /// The serial number is not on the list.
    #[error("the enrollment token does not list this serial number")]
    Serial,
    /// A list of serial numbers exists, and the device gave none.
    #[error("the enrollment token lists serial numbers, and the device gave none")]
    SerialUnknown,
}

impl TokenStanding {
    /// Whether somebody may begin to enrol; what the device is may still be unknown.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn open(&self, now: Timestamp) -> Result<(), Refusal> {
        if let Some(at) = self.revoked_at {
            return Err(Refusal::Revoked(at));
        }
        if now >= self.terms.expires_at {
            return Err(Refusal::Expired(self.terms.expires_at));
        }
        match self.terms.max_uses {
            Some(most) if self.uses >= most => Err(Refusal::UsedUp(most)),
            _ => Ok(()),
        }
    }

    /// Whether this device may enrol now.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn admit(&self, applicant: &Applicant, now: Timestamp) -> Result<(), Refusal> {
        self.open(now)?;
        if let Some(platform) = applicant.platform
            && !self.terms.platforms.is_empty()
            && !self.terms.platforms.contains(&platform)
        {
            return Err(Refusal::Platform(platform));
        }
        if self.terms.serials.is_empty() {
            return Ok(());
        }
        match &applicant.serial {
            None => Err(Refusal::SerialUnknown),
            Some(serial) if self.terms.serials.contains(&serial.trim().to_uppercase()) => Ok(()),
            Some(_) => Err(Refusal::Serial),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> TokenStanding {
        TokenStanding {
            terms: TokenTerms {
                ownership: Ownership::Corporate,
                platforms: BTreeSet::from([Platform::Ios]),
                serials: BTreeSet::from(["C02XYZ".to_owned()]),
                max_uses: Some(2),
                expires_at: Timestamp::from_millis(1_000),
            },
            uses: 0,
            revoked_at: None,
        }
    }

    fn applicant(platform: Platform, serial: Option<&str>) -> Applicant {
        Applicant {
            platform: Some(platform),
            serial: serial.map(str::to_owned),
        }
    }

    #[test]
    fn admits_the_listed_device_whatever_its_letter_case() {
        let now = Timestamp::from_millis(1);
        assert_eq!(
            standing().admit(&applicant(Platform::Ios, Some("c02xyz")), now),
            Ok(())
        );
    }

    #[test]
    fn refuses_each_thing_it_was_not_made_for() {
        let now = Timestamp::from_millis(1);
        let at = |s: &TokenStanding, a: &Applicant, n| s.admit(a, n).unwrap_err();
        let good = applicant(Platform::Ios, Some("C02XYZ"));
        assert_eq!(
            at(
                &standing(),
                &applicant(Platform::Macos, Some("C02XYZ")),
                now
            ),
            Refusal::Platform(Platform::Macos)
        );
        assert_eq!(
            at(&standing(), &applicant(Platform::Ios, Some("OTHER")), now),
            Refusal::Serial
        );
        assert_eq!(
            at(&standing(), &applicant(Platform::Ios, None), now),
            Refusal::SerialUnknown
        );
        let late = Timestamp::from_millis(1_000);
        assert_eq!(at(&standing(), &good, late), Refusal::Expired(late));
        let used = TokenStanding {
            uses: 2,
            ..standing()
        };
        assert_eq!(at(&used, &good, now), Refusal::UsedUp(2));
        let revoked = TokenStanding {
            revoked_at: Some(now),
            ..standing()
        };
        assert_eq!(at(&revoked, &good, now), Refusal::Revoked(now));
    }
}
