//! Push: what is sent to Apple's push service, and what its answers mean.
//!
//! `POST https://api.push.apple.com/3/device/<token>` over HTTP/2 with the push
//! certificate; see "Sending push notifications to MDM clients" and "Handling
//! notification responses from APNs" in Apple's reference.

use std::{fmt, time::Duration};

use domain::Timestamp;

/// How the topics of MDM begin.
const PREFIX: &str = "com.apple.mgmt.";

/// A push topic: the UID in the subject of the push certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(String);

/// The UID of a certificate is not a topic for device management.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a push topic of device management: it must begin with {PREFIX}")]
pub struct NotATopic(String);

impl Topic {
    /// From the UID (OID 0.9.2342.19200300.100.1.1) of the certificate's subject.
    ///
    /// # Errors
    /// When the certificate is for something else than device management.
    pub fn from_uid(uid: &str) -> Result<Self, NotATopic> {
        let uid = uid.trim();
        let valid = uid.len() > PREFIX.len()
            && uid.len() <= 255
            && uid.starts_with(PREFIX)
            && uid
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if valid {
            Ok(Self(uid.to_owned()))
        } else {
            Err(NotATopic(uid.chars().take(120).collect()))
        }
    }

    /// The text of the topic.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A new push certificate has another topic than the one it is to replace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the new certificate has the topic {new}, devices were enrolled with {old}. Apple would accept pushes with \
     the new topic and silently drop them, so no enrolled device could be reached any more. Renew the existing \
     certificate at identity.apple.com/pushcert with the Apple account that made it, instead of creating another"
)]
pub struct TopicChanged {
    /// The topic in use.
    pub old: Topic,
    /// The topic of the new certificate.
    pub new: Topic,
}

/// Whether a push certificate may replace another.
///
/// # Errors
/// When the topic differs: enrolled devices listen to the old one only.
pub fn same_topic(old: &Topic, new: &Topic) -> Result<(), TopicChanged> {
    if old == new {
        return Ok(());
    }
    Err(TopicChanged {
        old: old.clone(),
        new: new.clone(),
    })
}

/// The body of a push: exactly `{"mdm":"<PushMagic>"}`.
pub fn body(push_magic: &str) -> Vec<u8> {
    format!("{{\"mdm\":{}}}", serde_json::Value::from(push_magic)).into_bytes()
}

/// The path of a push: `/3/device/<token in hexadecimal>`.
pub fn path(token: &[u8]) -> String {
    format!("/3/device/{}", hex::encode(token))
}

/// The headers of a push. Without an expiration Apple stores nothing for a device that is off.
pub fn headers(topic: &Topic, now: Timestamp, lifetime: Duration) -> [(&'static str, String); 4] {
    [
        ("apns-topic", topic.0.clone()),
        ("apns-push-type", "mdm".into()),
        ("apns-priority", "10".into()),
        ("apns-expiration", now.plus(lifetime).seconds().to_string()),
    ]
}

/// What an answer of the push service means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushVerdict {
    /// Accepted for delivery.
    Delivered,
    /// The token is dead: stop, unless a newer TokenUpdate came after `since`.
    Unregistered {
        /// When Apple last knew the token to be valid.
        since: Option<Timestamp>,
    },
    /// The token is not one of this topic or environment: stop until a TokenUpdate comes.
    BadToken(Reason),
    /// The push certificate is expired, revoked or for something else: every push fails. Alarm.
    CertificateProblem(Reason),
    /// Too many requests, or Apple is ill: try this one again later.
    BackOff(Reason),
    /// The request was wrong; sending it again is no use.
    Refused(Reason),
}

/// The `reason` of an answer, or the status when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(pub String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads an answer of the push service: its HTTP status and its JSON body.
pub fn verdict(status: u16, body: &[u8]) -> PushVerdict {
    if status == 200 {
        return PushVerdict::Delivered;
    }
    let json: serde_json::Value = if body.len() <= 4096 {
        serde_json::from_slice(body).unwrap_or_default()
    } else {
        serde_json::Value::Null
    };
    let text = json.get("reason").and_then(serde_json::Value::as_str);
    let reason = Reason(text.map_or_else(
        || format!("HTTP {status}"),
        |text| text.chars().take(80).collect(),
    ));
    match (status, text.unwrap_or_default()) {
        (410, _) | (_, "Unregistered" | "ExpiredToken") => PushVerdict::Unregistered {
            since: json
                .get("timestamp")
                .and_then(serde_json::Value::as_i64)
                .map(Timestamp::from_millis),
        },
        (_, "BadDeviceToken" | "DeviceTokenNotForTopic" | "MissingDeviceToken") => {
            PushVerdict::BadToken(reason)
        }
        (
            _,
            "BadCertificate"
            | "BadCertificateEnvironment"
            | "TopicDisallowed"
            | "BadTopic"
            | "MissingTopic"
            | "Forbidden"
            | "MissingProviderToken"
            | "InvalidProviderToken"
            | "ExpiredProviderToken",
        )
        | (401 | 403, _) => PushVerdict::CertificateProblem(reason),
        (_, "IdleTimeout" | "Shutdown" | "TooManyRequests") | (408 | 429 | 500..=599, _) => {
            PushVerdict::BackOff(reason)
        }
        _ => PushVerdict::Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_exact_and_escaped() {
        assert_eq!(
            body("0D6A39B5-6B2C-4F2B-8C7E-000000000001"),
            br#"{"mdm":"0D6A39B5-6B2C-4F2B-8C7E-000000000001"}"#
        );
        assert_eq!(body("a\"b"), br#"{"mdm":"a\"b"}"#);
        assert_eq!(path(&[0x0a, 0xff]), "/3/device/0aff");
    }

    #[test]
    fn a_push_always_says_when_it_expires() {
        let topic = Topic::from_uid("com.apple.mgmt.External.synthetic").unwrap();
        let headers = headers(
            &topic,
            Timestamp::from_millis(1_700_000_000_000),
            Duration::from_secs(60),
        );
        assert!(headers.contains(&("apns-expiration", "1700000060".into())));
        assert!(headers.contains(&("apns-push-type", "mdm".into())));
    }

    #[test]
    fn a_renewal_keeps_its_topic() {
        let old = Topic::from_uid("com.apple.mgmt.External.one").unwrap();
        let new = Topic::from_uid(" com.apple.mgmt.External.two ").unwrap();
        assert_eq!(same_topic(&old, &old), Ok(()));
        let error = same_topic(&old, &new).unwrap_err().to_string();
        assert!(error.contains("silently drop"), "{error}");
        assert!(Topic::from_uid("com.example.app").is_err());
        assert!(Topic::from_uid("com.apple.mgmt.").is_err());
        assert!(Topic::from_uid("com.apple.mgmt.a\r\nx: y").is_err());
    }

    #[test]
    fn answers_say_what_to_do() {
        let reason = |text: &str| Reason(text.into());
        for (status, body, expected) in [
            (200, "", PushVerdict::Delivered),
            (
                410,
                r#"{"reason":"Unregistered","timestamp":1700000000123}"#,
                PushVerdict::Unregistered {
                    since: Some(Timestamp::from_millis(1_700_000_000_123)),
                },
            ),
            (410, "", PushVerdict::Unregistered { since: None }),
            (
                400,
                r#"{"reason":"BadDeviceToken"}"#,
                PushVerdict::BadToken(reason("BadDeviceToken")),
            ),
            (
                400,
                r#"{"reason":"TopicDisallowed"}"#,
                PushVerdict::CertificateProblem(reason("TopicDisallowed")),
            ),
            (
                403,
                "<html>",
                PushVerdict::CertificateProblem(reason("HTTP 403")),
            ),
            (
                429,
                r#"{"reason":"TooManyRequests"}"#,
                PushVerdict::BackOff(reason("TooManyRequests")),
            ),
            (503, "", PushVerdict::BackOff(reason("HTTP 503"))),
            (
                413,
                r#"{"reason":"PayloadTooLarge"}"#,
                PushVerdict::Refused(reason("PayloadTooLarge")),
            ),
        ] {
            assert_eq!(
                verdict(status, body.as_bytes()),
                expected,
                "{status} {body}"
            );
        }
    }
}
