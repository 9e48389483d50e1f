//! Webhooks against a receiver on loopback.

use std::time::Duration;

use domain::{WebhookId, scope::Authority};
use engine::{
    EngineError,
    people::operator,
    webhooks::{CreatedWebhook, NewWebhook, WebhookChange},
};
use tokio::sync::watch;

use crate::support::{World, hours, minutes, receiver::Receiver};

async fn world() -> World {
    World::with(|settings| settings.allow_private_egress = true).await
}

async fn hook(world: &World, url: &str, kinds: &[&str]) -> CreatedWebhook {
    let wanted = NewWebhook {
        url: url.to_owned(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    };
    let made = world
        .engine
        .create_webhook(&operator(), wanted)
        .await
        .unwrap();
    world.engine.seal_journal().await.unwrap();
    made
}

/// Makes `n` events of kind `admin.created`.
async fn events(world: &World, prefix: &str, n: usize) {
    for index in 0..n {
        let name = format!("{prefix} {index}");
        world.engine.add_admin(&operator(), &name).await.unwrap();
    }
    world.engine.seal_journal().await.unwrap();
}

async fn cursor(world: &World, id: WebhookId) -> u64 {
    world.engine.webhook(&operator(), id).await.unwrap().cursor
}

#[tokio::test]
async fn events_arrive_signed_in_order_and_once_when_all_is_well() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    let made = hook(&world, &receiver.url, &["admin."]).await;
    events(&world, "A", 3).await;
    assert_eq!(world.engine.deliver_due_webhooks().await.unwrap(), 1);
    let first = receiver.next().await;
    assert!(first.is_signed_with(made.secret.expose()));
    assert!(!first.is_signed_with("another secret"));
    let body = first.json();
    assert_eq!(body["delivery"], first.header("muster-delivery"));
    assert_eq!(body["webhook"], made.webhook.id.to_string());
    let kinds: Vec<_> = body["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["kind"].clone())
        .collect();
    assert_eq!(
        kinds, ["admin.created"; 3],
        "webhook.created was not asked for"
    );
    assert_eq!(world.engine.deliver_due_webhooks().await.unwrap(), 0);
    assert!(receiver.is_quiet());
    let seen = world
        .engine
        .webhook(&operator(), made.webhook.id)
        .await
        .unwrap();
    assert_eq!((seen.waiting, seen.failures), (0, 0));
    assert_eq!(seen.last_delivery.unwrap().status, Some(204));
}

#[tokio::test]
async fn a_long_backlog_comes_in_batches_without_a_gap() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    hook(&world, &receiver.url, &[]).await;
    events(&world, "A", 250).await;
    let mut seqs = Vec::new();
    while world.engine.deliver_due_webhooks().await.unwrap() > 0 {
        let batch = receiver.next().await.seqs();
        assert!(batch.len() <= 100);
        seqs.extend(batch);
    }
    let first = seqs[0];
    assert!(seqs.len() >= 250);
    assert!(
        seqs.iter().copied().eq(first..first + seqs.len() as u64),
        "{seqs:?}"
    );
}

#[tokio::test]
async fn what_a_receiver_does_not_take_is_kept_and_tried_again_ever_more_rarely() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    let id = hook(&world, &receiver.url, &["admin."]).await.webhook.id;
    events(&world, "A", 1).await;
    let mut refused = Vec::new();
    let mut waits = Vec::new();
    for _ in 0..12 {
        receiver.answer_next("503 Service Unavailable");
        assert_eq!(world.engine.deliver_due_webhooks().await.unwrap(), 1);
        refused.push(receiver.next().await.seqs());
        let seen = world.engine.webhook(&operator(), id).await.unwrap();
        let wait = seen.next_attempt_at.unwrap().since(world.engine.now());
        assert_eq!(
            world.engine.deliver_due_webhooks().await.unwrap(),
            0,
            "not before its time"
        );
        waits.push(wait);
        world.pass(wait);
    }
    assert!(
        waits[0] <= Duration::from_secs(5) && waits[11] >= minutes(45) && waits[11] <= hours(1),
        "{waits:?}"
    );
    events(&world, "B", 1).await;
    world.engine.deliver_due_webhooks().await.unwrap();
    let delivered = receiver.next().await.seqs();
    assert_eq!(delivered[..1], refused[0][..], "nothing was skipped");
    assert_eq!(delivered.len(), 2, "and what came since follows");
    let log = world
        .engine
        .webhook_deliveries(&operator(), id, 100)
        .await
        .unwrap();
    assert_eq!(log.len(), 13);
    assert_eq!(log[0].error, None);
    assert_eq!(log[1].status, Some(503));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    let id = hook(&world, &receiver.url, &["admin."]).await.webhook.id;
    events(&world, "A", 1).await;
    receiver.answer_next("302 Found\r\nlocation: /elsewhere");
    world.engine.deliver_due_webhooks().await.unwrap();
    receiver.next().await;
    assert!(receiver.is_quiet());
    assert_eq!(
        world
            .engine
            .webhook(&operator(), id)
            .await
            .unwrap()
            .failures,
        1
    );
}

#[tokio::test]
async fn a_replay_delivers_the_past_again_and_keeps_the_log() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    let id = hook(&world, &receiver.url, &["admin."]).await.webhook.id;
    events(&world, "A", 2).await;
    world.engine.deliver_due_webhooks().await.unwrap();
    let first = receiver.next().await.seqs();
    world
        .engine
        .replay_webhook(&operator(), id, 0)
        .await
        .unwrap();
    world.engine.deliver_due_webhooks().await.unwrap();
    assert_eq!(receiver.next().await.seqs(), first);
    assert_eq!(
        world
            .engine
            .webhook_deliveries(&operator(), id, 10)
            .await
            .unwrap()
            .len(),
        2
    );
    assert!(matches!(
        world
            .engine
            .replay_webhook(&operator(), id, 1_000_000)
            .await,
        Err(EngineError::Invalid(_))
    ));
}

#[tokio::test]
async fn events_that_nobody_asked_for_move_the_cursor_without_a_request() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    let id = hook(&world, &receiver.url, &["device."]).await.webhook.id;
    events(&world, "A", 5).await;
    let before = cursor(&world, id).await;
    world.engine.deliver_due_webhooks().await.unwrap();
    assert!(cursor(&world, id).await >= before + 5);
    assert!(receiver.is_quiet());
}

#[tokio::test]
async fn a_disabled_webhook_rests_and_catches_up_later() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    let id = hook(&world, &receiver.url, &["admin."]).await.webhook.id;
    let switch = async |enabled| {
        let change = WebhookChange {
            enabled: Some(enabled),
            ..WebhookChange::default()
        };
        world
            .engine
            .change_webhook(&operator(), id, change)
            .await
            .unwrap();
    };
    switch(false).await;
    events(&world, "A", 1).await;
    assert_eq!(world.engine.deliver_due_webhooks().await.unwrap(), 0);
    assert!(receiver.is_quiet());
    switch(true).await;
    world.engine.deliver_due_webhooks().await.unwrap();
    assert_eq!(receiver.next().await.seqs().len(), 1);
    world.engine.remove_webhook(&operator(), id).await.unwrap();
    assert!(world.engine.webhooks(&operator()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_test_delivery_is_signed_and_moves_nothing() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    let made = hook(&world, &receiver.url, &[]).await;
    let before = cursor(&world, made.webhook.id).await;
    let rotated = world
        .engine
        .rotate_webhook_secret(&operator(), made.webhook.id)
        .await
        .unwrap();
    let attempt = world
        .engine
        .test_webhook(&operator(), made.webhook.id)
        .await
        .unwrap();
    assert_eq!(attempt.status, Some(204));
    let received = receiver.next().await;
    assert_eq!(received.json()["test"], true);
    assert!(received.is_signed_with(rotated.secret.expose()));
    assert!(!received.is_signed_with(made.secret.expose()));
    assert_eq!(cursor(&world, made.webhook.id).await, before);
}

#[tokio::test]
async fn our_own_network_is_out_of_reach_unless_allowed() {
    let world = World::new().await;
    for url in [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
    ] {
        let wanted = NewWebhook {
            url: url.to_owned(),
            kinds: Vec::new(),
        };
        let made = world.engine.create_webhook(&operator(), wanted).await;
        assert!(matches!(made, Err(EngineError::Invalid(_))), "{url}");
    }
    // A name can lead anywhere; it is checked when it is used.
    let id = hook(&world, "http://localhost:1/secret-path", &[])
        .await
        .webhook
        .id;
    let attempt = world.engine.test_webhook(&operator(), id).await.unwrap();
    let error = attempt.error.unwrap();
    assert!(error.contains("no public address"), "{error}");
    assert!(!error.contains("secret-path"), "{error}");
}

#[tokio::test]
async fn the_worker_delivers_what_happens_and_stops_when_told() {
    let world = world().await;
    let mut receiver = Receiver::start().await;
    hook(&world, &receiver.url, &["admin."]).await;
    let (stop, stopped) = watch::channel(false);
    let engine = world.engine.clone();
    let worker = tokio::spawn(async move { engine.run_webhooks(stopped).await });
    events(&world, "A", 2).await;
    let mut received = 0;
    while received < 2 {
        received += receiver.next().await.seqs().len();
    }
    stop.send(true).unwrap();
    worker.await.unwrap();
}

#[tokio::test]
async fn webhooks_need_their_scope() {
    let world = world().await;
    let nobody = Authority {
        actor: operator().actor,
        scopes: std::collections::BTreeSet::new(),
    };
    assert!(matches!(
        world.engine.webhooks(&nobody).await,
        Err(EngineError::Denied(_))
    ));
    let id = hook(&world, "https://hooks.example.org/", &[])
        .await
        .webhook
        .id;
    assert!(matches!(
        world.engine.remove_webhook(&nobody, id).await,
        Err(EngineError::Denied(_))
    ));
    assert!(matches!(
        world.engine.replay_webhook(&nobody, id, 0).await,
        Err(EngineError::Denied(_))
    ));
}
