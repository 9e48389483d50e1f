//! Two nodes over one PostgreSQL are one service.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use simulator::{
    apns::StandIn,
    apple::{Device, Kind},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::process::{Api, Place, Port, events_in, postgres, until_idle};

/// How long the news of a command may take from node to node.
const NEWS: Duration = Duration::from_secs(5);

/// The load balancer in front: devices reach whichever node it names.
struct Relay {
    url: String,
    target: Arc<AtomicU16>,
    accepting: JoinHandle<()>,
}

impl Relay {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let target = Arc::new(AtomicU16::new(0));
        let to = Arc::clone(&target);
        let accepting = tokio::spawn(async move {
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, to.load(Ordering::SeqCst)));
                tokio::spawn(async move {
                    if let Ok(mut to) = TcpStream::connect(address).await {
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        });
        Self {
            url,
            target,
            accepting,
        }
    }

    fn lead_to(&self, place: &Place) {
        self.target.store(place.port.number(), Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Connects until a command comes: the news of it may still be on its way between the nodes.
async fn next_command(phone: &mut Device, patience: Duration) -> String {
    let connecting = async {
        loop {
            let session = phone.connect().await.unwrap();
            if let Some(command) = session.commands.first() {
                assert_eq!(session.commands.len(), 1);
                return command.uuid.to_ascii_lowercase();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let known = tokio::time::timeout(patience, connecting).await;
    known.expect("the node knows of the command")
}

/// Takes pushes until none comes for a while.
async fn pushes(apns: &StandIn) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    while let Some(push) = apns.next_push(Duration::from_millis(700)).await {
        *counts.entry(push.token).or_default() += 1;
    }
    counts
}

async fn until_journalled(api: &Api, kind: &str, subject: &str) {
    for _ in 0..250 {
        let page = api
            .read(&format!("journal/events?kind={kind}&limit=50"))
            .await;
        let events = page["items"].as_array().unwrap();
        if events.iter().any(|event| event["subject"] == subject) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{kind} of {subject} is not sealed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_are_one_service() {
    let apns = StandIn::start().await.unwrap();
    let database = postgres().await;
    let relay = Relay::start().await;
    let port = Port::reserve();
    let first = Place::make_behind(&apns, Some(&database), "", port, relay.url.clone()).await;
    let second = first.second_node(&apns, &database);
    let (a, b) = (first.start().await, second.start().await);
    relay.lead_to(&second);
    let mut phones = Vec::new();
    for seed in 0..4 {
        let mut phone = first.device(Kind::IPhone, seed);
        phone.enroll_from(&first.profile_url).await.unwrap();
        until_idle(&mut phone).await;
        // B now knows that there is nothing for it.
        assert!(phone.connect().await.unwrap().commands.is_empty());
        let serial = &phone.hardware().serial_number;
        let id = first.api().device_id(serial).await.unwrap().unwrap();
        phones.push((phone, id));
    }
    pushes(&apns).await;

    let mut ordered = Vec::new();
    for round in 0..3 {
        let mut wanted = BTreeMap::new();
        for (index, (phone, id)) in phones.iter().enumerate() {
            let api = if round == 1 && index % 2 == 0 {
                second.api()
            } else {
                first.api()
            };
            let order = api
                .order(id, "certificate_list", &format!("{round}-{index}"))
                .await;
            let token = phone.state().enrollment.as_ref().unwrap().token.clone();
            wanted.insert(token, order);
        }
        let pushed = pushes(&apns).await;
        assert!(pushed.keys().eq(wanted.keys()), "everybody is pushed");
        assert!(pushed.values().all(|times| *times == 1), "once: {pushed:?}");
        for (phone, _) in &mut phones {
            let token = phone.state().enrollment.as_ref().unwrap().token.clone();
            assert_eq!(next_command(phone, NEWS).await, wanted[&token]);
        }
        ordered.extend(wanted.into_values());
    }

    // One dies when the device was just woken for its order; the other goes on with it.
    let (phone, id) = &mut phones[0];
    ordered.push(first.api().order(id, "profile_list", "last-words").await);
    assert!(apns.next_push(NEWS).await.is_some());
    a.kill().await;
    assert_eq!(&next_command(phone, NEWS).await, ordered.last().unwrap());
    ordered.push(second.api().order(id, "profile_list", "after-it").await);
    assert_eq!(&next_command(phone, NEWS).await, ordered.last().unwrap());
    until_journalled(
        &second.api(),
        "command.acknowledged",
        ordered.last().unwrap(),
    )
    .await;
    b.stop().await;

    second.run(&["check"]).await.done();
    let file = second.folder.path().join("journal.jsonl");
    second
        .run(&["journal", "export", file.to_str().unwrap()])
        .await
        .done();
    second
        .run(&["journal", "verify", file.to_str().unwrap()])
        .await
        .done();
    let events = events_in(&file);
    for id in &ordered {
        for kind in ["command.queued", "command.acknowledged"] {
            let told = events
                .iter()
                .filter(|event| event["kind"] == kind && event["subject"] == **id);
            assert_eq!(told.count(), 1, "{kind} {id}");
        }
    }
}
