//! The endpoints that managed Apple devices speak to, and the one place that answers their faults.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::put,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use engine::{
    apple::{Content, Delivery, Refusal, Reply},
    identity::Proof,
};
use http_body_util::{BodyExt as _, Limited};

use crate::{App, ClientAddress, Peer};

/// The header in which a device signs a message.
const SIGNATURE: &str = "mdm-signature";
/// How long the body of a message may take, unless the operator says otherwise.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(30);

/// One address for both channels, one for each, and what the operator added.
///
/// PUT and POST mean the same: the reference names PUT, some devices and
/// gateways send POST.
pub fn routes(app: &App) -> Router<App> {
    let mut router = Router::new();
    let standard = ["/mdm/apple", "/mdm/apple/checkin", "/mdm/apple/connect"].map(str::to_owned);
    let aliases = app.options.device_path_aliases.iter().cloned();
    for path in standard.into_iter().chain(aliases) {
        router = router.route(&path, put(message).post(message));
    }
    router
}

async fn message(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>();
    let options = &app.options;
    let body = match read_within(body, options.device_body_limit, options.device_body_time).await {
        Ok(body) => body,
        Err(status) => {
            count(if status == StatusCode::PAYLOAD_TOO_LARGE {
                "too_large"
            } else {
                "slow_or_broken"
            });
            return status.into_response();
        }
    };
    let certificate = certificate_of(&app, &parts.headers, peer);
    let signature = parts
        .headers
        .get(SIGNATURE)
        .and_then(|value| value.to_str().ok());
    let proof = match (signature, &certificate) {
        (Some(signature), _) => Some(Proof::Signature(signature)),
        (None, Some(certificate)) => Some(Proof::ClientCertificate(certificate)),
        (None, None) => None,
    };
    let delivery = Delivery {
        proof,
        body: &body,
        address: &address,
    };
    match app.engine.apple_message(delivery).await {
        Ok(reply) => accepted(reply),
        Err(refusal) => refused(&refusal, &address),
    }
}

/// Reads a body within limits of size and time.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<bytes::Bytes, StatusCode> {
    read_within(body, limit, BODY_TIME).await
}

async fn read_within(body: Body, limit: usize, time: Duration) -> Result<bytes::Bytes, StatusCode> {
    match tokio::time::timeout(time, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// The client certificate: of the connection, or as a trusted proxy passes it on.
fn certificate_of(app: &App, headers: &HeaderMap, peer: Option<&Peer>) -> Option<Vec<u8>> {
    let peer = peer?;
    if let Some(certificate) = &peer.certificate {
        return Some(certificate.as_ref().clone());
    }
    let name = app.options.client_certificate_header.as_ref()?;
    if !app
        .options
        .trusted_proxies
        .contains(&peer.address.ip().to_canonical())
    {
        return None;
    }
    forwarded_certificate(headers.get(name)?.to_str().ok()?)
}

/// A certificate in a header: RFC 9440 (`:base64:`) or percent-encoded PEM.
fn forwarded_certificate(value: &str) -> Option<Vec<u8>> {
    let value = value.trim();
    if let Some(inner) = value
        .strip_prefix(':')
        .and_then(|rest| rest.strip_suffix(':'))
    {
        return BASE64_STANDARD.decode(inner).ok();
    }
    let decoded: Vec<u8> =
        url::form_urlencoded::parse(format!("c={}", value.replace('+', "%2B")).as_bytes())
            .next()?
            .1
            .into_owned()
            .into_bytes();
    let text = String::from_utf8(decoded).ok()?;
    ::pki::Certificate::from_pem(&text)
        .ok()
        .map(|certificate| certificate.der().to_vec())
}

fn accepted(reply: Reply) -> Response {
    let content_type = match reply.content {
        Content::Plist => "application/xml; charset=UTF-8",
        Content::Json => "application/json",
    };
    let empty = reply.body.is_empty();
    let mut response = Response::new(Body::from(reply.body));
    if !empty {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// The faults of Apple's protocol. Never 401: it makes some devices leave.
fn refused(refusal: &Refusal, address: &str) -> Response {
    count(refusal.name());
    let status = match refusal {
        Refusal::Proof(_)
        | Refusal::NoProof
        | Refusal::Malformed(_)
        | Refusal::Unacceptable(_)
        | Refusal::NotEnrolled
        | Refusal::Over
        | Refusal::Cloned
        | Refusal::NotAdmitted(_) => StatusCode::BAD_REQUEST,
        Refusal::UserDeclined => StatusCode::GONE,
        Refusal::NoDeclaration => StatusCode::NOT_FOUND,
        Refusal::Unavailable(error) => {
            tracing::warn!(%error, address, "a device could not be served");
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
            return response;
        }
    };
    tracing::info!(reason = %refusal, kind = refusal.name(), address, "device message refused");
    (status, format!("{refusal}\n")).into_response()
}

fn count(reason: &'static str) {
    metrics::counter!(engine::metrics::REFUSED_MESSAGES, "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_comes_in_either_header_form() {
        let der = b"not looked into";
        let rfc9440 = format!(":{}:", BASE64_STANDARD.encode(der));
        assert_eq!(forwarded_certificate(&rfc9440).as_deref(), Some(&der[..]));
        assert_eq!(forwarded_certificate("rubbish%"), None);
        assert_eq!(forwarded_certificate(":%%%:"), None);
    }
}
