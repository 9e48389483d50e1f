//! Check-in messages and the replies to them.
//!
//! See "Check-in" in Apple's Device Management reference. Only what Muster acts
//! upon is typed; the whole message stays beside it.

use domain::Secret;

use crate::{
    Sender,
    message::ParseError,
    plist::{Dict, write_dict},
};

/// A check-in message.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckIn {
    /// Who sent it.
    pub sender: Sender,
    /// What it says.
    pub kind: Kind,
    /// The whole message.
    pub dict: Dict,
    /// The bytes as received.
    pub raw: Vec<u8>,
}

/// What a check-in message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The device asks to enrol. 200 means "continue"; it is not enrolled yet.
    Authenticate(Authenticate),
    /// The device or a user tells how to push to it; the first one completes enrollment.
    TokenUpdate(TokenUpdate),
    /// The device left management. Best effort: never rely on it.
    CheckOut {
        /// The push topic.
        topic: Option<String>,
    },
    /// A network user logs in on a Mac.
    UserAuthenticate {
        /// The answer to our challenge, in the second message; absent or empty in the first.
        digest_response: Option<String>,
    },
    /// A Mac escrows its bootstrap token; without one it takes the old one back.
    SetBootstrapToken {
        /// The token.
        token: Option<Secret<Vec<u8>>>,
        /// Sent from Setup Assistant.
        awaiting_configuration: bool,
    },
    /// A Mac asks for its bootstrap token. Answer with [`bootstrap_token`].
    GetBootstrapToken,
    /// The device asks for a token of a service. Answer with [`token_data`].
    GetToken(GetToken),
    /// Declarative management; see [`crate::ddm`].
    DeclarativeManagement {
        /// What it wants: `tokens`, `declaration-items`, `status` or `declaration/…`.
        endpoint: String,
        /// The body, for `status`.
        data: Option<Vec<u8>>,
    },
    /// A device about to erase itself asks for the data of Return to Service (iOS 26).
    ReturnToService,
    /// A message of a later release, by its `MessageType`. Answer 400.
    Unknown(String),
}

/// The facts in an `Authenticate` are read by [`crate::facts::from_authenticate`]; these decide what to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authenticate {
    /// The push topic; may be another server's.
    pub topic: Option<String>,
    /// Absent in User Enrollment.
    pub serial_number: Option<String>,
    /// For example `iPhone17,2` or `Mac15,3`.
    pub product_name: Option<String>,
    /// For example `MacBook Pro`.
    pub model_name: Option<String>,
    /// A part number, for example `MX2T3`.
    pub model: Option<String>,
    /// The name its user gave it; only Macs send it.
    pub device_name: Option<String>,
    /// For example `18.1`.
    pub os_version: Option<String>,
    /// For example `22B83`.
    pub build_version: Option<String>,
}

impl Authenticate {
    /// The platform, from the product name; unknown products of later years give `None`.
    pub fn platform(&self) -> Option<domain::Platform> {
        platform_of_product(
            self.product_name
                .as_deref()
                .or(self.model_name.as_deref())?,
        )
    }
}

/// How to reach an enrollment by push, and what it brings into escrow.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenUpdate {
    /// The push topic; may be another server's: record and warn.
    pub topic: Option<String>,
    /// The push token, of any length.
    pub token: Vec<u8>,
    /// The text that a push must carry.
    pub push_magic: String,
    /// Lets the passcode be cleared; kept when a later message lacks it.
    pub unlock_token: Option<Secret<Vec<u8>>>,
    /// The device waits in Setup Assistant for DeviceConfigured.
    pub awaiting_configuration: bool,
    /// A Mac's user channel speaks while the user is not at the console.
    pub not_on_console: bool,
}

impl std::fmt::Debug for TokenUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenUpdate")
            .field("topic", &self.topic)
            .field("token", &"[secret]")
            .field("push_magic", &"[secret]")
            .field("unlock_token", &self.unlock_token)
            .field("awaiting_configuration", &self.awaiting_configuration)
            .field("not_on_console", &self.not_on_console)
            .finish()
    }
}

/// The services a device can ask a token for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenService {
    /// `com.apple.maid`: signing in with a Managed Apple Account.
    ManagedAppleAccount,
    /// `com.apple.watch.pairing`: enrolling a watch.
    WatchPairing,
    /// Another one. Answer 400.
    Unknown(String),
}

/// A request for a token.
#[derive(Debug, Clone, PartialEq)]
pub struct GetToken {
    /// For which service.
    pub service: TokenService,
    /// `TokenParameters`, for watch pairing: SecurityToken, PhoneUDID, WatchUDID.
    pub parameters: Dict,
}

impl CheckIn {
    pub(crate) fn read(dict: Dict, raw: &[u8]) -> Result<Self, ParseError> {
        let kind = Kind::read(&dict)?;
        Ok(Self {
            sender: Sender::read(&dict),
            kind,
            dict,
            raw: raw.to_vec(),
        })
    }

    /// The `MessageType` as sent.
    pub fn message_type(&self) -> &str {
        self.dict.string("MessageType").unwrap_or_default()
    }
}

impl Kind {
    fn read(dict: &Dict) -> Result<Self, ParseError> {
        let text = |key| {
            dict.string(key)
                .map(|text| text.chars().take(512).collect::<String>())
        };
        let secret = |key| dict.data(key).map(|bytes| Secret::new(bytes.to_vec()));
        let flag = |key| dict.bool(key).unwrap_or(false);
        Ok(match dict.string("MessageType").unwrap_or_default() {
            "Authenticate" => Self::Authenticate(Authenticate {
                topic: text("Topic"),
                serial_number: text("SerialNumber"),
                product_name: text("ProductName"),
                model_name: text("ModelName"),
                model: text("Model"),
                device_name: text("DeviceName"),
                os_version: text("OSVersion"),
                build_version: text("BuildVersion"),
            }),
            "TokenUpdate" => {
                let missing = |key| ParseError::Missing {
                    message: "TokenUpdate",
                    key,
                };
                Self::TokenUpdate(TokenUpdate {
                    topic: text("Topic"),
                    token: dict.data("Token").ok_or_else(|| missing("Token"))?.to_vec(),
                    push_magic: dict
                        .string("PushMagic")
                        .ok_or_else(|| missing("PushMagic"))?
                        .to_owned(),
                    unlock_token: secret("UnlockToken"),
                    awaiting_configuration: flag("AwaitingConfiguration"),
                    not_on_console: flag("NotOnConsole"),
                })
            }
            "CheckOut" => Self::CheckOut {
                topic: text("Topic"),
            },
            "UserAuthenticate" => Self::UserAuthenticate {
                digest_response: text("DigestResponse"),
            },
            "SetBootstrapToken" => Self::SetBootstrapToken {
                token: secret("BootstrapToken"),
                awaiting_configuration: flag("AwaitingConfiguration"),
            },
            "GetBootstrapToken" => Self::GetBootstrapToken,
            "GetToken" => Self::GetToken(GetToken {
                service: match dict.string("TokenServiceType").unwrap_or_default() {
                    "com.apple.maid" => TokenService::ManagedAppleAccount,
                    "com.apple.watch.pairing" => TokenService::WatchPairing,
                    other => TokenService::Unknown(other.chars().take(128).collect()),
                },
                parameters: dict.dict("TokenParameters").cloned().unwrap_or_default(),
            }),
            "DeclarativeManagement" => Self::DeclarativeManagement {
                endpoint: dict
                    .string("Endpoint")
                    .ok_or(ParseError::Missing {
                        message: "DeclarativeManagement",
                        key: "Endpoint",
                    })?
                    .to_owned(),
                data: dict.data("Data").map(<[u8]>::to_vec),
            },
            "ReturnToService" => Self::ReturnToService,
            other => Self::Unknown(other.chars().take(128).collect()),
        })
    }
}

/// The reply to `GetBootstrapToken`; without a token the reply is 200 with zero bytes.
pub fn bootstrap_token(token: Option<&Secret<Vec<u8>>>) -> Vec<u8> {
    token.map_or_else(Vec::new, |token| {
        write_dict(&Dict::new().with("BootstrapToken", token.expose().as_slice()))
    })
}

/// The reply to `GetToken`.
pub fn token_data(token: &[u8]) -> Vec<u8> {
    write_dict(&Dict::new().with("TokenData", token))
}

/// The reply to the first `UserAuthenticate`: an empty challenge accepts the user, 410 instead declines.
pub fn digest_challenge(challenge: &str) -> Vec<u8> {
    write_dict(&Dict::new().with("DigestChallenge", challenge))
}

/// The platform that a product or model name belongs to, for example `iPhone17,2`.
pub fn platform_of_product(name: &str) -> Option<domain::Platform> {
    use domain::Platform as P;
    [
        ("iPhone", P::Ios),
        ("iPod", P::Ios),
        ("iPad", P::Ipados),
        ("AppleTV", P::Tvos),
        ("Apple TV", P::Tvos),
        ("Watch", P::Watchos),
        ("Apple Watch", P::Watchos),
        ("RealityDevice", P::Visionos),
        ("Apple Vision", P::Visionos),
        ("Mac", P::Macos),
        ("iMac", P::Macos),
        ("VirtualMac", P::Macos),
        ("Xserve", P::Macos),
    ]
    .into_iter()
    .find(|(prefix, _)| name.starts_with(prefix))
    .map(|(_, platform)| platform)
}

#[cfg(test)]
mod tests {
    use domain::Platform;

    use super::platform_of_product;

    #[test]
    fn products_tell_their_platform() {
        for (name, expected) in [
            ("iPhone17,2", Some(Platform::Ios)),
            ("iPod9,1", Some(Platform::Ios)),
            ("iPad14,1", Some(Platform::Ipados)),
            ("Mac15,3", Some(Platform::Macos)),
            ("MacBookPro18,1", Some(Platform::Macos)),
            ("iMac21,1", Some(Platform::Macos)),
            ("VirtualMac2,1", Some(Platform::Macos)),
            ("AppleTV14,1", Some(Platform::Tvos)),
            ("Watch7,1", Some(Platform::Watchos)),
            ("RealityDevice14,1", Some(Platform::Visionos)),
            ("Toaster1,1", None),
        ] {
            assert_eq!(platform_of_product(name), expected, "{name}");
        }
    }
}
