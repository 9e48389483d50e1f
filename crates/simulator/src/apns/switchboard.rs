//! Who listens for which device token.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::mpsc;

/// One accepted push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// `apns-id` of the reply.
    pub id: String,
    /// Device token.
    pub token: Vec<u8>,
    /// The topic pushed to.
    pub topic: String,
    /// Push magic.
    pub magic: String,
    /// `apns-expiration`, seconds since 1970.
    pub expiration: i64,
    /// `apns-priority`, 10 when absent.
    pub priority: u8,
    /// When it was accepted.
    pub at: std::time::Instant,
}

/// Delivers pushes to simulated devices by token. Clones share the same table.
#[derive(Debug, Clone, Default)]
pub struct Switchboard {
    table: Arc<Mutex<HashMap<Vec<u8>, Line>>>,
}

#[derive(Debug, Default)]
struct Line {
    listener: Option<mpsc::UnboundedSender<Push>>,
    /// The last push nobody heard: Apple keeps one.
    stored: Option<Push>,
}

impl Switchboard {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends pushes for `token` to `listener`, the stored one first.
    pub fn listen(&self, token: &[u8], listener: mpsc::UnboundedSender<Push>) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let line = table.entry(token.to_vec()).or_default();
        if let Some(push) = line.stored.take() {
            // A closed channel only means that the device is gone.
            let _ = listener.send(push);
        }
        line.listener = Some(listener);
    }

    /// Forgets a token: nobody listens and nothing is stored.
    pub fn forget(&self, token: &[u8]) {
        self.table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(token);
    }

    /// True when a listener was registered for the token.
    #[must_use]
    pub fn knows(&self, token: &[u8]) -> bool {
        self.table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(token)
    }

    /// Delivers to the listener, or stores the push when nobody listens.
    pub fn deliver(&self, push: Push) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = table.get_mut(&push.token) else {
            return;
        };
        if let Some(listener) = &line.listener {
            match listener.send(push) {
                Ok(()) => {}
                Err(mpsc::error::SendError(push)) => {
                    line.listener = None;
                    line.stored = Some(push);
                }
            }
        } else {
            line.stored = Some(push);
        }
    }
}
