//! What only SQLite's writer can do: group commit, a full disk, a killed process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
};

use domain::Timestamp;
use futures_util::future::join_all;
use serde_json::json;

use crate::{Db, DbConfig, Setting, Settings, StoreError, testing};

fn setting(key: String, text: &str) -> Setting {
    Setting {
        key,
        value: json!(text),
        updated_at: Timestamp::from_millis(1),
    }
}

async fn put(db: &Db, key: String, text: &str) -> Result<(), StoreError> {
    let setting = setting(key, text);
    db.write(move |tx| Box::pin(async move { tx.put_setting(&setting).await }))
        .await
}

async fn count(db: &Db) -> usize {
    let all: Result<_, StoreError> = db
        .read(|tx| Box::pin(async move { tx.settings().await }))
        .await;
    all.unwrap().len()
}

/// Holds the writer until the barrier is met twice.
async fn hold(db: &Db, barrier: Arc<Barrier>) -> Result<(), StoreError> {
    db.write(move |_| {
        Box::pin(async move {
            barrier.wait();
            barrier.wait();
            Ok(())
        })
    })
    .await
}

#[tokio::test]
async fn what_waits_is_committed_together_and_nobody_hears_before_the_commit() {
    let test = testing::sqlite().await;
    let barrier = Arc::new(Barrier::new(2));
    let holding = tokio::spawn({
        let (db, barrier) = (test.db.clone(), barrier.clone());
        async move { hold(&db, barrier).await }
    });
    tokio::task::spawn_blocking({
        let barrier = barrier.clone();
        move || barrier.wait()
    })
    .await
    .unwrap();
    let answered = Arc::new(AtomicUsize::new(0));
    let writes: Vec<_> = (0..100)
        .map(|n| {
            let (db, answered) = (test.db.clone(), answered.clone());
            tokio::spawn(async move {
                put(&db, n.to_string(), "x").await.unwrap();
                answered.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(
        (answered.load(Ordering::SeqCst), count(&test.db).await),
        (0, 0)
    );
    tokio::task::spawn_blocking(move || barrier.wait())
        .await
        .unwrap();
    holding.await.unwrap().unwrap();
    join_all(writes)
        .await
        .into_iter()
        .for_each(|done| done.unwrap());
    assert_eq!(count(&test.db).await, 100);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_loses_nothing_accepted() {
    let test = testing::sqlite().await;
    let barrier = Arc::new(Barrier::new(2));
    let holding = tokio::spawn({
        let (db, barrier) = (test.db.clone(), barrier.clone());
        async move { hold(&db, barrier).await }
    });
    tokio::task::spawn_blocking({
        let barrier = barrier.clone();
        move || barrier.wait()
    })
    .await
    .unwrap();
    let mut all = Box::pin(join_all((0..super::sqlite::QUEUE + 50).map(|n| {
        let db = test.db.clone();
        async move { put(&db, n.to_string(), "x").await }
    })));
    // All of them knock while the writer is held.
    assert!(futures_util::poll!(&mut all).is_pending());
    let release = tokio::task::spawn_blocking(move || barrier.wait());
    let results = all.await;
    release.await.unwrap();
    holding.await.unwrap().unwrap();
    let accepted = results.iter().filter(|result| result.is_ok()).count();
    let refused = results
        .iter()
        .filter(|result| **result == Err(StoreError::Busy))
        .count();
    assert_eq!((accepted, refused), (super::sqlite::QUEUE, 50));
    assert_eq!(count(&test.db).await, accepted);
}

#[tokio::test]
async fn a_full_disk_is_a_typed_error_and_writing_goes_on_when_there_is_room() {
    let test = testing::sqlite().await;
    put(&test.db, "before".into(), "x").await.unwrap();
    let limit = |pages: &'static str| {
        let db = test.db.clone();
        async move {
            let result: Result<(), StoreError> = db
                .write(move |tx| Box::pin(async move { tx.script(pages).await }))
                .await;
            result.unwrap();
        }
    };
    limit("PRAGMA max_page_count = 1").await; // SQLite takes this as: as large as it is now.
    let large = "x".repeat(100_000);
    let results = join_all((0..20).map(|n| {
        let (db, large) = (test.db.clone(), large.clone());
        async move { put(&db, format!("large {n}"), &large).await }
    }))
    .await;
    assert!(
        results
            .iter()
            .all(|result| *result == Err(StoreError::Full)),
        "{results:?}"
    );
    assert_eq!(count(&test.db).await, 1, "nothing half-written");
    limit("PRAGMA max_page_count = 1000000").await;
    put(&test.db, "after".into(), &large).await.unwrap();
    assert_eq!(count(&test.db).await, 2);
    assert_eq!(
        test.db.check(|_| Ok(())).await.unwrap().problems,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_closed_database_says_so() {
    let test = testing::sqlite().await;
    put(&test.db, "kept".into(), "x").await.unwrap();
    test.db.close().await;
    assert!(matches!(
        put(&test.db, "late".into(), "x").await,
        Err(StoreError::Unavailable { .. })
    ));
    assert_eq!(count(&test.open_again().await).await, 1);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("not.db");
    std::fs::write(&path, "this is not a database at all, ".repeat(100)).unwrap();
    assert!(matches!(
        Db::open(&DbConfig::sqlite(path)).await,
        Err(StoreError::Corrupt(_))
    ));
    let nowhere = DbConfig::sqlite(directory.path().join("missing/file.db"));
    assert!(matches!(
        Db::open(&nowhere).await,
        Err(StoreError::Unavailable { .. })
    ));
}

/// The variable that makes this test the process to be killed.
const VICTIM: &str = "MUSTER_TEST_VICTIM";

#[tokio::test]
async fn what_a_killed_process_acknowledged_is_there() {
    if let Ok(path) = std::env::var(VICTIM) {
        return write_until_killed(&path).await;
    }
    let mut test = testing::sqlite().await;
    test.db.close().await;
    let DbConfig::Sqlite { path, .. } = test.config.clone() else {
        panic!("not SQLite");
    };
    let _ = test.directory();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "db::tests::what_a_killed_process_acknowledged_is_there",
            "--nocapture",
        ])
        .env(VICTIM, &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        acknowledged.extend(line.strip_prefix("kept ").map(str::to_owned));
        if acknowledged.len() == 500 {
            victim.kill().unwrap();
        }
    }
    victim.wait().unwrap();
    assert!(acknowledged.len() >= 500);
    let db = test.open_again().await;
    let kept: Result<_, StoreError> = db
        .read(|tx| Box::pin(async move { tx.settings().await }))
        .await;
    let kept: std::collections::BTreeSet<_> = kept
        .unwrap()
        .into_iter()
        .map(|setting| setting.key)
        .collect();
    assert!(acknowledged.iter().all(|key| kept.contains(key)));
    assert_eq!(
        db.check(|_| Ok(())).await.unwrap().problems,
        Vec::<String>::new()
    );
}

async fn write_until_killed(path: &str) {
    use std::io::Write;
    let db = Db::open(&DbConfig::sqlite(path)).await.unwrap();
    let mut n = 0;
    loop {
        join_all((n..n + 40).map(|n| {
            let db = db.clone();
            async move {
                put(&db, n.to_string(), "x").await.unwrap();
                writeln!(std::io::stdout(), "kept {n}").unwrap();
            }
        }))
        .await;
        n += 40;
    }
}
