//! Check-in messages a device sends of its own accord.

use super::{
    Device, EventKind, Kind,
    channel::{Channel, Endpoint},
    state::UserChannel,
};
use crate::{
    Error, Result, dict,
    plist::{Dictionary, Lookup as _, Value},
};

/// Services a device asks tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenService {
    /// `com.apple.maid`.
    ManagedAppleAccount,
    /// `com.apple.watch.pairing`.
    WatchPairing {
        /// From the server's refusal of the watch.
        security_token: String,
        /// The phone.
        phone_udid: String,
        /// The watch.
        watch_udid: String,
    },
    /// Something no server knows.
    Other(String),
}

impl Device {
    pub(super) async fn authenticate(&mut self) -> Result<()> {
        let mut message = self.check_in(&Channel::Device, "Authenticate")?;
        message.extend(dict! {
            "OSVersion" => &self.hardware.os_version,
            "BuildVersion" => &self.hardware.build_version,
            "ProductName" => &self.hardware.product_name,
            "Model" => &self.hardware.model,
            "ModelName" => &self.hardware.model_name,
            "DeviceName" => &self.hardware.device_name,
        });
        if self
            .state
            .enrollment
            .as_ref()
            .is_some_and(|enrollment| enrollment.enrollment_id.is_none())
        {
            message.extend(dict! { "SerialNumber" => &self.hardware.serial_number });
            if let Some(imei) = &self.hardware.imei {
                message.extend(dict! { "IMEI" => imei });
            }
        }
        self.send(Endpoint::CheckIn, message)
            .await?
            .ok("Authenticate")?;
        Ok(())
    }

    /// Sends TokenUpdate for the device channel, as after a new push token or unlock token.
    ///
    /// # Errors
    /// When not enrolled, unreachable, or not answered with 200.
    pub async fn update_token(&mut self) -> Result<()> {
        let enrollment = self.state.enrollment.as_ref().ok_or(Error::NotEnrolled)?;
        let (token, magic) = (enrollment.token.clone(), enrollment.push_magic.clone());
        let mut message = self.check_in(&Channel::Device, "TokenUpdate")?;
        message.extend(dict! {
            "Token" => token,
            "PushMagic" => magic,
            "AwaitingConfiguration" => self.state.awaiting_configuration,
        });
        if let Some(unlock) = self
            .state
            .unlock_token
            .clone()
            .filter(|_| self.state.passcode_present)
        {
            message.extend(dict! { "UnlockToken" => unlock });
        }
        self.send(Endpoint::CheckIn, message)
            .await?
            .ok("TokenUpdate")?;
        Ok(())
    }

    /// Opens the channel of a user of a Mac: UserAuthenticate in both steps when the server wants
    /// it, then TokenUpdate. Returns the `UserID`.
    ///
    /// # Errors
    /// When this is no enrolled Mac, or the server declines the user (410).
    pub async fn add_user(&mut self, short_name: &str, long_name: &str) -> Result<String> {
        let per_user = "com.apple.mdm.per-user-connections";
        let enrollment = self.state.enrollment.as_ref().ok_or(Error::NotEnrolled)?;
        if self.hardware.kind != Kind::Mac
            || !enrollment.capabilities.iter().any(|own| own == per_user)
        {
            return Err(Error::Profile("no per-user connections here".into()));
        }
        let user = UserChannel {
            user_id: self.random.uuid(),
            short_name: short_name.to_owned(),
            long_name: long_name.to_owned(),
            token: self.random.bytes::<32>().to_vec(),
            push_magic: self.random.uuid(),
        };
        let id = user.user_id.clone();
        if let Some(enrollment) = &mut self.state.enrollment {
            enrollment.users.insert(id.clone(), user.clone());
        }
        if let Err(error) = self.open_user(&user).await {
            if let Some(enrollment) = &mut self.state.enrollment {
                enrollment.users.remove(&id);
            }
            return Err(error);
        }
        Ok(id)
    }

    async fn open_user(&mut self, user: &UserChannel) -> Result<()> {
        let channel = Channel::User(user.user_id.clone());
        let message = self.check_in(&channel, "UserAuthenticate")?;
        let reply = self
            .send(Endpoint::CheckIn, message)
            .await?
            .ok("UserAuthenticate")?;
        if !reply.body.is_empty() {
            let challenge = Value::parse(&reply.body)?
                .need_str("DigestChallenge")?
                .to_owned();
            let mut message = self.check_in(&channel, "UserAuthenticate")?;
            // An empty challenge asks for no password.
            message.extend(dict! { "DigestResponse" => if challenge.is_empty() { "" } else { "username=\"\"" } });
            self.send(Endpoint::CheckIn, message)
                .await?
                .ok("UserAuthenticate")?;
        }
        let mut message = self.check_in(&channel, "TokenUpdate")?;
        message.extend(dict! { "Token" => user.token.clone(), "PushMagic" => &user.push_magic });
        self.send(Endpoint::CheckIn, message)
            .await?
            .ok("TokenUpdate")?;
        Ok(())
    }

    /// Removes the management profile as a person would: CheckOut if the profile asks for it.
    ///
    /// # Errors
    /// When not enrolled. A server that cannot be reached does not stop it.
    pub async fn check_out(&mut self) -> Result<()> {
        let enrollment = self.state.enrollment.as_ref().ok_or(Error::NotEnrolled)?;
        let (told, identifier) = (
            enrollment.check_out_when_removed,
            enrollment.profile.clone(),
        );
        if told {
            let message = self.check_in(&Channel::Device, "CheckOut")?;
            if let Err(error) = self.send(Endpoint::CheckIn, message).await {
                tracing::debug!(%error, "CheckOut was not delivered");
            }
        }
        self.state.profiles.remove(&identifier);
        self.forget_management();
        self.emit(EventKind::CheckedOut);
        Ok(())
    }

    /// Makes a bootstrap token and hands it to the server (Macs).
    ///
    /// # Errors
    /// When not enrolled, unreachable, or not answered with 200.
    pub async fn set_bootstrap_token(&mut self) -> Result<()> {
        let token = self.random.bytes::<64>().to_vec();
        let mut message = self.check_in(&Channel::Device, "SetBootstrapToken")?;
        message.extend(dict! {
            "BootstrapToken" => token.clone(),
            "AwaitingConfiguration" => self.state.awaiting_configuration,
        });
        self.send(Endpoint::CheckIn, message)
            .await?
            .ok("SetBootstrapToken")?;
        self.state.bootstrap_token = Some(token);
        Ok(())
    }

    /// Asks for the bootstrap token; `None` when the server has none.
    ///
    /// # Errors
    /// When not enrolled, unreachable, not answered with 200, or with something else.
    pub async fn get_bootstrap_token(&mut self) -> Result<Option<Vec<u8>>> {
        let message = self.check_in(&Channel::Device, "GetBootstrapToken")?;
        let reply = self
            .send(Endpoint::CheckIn, message)
            .await?
            .ok("GetBootstrapToken")?;
        if reply.body.is_empty() {
            return Ok(None);
        }
        let reply = Value::parse(&reply.body)?;
        Ok(reply
            .get("BootstrapToken")
            .and_then(Value::data)
            .filter(|token| !token.is_empty())
            .map(<[u8]>::to_vec))
    }

    /// Asks for a token of a service and returns `TokenData`.
    ///
    /// # Errors
    /// When not enrolled, unreachable, not answered with 200, or without TokenData.
    pub async fn get_token(&mut self, service: TokenService) -> Result<Vec<u8>> {
        let mut message = self.check_in(&Channel::Device, "GetToken")?;
        let name = match service {
            TokenService::ManagedAppleAccount => "com.apple.maid".to_owned(),
            TokenService::Other(name) => name,
            TokenService::WatchPairing {
                security_token,
                phone_udid,
                watch_udid,
            } => {
                let parameters = dict! {
                    "SecurityToken" => security_token, "PhoneUDID" => phone_udid, "WatchUDID" => watch_udid,
                };
                message.extend(dict! { "TokenParameters" => parameters });
                "com.apple.watch.pairing".to_owned()
            }
        };
        message.extend(dict! { "TokenServiceType" => name });
        let reply = self
            .send(Endpoint::CheckIn, message)
            .await?
            .ok("GetToken")?;
        Ok(Value::parse(&reply.body)?.need_data("TokenData")?.to_vec())
    }

    /// Sends a check-in message of any content and returns status and body: for tests of what a
    /// server refuses.
    ///
    /// # Errors
    /// When not enrolled or unreachable.
    pub async fn send_check_in(&mut self, message: Dictionary) -> Result<(u16, Vec<u8>)> {
        let reply = self.send(Endpoint::CheckIn, message).await?;
        Ok((reply.status, reply.body.to_vec()))
    }

    /// Sends a message of any content to the command URL and returns status and body.
    ///
    /// # Errors
    /// When not enrolled or unreachable.
    pub async fn send_response(&mut self, message: Dictionary) -> Result<(u16, Vec<u8>)> {
        let reply = self.send(Endpoint::Command, message).await?;
        Ok((reply.status, reply.body.to_vec()))
    }

    /// A check-in message of this type with sender and topic.
    pub(super) fn check_in(&self, channel: &Channel, message_type: &str) -> Result<Dictionary> {
        let mut message = self.sender(channel)?;
        message.extend(dict! { "MessageType" => message_type });
        if matches!(message_type, "Authenticate" | "TokenUpdate" | "CheckOut")
            && let Some(enrollment) = &self.state.enrollment
        {
            message.extend(dict! { "Topic" => &enrollment.topic });
        }
        Ok(message)
    }
}
