//! The push certificate: asking for one, taking it in.

use axum::{http::header, response::IntoResponse as _};
use domain::{DeviceState, OsFamily, Secret, scope::Scope};

use super::super::{
    answer::{Answer, Fault, done, invalid, page as answer_page},
    forms::Sent,
    visit::{By, Done},
};
use crate::console::{
    components::Form,
    views::{PushCertificate, PushCertificatePage},
};

pub(in super::super) async fn page(by: By) -> Answer {
    answer_page(&view(&by, Form::new()).await?)
}

/// Makes a key and gives the request for its certificate, as a file.
pub(in super::super) async fn request(by: By) -> Answer {
    let pem = by.engine().push_certificate_request(by.authority()).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pkcs10"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"muster-push.csr\"",
        ),
    ];
    Ok((headers, pem).into_response())
}

pub(in super::super) async fn import(by: By, sent: Sent) -> Answer {
    let certificate = sent.value("certificate");
    if certificate.is_empty() {
        let form = sent
            .again()
            .with_error("certificate", "Paste the certificate");
        return invalid(&view(&by, form).await?);
    }
    let key = sent.given("key").map(|key| Secret::new(key.to_owned()));
    let imported = by
        .engine()
        .import_push_certificate(by.authority(), certificate, key)
        .await;
    match imported {
        Ok(_) => Ok(done("/settings/push", Done::Imported)),
        Err(error) => {
            let form = Fault::from(error).on_form(sent.again(), "certificate")?;
            invalid(&view(&by, form).await?)
        }
    }
}

async fn view(by: &By, form: Form) -> Result<PushCertificatePage, Fault> {
    let current = by
        .engine()
        .push_certificates(by.authority())
        .await?
        .into_iter()
        .find(|one| one.current);
    let counts = by.engine().fleet_counts(by.authority()).await?;
    let devices: i64 = counts
        .devices
        .iter()
        .filter(|row| row.platform.family() == OsFamily::Apple)
        .filter(|row| row.state == DeviceState::Enrolled)
        .map(|row| row.count)
        .sum();
    Ok(PushCertificatePage {
        shell: by.shell(),
        current: current.map(|one| PushCertificate {
            topic: one.topic,
            serial: one.serial,
            not_before: one.not_before,
            not_after: one.not_after,
        }),
        devices: u64::try_from(devices).unwrap_or_default(),
        form,
        may_change: by.authority().require(Scope::SettingsWrite).is_ok(),
    })
}
