//! What only a server shared by several nodes can do: wake-ups between them, and lost connections.

use std::time::Duration;

use store::{Db, Devices, StoreError, Wake, testing};
use tokio::time::timeout;

use crate::fixtures::{device, device_count};

const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Says a word until the receiver hears it, at most ten seconds.
async fn heard(from: &Db, wakes: &mut store::WakeReceiver, word: &str) -> Vec<Wake> {
    let mut all = Vec::new();
    for _ in 0..200 {
        let said = Wake::Changed(word.to_owned());
        let _ = write!(from, tx => { tx.notify(said); Ok(()) });
        while let Ok(Some(wake)) = timeout(Duration::from_millis(50), wakes.next()).await {
            let found = wake == Wake::Changed(word.to_owned());
            all.push(wake);
            if found {
                return all;
            }
        }
    }
    panic!("{word} was never heard: {all:?}");
}

#[tokio::test]
async fn nodes_wake_each_other_and_recover_from_lost_connections() {
    let test = testing::postgres().await;
    let other = test.open_again().await;
    let mut wakes = other.wakes();
    heard(&test.db, &mut wakes, "first").await;

    let killer = testing::connection(&test).await;
    let (at_work, killed) = (killer, test.db.clone());
    // Both nodes lose every connection in the middle of a transaction.
    let result: Result<tokio_postgres::Client, StoreError> = killed
        .write(move |tx| {
            Box::pin(async move {
                tx.insert_device(&device(1)).await?;
                at_work.batch_execute(TERMINATE).await.unwrap();
                tx.insert_device(&device(2)).await?;
                Ok(at_work)
            })
        })
        .await;
    assert!(
        matches!(
            result,
            Err(StoreError::Unavailable {
                outcome_unknown: false,
                ..
            })
        ),
        "{:?}",
        result.err()
    );
    // The pool throws away what is broken: soon everything works again, and nothing half-written is there.
    let mut tries = 0;
    while write!(test.db, tx => tx.insert_device(&device(3)).await).is_err() {
        tries += 1;
        assert!(tries < 20, "the pool does not recover");
    }
    assert_eq!(device_count(&test.db).await, 1);
    let all = heard(&test.db, &mut wakes, "second").await;
    assert!(
        all.contains(&Wake::Resync),
        "a lost connection may have lost wake-ups: {all:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_no_hang() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!(
        "host={} user=nobody dbname=nothing connect_timeout=2",
        directory.path().display()
    );
    let db = Db::open(&store::DbConfig::postgres(url)).await.unwrap();
    assert!(matches!(
        db.ping().await,
        Err(StoreError::Unavailable { .. })
    ));
    assert!(matches!(
        Db::open(&store::DbConfig::postgres("nonsense")).await,
        Err(StoreError::Invalid(_))
    ));
}
