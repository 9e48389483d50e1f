//! Device identities: clones, renewal, expiry, revocation.

use apple::commands::SecurityInfo;
use domain::{Ownership, command::CommandState};
use simulator::apple::{Behavior, Kind, Refusal};
use store::Certificates as _;

use crate::{
    apple_support::{DAY, counted, settle, types},
    installation::Installation,
    scep,
};

#[tokio::test]
async fn a_cloned_identity_is_refused_and_journalled_once() {
    let (there, _) = Installation::with_clock().await;
    let (mut original, id) = there.enrolled(Kind::Mac, 50, Ownership::Corporate).await;
    let mut clone = there.device(Kind::Mac, 51);
    clone.clone_management(&original).unwrap();
    let before = counted("muster_cloned_identities_total", "");
    for _ in 0..3 {
        assert!(clone.connect().await.is_err());
    }
    assert!(clone.update_token().await.is_err());
    let authenticate = simulator::dict! {
        "MessageType" => "Authenticate",
        "UDID" => &clone.hardware().udid,
        "Topic" => &there.apns.topic,
    };
    assert_eq!(clone.send_check_in(authenticate).await.unwrap().0, 400);
    assert_eq!(counted("muster_cloned_identities_total", ""), before + 5);
    let events = there.events("identity.cloned").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].draft.device, Some(id));
    assert_eq!(
        events[0].draft.data["used_by"],
        clone.hardware().udid.as_str()
    );
    let asked = there.send(id, SecurityInfo {}).await;
    settle(&mut original).await;
    assert_eq!(there.outcome(asked).await, Some(CommandState::Acknowledged));
    there.node.stop().await;
}

/// The certificates of a device's living enrollment.
async fn certificates(there: &Installation, id: domain::DeviceId) -> Vec<store::Certificate> {
    let enrollment = there.living(id).await;
    there
        .engine()
        .db
        .read(move |tx| Box::pin(async move { tx.certificates_of(enrollment).await }))
        .await
        .unwrap()
}

async fn renewal(acknowledged_by_old: bool) {
    let (there, clock) = Installation::with_clock().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 52, Ownership::Corporate).await;
    let enrollment = there.living(id).await;
    assert_eq!(
        there.engine().renew_identities().await.unwrap(),
        0,
        "not yet"
    );
    assert_eq!(settle(&mut phone).await, 0);

    let later = 280 * DAY;
    clock.advance(later);
    phone.behavior_mut().clock_drift = i64::try_from(later.as_secs()).unwrap();
    phone.behavior_mut().acknowledges_renewal_by_old_identity = acknowledged_by_old;
    assert_eq!(there.engine().renew_identities().await.unwrap(), 1);
    assert_eq!(
        there.engine().renew_identities().await.unwrap(),
        1,
        "again: nothing twice"
    );
    let old = phone.identity().unwrap().clone();
    let session = phone.connect().await.unwrap();
    let installed = types(&session)
        .iter()
        .filter(|kind| **kind == "InstallProfile")
        .count();
    assert_eq!(installed, 1, "{session:?}");
    assert_eq!(phone.state().enrollment.as_ref().unwrap().renewals, 1);
    let new = phone.identity().unwrap().clone();
    assert_ne!(new.certificate.der, old.certificate.der);
    settle(&mut phone).await;
    assert_eq!(there.living(id).await, enrollment, "the same enrollment");
    assert_eq!(there.enrollments(id).await.len(), 1);
    assert_eq!(certificates(&there, id).await.len(), 2);
    let commands = there
        .engine()
        .commands_of(&there.operator(), id, None, 100)
        .await
        .unwrap();
    assert!(commands.iter().all(|record| record.finish.is_some()));

    // The old certificate still speaks for the enrollment until it ends.
    let asked = there.send(id, SecurityInfo {}).await;
    phone.adopt_identity(old.clone()).unwrap();
    settle(&mut phone).await;
    assert_eq!(there.outcome(asked).await, Some(CommandState::Acknowledged));
    assert_eq!(
        there.engine().renew_identities().await.unwrap(),
        0,
        "renewed is renewed"
    );

    let end = 90 * DAY;
    clock.advance(end);
    phone.behavior_mut().clock_drift += i64::try_from(end.as_secs()).unwrap();
    let before = counted("muster_refused_messages_total", "expired_certificate");
    assert!(phone.connect().await.is_err(), "the old one ended");
    assert_eq!(
        counted("muster_refused_messages_total", "expired_certificate"),
        before + 1
    );
    phone.adopt_identity(new).unwrap();
    settle(&mut phone).await;
    there.node.stop().await;
}

#[tokio::test]
async fn an_identity_is_renewed_before_it_ends() {
    renewal(false).await;
}

#[tokio::test]
async fn a_renewal_may_be_acknowledged_by_the_old_identity() {
    renewal(true).await;
}

#[tokio::test]
async fn a_renewal_that_failed_is_tried_again() {
    let (there, clock) = Installation::with_clock().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 53, Ownership::Corporate).await;
    let later = 300 * DAY;
    clock.advance(later);
    phone.behavior_mut().clock_drift = i64::try_from(later.as_secs()).unwrap();

    phone.behavior_mut().not_now_first = 100;
    assert_eq!(there.engine().renew_identities().await.unwrap(), 1);
    let session = phone.connect().await.unwrap();
    assert!(types(&session).contains(&"InstallProfile"));
    phone.behavior_mut().not_now_first = 0;
    phone
        .behavior_mut()
        .refuse
        .insert("InstallProfile".into(), Refusal::mdm(4001, "not today"));
    settle(&mut phone).await;
    assert_eq!(phone.state().enrollment.as_ref().unwrap().renewals, 0);

    let drift = phone.behavior_mut().clock_drift;
    *phone.behavior_mut() = Behavior {
        clock_drift: drift,
        ..Behavior::default()
    };
    assert_eq!(there.engine().renew_identities().await.unwrap(), 1);
    settle(&mut phone).await;
    assert_eq!(phone.state().enrollment.as_ref().unwrap().renewals, 1);
    assert_eq!(there.engine().renew_identities().await.unwrap(), 0);
    assert_eq!(certificates(&there, id).await.len(), 2);
    there.node.stop().await;
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_is_tried_again() {
    let (there, clock) = Installation::with_clock().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 55, Ownership::Corporate).await;
    let later = 280 * DAY;
    clock.advance(later);
    phone.behavior_mut().clock_drift = i64::try_from(later.as_secs()).unwrap();
    // The server issues one, and the device never gets the answer.
    let identity = phone.identity().unwrap().clone();
    let (authority, settings) = (scep::authority(&there).await, scep::settings(&there).await);
    let fresh = scep::key();
    let mut request = scep::request(&settings, &fresh, there.engine().now().seconds());
    request.renews = Some((&identity.key, &identity.certificate));
    scep::ask(&there, &authority, &request).await.unwrap();
    assert_eq!(certificates(&there, id).await.len(), 2);

    assert_eq!(
        there.engine().renew_identities().await.unwrap(),
        1,
        "not taken for renewed"
    );
    settle(&mut phone).await;
    assert_eq!(phone.state().enrollment.as_ref().unwrap().renewals, 1);
    assert_eq!(there.engine().renew_identities().await.unwrap(), 0);
    let waiting = certificates(&there, id).await;
    let living = waiting.iter().filter(|one| one.superseded_at.is_none());
    assert_eq!(living.count(), 1, "the one in use");
    there.node.stop().await;
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_beside_a_living_one() {
    let (there, clock) = Installation::with_clock().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 54, Ownership::Corporate).await;
    let later = 280 * DAY;
    clock.advance(later);
    phone.behavior_mut().clock_drift = i64::try_from(later.as_secs()).unwrap();
    there.engine().renew_identities().await.unwrap();
    let old = phone.identity().unwrap().clone();
    settle(&mut phone).await;
    let new = phone.identity().unwrap().clone();
    phone.adopt_identity(old.clone()).unwrap();
    settle(&mut phone).await;

    let stored = certificates(&there, id).await;
    let row = stored
        .iter()
        .find(|row| row.der == old.certificate.der)
        .unwrap();
    there
        .engine()
        .revoke_certificate(&there.operator(), row.sha256, "a lost backup")
        .await
        .unwrap();
    phone.adopt_identity(new).unwrap();
    settle(&mut phone).await;
    phone.adopt_identity(old).unwrap();
    assert!(phone.connect().await.is_err(), "the revoked one is refused");
    assert!(phone.connect().await.is_err(), "again");
    assert_eq!(there.events("certificate.revoked").await.len(), 1);
    there.node.stop().await;
}
