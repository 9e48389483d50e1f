//! API tokens, each shown once.

use std::{collections::BTreeSet, time::Duration};

use domain::{ApiTokenId, Secret, scope::Scope};
use engine::people::NewApiToken;

use super::super::{
    answer::{Answer, Fault, Of, done, invalid, page as answer_page},
    forms::Sent,
    visit::{By, Done},
    words,
};
use crate::console::{
    components::{Choice, Form},
    views::{ApiTokenRow, ApiTokensPage},
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest life that can be chosen, in days.
const MOST_DAYS: u32 = 1095;

pub(in super::super) async fn page(by: By) -> Answer {
    answer_page(&view(&by, Form::new().with("days", "90"), None).await?)
}

pub(in super::super) async fn create(by: By, sent: Sent) -> Answer {
    let mut form = sent.again();
    if sent.value("name").is_empty() {
        form = form.with_error("name", "Enter a name");
    }
    let scopes: Result<BTreeSet<Scope>, _> = sent.values("scope").map(str::parse).collect();
    let scopes = scopes.unwrap_or_default();
    if scopes.is_empty() {
        form = form.with_error("scope", "Choose what it may do");
    }
    let days = sent.number("days", 1, MOST_DAYS).unwrap_or_else(|problem| {
        form = std::mem::take(&mut form).with_error("days", problem);
        0
    });
    if form.is_invalid() {
        return invalid(&view(&by, form, None).await?);
    }
    let wanted = NewApiToken {
        name: sent.value("name").to_owned(),
        scopes,
        expires_at: by.now().plus(DAY * days),
    };
    match by.engine().create_api_token(by.authority(), wanted).await {
        Ok(created) => {
            let form = Form::new().with("days", "90");
            answer_page(&view(&by, form, Some(created.secret)).await?)
        }
        Err(error) => {
            let form = Fault::from(error).on_form(form, "name")?;
            invalid(&view(&by, form, None).await?)
        }
    }
}

pub(in super::super) async fn revoke(by: By, Of(id): Of<ApiTokenId>) -> Answer {
    by.engine().revoke_api_token(by.authority(), id).await?;
    Ok(done("/settings/tokens", Done::Revoked))
}

async fn view(
    by: &By,
    form: Form,
    created: Option<Secret<String>>,
) -> Result<ApiTokensPage, Fault> {
    let tokens = by.engine().api_tokens(by.authority()).await?;
    Ok(ApiTokensPage {
        shell: by.shell(),
        created: created.map(|secret| secret.expose().clone()),
        tokens: tokens
            .into_iter()
            .map(|token| ApiTokenRow {
                id: token.id.to_string(),
                name: token.name,
                scopes: token.scopes.iter().map(ToString::to_string).collect(),
                created_by: words::actor(&token.created_by),
                created_at: token.created_at,
                expires_at: token.expires_at,
                last_used_at: token.last_used_at,
                revoked: token.revoked_at.is_some(),
            })
            .collect(),
        scopes: Scope::ALL
            .iter()
            .map(|scope| {
                Choice::new(scope.as_str(), scope.as_str()).with_hint(words::scope_label(*scope))
            })
            .collect(),
        form,
    })
}
