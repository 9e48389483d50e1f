//! Webhooks, each with a signing secret that is shown once.

use domain::{Secret, WebhookId};
use engine::webhooks::{NewWebhook, WebhookInfo};

use super::super::{
    answer::{Answer, Fault, Of, done, invalid, page as answer_page},
    forms::Sent,
    visit::{By, Done},
    words::EVENT_KINDS,
};
use crate::console::{
    components::{Choice, Form},
    views::{WebhookRow, WebhooksPage},
};

pub(in super::super) async fn page(by: By) -> Answer {
    answer_page(&view(&by, Form::new(), None).await?)
}

pub(in super::super) async fn create(by: By, sent: Sent) -> Answer {
    if sent.value("url").is_empty() {
        let form = sent.again().with_error("url", "Enter an address");
        return invalid(&view(&by, form, None).await?);
    }
    let wanted = NewWebhook {
        url: sent.value("url").to_owned(),
        kinds: sent.values("kind").map(str::to_owned).collect(),
    };
    match by.engine().create_webhook(by.authority(), wanted).await {
        Ok(created) => answer_page(&view(&by, Form::new(), Some(created.secret)).await?),
        Err(error) => {
            let form = Fault::from(error).on_form(sent.again(), "url")?;
            invalid(&view(&by, form, None).await?)
        }
    }
}

pub(in super::super) async fn remove(by: By, Of(id): Of<WebhookId>) -> Answer {
    by.engine().remove_webhook(by.authority(), id).await?;
    Ok(done("/settings/webhooks", Done::Removed))
}

/// Sends the newest entry again; entries that wait are not passed over.
pub(in super::super) async fn test(by: By, Of(id): Of<WebhookId>) -> Answer {
    let webhook = by.engine().webhook(by.authority(), id).await?;
    let head = *by.engine().journal_head().borrow();
    let after = webhook.cursor.min(head.saturating_sub(1));
    by.engine()
        .replay_webhook(by.authority(), id, after)
        .await?;
    Ok(done("/settings/webhooks", Done::Tested))
}

async fn view(by: &By, form: Form, secret: Option<Secret<String>>) -> Result<WebhooksPage, Fault> {
    let mut rows = Vec::new();
    for webhook in by.engine().webhooks(by.authority()).await? {
        rows.push(row(by, webhook).await?);
    }
    Ok(WebhooksPage {
        shell: by.shell(),
        created_secret: secret.map(|secret| secret.expose().clone()),
        webhooks: rows,
        kinds: EVENT_KINDS
            .iter()
            .map(|(kind, name)| Choice::new(*kind, *name))
            .collect(),
        form,
    })
}

async fn row(by: &By, webhook: WebhookInfo) -> Result<WebhookRow, Fault> {
    let log = by
        .engine()
        .webhook_deliveries(by.authority(), webhook.id, 50)
        .await?;
    let failing = webhook.failures > 0;
    let last_error = match &webhook.last_delivery {
        Some(attempt) if failing => match (&attempt.error, attempt.status) {
            (Some(error), _) => error.clone(),
            (None, Some(status)) => format!("The receiver answered {status}"),
            (None, None) => "No answer".to_owned(),
        },
        _ => String::new(),
    };
    Ok(WebhookRow {
        id: webhook.id.to_string(),
        url: webhook.url,
        kinds: webhook.kinds,
        delivered_seq: webhook.cursor,
        waiting: webhook.waiting,
        last_success_at: log
            .iter()
            .find(|attempt| {
                attempt
                    .status
                    .is_some_and(|status| (200..300).contains(&status))
            })
            .map(|attempt| attempt.at),
        last_error,
        enabled: webhook.enabled,
    })
}
