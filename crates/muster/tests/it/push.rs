//! Pushes, against the strict stand-in of Apple's service.

use std::time::Duration;

use apple::commands::{CertificateList, ProfileList, SecurityInfo};
use domain::{DeviceId, EnrollmentId, Ownership, Secret};
use simulator::{
    apns::Fault,
    apple::{Device, Kind},
};
use store::{PushWanted as _, PushWish};

use crate::{
    apple_support::{PATIENCE, TestClock, settle},
    installation::Installation,
};

const MINUTE: Duration = Duration::from_secs(60);

async fn wish(there: &Installation, enrollment: EnrollmentId) -> Option<PushWish> {
    there
        .engine()
        .db
        .read(move |tx| Box::pin(async move { tx.push_wish(enrollment).await }))
        .await
        .unwrap()
}

/// Waits until the push that is under way is written down.
async fn settled(there: &Installation, enrollment: EnrollmentId, attempts: u32) -> PushWish {
    let wait = async {
        loop {
            if let Some(wish) = wish(there, enrollment).await
                && wish.attempts == attempts
            {
                return wish;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the push is settled")
}

async fn quiet(
    seed: u64,
) -> (
    Installation,
    std::sync::Arc<TestClock>,
    Device,
    DeviceId,
    EnrollmentId,
) {
    let (there, clock) = Installation::with_clock().await;
    let (phone, id) = there
        .enrolled(Kind::IPhone, seed, Ownership::Corporate)
        .await;
    let enrollment = there.living(id).await;
    while there
        .apns
        .next_push(Duration::from_millis(200))
        .await
        .is_some()
    {}
    assert_eq!(
        wish(&there, enrollment).await,
        None,
        "an empty queue wants no push"
    );
    (there, clock, phone, id, enrollment)
}

#[tokio::test]
async fn many_commands_are_one_push() {
    let (there, clock, mut phone, id, enrollment) = quiet(120).await;
    let before = there.apns.accepted();
    for _ in 0..5 {
        there
            .send(
                id,
                ProfileList {
                    managed_only: false,
                },
            )
            .await;
    }
    let push = there.apns.next_push(PATIENCE).await.unwrap();
    let expires = push.expiration - there.engine().now().seconds();
    assert!(
        expires > 29 * 86_400,
        "kept for a device that is off: {expires} s"
    );
    assert_eq!(push.topic, there.apns.topic);
    assert_eq!(
        push.magic,
        phone.state().enrollment.as_ref().unwrap().push_magic
    );
    settled(&there, enrollment, 1).await;
    for _ in 0..5 {
        there.engine().push_due().await.unwrap();
    }
    let pushed = there.apns.accepted() - before;
    assert!(pushed <= 5, "never more than commands: {pushed}");

    // Unanswered, it is pushed again later, and not sooner.
    let count = there.apns.accepted();
    there.engine().push_due().await.unwrap();
    assert_eq!(there.apns.accepted(), count);
    clock.advance(16 * MINUTE);
    there.engine().push_due().await.unwrap();
    let again = there.apns.next_push(PATIENCE).await;
    assert!(again.is_some());
    settle(&mut phone).await;
    assert_eq!(wish(&there, enrollment).await, None);
    there.node.stop().await;
}

#[tokio::test]
async fn ten_commands_that_wait_together_are_one_push() {
    let (there, clock, mut phone, id, enrollment) = quiet(121).await;
    there.apns.inject(Fault::ServiceUnavailable, 1);
    for _ in 0..10 {
        there
            .send(
                id,
                CertificateList {
                    managed_only: false,
                },
            )
            .await;
    }
    settle(&mut phone).await;
    // Ten wait without a push under way: the service is back, and is called once.
    while there
        .apns
        .next_push(Duration::from_millis(200))
        .await
        .is_some()
    {}
    there.apns.inject(Fault::ServiceUnavailable, 100);
    for _ in 0..10 {
        there
            .send(
                id,
                CertificateList {
                    managed_only: false,
                },
            )
            .await;
    }
    while wish(&there, enrollment)
        .await
        .is_none_or(|wish| wish.attempts == 0)
    {
        tokio::task::yield_now().await;
    }
    let before = there.apns.accepted();
    clock.advance(120 * MINUTE);
    while there.apns.accepted() == before {
        there.engine().push_due().await.unwrap();
        clock.advance(60 * MINUTE);
    }
    assert_eq!(there.apns.accepted(), before + 1);
    settle(&mut phone).await;
    there.node.stop().await;
}

#[tokio::test]
async fn a_busy_service_is_given_time() {
    for fault in [
        Fault::TooManyRequests,
        Fault::ServiceUnavailable,
        Fault::InternalServerError,
    ] {
        let (there, clock, _phone, id, enrollment) = quiet(122).await;
        there.apns.inject(fault, 1);
        there.send(id, SecurityInfo {}).await;
        let waits = settled(&there, enrollment, 1).await;
        assert!(waits.due_at > there.engine().now(), "{fault:?}");
        there.engine().push_due().await.unwrap();
        assert!(
            there
                .apns
                .next_push(Duration::from_millis(50))
                .await
                .is_none(),
            "not at once"
        );
        clock.advance(MINUTE);
        there.engine().push_due().await.unwrap();
        assert!(
            there.apns.next_push(PATIENCE).await.is_some(),
            "{fault:?}: then again"
        );
        there.node.stop().await;
    }
}

#[tokio::test]
async fn an_unregistered_device_is_left_alone_until_it_speaks() {
    let (there, clock, mut phone, id, enrollment) = quiet(123).await;
    let token = phone.state().enrollment.as_ref().unwrap().token.clone();
    there.apns.unregister(&token);
    there.send(id, SecurityInfo {}).await;
    settled(&there, enrollment, 1).await;
    assert_eq!(there.events("push.unregistered").await.len(), 1);
    let refused = there.apns.refused().len();
    for _ in 0..3 {
        clock.advance(24 * 60 * MINUTE);
        there.engine().push_due().await.unwrap();
    }
    assert_eq!(
        there.apns.refused().len(),
        refused,
        "no push to a token that is gone"
    );

    phone.behavior_mut().clock_drift = 3 * 86_400;
    phone.state_mut().enrollment.as_mut().unwrap().token = vec![9; 32];
    phone.update_token().await.unwrap();
    let push = there
        .apns
        .next_push(PATIENCE)
        .await
        .expect("what waited is pushed at once");
    assert_eq!(push.token, vec![9; 32]);
    settle(&mut phone).await;
    there.node.stop().await;
}

#[tokio::test]
async fn a_connection_that_ends_is_opened_again() {
    let (there, clock, mut phone, id, enrollment) = quiet(124).await;
    for fault in [Fault::GoAway, Fault::Close, Fault::Shutdown] {
        there.apns.inject(fault, 1);
        there.send(id, SecurityInfo {}).await;
        let wait = async {
            while wish(&there, enrollment)
                .await
                .is_some_and(|wish| wish.attempts == 0)
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
        clock.advance(20 * MINUTE);
        there.engine().push_due().await.unwrap();
        assert!(there.apns.next_push(PATIENCE).await.is_some(), "{fault:?}");
        phone.behavior_mut().clock_drift += 20 * 60;
        settle(&mut phone).await;
        while there
            .apns
            .next_push(Duration::from_millis(100))
            .await
            .is_some()
        {}
    }
    assert!(there.apns.connections() >= 2);
    there.node.stop().await;
}

#[tokio::test]
async fn a_push_certificate_is_renewed_with_its_topic_only() {
    let (there, _, mut phone, id, _) = quiet(125).await;
    let now = there.engine().now().seconds();
    let by = there.operator();
    let import = |certificate: simulator::apns::PushCertificate| {
        let engine = there.engine().clone();
        let by = by.clone();
        async move {
            let key = Secret::new(certificate.key_pem());
            engine
                .import_push_certificate(&by, &certificate.certificate_pem(), Some(key))
                .await
        }
    };
    let foreign = there
        .apns
        .issue("com.apple.mgmt.External.other", now - 60, now + 86_400)
        .unwrap();
    let error = import(foreign).await.unwrap_err();
    assert!(error.to_string().contains("topic"), "{error}");
    let ended = there
        .apns
        .issue(&there.apns.topic, now - 600, now - 60)
        .unwrap();
    assert!(import(ended).await.is_err());
    let renewed = there
        .apns
        .issue(&there.apns.topic, now - 60, now + 30 * 86_400)
        .unwrap();
    import(renewed).await.unwrap();
    let shown = there.engine().push_certificates(&by).await.unwrap();
    assert_eq!(shown.len(), 1);
    assert!(shown[0].not_after.seconds() <= now + 30 * 86_400);
    there.send(id, SecurityInfo {}).await;
    assert!(there.apns.next_push(PATIENCE).await.is_some());
    settle(&mut phone).await;
    there.node.stop().await;
}

#[tokio::test]
async fn a_device_with_a_foreign_topic_is_noticed() {
    let (there, _, mut phone, _, _) = quiet(126).await;
    phone.state_mut().enrollment.as_mut().unwrap().topic =
        "com.apple.mgmt.External.elsewhere".into();
    phone.update_token().await.unwrap();
    let noticed = there.events("enrollment.foreign_topic").await;
    assert_eq!(noticed.len(), 1);
    assert_eq!(
        noticed[0].draft.data["topic"],
        "com.apple.mgmt.External.elsewhere"
    );
    there.node.stop().await;
}
