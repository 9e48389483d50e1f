//! `GetToken`: tokens of services that a device asks its management server for.

use std::time::Duration;

use apple::checkin::{self, GetToken, TokenService};
use domain::Timestamp;
use pki::{Signer as _, seal::Place};
use serde_json::json;

use super::{Caller, Refusal, Reply};
use crate::Engine;

/// How long the token of a watch to be paired works.
const PAIRING_LIFETIME: Duration = Duration::from_secs(15 * 60);

impl Engine {
    pub(super) fn apple_get_token(
        &self,
        caller: &Caller,
        request: &GetToken,
    ) -> Result<Reply, Refusal> {
        match &request.service {
            TokenService::ManagedAppleAccount => self.managed_apple_account_token(caller.now),
            TokenService::WatchPairing => self.watch_pairing_token(caller, request),
            TokenService::Unknown(service) => Err(Refusal::Unacceptable(format!(
                "there is no token for the service {service:?}"
            ))),
        }
    }

    /// A JSON Web Token (RFC 7519) that Apple accepts for signing in with a Managed Apple Account.
    fn managed_apple_account_token(&self, now: Timestamp) -> Result<Reply, Refusal> {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let Some(account) = &self.settings.managed_apple_account else {
            return Err(Refusal::Unacceptable(
                "no Apple Business account is connected, so there is no token".into(),
            ));
        };
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!(
            "{}.{}",
            part(json!({ "alg": "RS256", "typ": "JWT" })),
            part(json!({
                "iss": account.server_uuid,
                "iat": now.seconds(),
                "jti": hex::encode(self.random::<16>()),
                "service_type": "com.apple.maid",
            }))
        );
        let signature = account
            .key
            .sign(signed.as_bytes())
            .map_err(|error| Refusal::Unavailable(crate::EngineError::keys(error)))?;
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        Ok(Reply::plist(checkin::token_data(token.as_bytes())))
    }

    /// A token that only this server can make and read, bound to phone and watch.
    fn watch_pairing_token(&self, caller: &Caller, request: &GetToken) -> Result<Reply, Refusal> {
        let text = |key: &str| request.parameters.string(key).map(str::to_owned);
        let (Some(phone), Some(watch)) = (text("PhoneUDID"), text("WatchUDID")) else {
            return Err(Refusal::Unacceptable(
                "TokenParameters lacks PhoneUDID or WatchUDID".into(),
            ));
        };
        if phone != caller.enrolled.native_key {
            return Err(Refusal::Unacceptable(
                "a phone asks for its own watch only".into(),
            ));
        }
        let claims = json!({
            "enrollment": caller.enrolled.enrollment,
            "phone": phone,
            "watch": watch,
            "security_token": text("SecurityToken"),
            "nonce": hex::encode(self.random::<16>()),
            "expires_at": caller.now.plus(PAIRING_LIFETIME),
        });
        let place = Place {
            table: "watch_pairing",
            row: "token",
            kind: "claims",
        };
        let sealed = self
            .sealer
            .seal(&place, claims.to_string().as_bytes())
            .map_err(|error| Refusal::Unavailable(crate::EngineError::keys(error)))?;
        Ok(Reply::plist(checkin::token_data(&sealed)))
    }
}
