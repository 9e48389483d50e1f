//! Facts, raw reports, declarations, secrets, keys, settings.

use std::collections::BTreeMap;

use domain::{
    Channel, DeclarationId, ReportId, SecretId,
    facts::{Assurance, Category, Document, Fact},
};
use serde_json::json;
use store::{
    Ddm, DdmSnapshot, DdmStatusItem, Declaration, DeclarationTarget, DeclarationVersion,
    Declarations, Facts, Keys, RawReport, SealedSecret, SecretHead, Secrets, Setting, Settings,
    StoredKey, testing::TestDb,
};

use crate::fixtures::{at, device_id, enrolled};

fn document(value: i64) -> Document {
    let fact = Fact {
        value: json!({ "big": u64::MAX, "n": value, "text": "\u{0}é" }),
        observed_at: at(value),
        origin: "DeviceInformation".into(),
        assurance: Assurance::SelfReported,
    };
    BTreeMap::from([("key".to_owned(), fact)])
}

pub async fn facts_come_back_and_raw_reports_are_bounded(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    let report = |n: u8, kind: &str| RawReport {
        id: ReportId::new(at(n.into()), [n; 10]),
        device_id: device_id(1),
        enrollment_id: id,
        kind: kind.into(),
        received_at: at(n.into()),
        body: vec![n; n.into()],
        truncated: n == 3,
    };
    let reports: Vec<_> = (1..=6)
        .map(|n| {
            report(
                n,
                if n == 1 {
                    "SecurityInfo"
                } else {
                    "DeviceInformation"
                },
            )
        })
        .collect();
    let (sheet, all, kept, one) = write!(test.db, tx => {
        tx.put_facts(device_id(1), Category::Os, &document(1), at(1)).await?;
        tx.put_facts(device_id(1), Category::Os, &document(2), at(2)).await?;
        tx.put_facts(device_id(1), Category::Apps, &document(3), at(3)).await?;
        for report in &reports {
            tx.insert_raw_report(report, 3).await?;
        }
        Ok((
            tx.facts_of(device_id(1), Category::Os).await?.unwrap(),
            tx.facts(device_id(1)).await?,
            tx.raw_reports(device_id(1), 10).await?,
            tx.raw_report(reports[5].id).await?,
        ))
    })
    .unwrap();
    assert_eq!((sheet.document, sheet.observed_at), (document(2), at(2)));
    assert_eq!(
        all.iter().map(|sheet| sheet.category).collect::<Vec<_>>(),
        [Category::Apps, Category::Os]
    );
    let lengths: Vec<_> = kept.iter().map(|head| head.length).collect();
    assert_eq!(
        lengths,
        [6, 5, 4, 1],
        "three of one kind, one of the other, newest first"
    );
    assert_eq!(one, Some(report(6, "DeviceInformation")));
    let peeked = read!(test.db, tx => tx.facts_of(device_id(1), Category::Os).await).unwrap();
    assert!(peeked.is_some());
    assert_eq!(
        write!(test.db, tx => tx.forget_facts(device_id(1)).await),
        Ok(2)
    );
}

fn declaration(n: u8) -> Declaration {
    Declaration {
        id: DeclarationId::new(at(1), [n; 10]),
        identifier: format!("test.{n}"),
        kind: "configuration".into(),
        declaration_type: "com.apple.configuration.passcode.settings".into(),
        payload: json!({ "MinimumLength": n }),
        server_token: format!("token {n}"),
        created_at: at(1),
        updated_at: at(2),
        deleted: false,
    }
}

pub async fn a_device_gets_its_declarations_and_those_for_all(test: TestDb) {
    enrolled(&test.db, 1).await;
    enrolled(&test.db, 2).await;
    let target = |device: Option<u64>, channel| DeclarationTarget {
        device_id: device.map(device_id),
        channel,
    };
    let version = DeclarationVersion {
        identifier: "test.1".into(),
        server_token: "old".into(),
        kind: "configuration".into(),
        body: b"{}".to_vec(),
        created_at: at(1),
    };
    let kept = version.clone();
    let targets = [
        target(Some(1), Channel::Device),
        target(None, Channel::User),
    ];
    write!(test.db, tx => {
        for n in 1..=4 {
            tx.put_declaration(&declaration(n)).await?;
        }
        tx.set_declaration_targets(declaration(1).id, &[target(Some(2), Channel::Device)]).await?;
        tx.set_declaration_targets(declaration(1).id, &targets).await?;
        tx.set_declaration_targets(declaration(2).id, &[target(None, Channel::Device)]).await?;
        tx.set_declaration_targets(declaration(3).id, &[target(None, Channel::Device)]).await?;
        tx.put_declaration_version(&kept).await?;
        tx.put_declaration_version(&DeclarationVersion { body: b"other".to_vec(), ..kept }).await?;
        assert!(tx.withdraw_declaration("test.3", at(9)).await?);
        assert!(!tx.withdraw_declaration("test.3", at(9)).await?);
        // The same identifier again: a new version, the old identity.
        let newer = Declaration { id: declaration(99).id, server_token: "new".into(), ..declaration(2) };
        tx.put_declaration(&newer).await
    })
    .unwrap();
    let (first, second, user, all, targets_now, version_now, withdrawn) = read!(test.db, tx => Ok((
        tx.declarations_for(device_id(1), Channel::Device).await?,
        tx.declarations_for(device_id(2), Channel::Device).await?,
        tx.declarations_for(device_id(2), Channel::User).await?,
        tx.declarations().await?.len(),
        tx.declaration_targets(declaration(1).id).await?,
        tx.declaration_version("test.1", "old").await?,
        tx.declaration("test.3").await?.unwrap().deleted,
    )))
    .unwrap();
    let second_now = Declaration {
        server_token: "new".into(),
        ..declaration(2)
    };
    assert_eq!(first, [declaration(1), second_now.clone()]);
    assert_eq!(second, [second_now]);
    assert_eq!(user, [declaration(1)]);
    assert_eq!((all, withdrawn), (3, true));
    assert_eq!(targets_now, targets);
    assert_eq!(version_now, Some(version));
}

pub async fn snapshots_keep_the_newest(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    let snapshot = |token: &str, n: i64| DdmSnapshot {
        enrollment_id: id,
        declarations_token: token.into(),
        items: json!({ "n": n }),
        created_at: at(n),
    };
    let snapshots = [
        snapshot("a", 1),
        snapshot("b", 2),
        snapshot("c", 3),
        snapshot("b", 4),
    ];
    let item = |path: &str, n: i64| DdmStatusItem {
        path: path.into(),
        document: json!(n),
        observed_at: at(n),
    };
    let items = [
        item("passcode", 1),
        item("os", 2),
        item("passcode", 3),
        item("gone", 4),
    ];
    let (latest, oldest, middle, status) = write!(test.db, tx => {
        for snapshot in &snapshots {
            tx.put_ddm_snapshot(snapshot, 2).await?;
        }
        for item in &items {
            tx.put_ddm_status(id, item).await?;
        }
        tx.remove_ddm_status(id, "gone").await?;
        Ok((
            tx.latest_ddm_snapshot(id).await?,
            tx.ddm_snapshot(id, "a").await?,
            tx.ddm_snapshot(id, "c").await?,
            tx.ddm_status(id).await?,
        ))
    })
    .unwrap();
    assert_eq!(
        (latest, oldest, middle),
        (Some(snapshot("b", 4)), None, Some(snapshot("c", 3)))
    );
    assert_eq!(status, [item("os", 2), item("passcode", 3)]);
}

pub async fn secrets_supersede_and_stay(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    let secret = |n: u8, kind: &str| SealedSecret {
        head: SecretHead {
            id: SecretId::new(at(n.into()), [n; 10]),
            device_id: device_id(1),
            enrollment_id: Some(id),
            kind: kind.into(),
            created_at: at(n.into()),
            superseded_at: None,
        },
        sealed: vec![n],
    };
    let secrets = [
        secret(1, "unlock_token"),
        secret(2, "bootstrap_token"),
        secret(3, "unlock_token"),
    ];
    let (current, old, heads) = write!(test.db, tx => {
        for secret in &secrets {
            tx.escrow_secret(secret).await?;
        }
        Ok((
            tx.current_secret(device_id(1), "unlock_token").await?,
            tx.secret(secrets[0].head.id).await?.unwrap(),
            tx.secrets_of(device_id(1)).await?,
        ))
    })
    .unwrap();
    assert_eq!(current, Some(secret(3, "unlock_token")));
    assert_eq!((old.head.superseded_at, old.sealed), (Some(at(3)), vec![1]));
    assert_eq!(heads.len(), 3);
}

pub async fn keys_and_settings(test: TestDb) {
    let key = |n: u8| StoredKey {
        name: "ca".into(),
        sealed: vec![n],
        public: vec![n, n],
        created_at: at(n.into()),
    };
    let setting = |n: i64| Setting {
        key: "organization".into(),
        value: json!({ "n": n }),
        updated_at: at(n),
    };
    let steps = write!(test.db, tx => {
        let added = (tx.insert_key(&key(1)).await?, tx.insert_key(&key(2)).await?);
        let kept = tx.key("ca").await?;
        tx.put_key(&key(3)).await?;
        let keys = tx.keys().await?;
        let removed = (tx.remove_key("ca").await?, tx.remove_key("ca").await?);
        Ok((added, kept, keys, removed))
    });
    assert_eq!(
        steps.unwrap(),
        ((true, false), Some(key(1)), vec![key(3)], (true, false))
    );
    let steps = write!(test.db, tx => {
        let once = (tx.put_setting_once(&setting(1)).await?, tx.put_setting_once(&setting(2)).await?);
        tx.put_setting(&setting(3)).await?;
        Ok((once, tx.setting("organization").await?, tx.settings().await?, tx.remove_setting("organization").await?))
    });
    assert_eq!(
        steps.unwrap(),
        (
            (setting(1), setting(1)),
            Some(setting(3)),
            vec![setting(3)],
            true
        )
    );
}
