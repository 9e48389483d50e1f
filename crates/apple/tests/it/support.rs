//! Fixtures.

use std::{fs, path::PathBuf};

use apple::{Message, checkin::CheckIn, connect::Report};

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it")
        .join(name)
}

/// The bytes of a message fixture.
pub(crate) fn message(name: &str) -> Vec<u8> {
    fs::read(folder("messages").join(format!("{name}.plist"))).unwrap()
}

/// All message fixtures.
pub(crate) fn all_messages() -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder("messages"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(found.len() > 30);
    found
}

pub(crate) fn check_in(name: &str) -> CheckIn {
    match Message::parse(&message(name)).unwrap() {
        Message::CheckIn(message) => *message,
        Message::Report(_) => panic!("{name} is a report"),
    }
}

pub(crate) fn report(name: &str) -> Report {
    match Message::parse(&message(&format!("report_{name}"))).unwrap() {
        Message::Report(report) => *report,
        Message::CheckIn(_) => panic!("{name} is a check-in"),
    }
}

/// Compares with a recorded text. `MUSTER_RECORD=1` records anew: read the difference.
pub(crate) fn golden(name: &str, actual: &str) {
    let path = folder("golden").join(name);
    if std::env::var_os("MUSTER_RECORD").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|_| panic!("no golden {name}"));
    assert_eq!(actual, expected, "{name}");
}
