//! A program that uses the admin API.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use domain::Secret;
use serde_json::{Value as Json, json};

use super::process::Prepared;

/// A client with an API token; clones share its connections.
#[derive(Clone)]
pub(super) struct Admin {
    client: reqwest::Client,
    base: String,
    token: Secret<String>,
}

impl Admin {
    pub(super) fn new(prepared: &Prepared) -> anyhow::Result<Self> {
        let root = reqwest::Certificate::from_pem(prepared.ca_pem.as_bytes())?;
        Ok(Self {
            client: reqwest::Client::builder()
                .tls_certs_only([root])
                .http1_only()
                .no_proxy()
                .build()?,
            base: format!("{}/api/v1", prepared.url),
            token: prepared.api_token.clone(),
        })
    }

    /// The identifiers of all devices, by serial number.
    pub(super) async fn devices(&self) -> anyhow::Result<HashMap<String, String>> {
        let mut devices = HashMap::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", "500".to_owned()), ("sort", "serial".to_owned())];
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let (page, _) = self.get("devices", &query).await?;
            let items = page["items"].as_array().context("no list of devices")?;
            for item in items {
                let (Some(serial), Some(id)) = (item["serial"].as_str(), item["id"].as_str())
                else {
                    continue;
                };
                devices.insert(serial.to_owned(), id.to_owned());
            }
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(devices),
            }
        }
    }

    /// A page of something, and how long its answer took.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<(Json, Duration)> {
        let mut url = url::Url::parse(&format!("{}/{path}", self.base))?;
        url.query_pairs_mut().extend_pairs(query);
        let start = Instant::now();
        let answer = self
            .client
            .get(url)
            .bearer_auth(self.token.expose())
            .send()
            .await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        let took = start.elapsed();
        anyhow::ensure!(
            status.is_success(),
            "GET {path}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok((serde_json::from_slice(&body)?, took))
    }

    /// Orders a command; gives its identifier.
    pub(super) async fn order(
        &self,
        device: &str,
        kind: &str,
        key: &str,
    ) -> anyhow::Result<String> {
        let body = json!({ "type": kind, "reason": "measurement" });
        let answer = self
            .client
            .post(format!("{}/devices/{device}/commands", self.base))
            .bearer_auth(self.token.expose())
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        anyhow::ensure!(
            status.is_success(),
            "{kind}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        let command: Json = serde_json::from_slice(&body)?;
        let id = command["id"].as_str().context("a command without id")?;
        Ok(id.to_owned())
    }
}
