//! `PUT /declarations/{identifier}`

use axum::{extract::State, http::header, response::IntoResponse};
use serde_json::Value;

use super::DeclarationInfo;
use crate::{
    App,
    api::{
        extract::{Json, Of},
        wire::AnyObject,
    },
    auth::By,
    problem::{Code, Problem},
};

/// Writes a declaration: the document as Apple describes it, with `Type`, `Identifier` and
/// `Payload`. Devices that it is for are told at once.
#[utoipa::path(
    put, path = "/declarations/{identifier}", operation_id = "putDeclaration", tag = "declarations",
    params(("identifier" = String, Path, description = "Its identifier on the wire, as in the document")),
    request_body(content = AnyObject, example = json!({
        "Type": "com.apple.configuration.passcode.settings",
        "Identifier": "org.example.passcode",
        "Payload": { "RequirePasscode": true },
    })),
    responses((
        status = 200, description = "The declaration", body = DeclarationInfo,
        headers(("ETag" = String, description = "The server token")),
    )),
    extensions(("x-required-scope" = json!("declarations:write"))),
)]
pub(crate) async fn put(
    State(app): State<App>,
    By(by): By,
    Of(identifier): Of<String>,
    Json(document): Json<Value>,
) -> Result<impl IntoResponse, Problem> {
    if document["Identifier"] != *identifier {
        return Err(Problem::new(Code::Invalid)
            .because("the document names another identifier than the path")
            .at("Identifier"));
    }
    let stored = app.engine.put_declaration(&by, document).await?;
    let tag = [(header::ETAG, format!("\"{}\"", stored.server_token))];
    Ok((tag, Json(DeclarationInfo::from(stored))))
}
