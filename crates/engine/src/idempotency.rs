//! Idempotency keys: a request that is sent twice acts once.

use std::time::Duration;

use domain::scope::Actor;
use store::{BoxFuture, Idempotency, IdempotencyKeys as _, Tx, actor_key};

use crate::{Engine, EngineError, Result};

/// How long an answer can be asked for again.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// The longest key that a caller may choose, in bytes.
const LONGEST_KEY: usize = 200;

/// A caller's key for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    owner: String,
    key: String,
    request: [u8; 32],
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl IdempotencyKey {
    /// The key of an actor for a request: everything that tells it from another one, such as its
    /// method, path and body.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] unless the key has 1 to 200 printable ASCII characters.
    pub fn new(actor: &Actor, key: &str, request: &[&[u8]]) -> Result<Self> {
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EngineError::invalid(format!(
                "an idempotency key has 1 to {LONGEST_KEY} printable ASCII characters"
            )));
        }
        let mut parts = Vec::new();
        for part in request {
            parts.extend_from_slice(&(part.len() as u64).to_be_bytes());
            parts.extend_from_slice(part);
        }
        Ok(Self {
            owner: actor_key(actor),
            key: key.to_owned(),
            request: crate::sha256(&parts),
        })
    }
}

impl Engine {
    /// Acts once for a key: the reservation, the act and its answer are one transaction, so that a
    /// repeated request gets the first one's answer and a failed one can be tried again.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when the key was used for another request or that request is still
    /// being worked on; otherwise what `act` gives.
    pub async fn once<F>(&self, key: IdempotencyKey, act: F) -> Result<Answer>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<Answer>> + Send + 'static,
    {
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(answer) = engine.reserve_key(tx, &key).await? {
                        return Ok(answer);
                    }
                    let answer = act(tx).await?;
                    engine.answer_key(tx, &key, &answer).await?;
                    Ok(answer)
                })
            })
            .await
    }

    /// Reserves a key inside a transaction; gives the answer when the request was answered before.
    /// Act and call [`Engine::answer_key`] in the same transaction.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] as for [`Engine::once`].
    pub async fn reserve_key(&self, tx: &mut Tx, key: &IdempotencyKey) -> Result<Option<Answer>> {
        let now = self.now();
        let found = tx
            .reserve_idempotency_key(&key.owner, &key.key, &key.request, now, now.plus(KEPT))
            .await?;
        match found {
            Idempotency::Reserved => Ok(None),
            Idempotency::Answered { status, response } => Ok(Some(Answer {
                status,
                body: response,
            })),
            Idempotency::InProgress => Err(EngineError::Conflict(
                "a request with this idempotency key is being worked on".into(),
            )),
            Idempotency::Mismatch => Err(EngineError::Conflict(
                "this idempotency key was used for another request".into(),
            )),
        }
    }

    /// Keeps the answer to a request whose key was reserved in this transaction.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn answer_key(
        &self,
        tx: &mut Tx,
        key: &IdempotencyKey,
        answer: &Answer,
    ) -> Result<()> {
        tx.answer_idempotency_key(&key.owner, &key.key, answer.status, &answer.body)
            .await
            .map_err(EngineError::Store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_and_requests_are_told_apart_by_their_parts() {
        let actor = Actor::operator();
        let key = |request: &[&[u8]]| IdempotencyKey::new(&actor, "k", request).unwrap();
        assert_eq!(key(&[b"POST", b"/a"]), key(&[b"POST", b"/a"]));
        assert_ne!(key(&[b"POST", b"/a"]), key(&[b"POST/", b"a"]));
        for wrong in ["", "two words", "ü", &"x".repeat(201)] {
            assert!(IdempotencyKey::new(&actor, wrong, &[]).is_err(), "{wrong}");
        }
    }
}
