//! Secrets stay where they belong: not in logs, metrics, the database file or backups.

use std::{path::Path, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::{StatusCode, header, redirect::Policy};
use serde_json::json;
use simulator::{
    apns::StandIn,
    apple::{EnrollmentProfile, Kind, open_profile},
    x509::Certificate,
};

use crate::process::{Place, until_idle};

/// Unlocks a locked Mac. Six digits may stand anywhere by chance; see [`Planted::is_in`].
const PIN: &str = "739184";

/// A secret, in every form in which it could be written down.
struct Planted {
    what: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Planted {
    fn text(what: &'static str, secret: &str) -> Self {
        assert!(secret.len() >= 6, "{what}");
        let mut forms = vec![
            secret.as_bytes().to_vec(),
            STANDARD.encode(secret).into_bytes(),
        ];
        // A prefix that says what kind of secret it is may be left out.
        if let Some((prefix, rest)) = secret.split_once('_')
            && prefix.len() < 12
            && rest.len() > 30
        {
            forms.push(rest.as_bytes().to_vec());
        }
        Self { what, forms }
    }

    fn bytes(what: &'static str, secret: &[u8]) -> Self {
        assert!(secret.len() >= 16, "{what}");
        let forms = vec![
            secret.to_vec(),
            hex::encode(secret).into_bytes(),
            hex::encode_upper(secret).into_bytes(),
            STANDARD.encode(secret).into_bytes(),
            URL_SAFE_NO_PAD.encode(secret).into_bytes(),
            format!("{:?}", &secret[..12]).trim_end_matches(']').into(),
        ];
        Self { what, forms }
    }

    /// Whether it stands in a text that [`letters`] made.
    fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| {
            let form = letters(form);
            let mut places = text.match_indices(&form);
            places.any(|(at, _)| {
                let number = |c: char| c.is_ascii_digit() || c == '.';
                // Inside a longer number, such as a time, it is not the PIN.
                form.len() > 8
                    || !(text[..at].ends_with(number)
                        || text[at + form.len()..].starts_with(number))
            })
        })
    }
}

/// Bytes as a text, each a character, in which searching is quick.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_secrets_are_found_nowhere() {
    let apns = StandIn::start().await.unwrap();
    let more = "[logging]\nlevel = \"debug\"\n[webhooks]\nallow_private_addresses = true\n";
    let place = Place::make_with(&apns, None, more).await;
    let server = place.start().await;
    let mut api = place.api();
    let mut planted = vec![Planted::text("API token made at the shell", &api.token)];

    // Tokens and a webhook, made while the server watches; the webhook fails to deliver.
    let soon = "2027-06-30T00:00:00Z";
    let body = json!({ "name": "planted", "scopes": ["devices:read", "devices:write", "devices:lock"],
        "expires_at": soon });
    let made = api.post("api-tokens", "a", &body).await.unwrap();
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let token = made.body["secret"].as_str().unwrap().to_owned();
    planted.push(Planted::text("API token", &token));
    let body = json!({ "name": "planted", "ownership": "corporate", "expires_at": soon });
    let made = api.post("enrollment-tokens", "b", &body).await.unwrap();
    let secret = made.body["secret"].as_str().unwrap();
    planted.push(Planted::text("enrollment token", secret));
    let profile_url = format!("{}/enroll/{secret}/profile", place.url);
    let body = json!({ "url": "http://127.0.0.1:9/hook", "kinds": [] });
    let made = api.post("webhooks", "c", &body).await.unwrap();
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    planted.push(Planted::text(
        "webhook secret",
        made.body["secret"].as_str().unwrap(),
    ));
    api.token = token;

    // Devices with everything that is escrowed.
    for (seed, kind) in [(1, Kind::IPhone), (2, Kind::Mac)] {
        let mut device = place.device(kind, seed);
        device.state_mut().passcode_present = true;
        let profile = device.download_profile(&profile_url).await.unwrap();
        let anchors = Certificate::from_pem(&place.ca_pem).unwrap();
        let opened = open_profile(&profile, &anchors).unwrap();
        let challenge = EnrollmentProfile::read(&opened)
            .unwrap()
            .scep
            .challenge
            .unwrap();
        planted.push(Planted::text("SCEP challenge", &challenge));
        device.enroll_with(&profile).await.unwrap();
        until_idle(&mut device).await;
        let id = api
            .device_id(&device.hardware().serial_number)
            .await
            .unwrap()
            .unwrap();
        let mut lock = json!({ "type": "device_lock", "reason": "lost" });
        if kind == Kind::Mac {
            device.set_bootstrap_token().await.unwrap();
            let token = device.state().bootstrap_token.clone().unwrap();
            planted.push(Planted::bytes("bootstrap token", &token));
            planted.push(Planted::text("PIN", PIN));
            lock["pin"] = PIN.into();
        } else {
            let token = device.state().unlock_token.clone().unwrap();
            planted.push(Planted::bytes("unlock token", &token));
        }
        let sent = api
            .post(&format!("devices/{id}/commands"), &id, &lock)
            .await
            .unwrap();
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{sent:?}");
        device.connect().await.unwrap();
        if kind == Kind::Mac {
            assert_eq!(device.state().locked.as_deref(), Some(PIN));
        }
        let enrollment = device.state().enrollment.as_ref().unwrap();
        planted.push(Planted::bytes("push token", &enrollment.token));
        planted.push(Planted::text("push magic", &enrollment.push_magic));
        // Messages that are refused, which logs tell about.
        for odd in [
            simulator::dict! { "MessageType" => "Odd" },
            simulator::dict! {},
        ] {
            device.send_check_in(odd).await.unwrap();
        }
    }
    assert!(apns.next_push(Duration::from_secs(10)).await.is_some());

    // People: the first link stands on standard output on purpose, the second nowhere.
    let said = server.text();
    let first = said.split("/sign-in/link/").nth(1).unwrap();
    let first = first.split_whitespace().next().unwrap().to_owned();
    planted.push(Planted::text("first sign-in link", &first));
    let second = place.run(&["--json", "link"]).await.done();
    let second: serde_json::Value = serde_json::from_str(&second).unwrap();
    let (_, second) = second["url"].as_str().unwrap().rsplit_once('/').unwrap();
    planted.push(Planted::text("sign-in link", second));
    let root = reqwest::Certificate::from_pem(place.ca_pem.as_bytes()).unwrap();
    let browser = reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let link = format!("{}/sign-in/link/{second}", place.url);
    assert_eq!(
        browser.get(&link).send().await.unwrap().status(),
        StatusCode::OK
    );
    let came_in = browser
        .post(&link)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("")
        .send()
        .await
        .unwrap();
    let cookies: Vec<_> = came_in
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .collect();
    let cookie = cookies
        .iter()
        .filter_map(|cookie| {
            cookie
                .to_str()
                .ok()?
                .split(';')
                .next()?
                .strip_prefix("__Host-muster=")
        })
        .next()
        .unwrap_or_else(|| panic!("{came_in:?}"));
    planted.push(Planted::text("session cookie", cookie));
    let page = browser.get(format!("{}/devices", place.url));
    let page = page.header(header::COOKIE, format!("__Host-muster={cookie}"));
    assert_eq!(page.send().await.unwrap().status(), StatusCode::OK);
    // Refused: a link used twice, and tokens that are nearly right.
    assert_eq!(
        browser.get(&link).send().await.unwrap().status(),
        StatusCode::GONE
    );
    let nearly = |secret: &str| format!("{}x", &secret[..secret.len() - 1]);
    let wrong = browser
        .get(format!("{}/api/v1/devices", place.url))
        .bearer_auth(nearly(&api.token));
    assert_eq!(
        wrong.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    browser.get(nearly(&profile_url)).send().await.unwrap();

    let metrics = format!("http://{}/metrics", place.ops.address);
    let metrics = reqwest::get(&metrics).await.unwrap().bytes().await.unwrap();
    assert!(metrics.len() > 500);
    let (backup, portable) = (
        place.folder.path().join("b.db"),
        place.folder.path().join("p.dump"),
    );
    place
        .run(&["backup", backup.to_str().unwrap()])
        .await
        .done();
    place
        .run(&["backup", "--portable", portable.to_str().unwrap()])
        .await
        .done();
    let database = place.database_file();
    let log = database.with_file_name("muster.db-wal");
    let read = |path: &Path| std::fs::read(path).unwrap();
    let mut places = vec![
        ("metrics", metrics.to_vec()),
        ("database", read(&database)),
        ("write-ahead log", read(&log)),
        ("backup", read(&backup)),
        ("portable backup", read(&portable)),
    ];
    let said = server.said.clone();
    server.stop().await;
    places.push(("database after the end", read(&database)));
    let text = String::from_utf8(said.lock().unwrap().clone()).unwrap();
    assert!(text.contains("DEBUG"), "the level is debug: {text}");
    let without_first = text.replacen(&first, "", 1);
    places.push(("standard output and error", without_first.into_bytes()));

    let places: Vec<(&str, String)> = places
        .into_iter()
        .map(|(place, bytes)| (place, letters(&bytes)))
        .collect();
    // A search that finds nothing is worth nothing: what is no secret is found.
    let serial = place.device(Kind::Mac, 2).hardware().serial_number.clone();
    let serial = Planted::text("serial number", &serial);
    for (place, text) in &places {
        if ["backup", "portable backup", "database after the end"].contains(place) {
            assert!(serial.is_in(text), "{place}");
        }
    }
    let mut found = Vec::new();
    for (place, text) in &places {
        for secret in planted.iter().filter(|secret| secret.is_in(text)) {
            found.push(format!("{} in {place}", secret.what));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
