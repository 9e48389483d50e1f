//! Renewal of the identity by a new enrollment profile.

use simulator::{
    apple::Kind,
    dict,
    plist::{Value, to_xml},
};

use crate::{
    authority::profile,
    device::{enrolled, kinds},
    server::Server,
};

#[tokio::test]
async fn a_new_enrollment_profile_renews_the_identity() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 11).await;
    let old = phone.identity().unwrap().certificate.clone();
    let renewal = |url: &str| server.sign(&to_xml(&Value::from(profile(url, true))));
    let uuid = server.enqueue(
        "InstallProfile",
        dict! { "Payload" => renewal(&server.url) },
    );
    phone.connect().await.unwrap();
    assert_eq!(server.result(&uuid)["Status"].str(), Some("Acknowledged"));
    let new = phone.identity().unwrap().certificate.clone();
    assert_ne!(old, new);
    assert_eq!(server.script().scep_types, ["19", "17"]);
    assert_eq!(phone.state().enrollment.as_ref().unwrap().renewals, 1);
    assert_eq!(
        kinds(&server),
        ["Authenticate", "TokenUpdate"],
        "real devices do not check in again"
    );
    // A profile that leads elsewhere is refused and changes nothing.
    let uuid = server.enqueue(
        "InstallProfile",
        dict! { "Payload" => renewal("http://127.0.0.1:9") },
    );
    phone.connect().await.unwrap();
    assert_eq!(server.result(&uuid)["Status"].str(), Some("Error"));
    assert_eq!(phone.identity().unwrap().certificate, new);
}

#[tokio::test]
async fn the_acknowledgement_of_a_renewal_may_be_signed_by_either_identity() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 22).await;
    for by_old in [false, true] {
        phone.behavior_mut().acknowledges_renewal_by_old_identity = by_old;
        let old = phone.identity().unwrap().certificate.der.clone();
        let renewal = server.sign(&to_xml(&Value::from(profile(&server.url, true))));
        server.enqueue("InstallProfile", dict! { "Payload" => renewal });
        phone.connect().await.unwrap();
        let new = phone.identity().unwrap().certificate.der.clone();
        let last = server.script().signers.last().cloned().unwrap();
        assert_eq!(last, if by_old { old } else { new.clone() });
        phone.connect().await.unwrap();
        assert_eq!(server.script().signers.last(), Some(&new));
    }
}
