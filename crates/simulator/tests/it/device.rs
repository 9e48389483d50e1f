//! Enrollment, sessions, renewal and misbehavior of one device.

use std::sync::LazyLock;

use simulator::{
    Error,
    apple::{Behavior, Device, Kind, Outcome, Quirks, Refusal, TokenService},
    dict,
    keys::{Algorithm, Pool},
    plist::{Dictionary, Value, to_xml},
};

use crate::{
    authority::{profile, simple_profile},
    server::Server,
};

static KEYS: LazyLock<Pool> =
    LazyLock::new(|| Pool::generate(Algorithm::Rsa2048, 4).unwrap().reusing());

pub(crate) fn device(kind: Kind, seed: u64) -> Device {
    let mut device = Device::new(kind, seed).with_keys(KEYS.clone());
    device.hardware_mut().supervised = true;
    device.hardware_mut().os_version = "26.1".into();
    device
}

pub(crate) async fn enrolled(server: &Server, kind: Kind, seed: u64) -> Device {
    let mut device = device(kind, seed);
    device.enroll_from(&server.profile_url()).await.unwrap();
    device
}

pub(crate) fn kinds(server: &Server) -> Vec<String> {
    server
        .script()
        .check_ins
        .iter()
        .map(|message| message["MessageType"].str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_device_enrolls_from_a_url_alone() {
    let server = Server::start().await;
    let phone = enrolled(&server, Kind::IPhone, 1).await;
    assert_eq!(kinds(&server), ["Authenticate", "TokenUpdate"]);
    let script = server.script();
    let (authenticate, update) = (&script.check_ins[0], &script.check_ins[1]);
    assert_eq!(
        authenticate["UDID"].str(),
        Some(phone.hardware().udid.as_str())
    );
    assert_eq!(
        authenticate["SerialNumber"].str(),
        Some(phone.hardware().serial_number.as_str())
    );
    let enrollment = phone.state().enrollment.as_ref().unwrap();
    assert_eq!(update["Token"].data(), Some(&enrollment.token[..]));
    assert_eq!(
        update["PushMagic"].str(),
        Some(enrollment.push_magic.as_str())
    );
    assert!(update.contains_key("UnlockToken") == phone.state().passcode_present);
    assert_eq!(
        phone.identity().unwrap().certificate.der,
        enrollment.certificate
    );
    assert!(phone.state().profiles.contains_key("test.enrollment"));
    let check_in = script
        .requests
        .iter()
        .find(|(_, path, _, _)| path == "/checkin")
        .unwrap();
    assert_eq!(check_in.0, "PUT");
    assert_eq!(
        check_in.2["content-type"],
        "application/x-apple-aspen-mdm-checkin"
    );
}

#[tokio::test]
async fn a_device_in_setup_assistant_says_so() {
    let server = Server::start().await;
    let mut pad = device(Kind::IPad, 21);
    pad.state_mut().awaiting_configuration = true;
    pad.enroll_from(&server.profile_url()).await.unwrap();
    let awaiting = server.script().check_ins[1]["AwaitingConfiguration"].boolean();
    assert_eq!(awaiting, Some(true));
}

#[tokio::test]
async fn the_identity_speaks_in_tls_when_messages_are_not_signed() {
    let server = Server::start_with(true).await;
    let mut mac = device(Kind::Mac, 2).trusting(&server.ca_pem).unwrap();
    mac.enroll_from(&format!("{}/moved", server.url))
        .await
        .unwrap();
    mac.connect().await.unwrap();
    assert_eq!(
        kinds(&server),
        ["Authenticate", "TokenUpdate", "SetBootstrapToken"]
    );
    let script = server.script();
    let own = mac.identity().unwrap().certificate.der.clone();
    assert_eq!(script.peer_certificates.len(), 4);
    assert!(
        script
            .peer_certificates
            .iter()
            .all(|peer| *peer == Some(own.clone()))
    );
    assert!(
        script
            .requests
            .iter()
            .all(|(_, _, headers, _)| !headers.contains_key("mdm-signature"))
    );
}

#[tokio::test]
async fn untrusted_servers_are_refused() {
    let server = Server::start_with(true).await;
    assert!(matches!(
        device(Kind::Mac, 2)
            .enroll_from(&server.profile_url())
            .await,
        Err(Error::Http(_))
    ));
}

#[tokio::test]
async fn p256_and_get_work_too() {
    let server = Server::start().await;
    server.script().caps = "SHA-256\nDES3".into();
    server.script().signed_profile = false;
    let transport = KEYS.take().unwrap();
    let mut pad = device(Kind::IPad, 3)
        .with_keys(Pool::fresh(Algorithm::P256))
        .with_transport_key(transport);
    pad.enroll_from(&server.profile_url()).await.unwrap();
    assert_eq!(pad.identity().unwrap().key.algorithm(), Algorithm::P256);
    let script = server.script();
    assert!(
        script
            .requests
            .iter()
            .any(|(method, path, _, body)| path == "/scep" && method == "GET" && body.is_empty())
    );
}

#[tokio::test]
async fn malformed_profiles_are_refused() {
    let server = Server::start().await;
    let good = profile(&server.url, true);
    let mut pad = device(Kind::IPad, 4);
    let payloads = |change: &dyn Fn(&mut Vec<Value>)| -> Dictionary {
        let mut profile = good.clone();
        if let Some(Value::Array(list)) = profile.get_mut("PayloadContent") {
            change(list);
        }
        profile
    };
    let set = |index: usize, key: &'static str, value: Value| {
        payloads(&move |list| {
            if let Value::Dictionary(payload) = &mut list[index] {
                payload.insert(key.into(), value.clone());
            }
        })
    };
    let wrong = [
        ("no identity", payloads(&|list| drop(list.remove(0)))),
        ("no MDM", payloads(&|list| drop(list.remove(1)))),
        (
            "two identities",
            payloads(&|list| {
                let mut second = list[0].dictionary().unwrap().clone();
                second.insert("PayloadUUID".into(), Value::from("OTHER"));
                list.push(Value::from(second));
            }),
        ),
        (
            "same UUID twice",
            set(1, "PayloadUUID", Value::from("SCEP-UUID")),
        ),
        (
            "another identity",
            set(1, "IdentityCertificateUUID", Value::from("X")),
        ),
        (
            "plain http elsewhere",
            set(1, "ServerURL", Value::from("http://example.org/mdm")),
        ),
        ("wrong topic", set(1, "Topic", Value::from("org.example"))),
        ("no rights", set(1, "AccessRights", Value::from(0_i64))),
        (
            "boolean as string",
            set(1, "SignMessage", Value::from("true")),
        ),
        (
            "short key",
            set(
                0,
                "PayloadContent",
                Value::from(dict! { "URL" => "http://127.0.0.1:1/scep" }),
            ),
        ),
        (
            "query in URL",
            set(
                0,
                "PayloadContent",
                Value::from(dict! { "URL" => "http://127.0.0.1:1/s?x", "Keysize" => 2048_i64 }),
            ),
        ),
        ("wrong type", dict! { "PayloadType" => "Other" }),
    ];
    for (what, profile) in wrong {
        let result = pad.enroll_with(&to_xml(&Value::from(profile))).await;
        assert!(
            matches!(result, Err(Error::Profile(_) | Error::Plist(_))),
            "{what}: {result:?}"
        );
    }
    let mut tampered = server.sign(&to_xml(&Value::from(good)));
    let at = tampered
        .windows(8)
        .position(|window| window == b"test.mdm")
        .unwrap();
    tampered[at] = b'T';
    assert!(matches!(
        pad.enroll_with(&tampered).await,
        Err(Error::Cms(_))
    ));
    assert!(pad.state().enrollment.is_none() && server.script().check_ins.is_empty());
}

#[tokio::test]
async fn scep_refusals_and_forged_replies_stop_enrollment() {
    let server = Server::start().await;
    server.script().scep_failure = true;
    let mut phone = device(Kind::IPhone, 5);
    let error = phone.enroll_from(&server.profile_url()).await.unwrap_err();
    assert!(error.to_string().contains("failInfo 2"), "{error}");
    server.script().scep_failure = false;
    server.script().wrong_nonce = true;
    let error = phone.enroll_from(&server.profile_url()).await.unwrap_err();
    assert!(error.to_string().contains("nonce"), "{error}");
    assert!(phone.state().enrollment.is_none());
}

#[tokio::test]
async fn a_refused_authenticate_leaves_the_device_unenrolled() {
    let server = Server::start().await;
    server
        .script()
        .replies
        .insert("Authenticate".into(), (400, b"no".to_vec()));
    let mut phone = device(Kind::IPhone, 6);
    assert!(matches!(
        phone.enroll_from(&server.profile_url()).await,
        Err(Error::Status { status: 400, .. })
    ));
    assert!(phone.state().enrollment.is_none() && phone.state().profiles.is_empty());
    assert!(matches!(phone.connect().await, Err(Error::NotEnrolled)));
}

#[tokio::test]
async fn not_now_keeps_the_command_for_the_next_idle() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 7).await;
    phone.behavior_mut().not_now_first = 1;
    server.enqueue("ProfileList", dict! {});
    server.enqueue("SecurityInfo", dict! {});
    phone.connect().await.unwrap();
    assert_eq!(server.statuses(), ["NotNow", "Acknowledged"]);
    phone.connect().await.unwrap();
    assert_eq!(
        server.statuses(),
        ["NotNow", "Acknowledged", "Acknowledged"]
    );
    assert_eq!(phone.state().commands[0].outcome, Outcome::NotNow);
    assert_eq!(phone.state().commands[2].request_type, "ProfileList");
}

#[tokio::test]
async fn lost_replies_and_replays_repeat_results() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 8).await;
    phone.behavior_mut().lose_replies = 1;
    let uuid = server.enqueue("ProfileList", dict! {});
    let session = phone.connect().await.unwrap();
    assert_eq!((session.lost_replies, session.commands.len()), (1, 1));
    let repeated = |server: &Server| {
        server
            .script()
            .results
            .iter()
            .filter(|r| r["CommandUUID"].str() == Some(&uuid))
            .count()
    };
    assert_eq!(repeated(&server), 2);
    phone.behavior_mut().replay = 1.0;
    assert!(phone.connect().await.unwrap().replayed);
    assert_eq!(repeated(&server), 3);
}

#[tokio::test]
async fn a_result_the_server_refuses_is_kept_and_sent_first() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 9).await;
    let uuid = server.enqueue("ProfileList", dict! {});
    server.script().fail_results = 2;
    assert!(matches!(
        phone.connect().await,
        Err(Error::Status { status: 500, .. })
    ));
    assert!(matches!(
        phone.connect().await,
        Err(Error::Status { status: 500, .. })
    ));
    assert!(server.script().results.is_empty());
    let session = phone.connect().await.unwrap();
    assert_eq!(server.result(&uuid)["Status"].str(), Some("Acknowledged"));
    assert!(
        session.commands.is_empty(),
        "the result was kept, the command not executed again"
    );
    assert_eq!(phone.state().executed, 1);
}

#[tokio::test]
async fn a_server_that_never_stops_is_a_loop() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 20).await;
    let command =
        dict! { "CommandUUID" => "again", "Command" => dict! { "RequestType" => "Unheard" } };
    server.script().files.insert(
        "/mdm".into(),
        ("application/xml".into(), to_xml(&Value::from(command))),
    );
    assert!(matches!(phone.connect().await, Err(Error::Http(_))));
    assert_eq!(phone.state().executed, 1000);
}

#[tokio::test]
async fn every_oddity_is_still_the_same_message() {
    let server = Server::start().await;
    server.script().verify_signatures = false;
    let mut phone = enrolled(&server, Kind::IPhone, 10).await;
    for n in 0..=255 {
        phone.behavior_mut().quirks = Quirks::combination(n);
        phone.connect().await.unwrap();
        let script = server.script();
        let (method, _, headers, body) = script.requests.last().unwrap();
        let quirks = Quirks::combination(n);
        assert_eq!(method == "POST", quirks.post);
        assert_eq!(
            headers.contains_key("content-type"),
            !quirks.no_content_type
        );
        assert_eq!(body.starts_with(b"bplist00"), quirks.binary_plist);
        let message = Value::parse(body).unwrap();
        assert_eq!(message.get("Status").and_then(Value::str), Some("Idle"));
        assert_eq!(message.get("ZZFutureKey").is_some(), quirks.extra_keys);
    }
    phone.behavior_mut().quirks = Quirks {
        booleans_as_strings: true,
        ..Quirks::default()
    };
    phone.update_token().await.unwrap();
    assert_eq!(
        server.script().check_ins.last().unwrap()["AwaitingConfiguration"].str(),
        Some("false")
    );
}

#[tokio::test]
async fn erasing_forgets_everything_after_the_acknowledgement() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 12).await;
    let install = simple_profile(
        "test.wifi",
        dict! { "PayloadType" => "com.apple.wifi.managed" },
    );
    server.enqueue(
        "InstallProfile",
        dict! { "Payload" => to_xml(&Value::from(install)) },
    );
    server.enqueue("EraseDevice", dict! {});
    let session = phone.connect().await.unwrap();
    assert_eq!(session.commands.len(), 2);
    assert_eq!(server.statuses(), ["Acknowledged", "Acknowledged"]);
    let state = phone.state();
    assert!(state.enrollment.is_none() && state.profiles.is_empty() && phone.identity().is_none());
    assert_eq!(state.erasures, 1);
    phone.enroll_from(&server.profile_url()).await.unwrap();
    assert!(phone.state().enrollment.is_some());
}

#[tokio::test]
async fn return_to_service_enrolls_again_by_itself() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 13).await;
    let profile = to_xml(&Value::from(profile(&server.url, true)));
    server.enqueue(
        "EraseDevice",
        dict! { "ReturnToService" => dict! { "Enabled" => true, "MDMProfileData" => profile } },
    );
    phone.connect().await.unwrap();
    assert_eq!(
        kinds(&server),
        ["Authenticate", "TokenUpdate", "Authenticate", "TokenUpdate"]
    );
    assert!(phone.state().enrollment.is_some() && phone.state().erasures == 1);
}

#[tokio::test]
async fn removing_the_management_profile_checks_out() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 14).await;
    server.enqueue("RemoveProfile", dict! { "Identifier" => "test.enrollment" });
    phone.connect().await.unwrap();
    assert_eq!(kinds(&server).last().unwrap(), "CheckOut");
    assert!(phone.state().enrollment.is_none() && phone.state().profiles.is_empty());
}

#[tokio::test]
async fn the_server_can_end_the_enrollment() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 15).await;
    let body = br#"{"code":"com.apple.unrecognized.device"}"#.to_vec();
    server
        .script()
        .replies
        .insert("TokenUpdate".into(), (403, body));
    assert!(phone.update_token().await.is_err());
    assert!(phone.state().enrollment.is_none());
}

#[tokio::test]
async fn bootstrap_tokens_and_service_tokens() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 16).await;
    let sent = server.script().check_ins[2]["BootstrapToken"]
        .data()
        .unwrap()
        .to_vec();
    assert_eq!(mac.state().bootstrap_token.as_deref(), Some(&sent[..]));
    assert_eq!(mac.get_bootstrap_token().await.unwrap(), None);
    let stored = to_xml(&Value::from(dict! { "BootstrapToken" => sent.clone() }));
    server
        .script()
        .replies
        .insert("GetBootstrapToken".into(), (200, stored));
    assert_eq!(mac.get_bootstrap_token().await.unwrap(), Some(sent));
    server.script().replies.insert(
        "GetToken".into(),
        (
            200,
            to_xml(&Value::from(dict! { "TokenData" => vec![1_u8, 2] })),
        ),
    );
    assert_eq!(
        mac.get_token(TokenService::ManagedAppleAccount)
            .await
            .unwrap(),
        [1, 2]
    );
    assert_eq!(
        server.script().check_ins.last().unwrap()["TokenServiceType"].str(),
        Some("com.apple.maid")
    );
}

#[tokio::test]
async fn a_user_of_a_mac_has_a_channel() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 17).await;
    let challenge = to_xml(&Value::from(dict! { "DigestChallenge" => "" }));
    server
        .script()
        .replies
        .insert("UserAuthenticate".into(), (200, challenge));
    let user = mac.add_user("ada", "Ada Lovelace").await.unwrap();
    assert_eq!(
        kinds(&server)[3..],
        ["UserAuthenticate", "UserAuthenticate", "TokenUpdate"]
    );
    server.enqueue("ProfileList", dict! {});
    server.enqueue("EraseDevice", dict! {});
    mac.connect_user(&user).await.unwrap();
    assert_eq!(
        server.statuses(),
        ["Acknowledged", "Error"],
        "a user's channel cannot erase the Mac"
    );
    assert_eq!(
        server.script().results[0]["UserID"].str(),
        Some(user.as_str())
    );
    let magic = mac.state().enrollment.as_ref().unwrap().users[&user]
        .push_magic
        .clone();
    assert!(mac.receive_push(&magic).await.unwrap().is_some());
    assert!(mac.receive_push("unknown").await.unwrap().is_none());
    assert_eq!(mac.state().wrong_pushes, 1);
    server
        .script()
        .replies
        .insert("UserAuthenticate".into(), (410, Vec::new()));
    assert!(mac.add_user("bob", "Bob").await.is_err());
    assert_eq!(mac.state().enrollment.as_ref().unwrap().users.len(), 1);
}

#[tokio::test]
async fn sleep_refusals_and_clones() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 18).await;
    phone.sleep();
    assert!(matches!(phone.connect().await, Err(Error::Offline)));
    phone.wake();
    let refuse = [("ProfileList".to_owned(), Refusal::mdm(12345, "no"))].into();
    *phone.behavior_mut() = Behavior {
        refuse,
        ..Behavior::default()
    };
    let uuid = server.enqueue("ProfileList", dict! {});
    phone.connect().await.unwrap();
    let chain = server.result(&uuid)["ErrorChain"].array().unwrap()[0].clone();
    assert_eq!(chain.get("ErrorCode").and_then(Value::integer), Some(12345));
    let mut clone = device(Kind::IPhone, 19);
    clone.clone_management(&phone).unwrap();
    clone.connect().await.unwrap();
    let script = server.script();
    let udid = Value::parse(&script.requests.last().unwrap().3)
        .unwrap()
        .get("UDID")
        .and_then(Value::str)
        .unwrap()
        .to_owned();
    assert_eq!(
        udid,
        clone.hardware().udid,
        "another UDID under the same certificate"
    );
}

#[test]
fn the_same_seed_makes_the_same_device() {
    let look = |seed| {
        let device = Device::new(Kind::Mac, seed);
        format!(
            "{:?} {:?} {:?}",
            device.hardware(),
            device.state().apps,
            device.state().users
        )
    };
    assert_eq!(look(5), look(5));
    assert_ne!(look(5), look(6));
}
