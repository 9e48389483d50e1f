//! Transactions, whichever the database.

use futures_util::future::join_all;
use store::{ConstraintKind, Devices, Enrollments, StoreError, Wake, testing::TestDb};

use crate::fixtures::{device, device_count, device_id, enrolled, enrollment, is_unique_violation};

/// An error of the caller's own.
#[derive(Debug, PartialEq)]
enum Mine {
    Refused,
    Store(StoreError),
}

impl From<StoreError> for Mine {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub async fn a_failed_closure_leaves_nothing_and_harms_no_other(test: TestDb) {
    let writes = (0..60_u64).map(|n| {
        let db = test.db.clone();
        async move {
            db.write(move |tx| {
                Box::pin(async move {
                    tx.insert_device(&device(2 * n)).await?;
                    if n % 3 == 0 {
                        return Err(Mine::Refused);
                    }
                    tx.insert_device(&device(2 * n + 1)).await?;
                    Ok(n)
                })
            })
            .await
        }
    });
    for (n, result) in join_all(writes).await.into_iter().enumerate() {
        let expected = if n % 3 == 0 {
            Err(Mine::Refused)
        } else {
            Ok(n as u64)
        };
        assert_eq!(result, expected);
    }
    assert_eq!(device_count(&test.db).await, 80);
    for n in 0..60_u64 {
        let (first, second) = read!(test.db, tx => Ok((
            tx.device(device_id(2 * n)).await?.is_some(),
            tx.device(device_id(2 * n + 1)).await?.is_some(),
        )))
        .unwrap();
        assert_eq!(
            (first, second),
            (n % 3 != 0, n % 3 != 0),
            "both or none of {n}"
        );
    }
}

pub async fn a_panic_is_an_error_of_its_closure_alone(test: TestDb) {
    let panics = async {
        write!(test.db, tx => {
            tx.insert_device(&device(1)).await?;
            if device(1).version == 1 {
                panic!("on purpose");
            }
            Ok(())
        })
    };
    let works = async { write!(test.db, tx => tx.insert_device(&device(2)).await) };
    let (panicked, worked) = tokio::join!(panics, works);
    assert_eq!(panicked, Err(StoreError::Panicked));
    assert_eq!(worked, Ok(()));
    assert_eq!(device_count(&test.db).await, 1);
}

pub async fn a_failed_statement_spoils_its_transaction(test: TestDb) {
    write!(test.db, tx => tx.insert_device(&device(1)).await).unwrap();
    let result = write!(test.db, tx => {
        tx.insert_device(&device(2)).await?;
        // The caller overlooks the error; the transaction does not.
        let _ = tx.insert_device(&device(1)).await;
        Ok(())
    });
    assert!(is_unique_violation(&result), "{result:?}");
    assert_eq!(device_count(&test.db).await, 1);
}

pub async fn a_reader_cannot_write_and_sees_one_moment(test: TestDb) {
    let result = read!(test.db, tx => tx.insert_device(&device(1)).await);
    assert!(result.is_err());
    let db = test.db.clone();
    let (before, after) = read!(test.db, tx => {
        let before = tx.device(device_id(1)).await?;
        let (sender, receiver) = std::sync::mpsc::channel();
        // Another thread writes while this snapshot is open.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let result = runtime.block_on(async { write!(db, tx => tx.insert_device(&device(1)).await) });
            sender.send(result.map(|()| db)).unwrap();
        });
        // On PostgreSQL the pool's connections live on the test's runtime, which must go on.
        let written = loop {
            match receiver.try_recv() {
                Ok(result) => break result,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        written?;
        Ok((before, tx.device(device_id(1)).await?))
    })
    .unwrap();
    assert_eq!((before, after), (None, None));
    assert_eq!(device_count(&test.db).await, 1);
}

pub async fn constraints_say_what_they_are(test: TestDb) {
    write!(test.db, tx => tx.insert_device(&device(1)).await).unwrap();
    let twice = write!(test.db, tx => tx.insert_device(&device(1)).await);
    assert!(is_unique_violation(&twice), "{twice:?}");
    let orphan = write!(test.db, tx => tx.insert_enrollment(&enrollment(1, 99)).await);
    assert!(
        matches!(
            &orphan,
            Err(StoreError::Constraint {
                kind: ConstraintKind::ForeignKey,
                ..
            })
        ),
        "{orphan:?}"
    );
}

pub async fn wakes_come_after_the_commit_and_only_then(test: TestDb) {
    let mut wakes = test.db.wakes();
    let id = enrolled(&test.db, 1).await;
    let failed = write!(test.db, tx => {
        tx.notify(Wake::Changed("never".into()));
        Err::<(), _>(StoreError::Busy)
    });
    assert_eq!(failed, Err(StoreError::Busy));
    write!(test.db, tx => {
        tx.notify(Wake::Enrollment(id));
        tx.notify(Wake::Enrollment(id));
        tx.notify(Wake::Push);
        Ok(())
    })
    .unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        // PostgreSQL's listener says Resync when it begins to listen.
        match wakes.next().await.unwrap() {
            Wake::Resync => {}
            wake => heard.push(wake),
        }
    }
    assert_eq!(heard, [Wake::Enrollment(id), Wake::Push]);
}

pub async fn text_with_nul_is_kept_readable(test: TestDb) {
    let mut strange = device(1);
    strange.name = "a\0b".into();
    write!(test.db, tx => tx.insert_device(&strange).await).unwrap();
    let kept = read!(test.db, tx => tx.device(device_id(1)).await)
        .unwrap()
        .unwrap();
    assert_eq!(kept.name, "a\u{fffd}b");
}
