//! Commands and their effects.

use simulator::{
    apple::{Device, Kind},
    cms::decrypt,
    dict,
    keys::{Algorithm, Key},
    plist::{Dictionary, Value, to_xml},
};

use crate::{authority::simple_profile, device::enrolled, openssl::self_signed, server::Server};

/// Enqueues one command, connects, and returns the result.
async fn run(
    server: &Server,
    device: &mut Device,
    request_type: &str,
    extra: Dictionary,
) -> Dictionary {
    let uuid = server.enqueue(request_type, extra);
    device.connect().await.unwrap();
    server.result(&uuid)
}

async fn status(
    server: &Server,
    device: &mut Device,
    request_type: &str,
    extra: Dictionary,
) -> String {
    run(server, device, request_type, extra).await["Status"]
        .str()
        .unwrap()
        .to_owned()
}

fn error_code(result: &Dictionary) -> i64 {
    result["ErrorChain"].array().unwrap()[0]
        .get("ErrorCode")
        .and_then(Value::integer)
        .unwrap()
}

#[tokio::test]
async fn device_information_answers_what_was_asked_and_no_more() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 30).await;
    let queries = [
        "SerialNumber",
        "OSVersion",
        "IsSupervised",
        "HasBattery",
        "Nonsense",
    ]
    .map(Value::from)
    .to_vec();
    let result = run(
        &server,
        &mut phone,
        "DeviceInformation",
        dict! { "Queries" => queries },
    )
    .await;
    let answers = result["QueryResponses"].dictionary().unwrap();
    assert_eq!(
        answers.keys().collect::<Vec<_>>(),
        ["IsSupervised", "OSVersion", "SerialNumber"]
    );
    assert_eq!(
        answers["SerialNumber"].str(),
        Some(phone.hardware().serial_number.as_str())
    );
    assert_eq!(
        status(&server, &mut phone, "DeviceInformation", dict! {}).await,
        "CommandFormatError"
    );
    assert_eq!(
        status(
            &server,
            &mut phone,
            "DeviceInformation",
            dict! { "Queries" => "OSVersion" }
        )
        .await,
        "CommandFormatError"
    );
}

#[tokio::test]
async fn profiles_come_and_go() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 31).await;
    let plain = to_xml(&Value::from(simple_profile(
        "test.a",
        dict! { "PayloadType" => "com.apple.wifi.managed" },
    )));
    let signed = server.sign(&to_xml(&Value::from(simple_profile(
        "test.b",
        dict! { "PayloadType" => "com.apple.vpn.managed" },
    ))));
    for payload in [plain.clone(), signed] {
        assert_eq!(
            status(
                &server,
                &mut phone,
                "InstallProfile",
                dict! { "Payload" => payload }
            )
            .await,
            "Acknowledged"
        );
    }
    let listed = run(&server, &mut phone, "ProfileList", dict! {}).await;
    let names: Vec<_> = listed["ProfileList"]
        .array()
        .unwrap()
        .iter()
        .map(|p| p.get("PayloadIdentifier").unwrap().str().unwrap())
        .collect();
    assert_eq!(names, ["test.a", "test.b", "test.enrollment"]);
    let signers = |at: usize| {
        listed["ProfileList"].array().unwrap()[at]
            .get("SignerCertificates")
            .unwrap()
            .array()
            .unwrap()
            .len()
    };
    assert_eq!((signers(0), signers(1)), (0, 1));
    assert_eq!(
        status(
            &server,
            &mut phone,
            "RemoveProfile",
            dict! { "Identifier" => "test.a" }
        )
        .await,
        "Acknowledged"
    );
    assert_eq!(
        status(
            &server,
            &mut phone,
            "RemoveProfile",
            dict! { "Identifier" => "test.a" }
        )
        .await,
        "Error"
    );
    assert_eq!(
        status(
            &server,
            &mut phone,
            "InstallProfile",
            dict! { "Payload" => b"junk".to_vec() }
        )
        .await,
        "Error"
    );
    assert_eq!(
        status(&server, &mut phone, "InstallProfile", dict! {}).await,
        "CommandFormatError"
    );
    let mut headless = simple_profile("test.c", dict! { "PayloadType" => "x" });
    headless.remove("PayloadUUID");
    let payload = to_xml(&Value::from(headless));
    assert_eq!(
        status(
            &server,
            &mut phone,
            "InstallProfile",
            dict! { "Payload" => payload }
        )
        .await,
        "Error"
    );
    assert!(
        phone.state().profiles.contains_key("test.b")
            && !phone.state().profiles.contains_key("test.c")
    );
}

#[tokio::test]
async fn locking_clearing_and_lost_mode() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 32).await;
    assert_eq!(
        status(
            &server,
            &mut phone,
            "DeviceLock",
            dict! { "Message" => "Found?" }
        )
        .await,
        "Acknowledged"
    );
    assert_eq!(phone.state().locked.as_deref(), Some(""));
    let token = phone.state().unlock_token.clone().unwrap();
    assert_eq!(
        status(
            &server,
            &mut phone,
            "ClearPasscode",
            dict! { "UnlockToken" => vec![1_u8] }
        )
        .await,
        "Error"
    );
    assert_eq!(
        status(
            &server,
            &mut phone,
            "ClearPasscode",
            dict! { "UnlockToken" => token }
        )
        .await,
        "Acknowledged"
    );
    assert!(!phone.state().passcode_present && phone.state().locked.is_none());

    assert_eq!(
        error_code(&run(&server, &mut phone, "DeviceLocation", dict! {}).await),
        12067
    );
    assert_eq!(
        status(
            &server,
            &mut phone,
            "EnableLostMode",
            dict! { "Message" => "Lost" }
        )
        .await,
        "Acknowledged"
    );
    let place = run(&server, &mut phone, "DeviceLocation", dict! {}).await;
    assert!(matches!(place["Latitude"], Value::Real(north) if (51.0..52.0).contains(&north)));
    assert_eq!(
        status(&server, &mut phone, "PlayLostModeSound", dict! {}).await,
        "Acknowledged"
    );
    assert_eq!(
        status(&server, &mut phone, "DisableLostMode", dict! {}).await,
        "Acknowledged"
    );
    assert!(phone.state().lost_mode.is_none() && phone.state().lost_mode_sounds == 1);
    phone.hardware_mut().supervised = false;
    assert_eq!(
        error_code(
            &run(
                &server,
                &mut phone,
                "EnableLostMode",
                dict! { "Message" => "Lost" }
            )
            .await
        ),
        12018
    );

    let mut mac = enrolled(&server, Kind::Mac, 33).await;
    assert_eq!(
        status(&server, &mut mac, "DeviceLock", dict! {}).await,
        "CommandFormatError"
    );
    assert_eq!(
        status(&server, &mut mac, "DeviceLock", dict! { "PIN" => "12345" }).await,
        "CommandFormatError"
    );
    assert_eq!(
        status(&server, &mut mac, "DeviceLock", dict! { "PIN" => "123456" }).await,
        "Acknowledged"
    );
    assert_eq!(mac.state().locked.as_deref(), Some("123456"));
    assert_eq!(
        error_code(
            &run(
                &server,
                &mut mac,
                "EnableLostMode",
                dict! { "Message" => "Lost" }
            )
            .await
        ),
        12021
    );
}

#[tokio::test]
async fn restart_and_shutdown_end_the_session() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 34).await;
    server.enqueue("RestartDevice", dict! {});
    server.enqueue("ProfileList", dict! {});
    assert_eq!(
        phone.connect().await.unwrap().commands.len(),
        1,
        "the rest waits for the device to come back"
    );
    assert_eq!(phone.connect().await.unwrap().commands.len(), 1);
    server.enqueue("ShutDownDevice", dict! {});
    phone.connect().await.unwrap();
    assert_eq!((phone.state().restarts, phone.state().shutdowns), (1, 1));
}

#[tokio::test]
async fn settings_succeed_one_by_one() {
    let server = Server::start().await;
    let mut pad = enrolled(&server, Kind::IPad, 35).await;
    pad.hardware_mut().imei = None;
    let items = vec![
        Value::from(dict! { "Item" => "DeviceName", "DeviceName" => "Reception" }),
        Value::from(dict! { "Item" => "DataRoaming", "Enabled" => true }),
        Value::from(dict! { "Item" => "Unheard", "Enabled" => true }),
    ];
    let result = run(&server, &mut pad, "Settings", dict! { "Settings" => items }).await;
    let statuses: Vec<_> = result["Settings"]
        .array()
        .unwrap()
        .iter()
        .map(|item| item.get("Status").unwrap().str().unwrap())
        .collect();
    assert_eq!(statuses, ["Acknowledged", "Error", "Error"]);
    assert_eq!(pad.hardware().device_name, "Reception");
    let malformed = vec![Value::from(
        dict! { "Item" => "Bluetooth", "Enabled" => "yes" },
    )];
    assert_eq!(
        status(
            &server,
            &mut pad,
            "Settings",
            dict! { "Settings" => malformed }
        )
        .await,
        "CommandFormatError"
    );
}

#[tokio::test]
async fn apps_are_installed_listed_and_removed() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 36).await;
    let store = dict! { "iTunesStoreID" => 361_309_726_i64, "ManagementFlags" => 1_i64 };
    let result = run(&server, &mut mac, "InstallApplication", store).await;
    let identifier = result["Identifier"].str().unwrap().to_owned();
    let manifest = dict! { "ManifestURL" => "https://example.org/tool.plist" };
    assert_eq!(
        status(&server, &mut mac, "InstallEnterpriseApplication", manifest).await,
        "Acknowledged"
    );
    let managed = run(&server, &mut mac, "ManagedApplicationList", dict! {}).await;
    assert_eq!(
        managed["ManagedApplicationList"]
            .dictionary()
            .unwrap()
            .len(),
        2
    );
    let wanted = dict! { "Identifiers" => vec![Value::from(&identifier)] };
    let listed = run(&server, &mut mac, "InstalledApplicationList", wanted).await;
    assert_eq!(listed["InstalledApplicationList"].array().unwrap().len(), 1);
    assert_eq!(
        status(
            &server,
            &mut mac,
            "RemoveApplication",
            dict! { "Identifier" => &identifier }
        )
        .await,
        "Acknowledged"
    );
    assert_eq!(
        status(
            &server,
            &mut mac,
            "RemoveApplication",
            dict! { "Identifier" => "com.apple.Pages" }
        )
        .await,
        "Error"
    );
    assert_eq!(
        status(&server, &mut mac, "InstallApplication", dict! {}).await,
        "CommandFormatError"
    );
    let http = dict! { "ManifestURL" => "http://example.org/tool.plist" };
    assert_eq!(
        status(&server, &mut mac, "InstallEnterpriseApplication", http).await,
        "CommandFormatError"
    );
}

#[tokio::test]
async fn filevault_keys_are_escrowed_and_rotated() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 37).await;
    let key = Key::generate(Algorithm::Rsa2048).unwrap();
    let certificate = self_signed(&key, false);
    let mut profile = simple_profile(
        "test.filevault",
        dict! { "PayloadType" => "com.apple.MCX.FileVault2", "Enable" => "On" },
    );
    let more = [
        dict! {
            "PayloadType" => "com.apple.security.pkcs1", "PayloadVersion" => 1_i64, "PayloadIdentifier" => "test.cert",
            "PayloadUUID" => "CERT", "PayloadContent" => certificate.der.clone(),
        },
        dict! {
            "PayloadType" => "com.apple.security.FDERecoveryKeyEscrow", "PayloadVersion" => 1_i64,
            "PayloadIdentifier" => "test.escrow", "PayloadUUID" => "ESCROW", "EncryptCertPayloadUUID" => "CERT",
        },
    ];
    if let Some(Value::Array(list)) = profile.get_mut("PayloadContent") {
        list.extend(more.map(Value::from));
    }
    let payload = to_xml(&Value::from(profile));
    assert_eq!(
        status(
            &server,
            &mut mac,
            "InstallProfile",
            dict! { "Payload" => payload }
        )
        .await,
        "Acknowledged"
    );
    let info = run(&server, &mut mac, "SecurityInfo", dict! {}).await;
    let escrowed = info["SecurityInfo"]
        .get("FDE_PersonalRecoveryKeyCMS")
        .unwrap()
        .data()
        .unwrap()
        .to_vec();
    let first = String::from_utf8(decrypt(&escrowed, &key, &certificate).unwrap().0).unwrap();
    assert_eq!(mac.state().filevault_key.as_deref(), Some(first.as_str()));
    assert_eq!(
        info["SecurityInfo"].get("FDE_Enabled").unwrap(),
        &Value::Boolean(true)
    );

    let rotate = |password: &str| {
        dict! {
            "KeyType" => "personal", "FileVaultUnlock" => dict! { "Password" => password },
            "ReplyEncryptionCertificate" => certificate.der.clone(),
        }
    };
    assert_eq!(
        status(&server, &mut mac, "RotateFileVaultKey", rotate("wrong")).await,
        "Error"
    );
    let result = run(&server, &mut mac, "RotateFileVaultKey", rotate(&first)).await;
    let new = result["RotateResult"]
        .get("EncryptedNewRecoveryKey")
        .unwrap()
        .data()
        .unwrap();
    let second = String::from_utf8(decrypt(new, &key, &certificate).unwrap().0).unwrap();
    assert_ne!(first, second);
    assert_eq!(mac.state().filevault_key.as_deref(), Some(second.as_str()));
}

#[tokio::test]
async fn passwords_of_macs_and_their_users() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 38).await;
    assert_eq!(
        status(
            &server,
            &mut mac,
            "SetRecoveryLock",
            dict! { "NewPassword" => "one" }
        )
        .await,
        "Acknowledged"
    );
    assert_eq!(
        status(
            &server,
            &mut mac,
            "SetRecoveryLock",
            dict! { "NewPassword" => "two" }
        )
        .await,
        "Error"
    );
    let change = dict! { "NewPassword" => "two", "CurrentPassword" => "one" };
    assert_eq!(
        status(&server, &mut mac, "SetRecoveryLock", change).await,
        "Acknowledged"
    );
    let verified = run(
        &server,
        &mut mac,
        "VerifyRecoveryLock",
        dict! { "Password" => "two" },
    )
    .await;
    assert_eq!(verified["PasswordVerified"], Value::Boolean(true));
    let set = run(
        &server,
        &mut mac,
        "SetFirmwarePassword",
        dict! { "NewPassword" => "f" },
    )
    .await;
    assert_eq!(
        set["SetFirmwarePassword"].get("PasswordChanged"),
        Some(&Value::Boolean(true))
    );
    let users = run(&server, &mut mac, "UserList", dict! {}).await;
    let name = users["Users"].array().unwrap()[0]
        .get("UserName")
        .unwrap()
        .str()
        .unwrap()
        .to_owned();
    assert_eq!(
        status(
            &server,
            &mut mac,
            "DeleteUser",
            dict! { "UserName" => &name }
        )
        .await,
        "Error"
    );
    let force = dict! { "UserName" => &name, "ForceDeletion" => true };
    assert_eq!(
        status(&server, &mut mac, "DeleteUser", force).await,
        "Acknowledged"
    );
    assert!(mac.state().users.is_empty());
}

#[tokio::test]
async fn unknown_commands_and_missing_rights_are_errors() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 39).await;
    assert_eq!(
        error_code(&run(&server, &mut phone, "ScheduleOSUpdate", dict! {}).await),
        12021
    );
    assert_eq!(
        error_code(&run(&server, &mut phone, "DeviceConfigured", dict! {}).await),
        12076
    );
    phone.state_mut().awaiting_configuration = true;
    assert_eq!(
        status(&server, &mut phone, "DeviceConfigured", dict! {}).await,
        "Acknowledged"
    );
    assert_eq!(
        server.script().check_ins.last().unwrap()["MessageType"].str(),
        Some("TokenUpdate")
    );
    let plan = dict! { "eSIMServerURL" => "https://esim.example.org" };
    assert_eq!(
        status(&server, &mut phone, "RefreshCellularPlans", plan).await,
        "Acknowledged"
    );
    let certificates = run(&server, &mut phone, "CertificateList", dict! {}).await;
    let own = &certificates["CertificateList"].array().unwrap()[0];
    assert_eq!(
        own.get("Data").unwrap().data(),
        Some(&phone.identity().unwrap().certificate.der[..])
    );
    phone.state_mut().enrollment.as_mut().unwrap().access_rights = Some(1);
    assert_eq!(
        error_code(&run(&server, &mut phone, "EraseDevice", dict! {}).await),
        12007
    );
    assert_eq!(phone.state().erasures, 0);
    assert_eq!(
        status(&server, &mut phone, "", dict! {}).await,
        "CommandFormatError"
    );
}
