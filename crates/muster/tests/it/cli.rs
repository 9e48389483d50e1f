//! The command line of a machine's own installation: exit codes, backups, proofs.

use std::path::Path;

use simulator::{apns::StandIn, apple::Kind};

use crate::process::{Place, postgres, run, until_idle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_input_ends_with_the_documented_codes() {
    let help = run(&["--help"]).await.done();
    for code in [
        "0  it was done",
        "2  the command line",
        "4  there is no such thing",
        "6  the server",
    ] {
        assert!(help.contains(code), "{help}");
    }
    let apns = StandIn::start().await.unwrap();
    let place = Place::make(&apns, None).await;
    let folder = place.folder.path();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown_key = file("unknown.toml", "[server]\nport = 443\n");
    let elsewhere = file(
        "elsewhere.toml",
        &format!(
            "[server]\npublic_url = \"https://mdm.example.org\"\ndata_dir = \"{}\"\n",
            folder.join("elsewhere").display()
        ),
    );
    let rubbish = file("rubbish", "\u{1}\u{2}not a backup\n");
    let config = place.config();
    let config = config.to_str().unwrap();
    let nothing = folder.join("nothing");
    let nothing = nothing.to_str().unwrap();
    let cases: &[(&[&str], i32)] = &[
        (&["frobnicate"], 2),
        (&["serve", "--unknown"], 2),
        (&["device", "wipe", "C02XYZ"], 2),
        (&["device", "list"], 2),
        (&["--url", "nonsense", "device", "list"], 2),
        (&["--config", &unknown_key, "serve"], 2),
        (&["--config", &unknown_key, "config", "check"], 2),
        (&["--config", nothing, "check"], 2),
        (&["--config", &elsewhere, "check"], 4),
        (&["--config", &elsewhere, "backup", nothing], 4),
        (&["--config", config, "backup", &rubbish], 5),
        (&["--config", config, "restore", nothing, "--yes"], 4),
        (&["--config", &elsewhere, "restore", &rubbish], 2),
        (&["--config", &elsewhere, "restore", &rubbish, "--yes"], 1),
        (&["journal", "verify", nothing], 4),
        (&["journal", "verify", &rubbish], 1),
        (
            &["--config", config, "push-certificate", "import", nothing],
            4,
        ),
        (
            &["--config", config, "push-certificate", "import", &rubbish],
            2,
        ),
        (&["--config", config, "check"], 0),
    ];
    let mut wrong = Vec::new();
    for (arguments, code) in cases {
        let ran = run(arguments).await;
        if ran.code != *code || (*code != 0 && ran.stderr.trim().is_empty()) {
            wrong.push((arguments, *code, ran));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_moves_from_sqlite_to_postgresql_and_back() {
    let apns = StandIn::start().await.unwrap();
    let place = Place::make(&apns, None).await;
    let server = place.start().await;
    let mut phone = place.device(Kind::IPhone, 1);
    phone.enroll_from(&place.profile_url).await.unwrap();
    until_idle(&mut phone).await;
    let api = place.api();
    let id = api
        .device_id(&phone.hardware().serial_number)
        .await
        .unwrap()
        .unwrap();
    let waiting = api.order(&id, "certificate_list", "waiting").await;

    // Copied while the server runs; the copy opens as it is.
    let copy = place.folder.path().join("copy.db");
    place.run(&["backup", copy.to_str().unwrap()]).await.done();
    server.stop().await;
    let before = api_journal(&place).await;
    let portable = place.folder.path().join("portable");
    let portable = portable.to_str().unwrap();
    place.run(&["backup", "--portable", portable]).await.done();

    let database = postgres().await;
    place.configure(&apns, Some(&database), "");
    place.run(&["restore", portable, "--yes"]).await.done();
    place.run(&["check"]).await.done();
    assert_eq!(
        api_journal(&place).await[..before.len()],
        before[..],
        "the journal is the same"
    );
    let again = place.run(&["restore", portable, "--yes"]).await;
    assert_ne!(
        again.code, 0,
        "a database that is not empty is not overwritten: {again:?}"
    );

    // The device notices nothing, and takes what waited for it.
    let server = place.start().await;
    let session = phone.connect().await.unwrap();
    assert_eq!(session.commands.len(), 1);
    assert_eq!(session.commands[0].uuid.to_ascii_lowercase(), waiting);
    let later = place
        .api()
        .order(&id, "profile_list", "on-postgresql")
        .await;
    server.stop().await;

    let back = place.folder.path().join("back");
    let back = back.to_str().unwrap();
    place.run(&["backup", "--portable", back]).await.done();
    let fresh = place.folder.path().join("fresh.db");
    place.configure(&apns, Some(&format!("sqlite:{}", fresh.display())), "");
    place.run(&["restore", back, "--yes"]).await.done();
    place.run(&["check"]).await.done();
    let server = place.start().await;
    let session = phone.connect().await.unwrap();
    assert_eq!(session.commands[0].uuid.to_ascii_lowercase(), later);
    server.stop().await;

    // The copy of the running server is whole, with what was promised before it.
    let own = place.folder.path().join("own.db");
    place.configure(&apns, Some(&format!("sqlite:{}", own.display())), "");
    place
        .run(&["restore", copy.to_str().unwrap(), "--yes"])
        .await
        .done();
    place.run(&["check"]).await.done();
    let server = place.start().await;
    let command = place.api().read(&format!("commands/{waiting}")).await;
    assert_eq!(command["reason"], "waiting");
    server.stop().await;
}

/// The lines of an exported journal that are events.
async fn api_journal(place: &Place) -> Vec<String> {
    let file = place.folder.path().join("journal.jsonl");
    let _ = std::fs::remove_file(&file);
    place
        .run(&["journal", "export", file.to_str().unwrap()])
        .await
        .done();
    place
        .run(&["journal", "verify", file.to_str().unwrap()])
        .await
        .done();
    lines(&file)
        .into_iter()
        .filter(|line| line.starts_with("{\"event\""))
        .collect()
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tampered_export_does_not_verify() {
    let apns = StandIn::start().await.unwrap();
    let place = Place::make(&apns, None).await;
    let server = place.start().await;
    let mut phone = place.device(Kind::IPhone, 1);
    phone.enroll_from(&place.profile_url).await.unwrap();
    until_idle(&mut phone).await;
    server.stop().await;
    let folder = place.folder.path();
    let file = folder.join("journal.jsonl");
    place
        .run(&["journal", "export", file.to_str().unwrap()])
        .await
        .done();
    let whole = lines(&file);
    let key: serde_json::Value = serde_json::from_str(&whole[0]).unwrap();
    let kept = folder.join("key.hex");
    std::fs::write(&kept, key["public_key"].as_str().unwrap()).unwrap();
    let events: Vec<usize> = (0..whole.len())
        .filter(|index| whole[*index].starts_with("{\"event\""))
        .collect();
    assert!(events.len() > 8, "{whole:?}");
    let (middle, last) = (events[events.len() / 2], events[events.len() - 1]);
    let verify = |name: &str, lines: Vec<String>| {
        let path = folder.join(name);
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let kept = kept.to_str().unwrap().to_owned();
        async move { run(&["journal", "verify", path.to_str().unwrap(), "--key", &kept]).await }
    };
    verify("whole", whole.clone()).await.done();

    let mut changed = whole.clone();
    let mut event: serde_json::Value = serde_json::from_str(&changed[middle]).unwrap();
    event["event"]["data"]["planted"] = true.into();
    changed[middle] = event.to_string();
    let mut blamed = whole.clone();
    let mut event: serde_json::Value = serde_json::from_str(&blamed[middle]).unwrap();
    event["event"]["actor"] = serde_json::from_str::<serde_json::Value>(&whole[events[0]]).unwrap()
        ["event"]["actor"]
        .clone();
    event["event"]["kind"] = "device.wiped".into();
    blamed[middle] = event.to_string();
    let mut missing = whole.clone();
    missing.remove(middle);
    let mut reordered = whole.clone();
    reordered.swap(middle, middle + 1);
    let mut cut_off = whole.clone();
    cut_off.remove(last);
    let mut doubled = whole.clone();
    doubled.insert(middle, whole[middle].clone());
    let mut beheaded = whole.clone();
    beheaded.remove(events[0]);
    let mut half = whole.clone();
    let text = half[last].clone();
    half[last] = text[..text.len() / 2].to_owned();
    for (name, lines) in [
        ("changed", changed),
        ("blamed", blamed),
        ("missing", missing),
        ("reordered", reordered),
        ("cut-off", cut_off),
        ("doubled", doubled),
        ("half", half),
    ] {
        let ran = verify(name, lines).await;
        assert_eq!(ran.code, 1, "{name}: {ran:?}");
        assert!(!ran.stderr.trim().is_empty(), "{name}");
    }
    // An export may begin later; then it says where.
    let ran = verify("beheaded", beheaded).await;
    assert!(
        ran.code == 1 || ran.stdout.contains("events 2 to"),
        "{ran:?}"
    );
    // Another key's signature does not count.
    let other = Place::make(&apns, None).await;
    let foreign = other.folder.path().join("foreign.jsonl");
    other
        .run(&["journal", "export", foreign.to_str().unwrap()])
        .await
        .done();
    let foreign = verify("foreign", lines(&foreign)).await;
    assert_eq!(foreign.code, 1, "{foreign:?}");
}
