//! Golden device messages and what is read from them.

use apple::{
    Message, ParseError,
    checkin::{self, Kind, TokenService},
    connect::Status,
    facts,
    plist::read_dict,
};
use domain::{
    Channel, Platform, Secret,
    facts::{Category, Observation},
};

use crate::support::{all_messages, check_in, message, report};

#[test]
fn an_iphone_authenticates() {
    let message = check_in("authenticate_iphone");
    let Kind::Authenticate(authenticate) = &message.kind else {
        panic!("{message:?}");
    };
    assert_eq!(authenticate.platform(), Some(Platform::Ios));
    assert_eq!(authenticate.serial_number.as_deref(), Some("SYNTHETIC1"));
    assert_eq!(
        message.sender.key().unwrap().to_string(),
        "00008140-0000000000000001"
    );
    let observed = facts::from_authenticate(&message);
    assert!(observed.contains(&Observation::set(Category::Os, "version", "26.1")));
    assert!(observed.contains(&Observation::set(Category::Os, "platform", "ios")));
    assert!(observed.contains(&Observation::set(
        Category::Hardware,
        "product_name",
        "iPhone17,2"
    )));
    assert!(!message.raw.is_empty());
}

#[test]
fn a_mac_authenticates() {
    let message = check_in("authenticate_mac");
    let Kind::Authenticate(authenticate) = &message.kind else {
        panic!("{message:?}");
    };
    assert_eq!(authenticate.platform(), Some(Platform::Macos));
    assert_eq!(authenticate.device_name.as_deref(), Some("Ada's Mac"));
}

#[test]
fn user_enrollment_shows_no_device() {
    let message = check_in("authenticate_user_enrollment");
    let key = message.sender.key().unwrap();
    assert!(key.is_user_enrollment());
    assert_eq!(message.sender.udid, None);
    let Kind::Authenticate(authenticate) = &message.kind else {
        panic!("{message:?}");
    };
    assert_eq!(authenticate.platform(), Some(Platform::Ipados));
    assert_eq!(authenticate.serial_number, None);
}

#[test]
fn a_token_update_tells_how_to_push() {
    let message = check_in("token_update");
    let Kind::TokenUpdate(update) = &message.kind else {
        panic!("{message:?}");
    };
    assert_eq!(update.token, (0..32).collect::<Vec<u8>>());
    assert_eq!(update.push_magic, "00000000-0000-0000-0000-00000000CAFE");
    assert_eq!(
        update.unlock_token.as_ref().unwrap().expose(),
        b"unlock-token-synthetic"
    );
    assert!(update.awaiting_configuration);
    let shown = format!("{message:?}");
    assert!(
        !shown.contains("CAFE") && !shown.contains("unlock-token"),
        "{shown}"
    );
}

#[test]
fn a_user_channel_has_its_own_enrollment() {
    let message = check_in("token_update_user");
    let key = message.sender.key().unwrap();
    assert_eq!(key.channel(), Channel::User);
    assert_eq!(
        key.device_key().to_string(),
        "11111111-2222-3333-4444-555555555555"
    );
    let Kind::TokenUpdate(update) = &message.kind else {
        panic!("{message:?}");
    };
    // A boolean as text.
    assert!(!update.not_on_console);
    assert_eq!(update.unlock_token, None);
}

#[test]
fn the_other_check_ins_are_told_apart() {
    assert!(matches!(check_in("check_out").kind, Kind::CheckOut { .. }));
    assert_eq!(
        check_in("user_authenticate").kind,
        Kind::UserAuthenticate {
            digest_response: None
        }
    );
    assert_eq!(
        check_in("set_bootstrap_token").kind,
        Kind::SetBootstrapToken {
            token: Some(Secret::new(b"bootstrap-synthetic".to_vec())),
            awaiting_configuration: false
        }
    );
    assert_eq!(
        check_in("get_bootstrap_token").kind,
        Kind::GetBootstrapToken
    );
    let Kind::GetToken(get) = check_in("get_token").kind else {
        panic!("GetToken");
    };
    assert_eq!(get.service, TokenService::ManagedAppleAccount);
    assert_eq!(
        check_in("declarative_management_status").kind,
        Kind::DeclarativeManagement {
            endpoint: "status".into(),
            data: Some(br#"{"StatusItems":{}}"#.to_vec())
        }
    );
    assert_eq!(check_in("return_to_service").kind, Kind::ReturnToService);
    let later = check_in("of_a_later_release");
    assert_eq!(later.kind, Kind::Unknown("FutureMessage".into()));
    assert_eq!(later.message_type(), "FutureMessage");
}

#[test]
fn reports_tell_their_status() {
    let idle = report("idle");
    assert_eq!((idle.status, idle.command_uuid), (Status::Idle, None));
    assert_eq!(report("not_now").status, Status::NotNow);
    assert_eq!(report("format_error").status, Status::CommandFormatError);
    let error = report("error");
    assert_eq!(error.status, Status::Error);
    assert_eq!(
        error.error_text().unwrap(),
        "Unknown command (MCMDMErrorDomain 12021); tief (Inner 4)"
    );
    assert_eq!(
        error.command_uuid.as_deref(),
        Some("00000000-0000-7000-8000-000000000001")
    );
}

#[test]
fn binary_messages_read_the_same() {
    for (name, xml) in all_messages() {
        let value = ::plist::Value::from_reader(std::io::Cursor::new(&xml)).unwrap();
        let mut binary = Vec::new();
        value.to_writer_binary(&mut binary).unwrap();
        let of = |bytes: &[u8]| match Message::parse(bytes).unwrap() {
            Message::CheckIn(message) => (message.sender, message.dict),
            Message::Report(report) => (report.sender, report.body),
        };
        assert_eq!(of(&xml), of(&binary), "{name}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let parse = |body: &str| {
        Message::parse(format!("<plist version=\"1.0\">{body}</plist>").as_bytes()).unwrap_err()
    };
    assert_eq!(
        parse("<dict><key>UDID</key><string>x</string></dict>"),
        ParseError::NoKind
    );
    assert!(matches!(parse("<array/>"), ParseError::Plist(_)));
    assert!(matches!(
        parse("<dict><key>Status</key><string>Acknowledged</string></dict>"),
        ParseError::Missing {
            key: "CommandUUID",
            ..
        }
    ));
    assert!(matches!(
        parse("<dict><key>MessageType</key><string>TokenUpdate</string></dict>"),
        ParseError::Missing { key: "Token", .. }
    ));
    assert!(Message::parse(b"").is_err());
    assert!(Message::parse(b"{\"Status\":\"Idle\"}").is_err());
}

#[test]
fn a_status_of_a_later_release_is_kept() {
    let text = String::from_utf8(message("report_not_now"))
        .unwrap()
        .replace("NotNow", "Pondering");
    let Message::Report(report) = Message::parse(text.as_bytes()).unwrap() else {
        panic!("a report");
    };
    assert_eq!(report.status, Status::Unknown("Pondering".into()));
    assert!(!report.status.is_final());
}

#[test]
fn replies_are_property_lists() {
    let token = Secret::new(vec![1, 2, 3]);
    let reply = checkin::bootstrap_token(Some(&token));
    let dict = read_dict(&reply, Default::default()).unwrap();
    assert_eq!(dict.data("BootstrapToken"), Some(&[1, 2, 3][..]));
    assert!(checkin::bootstrap_token(None).is_empty());
    let dict = read_dict(&checkin::token_data(b"jwt"), Default::default()).unwrap();
    assert_eq!(dict.data("TokenData"), Some(&b"jwt"[..]));
    let dict = read_dict(&checkin::digest_challenge(""), Default::default()).unwrap();
    assert_eq!(
        dict.get("DigestChallenge").and_then(|value| value.as_str()),
        Some("")
    );
}
