//! The journal and those who follow it.

use domain::{
    WebhookId,
    journal::{Checkpoint, Event, Head, Verifier},
    scope::{Actor, ActorKind},
};
use store::{
    Db, EventFilter, Journal, Webhook, WebhookDelivery, Webhooks, actor_key, testing::TestDb,
};

use crate::fixtures::{at, device_id, event};

async fn append(db: &Db, events: std::ops::RangeInclusive<u64>) {
    write!(db, tx => {
        for n in events {
            let kind = if n % 2 == 0 { "device.enrolled" } else { "command.queued" };
            let mut draft = event(n, kind, (n % 2 == 0).then_some(n));
            if n % 5 == 0 {
                draft.actor = Actor::new(ActorKind::Admin, "root", "Root");
            }
            tx.append_event(&draft).await?;
        }
        Ok(())
    })
    .unwrap();
}

async fn all(db: &Db) -> Vec<Event> {
    read!(db, tx => tx.events_after(&EventFilter::default(), 0, 10_000).await).unwrap()
}

fn verify(events: &[Event]) -> Head {
    let mut verifier = Verifier::new(Head::EMPTY, Vec::new());
    for event in events {
        verifier.event(event, &|_, _| true).unwrap();
    }
    verifier.finish().unwrap().head
}

pub async fn sealing_makes_a_chain_that_verifies(test: TestDb) {
    append(&test.db, 1..=7).await;
    let (unsealed, backlog) = read!(test.db, tx => Ok((
        tx.events_after(&EventFilter::default(), 0, 10).await?,
        tx.journal_backlog().await?,
    )))
    .unwrap();
    assert_eq!(
        (unsealed, backlog),
        (vec![], 7),
        "nobody reads what is not sealed"
    );
    let first = write!(test.db, tx => tx.seal_journal(5).await).unwrap();
    let second = write!(test.db, tx => tx.seal_journal(5).await).unwrap();
    let third = write!(test.db, tx => tx.seal_journal(5).await).unwrap();
    assert_eq!((first.len(), second.len(), third.len()), (5, 2, 0));
    let events = all(&test.db).await;
    assert_eq!(events, [first, second].concat());
    assert_eq!(events[0].draft, event(1, "command.queued", None));
    let head = read!(test.db, tx => tx.journal_head().await).unwrap();
    assert_eq!(verify(&events), head);
    let checkpoint = move |seq: u64| Checkpoint {
        seq,
        hash: head.hash,
        at: at(1),
        key_id: "key".into(),
        signature: "00".into(),
    };
    let (latest, later) = write!(test.db, tx => {
        tx.insert_checkpoint(&checkpoint(3)).await?;
        tx.insert_checkpoint(&checkpoint(7)).await?;
        Ok((tx.latest_checkpoint().await?, tx.checkpoints_after(3, 10).await?))
    })
    .unwrap();
    assert_eq!((latest, later), (Some(checkpoint(7)), vec![checkpoint(7)]));
}

pub async fn two_sealers_make_one_chain(test: TestDb) {
    let other = test.open_again().await;
    let writers = async {
        for n in 0..10_u64 {
            append(&test.db, n * 10..=n * 10 + 9).await;
        }
    };
    let seal = |db: Db| async move {
        for _ in 0..15 {
            write!(db, tx => tx.seal_journal(7).await).unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writers, seal(test.db.clone()), seal(other.clone()));
    while !write!(test.db, tx => tx.seal_journal(50).await)
        .unwrap()
        .is_empty()
    {}
    let events = all(&test.db).await;
    assert_eq!(events.len(), 100);
    assert_eq!(verify(&events).seq, 100);
}

pub async fn the_journal_cannot_be_changed(test: TestDb) {
    append(&test.db, 1..=3).await;
    write!(test.db, tx => tx.seal_journal(5).await).unwrap();
    let before = all(&test.db).await;
    let attempts = [
        "UPDATE journal SET kind = 'x'",
        "DELETE FROM journal WHERE seq = 3",
    ];
    match &test.config {
        store::DbConfig::Sqlite { path, .. } => {
            let connection = rusqlite::Connection::open(path).unwrap();
            for attempt in attempts {
                assert!(connection.execute(attempt, []).is_err(), "{attempt}");
            }
        }
        store::DbConfig::Postgres { .. } => {
            let connection = store::testing::connection(&test).await;
            for attempt in attempts.into_iter().chain(["TRUNCATE journal"]) {
                assert!(
                    connection.batch_execute(attempt).await.is_err(),
                    "{attempt}"
                );
            }
        }
    }
    assert_eq!(all(&test.db).await, before);
}

pub async fn filters_and_cursors(test: TestDb) {
    append(&test.db, 1..=20).await;
    write!(test.db, tx => tx.seal_journal(50).await).unwrap();
    let none = EventFilter::default();
    let root = actor_key(&Actor::new(ActorKind::Admin, "root", ""));
    for (filter, after, expected) in [
        (
            EventFilter {
                kind_prefix: Some("device.".into()),
                ..none.clone()
            },
            15,
            vec![16, 18, 20],
        ),
        (
            EventFilter {
                kind_prefix: Some("dev".into()),
                device: Some(device_id(4)),
                ..none.clone()
            },
            0,
            vec![4],
        ),
        (
            EventFilter {
                kind_prefix: Some("command.".into()),
                device: Some(device_id(4)),
                ..none.clone()
            },
            0,
            vec![],
        ),
        (
            EventFilter {
                actor: Some(root),
                ..none.clone()
            },
            9,
            vec![10, 15, 20],
        ),
        (none.clone(), 18, vec![19, 20]),
    ] {
        let (asked, back) = (filter.clone(), filter.clone());
        let (forward, backward) = read!(test.db, tx => Ok((
            tx.events_after(&asked, after, 50).await?,
            tx.events_before(&back, None, 50).await?,
        )))
        .unwrap();
        let seqs: Vec<_> = forward.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, expected, "{filter:?}");
        let backward: Vec<_> = backward
            .iter()
            .map(|event| event.seq)
            .filter(|seq| *seq > after)
            .rev()
            .collect();
        assert_eq!(backward, expected, "{filter:?}");
    }
    let (page, one, none_there) = read!(test.db, tx => Ok((
        tx.events_before(&EventFilter::default(), Some(5), 2).await?,
        tx.event(5).await?.map(|event| event.seq),
        tx.event(21).await?,
    )))
    .unwrap();
    assert_eq!(
        page.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [4, 3]
    );
    assert_eq!((one, none_there), (Some(5), None));
}

pub async fn webhooks_follow_the_journal(test: TestDb) {
    let hook = Webhook {
        id: WebhookId::new(at(1), [1; 10]),
        url: "https://example.test/hook".into(),
        secret: vec![1, 2],
        kinds: vec!["device.".into()],
        cursor: 0,
        enabled: true,
        failures: 0,
        next_attempt_at: at(0),
        created_at: at(1),
    };
    let (id, sent) = (hook.id, hook.clone());
    let idle = write!(test.db, tx => {
        tx.insert_webhook(&sent).await?;
        tx.claim_webhooks(at(100), at(200), 5).await
    });
    assert_eq!(idle.unwrap(), [], "nothing happened yet");
    append(&test.db, 1..=3).await;
    let (claimed, leased, due_again) = write!(test.db, tx => {
        tx.seal_journal(5).await?;
        Ok((
            tx.claim_webhooks(at(100), at(200), 5).await?,
            tx.claim_webhooks(at(199), at(300), 5).await?,
            tx.claim_webhooks(at(200), at(300), 5).await?,
        ))
    })
    .unwrap();
    assert_eq!(
        claimed,
        [Webhook {
            next_attempt_at: at(200),
            ..hook.clone()
        }]
    );
    assert_eq!((leased.len(), due_again.len()), (0, 1));
    let delivery = move |n: u8| WebhookDelivery {
        id: uuid::Uuid::from_bytes([n; 16]),
        webhook_id: id,
        at: at(n.into()),
        from_seq: 1,
        to_seq: 3,
        status: Some(503),
        error: Some("unavailable".into()),
        duration_ms: 12,
    };
    let (settled, done, log) = write!(test.db, tx => {
        tx.settle_webhook(id, 3, 2, at(500)).await?;
        tx.settle_webhook(id, 1, 2, at(500)).await?;
        for n in 1..=4 {
            tx.insert_webhook_delivery(&delivery(n), 3).await?;
        }
        Ok((
            tx.webhook(id).await?.unwrap(),
            tx.claim_webhooks(at(900), at(999), 5).await?,
            tx.webhook_deliveries(id, 10).await?,
        ))
    })
    .unwrap();
    assert_eq!((settled.cursor, settled.failures), (3, 2));
    assert_eq!(done, [], "it has everything");
    assert_eq!(log, [delivery(4), delivery(3), delivery(2)]);
    let ends = write!(test.db, tx => {
        let off = Webhook { enabled: false, url: "https://example.test/new".into(), ..hook };
        tx.update_webhook(&off).await?;
        tx.update_webhook(&Webhook { enabled: true, ..off }).await?;
        let on = tx.webhooks().await?.remove(0);
        Ok((on.failures, on.enabled, on.cursor, tx.remove_webhook(id).await?, tx.remove_webhook(id).await?))
    });
    assert_eq!(ends.unwrap(), (0, true, 3, true, false));
}
