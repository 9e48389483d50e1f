//! The enrollment profile and reading profiles.

use apple::{
    plist::{Dict, Limits, read_dict},
    profile::{
        Anchor, EnrollmentMode, EnrollmentParams, ProfileError, SERVER_CAPABILITIES, Scep,
        derive_uuid, enrollment_profile, summarize,
    },
};
use domain::Secret;
use uuid::Uuid;

use crate::support::golden;

fn params() -> EnrollmentParams {
    EnrollmentParams {
        identifier: "com.example.muster.enroll".into(),
        uuid: Uuid::from_u128(1),
        organization: "Example & Co".into(),
        display_name: "Example management".into(),
        description: None,
        server_url: "https://mdm.example.com/mdm/apple/connect".into(),
        check_in_url: Some("https://mdm.example.com/mdm/apple/checkin".into()),
        topic: "com.apple.mgmt.External.synthetic".into(),
        scep: Scep {
            url: "https://mdm.example.com/scep".into(),
            challenge: Secret::new("one-time".into()),
            subject: vec![
                ("O".into(), "Example".into()),
                ("CN".into(), "ticket".into()),
            ],
            key_size: 2048,
            name: None,
            ca_fingerprint: None,
        },
        mode: EnrollmentMode::Device,
        anchors: vec![Anchor {
            name: "Example root".into(),
            der: vec![0x30, 0],
        }],
        removal_disallowed: false,
    }
}

fn payloads(params: &EnrollmentParams) -> Vec<Dict> {
    let bytes = enrollment_profile(params).unwrap();
    let dict = read_dict(&bytes, Limits::DEFAULT).unwrap();
    dict.dicts("PayloadContent").cloned().collect()
}

#[test]
fn the_enrollment_profile_is_as_recorded() {
    let bytes = enrollment_profile(&params()).unwrap();
    golden(
        "enrollment.mobileconfig",
        std::str::from_utf8(&bytes).unwrap(),
    );
    assert_eq!(enrollment_profile(&params()).unwrap(), bytes);
}

#[test]
fn identity_comes_first_and_management_names_it() {
    let payloads = payloads(&params());
    let types: Vec<_> = payloads
        .iter()
        .map(|payload| payload.string("PayloadType").unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "com.apple.security.scep",
            "com.apple.mdm",
            "com.apple.security.root"
        ]
    );
    let (scep, mdm) = (&payloads[0], &payloads[1]);
    assert_eq!(
        mdm.string("IdentityCertificateUUID"),
        scep.string("PayloadUUID")
    );
    assert_eq!(mdm.bool("SignMessage"), Some(true));
    assert_eq!(mdm.bool("CheckOutWhenRemoved"), Some(true));
    assert_eq!(mdm.integer("AccessRights"), Some(8191));
    assert_eq!(
        mdm.array("ServerCapabilities")
            .iter()
            .filter_map(|value| value.as_str())
            .collect::<Vec<_>>(),
        SERVER_CAPABILITIES
    );
    let inner = scep.dict("PayloadContent").unwrap();
    assert_eq!(inner.integer("Key Usage"), Some(5));
    assert_eq!(inner.integer("Keysize"), Some(2048));
    assert_eq!(inner.string("Challenge"), Some("one-time"));
}

#[test]
fn account_driven_user_enrollment_has_no_access_rights() {
    let mode = |mode| EnrollmentParams { mode, ..params() };
    let byod = &payloads(&mode(EnrollmentMode::AccountUser {
        managed_apple_account: "ada@example.com".into(),
    }))[1];
    assert!(byod.get("AccessRights").is_none());
    assert_eq!(byod.string("EnrollmentMode"), Some("BYOD"));
    assert_eq!(
        byod.string("AssignedManagedAppleID"),
        Some("ada@example.com")
    );
    let adde = &payloads(&mode(EnrollmentMode::AccountDevice {
        managed_apple_account: "ada@example.com".into(),
    }))[1];
    assert_eq!(adde.integer("AccessRights"), Some(8191));
    assert_eq!(adde.string("EnrollmentMode"), Some("ADDE"));
}

#[test]
fn what_devices_would_refuse_is_refused_here() {
    let with = |change: fn(&mut EnrollmentParams)| {
        let mut params = params();
        change(&mut params);
        match enrollment_profile(&params) {
            Err(ProfileError::Parameter { parameter, .. }) => parameter,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(with(|p| p.server_url = "http://x".into()), "server_url");
    assert_eq!(with(|p| p.check_in_url = Some("x".into())), "check_in_url");
    assert_eq!(with(|p| p.scep.url.push_str("?a=b")), "scep.url");
    assert_eq!(with(|p| p.scep.url = "ldap://x".into()), "scep.url");
    assert_eq!(with(|p| p.scep.key_size = 1024), "scep.key_size");
    assert_eq!(with(|p| p.scep.subject.clear()), "scep.subject");
    assert_eq!(with(|p| p.scep.subject[0].0 = "UID".into()), "scep.subject");
    assert_eq!(with(|p| p.topic.clear()), "topic");
    assert_eq!(with(|p| p.identifier.clear()), "identifier");
}

#[test]
fn derived_uuids_stay_and_differ() {
    let base = Uuid::from_u128(7);
    assert_eq!(derive_uuid(base, "mdm"), derive_uuid(base, "mdm"));
    assert_ne!(derive_uuid(base, "mdm"), derive_uuid(base, "scep"));
    assert_ne!(
        derive_uuid(base, "mdm"),
        derive_uuid(Uuid::from_u128(8), "mdm")
    );
    assert_eq!(derive_uuid(base, "mdm").get_version_num(), 8);
}

#[test]
fn a_profile_is_read_back() {
    let bytes = enrollment_profile(&params()).unwrap();
    let summary = summarize(&bytes).unwrap();
    assert_eq!(summary.identifier, "com.example.muster.enroll");
    assert_eq!(summary.organization.as_deref(), Some("Example & Co"));
    assert!(summary.enrolls());
    assert_eq!(summary.payloads.len(), 3);
    assert_eq!(
        summary.payloads[0].identifier.as_deref(),
        Some("com.example.muster.enroll.scep")
    );
    let end = bytes.trim_ascii_end().len();
    for cut in 0..end {
        assert!(summarize(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn what_is_no_profile_is_refused() {
    let plist = |body: &str| format!("<plist version=\"1.0\"><dict>{body}</dict></plist>");
    let read = |body: &str| summarize(plist(body).as_bytes()).unwrap_err();
    assert_eq!(read(""), ProfileError::NotAProfile);
    let top = "<key>PayloadType</key><string>Configuration</string>";
    assert_eq!(read(top), ProfileError::Missing("PayloadContent"));
    assert_eq!(
        read(&format!("{top}<key>PayloadContent</key><array/>")),
        ProfileError::Missing("PayloadIdentifier")
    );
    assert_eq!(
        read(&format!(
            "{top}<key>PayloadContent</key><array><dict/></array>"
        )),
        ProfileError::Missing("PayloadType of a payload")
    );
    let many = "<dict><key>PayloadType</key><string>x</string></dict>".repeat(1001);
    assert_eq!(
        read(&format!(
            "{top}<key>PayloadContent</key><array>{many}</array>"
        )),
        ProfileError::TooManyPayloads(1000)
    );
    assert!(summarize(b"0\x82signed").is_err());
}
