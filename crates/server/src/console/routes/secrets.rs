//! Escrowed secrets: shown once, for a reason.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{DeviceId, SecretId};

use super::{
    answer::{Answer, Fault, Of, invalid, page as answer_page},
    device::{identity_of, last_reveals, secret_row},
    forms::Sent,
    visit::By,
};
use crate::console::{components::Form, views::RevealPage};

pub(super) async fn page(by: By, Of((device, secret)): Of<(DeviceId, SecretId)>) -> Answer {
    answer_page(&view(&by, device, secret, Form::new()).await?)
}

pub(super) async fn reveal(
    by: By,
    Of((device, secret)): Of<(DeviceId, SecretId)>,
    sent: Sent,
) -> Answer {
    // Also makes sure that the secret is one of this device.
    let mut view = view(&by, device, secret, sent.again()).await?;
    let reason = sent.value("reason");
    if reason.is_empty() {
        view.form = view.form.with_error("reason", "Enter a reason");
        return invalid(&view);
    }
    let revealed = by
        .engine()
        .reveal_secret(by.authority(), secret, reason)
        .await?;
    view.value = Some(readable(revealed.secret.expose()));
    answer_page(&view)
}

async fn view(
    by: &By,
    device: DeviceId,
    secret: SecretId,
    form: Form,
) -> Result<RevealPage, Fault> {
    let detail = by.engine().device(by.authority(), device).await?;
    let heads = by.engine().secrets_of(by.authority(), device).await?;
    let head = heads
        .iter()
        .find(|head| head.id == secret)
        .ok_or_else(Fault::nothing_here)?;
    let seen = last_reveals(by, device).await?;
    Ok(RevealPage {
        shell: by.shell(),
        device: identity_of(&detail.device),
        secret: secret_row(head, &seen),
        value: None,
        form,
    })
}

/// Text as it is; bytes as base64.
fn readable(secret: &[u8]) -> String {
    match std::str::from_utf8(secret) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => BASE64_STANDARD.encode(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn text_is_shown_as_text_and_bytes_as_base64() {
        assert_eq!(readable(b"123456"), "123456");
        assert_eq!(readable(&[0, 255]), "AP8=");
    }
}
