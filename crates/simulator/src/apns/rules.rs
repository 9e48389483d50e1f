//! What a push request must look like.

use http::{HeaderMap, Method, StatusCode};

/// Apple's largest payload for a regular push.
pub(super) const MAX_PAYLOAD: usize = 4096;

/// A refusal: status and reason as Apple words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// The `reason` member of the body.
    pub reason: &'static str,
}

impl Refused {
    pub(super) const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    pub(super) fn code(self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The parts of a request that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) token: Vec<u8>,
    pub(super) topic: String,
    pub(super) magic: String,
    pub(super) expiration: i64,
    pub(super) priority: u8,
    pub(super) id: Option<String>,
}

/// Checks everything but the state of the token. `topic` is the certificate's, `None` without TLS.
pub(super) fn check(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
    certificate_topic: Option<&str>,
) -> Result<Accepted, Refused> {
    if method != Method::POST {
        return Err(Refused::new(405, "MethodNotAllowed"));
    }
    let token = path
        .strip_prefix("/3/device/")
        .ok_or(Refused::new(404, "BadPath"))?;
    if token.is_empty() {
        return Err(Refused::new(400, "MissingDeviceToken"));
    }
    let token = hex::decode(token).map_err(|_| Refused::new(400, "BadDeviceToken"))?;
    if !(32..=100).contains(&token.len()) {
        return Err(Refused::new(400, "BadDeviceToken"));
    }
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let id = header("apns-id").map(str::to_owned);
    if id.as_deref().is_some_and(|id| !is_uuid(id)) {
        return Err(Refused::new(400, "BadMessageId"));
    }
    let topic = header("apns-topic").ok_or(Refused::new(400, "MissingTopic"))?;
    if !topic.starts_with("com.apple.mgmt.") {
        return Err(Refused::new(400, "BadTopic"));
    }
    if certificate_topic.is_some_and(|own| own != topic) {
        return Err(Refused::new(400, "TopicDisallowed"));
    }
    if header("apns-push-type") != Some("mdm") {
        return Err(Refused::new(400, "InvalidPushType"));
    }
    let expiration = header("apns-expiration")
        .and_then(|text| text.parse().ok())
        .filter(|at: &i64| *at >= 0)
        .ok_or(Refused::new(400, "BadExpirationDate"))?;
    let priority = match header("apns-priority") {
        None | Some("10") => 10,
        Some("5") => 5,
        Some("1") => 1,
        Some(_) => return Err(Refused::new(400, "BadPriority")),
    };
    Ok(Accepted {
        token,
        topic: topic.to_owned(),
        magic: magic(body)?,
        expiration,
        priority,
        id,
    })
}

fn magic(body: &[u8]) -> Result<String, Refused> {
    if body.is_empty() {
        return Err(Refused::new(400, "PayloadEmpty"));
    }
    if body.len() > MAX_PAYLOAD {
        return Err(Refused::new(413, "PayloadTooLarge"));
    }
    let bad = Refused::new(400, "BadPayload");
    let json: serde_json::Value = serde_json::from_slice(body).map_err(|_| bad)?;
    let members = json
        .as_object()
        .filter(|members| members.len() == 1)
        .ok_or(bad)?;
    members
        .get("mdm")
        .and_then(serde_json::Value::as_str)
        .filter(|m| !m.is_empty())
        .map(str::to_owned)
        .ok_or(bad)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOPIC: &str = "com.apple.mgmt.External.0b9c2a4e-5f0d-4a3e-9a59-3f1d0c6f7a11";
    const BODY: &[u8] = br#"{"mdm":"MAGIC"}"#;

    fn path() -> String {
        format!("/3/device/{}", "ab".repeat(32))
    }

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("apns-topic", TOPIC.parse().unwrap());
        headers.insert("apns-push-type", "mdm".parse().unwrap());
        headers.insert("apns-expiration", "1800000000".parse().unwrap());
        headers
    }

    fn reason(result: Result<Accepted, Refused>) -> (u16, &'static str) {
        let refused = result.unwrap_err();
        (refused.status, refused.reason)
    }

    #[test]
    fn a_correct_push_passes() {
        let accepted = check(&Method::POST, &path(), &headers(), BODY, Some(TOPIC)).unwrap();
        assert_eq!(
            (
                accepted.magic.as_str(),
                accepted.token.len(),
                accepted.expiration
            ),
            ("MAGIC", 32, 1_800_000_000)
        );
    }

    #[test]
    fn each_wrong_request_gets_its_reason() {
        let good = headers();
        let ask = |method: Method, path: &str, headers: &HeaderMap, body: &[u8]| {
            reason(check(&method, path, headers, body, Some(TOPIC)))
        };
        let without = |name: &str| {
            let mut headers = headers();
            headers.remove(name);
            headers
        };
        let with = |name: &'static str, value: &str| {
            let mut headers = headers();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let p = path();
        assert_eq!(ask(Method::GET, &p, &good, BODY), (405, "MethodNotAllowed"));
        assert_eq!(
            ask(Method::POST, "/2/device/aa", &good, BODY),
            (404, "BadPath")
        );
        assert_eq!(
            ask(Method::POST, "/3/device/", &good, BODY),
            (400, "MissingDeviceToken")
        );
        assert_eq!(
            ask(Method::POST, "/3/device/abcd", &good, BODY),
            (400, "BadDeviceToken")
        );
        assert_eq!(
            ask(Method::POST, "/3/device/xyz", &good, BODY),
            (400, "BadDeviceToken")
        );
        assert_eq!(
            ask(Method::POST, &p, &without("apns-topic"), BODY),
            (400, "MissingTopic")
        );
        assert_eq!(
            ask(
                Method::POST,
                &p,
                &with("apns-topic", "org.example.app"),
                BODY
            ),
            (400, "BadTopic")
        );
        assert_eq!(
            ask(
                Method::POST,
                &p,
                &with("apns-topic", "com.apple.mgmt.Other"),
                BODY
            ),
            (400, "TopicDisallowed")
        );
        assert_eq!(
            ask(Method::POST, &p, &without("apns-push-type"), BODY),
            (400, "InvalidPushType")
        );
        assert_eq!(
            ask(Method::POST, &p, &with("apns-push-type", "alert"), BODY),
            (400, "InvalidPushType")
        );
        assert_eq!(
            ask(Method::POST, &p, &without("apns-expiration"), BODY),
            (400, "BadExpirationDate")
        );
        assert_eq!(
            ask(Method::POST, &p, &with("apns-priority", "11"), BODY),
            (400, "BadPriority")
        );
        assert_eq!(
            ask(Method::POST, &p, &with("apns-id", "7"), BODY),
            (400, "BadMessageId")
        );
        assert_eq!(ask(Method::POST, &p, &good, b""), (400, "PayloadEmpty"));
        assert_eq!(
            ask(Method::POST, &p, &good, &[b'x'; 5000]),
            (413, "PayloadTooLarge")
        );
        for body in [
            &br#"{"mdm":""}"#[..],
            br#"{"mdm":"a","aps":{}}"#,
            br#"{"aps":{}}"#,
            b"nonsense",
            b"[]",
        ] {
            assert_eq!(ask(Method::POST, &p, &good, body), (400, "BadPayload"));
        }
    }
}
