//! Backup, restore, check.

use domain::{
    UnitId,
    command::CommandState,
    journal::{Head, Verifier},
};
use store::{
    CheckReport, Commands, Db, Devices, Enqueued, EventFilter, Facts, Journal, PushWanted,
    RawReport, StoreError, Unit, Units,
    testing::{self, TestDb},
};

use crate::fixtures::{at, command, command_id, device_id, enrolled, enrollment_id, event, finish};

/// A bit of everything that is hard to move: references to rows of the same table, counters, booleans, bytes.
async fn fill(db: &Db) {
    let unit = |n: u8, parent: Option<u8>| Unit {
        id: UnitId::new(at(1), [n; 10]),
        parent_id: parent.map(|n| UnitId::new(at(1), [n; 10])),
        name: format!("unit {n}"),
        created_at: at(1),
    };
    for n in 1..=30 {
        enrolled(db, n).await;
    }
    write!(db, tx => {
        tx.insert_unit(&unit(9, None)).await?;
        tx.insert_unit(&unit(1, Some(9))).await?;
        for n in 1..=30 {
            tx.enqueue_command(&command(n, n, 0)).await?;
            tx.want_push(enrollment_id(n), at(1), false).await?;
            tx.append_event(&event(n, "device.enrolled", Some(n))).await?;
        }
        tx.finish_command(enrollment_id(30), command_id(30), &finish(CommandState::Acknowledged)).await?;
        tx.push_satisfied(enrollment_id(30)).await?;
        let report = RawReport {
            id: domain::ReportId::new(at(1), [1; 10]),
            device_id: device_id(1),
            enrollment_id: enrollment_id(1),
            kind: "DeviceInformation".into(),
            received_at: at(1),
            body: (0..=255).cycle().take(100_000).collect(),
            truncated: true,
        };
        tx.insert_raw_report(&report, 5).await?;
        tx.seal_journal(25).await?;
        Ok(())
    })
    .unwrap();
}

async fn check(db: &Db) -> CheckReport {
    let mut verifier = Verifier::new(Head::EMPTY, Vec::new());
    db.check(move |event| {
        verifier
            .event(event, &|_, _| true)
            .map_err(|broken| broken.to_string())
    })
    .await
    .unwrap()
}

/// What there is, in a form that can be compared.
async fn contents(db: &Db) -> String {
    read!(db, tx => {
        let mut all = String::new();
        for n in 1..=30 {
            all += &format!("{:?}\n", tx.device(device_id(n)).await?);
            all += &format!("{:?}\n", tx.device_commands(device_id(n), None, 10).await?);
            all += &format!("{:?}\n", tx.push_wish(enrollment_id(n)).await?);
        }
        all += &format!("{:?}\n", tx.units().await?);
        all += &format!("{:?}\n", tx.events_after(&EventFilter::default(), 0, 100).await?);
        all += &format!("{:?}\n", tx.journal_head().await?);
        all += &format!("{:?}\n", tx.raw_report(domain::ReportId::new(at(1), [1; 10])).await?);
        Ok(all)
    })
    .unwrap()
}

async fn next_seq(db: &Db, n: u64) -> i64 {
    match write!(db, tx => tx.enqueue_command(&command(n, 1, 0)).await).unwrap() {
        Enqueued::Added(seq) => seq,
        other => panic!("{other:?}"),
    }
}

pub async fn a_backup_restores_into_an_empty_database(mut test: TestDb) {
    fill(&test.db).await;
    let file = test.directory().join("backup");
    test.db.backup(&file, at(1)).await.unwrap();
    let target = match test.config {
        store::DbConfig::Sqlite { .. } => testing::empty_sqlite().await,
        store::DbConfig::Postgres { .. } => testing::empty_postgres().await,
    };
    target.db.restore(&file, at(2)).await.unwrap();
    assert_eq!(contents(&target.db).await, contents(&test.db).await);
    assert_eq!(
        check(&target.db).await,
        CheckReport {
            problems: vec![],
            events: 25
        }
    );
    assert_eq!(
        next_seq(&target.db, 99).await,
        31,
        "the queue goes on counting"
    );
    let again = target.db.restore(&file, at(3)).await;
    assert!(matches!(again, Err(StoreError::Invalid(_))), "{again:?}");
}

pub async fn a_dump_moves_to_the_other_database_and_back(mut test: TestDb) {
    fill(&test.db).await;
    let (there_file, back_file) = (
        test.directory().join("there"),
        test.directory().join("back"),
    );
    let dumped = test.db.dump(&there_file, at(1)).await.unwrap();
    let (there, back) = match test.config {
        store::DbConfig::Sqlite { .. } => (
            testing::empty_postgres().await,
            testing::empty_sqlite().await,
        ),
        store::DbConfig::Postgres { .. } => (
            testing::empty_sqlite().await,
            testing::empty_postgres().await,
        ),
    };
    let restored = there.db.restore(&there_file, at(2)).await.unwrap();
    assert_eq!(restored, dumped);
    there.db.dump(&back_file, at(3)).await.unwrap();
    back.db.restore(&back_file, at(4)).await.unwrap();
    let before = contents(&test.db).await;
    assert_eq!(contents(&there.db).await, before);
    assert_eq!(contents(&back.db).await, before);
    assert_eq!(check(&there.db).await.problems, Vec::<String>::new());
    assert_eq!(
        (next_seq(&there.db, 99).await, next_seq(&back.db, 99).await),
        (31, 31)
    );
    // A dump cut short leaves an empty schema, not half of the rows.
    let whole = std::fs::read(&there_file).unwrap();
    std::fs::write(&there_file, &whole[..whole.len() - 40]).unwrap();
    let target = testing::empty_sqlite().await;
    let cut = target.db.restore(&there_file, at(5)).await;
    assert!(matches!(cut, Err(StoreError::Corrupt(_))), "{cut:?}");
    assert_eq!(crate::fixtures::device_count(&target.db).await, 0);
}

pub async fn check_finds_what_is_wrong(test: TestDb) {
    fill(&test.db).await;
    assert_eq!(
        check(&test.db).await,
        CheckReport {
            problems: vec![],
            events: 25
        }
    );
    let damage = "DELETE FROM push_wanted; UPDATE journal_head SET seq = 26; DROP TABLE leases;
        UPDATE enrollments SET state = 'ended' WHERE native_key = 'key-2';
        UPDATE schema_migrations SET name = 'x' WHERE name LIKE '%0005%';";
    match &test.config {
        store::DbConfig::Sqlite { path, .. } => {
            rusqlite::Connection::open(path)
                .unwrap()
                .execute_batch(damage)
                .unwrap();
        }
        store::DbConfig::Postgres { .. } => testing::connection(&test)
            .await
            .batch_execute(damage)
            .await
            .unwrap(),
    }
    let problems = check(&test.db).await.problems;
    for expected in [
        "rows: 1 commands wait for enrollments that have ended",
        "rows: 28 enrollments have commands but nobody will push them",
        "journal: it ends at 25, but its head is 26",
        "schema: statement LEASE_ACQUIRE",
        "x is applied but unknown here",
    ] {
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{expected}: {problems:#?}"
        );
    }
    let refusing = test
        .db
        .check(|event| Err(format!("no {}", event.seq)))
        .await
        .unwrap();
    assert!(refusing.problems.contains(&"journal: no 1".to_owned()));
}
