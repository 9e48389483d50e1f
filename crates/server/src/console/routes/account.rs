//! A person's own account: passkeys and colours.

use axum::{Json, extract::rejection::JsonRejection};
use domain::PasskeyId;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Fault, Of, done, page as answer_page, see_other},
    cookies::Cookie,
    forms::Sent,
    sign_in::{Finish, append_cookie, ceremony_json, local, not_accepted},
    visit::{By, Done},
};
use crate::console::views::{AccountPage, PasskeyRow, Theme};

/// How long the colours are remembered.
const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);

pub(super) async fn page(by: By) -> Answer {
    let passkeys = by.engine().passkeys_of(&by.session).await?;
    answer_page(&AccountPage {
        shell: by.shell(),
        name: by.session.name.clone(),
        roles: vec!["Administrator".to_owned()],
        passkeys: passkeys
            .into_iter()
            .map(|passkey| PasskeyRow {
                id: passkey.id.to_string(),
                name: passkey.name,
                created_at: passkey.created_at,
                last_used_at: passkey.last_used_at,
            })
            .collect(),
        session_ends_at: by.session.ends_at,
    })
}

pub(super) async fn start_passkey(by: By) -> Result<Json<Value>, Fault> {
    let passkeys = by.engine().passkeys(by.visit.console_url())?;
    let ceremony = passkeys.start_registration(&by.session).await?;
    Ok(Json(ceremony_json(ceremony)))
}

pub(super) async fn finish_passkey(
    by: By,
    finish: Result<Json<Finish>, JsonRejection>,
) -> Result<Json<Value>, Fault> {
    let Json(finish) = finish.map_err(|error| Fault::bad_request(error.body_text()))?;
    let name = match finish.name.trim() {
        "" => "Passkey",
        name => name,
    };
    by.engine()
        .passkeys(by.visit.console_url())?
        .finish_registration(&by.session, &finish.state, name, finish.credential)
        .await
        .map_err(not_accepted)?;
    let location = format!("/account?done={}", Done::PasskeyAdded.word());
    Ok(Json(json!({ "location": location })))
}

pub(super) async fn remove_passkey(by: By, Of(id): Of<PasskeyId>) -> Answer {
    by.engine().remove_passkey(&by.session, id).await?;
    Ok(done("/account", Done::Removed))
}

pub(super) async fn set_theme(by: By, sent: Sent) -> Answer {
    let theme = Theme::from_word(sent.value("theme"));
    let mut response = see_other(&local(sent.value("back")).unwrap_or_else(|| "/".to_owned()));
    let options = &by.visit.app.options;
    append_cookie(
        &mut response,
        Cookie::Theme.set(options, theme.as_str(), Some(YEAR)),
    );
    Ok(response)
}
