//! `GET /journal/export`

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
};
use domain::scope::Authority;
use futures_util::stream;
use serde_json::json;
use store::EventFilter;

use crate::{App, auth::By, problem::Problem};

/// How many are read at once.
const BATCH: u32 = 500;

/// What comes next.
enum Next {
    Events(u64),
    Checkpoints(u64),
}

/// The whole journal as NDJSON, for `muster journal verify`: a first line with the public key, then
/// a line for each event, then one for each checkpoint.
#[utoipa::path(
    get, path = "/journal/export", operation_id = "exportJournal", tag = "journal",
    responses((status = 200, description = "Line by line", content_type = "application/x-ndjson", body = String)),
    extensions(("x-required-scope" = json!("journal:read"))),
)]
pub(crate) async fn export(
    State(app): State<App>,
    By(by): By,
) -> Result<impl IntoResponse, Problem> {
    let newest = || async {
        let filter = EventFilter::default();
        let events = app.engine.events_before(&by, filter, None, 1).await?;
        Ok::<_, Problem>(events.first().map_or(0, |last| last.seq))
    };
    // First of all, because it asks for the scope.
    newest().await?;
    // So that a signature covers all of it.
    app.engine.seal_journal().await?;
    app.engine.checkpoint_now().await?;
    // What is appended while the export runs is not in it, nor are checkpoints over that.
    let end = newest().await?;
    let key = hex::encode(app.engine.authority.load().journal_key());
    let head = format!("{}\n", json!({ "muster_journal": 1, "public_key": key }));
    let lines = stream::try_unfold(Some((head, Next::Events(0))), move |state| {
        let (app, by) = (app.clone(), by.clone());
        async move {
            match state {
                Some((mut text, next)) => {
                    let next = batch(&app, &by, next, end, &mut text).await?;
                    let following = next.map(|next| (String::new(), next));
                    Ok::<_, std::io::Error>(Some((Bytes::from(text), following)))
                }
                None => Ok(None),
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"journal.ndjson\"",
        ),
    ];
    Ok((headers, Body::from_stream(lines)))
}

/// Writes some lines and says what comes after them. An error breaks the answer off, so that
/// nobody takes it for the whole journal.
async fn batch(
    app: &App,
    by: &Authority,
    next: Next,
    end: u64,
    text: &mut String,
) -> Result<Option<Next>, std::io::Error> {
    let broken = |error: engine::EngineError| {
        tracing::error!(%error, "an export of the journal broke off");
        std::io::Error::other("broken off")
    };
    match next {
        Next::Events(after) => {
            let events = app
                .engine
                .events_after(by, EventFilter::default(), after, BATCH)
                .await
                .map_err(broken)?;
            let mut last = after;
            for event in events.iter().filter(|event| event.seq <= end) {
                last = event.seq;
                text.push_str(&json!({ "event": event }).to_string());
                text.push('\n');
            }
            Ok(Some(if last == after {
                Next::Checkpoints(0)
            } else {
                Next::Events(last)
            }))
        }
        Next::Checkpoints(after) => {
            let found = app
                .engine
                .checkpoints_after(by, after, BATCH)
                .await
                .map_err(broken)?;
            let mut last = after;
            for checkpoint in found.iter().filter(|checkpoint| checkpoint.seq <= end) {
                last = checkpoint.seq;
                text.push_str(&json!({ "checkpoint": checkpoint }).to_string());
                text.push('\n');
            }
            Ok((last != after).then_some(Next::Checkpoints(last)))
        }
    }
}
