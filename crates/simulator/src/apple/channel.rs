//! How a message becomes a request: encoding, signature, oddities.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Method;

use super::{Device, Identity, Quirks};
use crate::{
    Error, Result,
    cms::{Form, Signing},
    http::{Reply, Request},
    plist::{Dictionary, Value, to_binary, to_xml},
};

/// The two URLs of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    CheckIn,
    Command,
}

/// Who speaks: the device, or one user of a Mac.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Channel {
    #[default]
    Device,
    User(String),
}

impl Channel {
    pub(super) fn user(&self) -> Option<&str> {
        if let Self::User(id) = self {
            Some(id)
        } else {
            None
        }
    }
}

impl Device {
    /// The keys by which every message names its sender.
    pub(super) fn sender(&self, channel: &Channel) -> Result<Dictionary> {
        let enrollment = self.state.enrollment.as_ref().ok_or(Error::NotEnrolled)?;
        let mut message = match &enrollment.enrollment_id {
            Some(id) => crate::dict! { "EnrollmentID" => id },
            None => crate::dict! { "UDID" => &self.hardware.udid },
        };
        if let Channel::User(id) = channel {
            let user = enrollment.users.get(id).ok_or(Error::NotEnrolled)?;
            message.extend(crate::dict! {
                "UserID" => &user.user_id,
                "UserShortName" => &user.short_name,
                "UserLongName" => &user.long_name,
                "NotOnConsole" => false,
            });
        }
        Ok(message)
    }

    /// The bytes of a message, with this device's oddities.
    pub(super) fn encode(&self, mut message: Dictionary) -> Bytes {
        let quirks = self.behavior.quirks;
        if quirks.extra_keys {
            message.insert(
                "ZZFutureKey".into(),
                Value::from(crate::dict! { "Inner" => vec![Value::Integer(1)] }),
            );
        }
        let mut value = Value::from(message);
        if quirks.booleans_as_strings {
            stringify(&mut value);
        }
        Bytes::from(if quirks.binary_plist {
            to_binary(&value)
        } else {
            to_xml(&value)
        })
    }

    /// Builds the request for encoded bytes.
    pub(super) fn request(
        &self,
        endpoint: Endpoint,
        body: Bytes,
        by_former_identity: bool,
    ) -> Result<Request> {
        let enrollment = self.state.enrollment.as_ref().ok_or(Error::NotEnrolled)?;
        let quirks = self.behavior.quirks;
        let (url, media_type) = match endpoint {
            Endpoint::CheckIn => (
                &enrollment.check_in_url,
                "application/x-apple-aspen-mdm-checkin",
            ),
            Endpoint::Command => (&enrollment.server_url, "application/x-apple-aspen-mdm"),
        };
        let mut headers = Vec::new();
        if quirks.odd_content_type && !quirks.no_content_type {
            headers.push((
                "content-type",
                format!("{}; charset=UTF-8", media_type.to_ascii_uppercase()),
            ));
        } else if !quirks.no_content_type {
            headers.push(("content-type", media_type.to_owned()));
        }
        if enrollment.sign_message {
            let former = self.former_identity.as_ref().filter(|_| by_former_identity);
            let identity = former
                .or(self.identity.as_ref())
                .ok_or(Error::NotEnrolled)?;
            headers.push((
                "mdm-signature",
                signature(identity, &body, self.now(), quirks)?,
            ));
        }
        let method = if quirks.post {
            Method::POST
        } else {
            Method::PUT
        };
        Ok(Request {
            method,
            url: url.clone(),
            headers,
            body,
        })
    }

    /// Encodes and sends one message.
    pub(super) async fn send(&mut self, endpoint: Endpoint, message: Dictionary) -> Result<Reply> {
        let body = self.encode(message);
        self.send_bytes(endpoint, body, false).await
    }

    /// Sends encoded bytes; notices a server that ends the enrollment.
    pub(super) async fn send_bytes(
        &mut self,
        endpoint: Endpoint,
        body: Bytes,
        former: bool,
    ) -> Result<Reply> {
        if self.is_asleep() {
            return Err(Error::Offline);
        }
        let request = self.request(endpoint, body, former)?;
        let reply = self.client.send(&request).await?;
        if reply.status == 403 && contains(&reply.body, b"com.apple.unrecognized.device") {
            tracing::info!(udid = %self.hardware.udid, "the server ended the enrollment");
            self.forget_management();
            self.emit(super::EventKind::Unenrolled);
        }
        Ok(reply)
    }
}

/// The value of `Mdm-Signature`.
pub(crate) fn signature(
    identity: &Identity,
    body: &[u8],
    now: i64,
    quirks: Quirks,
) -> Result<String> {
    let form = Form {
        attached: quirks.attached_signature,
        ber: quirks.ber_signature,
    };
    let signature = Signing::new(&identity.key, &identity.certificate, now).sign(body, form)?;
    Ok(STANDARD.encode(signature))
}

fn stringify(value: &mut Value) {
    match value {
        Value::Boolean(flag) => *value = Value::String(flag.to_string()),
        Value::Dictionary(members) => members.values_mut().for_each(stringify),
        Value::Array(items) => items.iter_mut().for_each(stringify),
        _ => {}
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
