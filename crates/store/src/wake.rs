//! Wake-ups: what changed, told to this process and to the other nodes after the commit.
//!
//! Between nodes they travel by NOTIFY on a connection of its own, several to a message, outside
//! the writing transactions: NOTIFY inside a transaction would make commits queue up for one lock.

use std::{future::poll_fn, sync::Arc, time::Duration};

use domain::EnrollmentId;
use tokio::{
    sync::{broadcast, mpsc},
    task::AbortHandle,
    time::sleep,
};
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Wake-ups a slow listener may be behind by before it gets [`Wake::Resync`] instead.
const BEHIND: usize = 8192;
/// Characters in one NOTIFY; PostgreSQL takes fewer than 8,000.
const PAYLOAD: usize = 7_500;
const CHANNEL: &str = "muster_wake";
/// Time before the first attempt to connect again, doubled up to five seconds.
const RETRY: Duration = Duration::from_millis(100);

/// Something to look at. A hint, never the only carrier of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wake {
    /// The queue or the state of an enrollment changed: forget what is cached of it.
    Enrollment(EnrollmentId),
    /// A push is wanted.
    Push,
    /// Events wait to be sealed.
    JournalPending,
    /// Events were sealed.
    Journal,
    /// A named thing changed, for example `settings` or `webhooks`. At most 200 characters, no line breaks.
    Changed(String),
    /// Wake-ups may have been lost: forget everything cached.
    Resync,
}

impl Wake {
    fn encode(&self) -> String {
        match self {
            Self::Enrollment(id) => format!("e{}", id.uuid().simple()),
            Self::Push => "p".to_owned(),
            Self::JournalPending => "j".to_owned(),
            Self::Journal => "J".to_owned(),
            Self::Changed(name) => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
                format!("c{name}")
            }
            Self::Resync => "r".to_owned(),
        }
    }

    fn decode(text: &str) -> Self {
        match (text.get(..1), text.get(1..).unwrap_or("")) {
            (Some("e"), id) => id.parse().map_or(Self::Resync, Self::Enrollment),
            (Some("p"), _) => Self::Push,
            (Some("j"), _) => Self::JournalPending,
            (Some("J"), _) => Self::Journal,
            (Some("c"), name) => Self::Changed(name.to_owned()),
            // Also what a newer node says that this one does not know.
            _ => Self::Resync,
        }
    }
}

/// Wake-ups as they come.
pub struct WakeReceiver(broadcast::Receiver<Wake>);

impl WakeReceiver {
    /// The next wake-up; `None` when the database was dropped. One who is too slow gets [`Wake::Resync`].
    pub async fn next(&mut self) -> Option<Wake> {
        match self.0.recv().await {
            Ok(wake) => Some(wake),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Wake::Resync),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Where wake-ups are handed out.
pub(crate) struct WakeHub {
    local: broadcast::Sender<Wake>,
    others: Option<mpsc::Sender<Wake>>,
}

impl WakeHub {
    pub(crate) fn new(others: Option<mpsc::Sender<Wake>>) -> Self {
        Self {
            local: broadcast::channel(BEHIND).0,
            others,
        }
    }

    pub(crate) fn subscribe(&self) -> WakeReceiver {
        WakeReceiver(self.local.subscribe())
    }

    pub(crate) fn publish(&self, wakes: Vec<Wake>) {
        for wake in wakes {
            if let Some(others) = &self.others
                && others.try_send(wake.clone()).is_err()
            {
                metrics::counter!("muster_store_wakes_dropped_total").increment(1);
            }
            let _ = self.local.send(wake);
        }
    }
}

/// A hub that also speaks with the other nodes, and its two tasks.
pub(crate) fn connect(
    config: Config,
    connector: MakeRustlsConnect,
) -> (Arc<WakeHub>, Vec<AbortHandle>) {
    let (others, outgoing) = mpsc::channel(BEHIND);
    let hub = Arc::new(WakeHub::new(Some(others)));
    // Tells our own messages from those of other nodes.
    let node = uuid::Uuid::from_bytes(node_bytes()).simple().to_string();
    let listener = tokio::spawn(listen(
        config.clone(),
        connector.clone(),
        hub.local.clone(),
        node.clone(),
    ));
    let notifier = tokio::spawn(notify(config, connector, outgoing, node));
    (hub, vec![listener.abort_handle(), notifier.abort_handle()])
}

fn node_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        tracing::error!("no randomness for the node's name");
    }
    bytes
}

/// Receives from other nodes for ever; connects again when the connection is lost.
async fn listen(
    config: Config,
    connector: MakeRustlsConnect,
    local: broadcast::Sender<Wake>,
    node: String,
) {
    let mut retry = RETRY;
    loop {
        if let Ok((client, mut connection)) = config.connect(connector.clone()).await {
            let (sender, mut received) = mpsc::channel(64);
            let driver = tokio::spawn(async move {
                while let Some(Ok(message)) =
                    poll_fn(|context| connection.poll_message(context)).await
                {
                    if let AsyncMessage::Notification(notification) = message
                        && sender
                            .send(notification.payload().to_owned())
                            .await
                            .is_err()
                    {
                        return;
                    }
                }
            });
            if client
                .batch_execute(&format!("LISTEN {CHANNEL}"))
                .await
                .is_ok()
            {
                retry = RETRY;
                // Whatever was said before we listened is lost.
                let _ = local.send(Wake::Resync);
                while let Some(payload) = received.recv().await {
                    hand_out(&payload, &node, &local);
                }
                let _ = local.send(Wake::Resync);
            }
            driver.abort();
        }
        sleep(retry).await;
        retry = (retry * 2).min(Duration::from_secs(5));
    }
}

fn hand_out(payload: &str, node: &str, local: &broadcast::Sender<Wake>) {
    let mut lines = payload.lines();
    if lines.next() != Some(node) {
        for line in lines {
            let _ = local.send(Wake::decode(line));
        }
    }
}

/// Sends to other nodes for ever, what waits together. What cannot be sent becomes one `Resync`.
async fn notify(
    config: Config,
    connector: MakeRustlsConnect,
    mut outgoing: mpsc::Receiver<Wake>,
    node: String,
) {
    let mut client: Option<Client> = None;
    let mut lost = false;
    while let Some(first) = outgoing.recv().await {
        let mut payload = format!(
            "{node}\n{}",
            if lost { Wake::Resync } else { first }.encode()
        );
        while payload.len() < PAYLOAD - 900
            && let Ok(wake) = outgoing.try_recv()
        {
            let line = wake.encode();
            if !payload.lines().any(|known| known == line) {
                payload.push('\n');
                payload.push_str(&line);
            }
        }
        let usable = client.take().filter(|client| !client.is_closed());
        let connected = match usable {
            Some(client) => Some(client),
            None => speaker(&config, &connector).await,
        };
        lost = true;
        if let Some(connected) = connected
            && connected
                .execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &payload])
                .await
                .is_ok()
        {
            lost = false;
            client = Some(connected);
        } else {
            sleep(RETRY).await;
        }
    }
}

/// A connection to notify on. Its commits carry nothing, so they need not wait for the disk.
async fn speaker(config: &Config, connector: &MakeRustlsConnect) -> Option<Client> {
    let (client, connection) = config.connect(connector.clone()).await.ok()?;
    tokio::spawn(connection);
    client
        .batch_execute("SET synchronous_commit = off")
        .await
        .ok()?;
    Some(client)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for wake in [
            Wake::Enrollment(EnrollmentId::new(Timestamp::from_millis(1), [1; 10])),
            Wake::Push,
            Wake::JournalPending,
            Wake::Journal,
            Wake::Changed("settings".into()),
            Wake::Resync,
        ] {
            assert_eq!(Wake::decode(&wake.encode()), wake);
        }
        assert_eq!(Wake::decode("?from the future"), Wake::Resync);
        assert_eq!(Wake::decode(""), Wake::Resync);
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_to_start_over() {
        let hub = WakeHub::new(None);
        let mut receiver = hub.subscribe();
        for _ in 0..=BEHIND {
            hub.publish(vec![Wake::Push]);
        }
        assert_eq!(receiver.next().await, Some(Wake::Resync));
        assert_eq!(receiver.next().await, Some(Wake::Push));
    }
}
