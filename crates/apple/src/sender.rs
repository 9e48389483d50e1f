//! Who sent a message: the identifiers in it, and the enrollment they name.

use std::fmt;

use domain::Channel;
use serde::{Deserialize, Serialize};

use crate::plist::Dict;

/// The `UserID` that every user of a Shared iPad carries.
const SHARED_IPAD_USER: &str = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";

/// The identifiers in a device message, as sent.
///
/// See "Check-in" and "MDM user channel" in Apple's Device Management reference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// The device, except in User Enrollment.
    pub udid: Option<String>,
    /// The device in User Enrollment; new with each enrollment.
    pub enrollment_id: Option<String>,
    /// The user on a Mac (its GUID), or all ones on a Shared iPad.
    pub user_id: Option<String>,
    /// The user's short name; on a Shared iPad the Managed Apple Account.
    pub user_short_name: Option<String>,
    /// The user's full name.
    pub user_long_name: Option<String>,
    /// The user in User Enrollment of a Mac.
    pub enrollment_user_id: Option<String>,
}

impl Sender {
    /// Reads the identifiers of a message.
    pub fn read(dict: &Dict) -> Self {
        let text = |key| {
            dict.string(key)
                .map(str::trim)
                .filter(|text| !text.is_empty() && text.len() <= 512)
                .map(str::to_owned)
        };
        Self {
            udid: text("UDID"),
            enrollment_id: text("EnrollmentID"),
            user_id: text("UserID"),
            user_short_name: text("UserShortName"),
            user_long_name: text("UserLongName"),
            enrollment_user_id: text("EnrollmentUserID"),
        }
    }

    /// The enrollment these identifiers name; `None` when no device is named.
    ///
    /// A UDID wins over an EnrollmentID. Users of a Shared iPad are told apart by
    /// their short name, users of a Mac by their identifier.
    pub fn key(&self) -> Option<EnrollmentKey> {
        if let Some(udid) = &self.udid {
            let (kind, user) = match (&self.user_id, &self.user_short_name) {
                (Some(id), Some(name)) if id.eq_ignore_ascii_case(SHARED_IPAD_USER) => {
                    (KeyKind::SharedIpadUser, Some(name.clone()))
                }
                (Some(id), _) if !id.eq_ignore_ascii_case(SHARED_IPAD_USER) => {
                    (KeyKind::User, Some(id.clone()))
                }
                _ => (KeyKind::Device, None),
            };
            return Some(EnrollmentKey {
                device: udid.clone(),
                user,
                kind,
            });
        }
        let device = self.enrollment_id.clone()?;
        let user = self.enrollment_user_id.clone();
        Some(EnrollmentKey {
            device,
            kind: if user.is_some() {
                KeyKind::UserEnrollmentUser
            } else {
                KeyKind::UserEnrollmentDevice
            },
            user,
        })
    }
}

/// Which pair of identifiers an [`EnrollmentKey`] was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// UDID.
    Device,
    /// UDID and UserID.
    User,
    /// UDID and UserShortName.
    SharedIpadUser,
    /// EnrollmentID.
    UserEnrollmentDevice,
    /// EnrollmentID and EnrollmentUserID.
    UserEnrollmentUser,
}

/// The name under which an enrollment is found: a device, or a user on it.
///
/// Displayed as the device's identifier, or `device:user`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnrollmentKey {
    /// UDID or EnrollmentID.
    pub device: String,
    /// The user, on a user channel.
    pub user: Option<String>,
    /// What the two are.
    pub kind: KeyKind,
}

impl EnrollmentKey {
    /// The channel.
    pub const fn channel(&self) -> Channel {
        if self.user.is_some() {
            Channel::User
        } else {
            Channel::Device
        }
    }

    /// The device's own channel: the certificate is pinned there.
    #[must_use]
    pub fn device_key(&self) -> Self {
        Self {
            device: self.device.clone(),
            user: None,
            kind: match self.kind {
                KeyKind::UserEnrollmentDevice | KeyKind::UserEnrollmentUser => {
                    KeyKind::UserEnrollmentDevice
                }
                _ => KeyKind::Device,
            },
        }
    }

    /// Whether this is a User Enrollment, which never shows UDID or serial number.
    pub const fn is_user_enrollment(&self) -> bool {
        matches!(
            self.kind,
            KeyKind::UserEnrollmentDevice | KeyKind::UserEnrollmentUser
        )
    }
}

impl fmt::Display for EnrollmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.device)?;
        if let Some(user) = &self.user {
            write!(f, ":{user}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sender(pairs: &[(&str, &str)]) -> Sender {
        Sender::read(
            &pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).into()))
                .collect(),
        )
    }

    #[test]
    fn each_enrollment_type_has_its_key() {
        for (pairs, kind, shown) in [
            (&[("UDID", "U1")][..], KeyKind::Device, "U1"),
            (
                &[("UDID", "U1"), ("EnrollmentID", "E1")],
                KeyKind::Device,
                "U1",
            ),
            (
                &[("UDID", "U1"), ("UserID", "G1"), ("UserShortName", "ada")],
                KeyKind::User,
                "U1:G1",
            ),
            (
                &[
                    ("UDID", "U1"),
                    ("UserID", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
                    ("UserShortName", "ada@example.com"),
                ],
                KeyKind::SharedIpadUser,
                "U1:ada@example.com",
            ),
            (
                &[("EnrollmentID", "E1")],
                KeyKind::UserEnrollmentDevice,
                "E1",
            ),
            (
                &[("EnrollmentID", "E1"), ("EnrollmentUserID", "X")],
                KeyKind::UserEnrollmentUser,
                "E1:X",
            ),
        ] {
            let key = sender(pairs).key().unwrap();
            assert_eq!((key.kind, key.to_string().as_str()), (kind, shown));
            assert_eq!(key.device_key().channel(), Channel::Device);
        }
    }

    #[test]
    fn no_device_no_key() {
        assert_eq!(sender(&[("UserID", "G1"), ("UDID", " ")]).key(), None);
    }
}
