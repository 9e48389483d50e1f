//! Enrollments, certificates, tokens and tickets.

use domain::{
    Channel, Platform, Secret,
    enrollment::{EndReason, EnrollmentState},
};
use futures_util::future::join_all;
use store::{
    Certificate, Certificates, Device, Devices, Enrollment, EnrollmentTokens, Enrollments,
    PushInfo, PushWanted, Revoked, Seen, Tickets, testing::TestDb,
};

use crate::fixtures::{
    at, device, device_id, enrolled, enrollment, hash, is_unique_violation, ticket, ticket_id,
    token, token_id,
};

pub async fn one_living_enrollment_per_native_key(test: TestDb) {
    let first = enrolled(&test.db, 1).await;
    let again = Enrollment {
        native_key: "key-1".into(),
        ..enrollment(2, 1)
    };
    let sent = again.clone();
    let result = write!(test.db, tx => tx.insert_enrollment(&sent).await);
    assert!(is_unique_violation(&result), "{result:?}");
    let sent = again.clone();
    write!(test.db, tx => {
        tx.end_enrollment(first, at(5_000), EndReason::Reenrolled).await?;
        tx.insert_enrollment(&sent).await
    })
    .unwrap();
    let (living, all, old) = read!(test.db, tx => Ok((
        tx.living_enrollment(&[Platform::Ios, Platform::Macos], "key-1").await?,
        tx.enrollments_of(device_id(1)).await?,
        tx.enrollment(first).await?,
    )))
    .unwrap();
    assert_eq!(living, Some(again));
    assert_eq!(all.len(), 2);
    let old = old.unwrap();
    assert_eq!(
        (old.state, old.ended_at, old.end_reason),
        (
            EnrollmentState::Ended,
            Some(at(5_000)),
            Some(EndReason::Reenrolled)
        )
    );
}

pub async fn ending_a_device_ends_its_users_and_their_pushes(test: TestDb) {
    let parent = enrolled(&test.db, 1).await;
    let other = enrolled(&test.db, 9).await;
    let user = Enrollment {
        channel: Channel::User,
        parent_id: Some(parent),
        user_id: Some("user".into()),
        user_short_name: Some("short".into()),
        ..enrollment(2, 1)
    };
    let sent = user.clone();
    let ended = write!(test.db, tx => {
        tx.insert_enrollment(&sent).await?;
        for id in [parent, sent.id, other] {
            tx.want_push(id, at(1), false).await?;
        }
        tx.end_enrollment(parent, at(5_000), EndReason::CheckedOut).await
    })
    .unwrap();
    let mut expected = [parent, user.id];
    expected.sort();
    let mut ended = ended;
    ended.sort();
    assert_eq!(ended, expected);
    let again = write!(test.db, tx => tx.end_enrollments_of(device_id(1), at(6_000), EndReason::Wiped).await);
    assert_eq!(again.unwrap(), []);
    let (living, wishes) = read!(test.db, tx => Ok((
        tx.living_enrollments_of(device_id(1)).await?,
        (tx.push_wish(parent).await?, tx.push_wish(user.id).await?, tx.push_wish(other).await?.is_some()),
    )))
    .unwrap();
    assert_eq!((living, wishes), (vec![], (None, None, true)));
}

pub async fn push_info_and_activation(test: TestDb) {
    let pending = Enrollment {
        state: EnrollmentState::Pending,
        topic: None,
        push_token: None,
        push_magic: None,
        activated_at: None,
        ..enrollment(1, 1)
    };
    let info = PushInfo {
        topic: "topic".into(),
        token: Secret::new(vec![0, 255]),
        magic: Secret::new("abracadabra".into()),
        awaiting_configuration: true,
    };
    let (id, brought) = (pending.id, info.clone());
    let steps = write!(test.db, tx => {
        tx.insert_device(&device(1)).await?;
        tx.insert_enrollment(&pending).await?;
        let stale = tx.stale_pending_enrollments(at(1_001), 5).await?.len();
        Ok((
            stale,
            tx.set_push_info(id, &brought).await?,
            tx.activate_enrollment(id, at(4_000)).await?,
            tx.activate_enrollment(id, at(5_000)).await?,
            tx.stale_pending_enrollments(at(1_001), 5).await?.len(),
        ))
    })
    .unwrap();
    assert_eq!(steps, (1, true, true, false, 0));
    let after = write!(test.db, tx => {
        tx.set_enrollment_ddm(id, true, Some("token")).await?;
        tx.set_awaiting_configuration(id, false).await?;
        tx.lock_enrollment(id).await
    })
    .unwrap()
    .unwrap();
    assert_eq!(after.push_token, Some(info.token));
    assert_eq!(after.push_magic, Some(info.magic));
    assert_eq!(
        (after.activated_at, after.awaiting_configuration),
        (Some(at(4_000)), false)
    );
    assert_eq!(
        (after.ddm_enabled, after.ddm_token.as_deref()),
        (true, Some("token"))
    );
    let cleared = write!(test.db, tx => {
        tx.clear_push_info(id).await?;
        tx.enrollment(id).await
    });
    assert_eq!(cleared.unwrap().unwrap().push_token, None);
}

pub async fn last_seen_never_goes_back(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    for (times, expected) in [(vec![7_000, 9_000, 8_000], 9_000), (vec![6_000], 9_000)] {
        let seen: Vec<_> = times
            .iter()
            .map(|time| Seen {
                enrollment_id: id,
                device_id: device_id(1),
                at: at(*time),
            })
            .collect();
        write!(test.db, tx => tx.flush_last_seen(&seen).await).unwrap();
        let (enrollment, device) = read!(test.db, tx => Ok((
            tx.enrollment(id).await?.unwrap(),
            tx.device(device_id(1)).await?.unwrap(),
        )))
        .unwrap();
        assert_eq!(enrollment.last_seen_at, Some(at(expected)));
        assert_eq!(
            (device.last_seen_at, device.version),
            (Some(at(expected)), 1)
        );
    }
    // The device's own writing does not overwrite it.
    write!(test.db, tx => tx.update_device(&Device { last_seen_at: None, ..device(1) }).await)
        .unwrap();
    let device = read!(test.db, tx => tx.device(device_id(1)).await)
        .unwrap()
        .unwrap();
    assert_eq!(device.last_seen_at, Some(at(9_000)));
}

fn certificate(n: u8) -> Certificate {
    Certificate {
        sha256: hash(n),
        serial: format!("{n:02x}"),
        issuer: "issuing".into(),
        kind: "device".into(),
        subject: "CN=device".into(),
        der: vec![0x30, n],
        enrollment_id: None,
        ticket_id: Some(ticket_id(n.into())),
        not_before: at(0),
        not_after: at(10_000 * i64::from(n)),
        issued_at: at(100),
        revoked_at: None,
        revocation_reason: None,
        superseded_at: None,
    }
}

pub async fn a_certificate_is_pinned_once_and_for_ever(test: TestDb) {
    let (first, second) = (enrolled(&test.db, 1).await, enrolled(&test.db, 2).await);
    let pins = write!(test.db, tx => {
        tx.insert_certificate(&certificate(1)).await?;
        Ok((
            tx.pin_identity(&hash(1), first, at(500), Some(at(10_000))).await?,
            tx.pin_identity(&hash(1), second, at(600), None).await?,
        ))
    });
    assert_eq!(
        pins.unwrap(),
        (first, first),
        "the second enrollment is a clone"
    );
    let (pinned, stranger, certificates) = read!(test.db, tx => Ok((
        tx.identity(&hash(1)).await?.unwrap(),
        tx.identity(&hash(9)).await?,
        tx.certificates_of(first).await?,
    )))
    .unwrap();
    assert_eq!(pinned.enrollment, enrollment(1, 1));
    assert_eq!(
        (pinned.pinned_at, pinned.not_after),
        (at(500), Some(at(10_000)))
    );
    assert_eq!(stranger, None);
    assert_eq!(
        certificates,
        [Certificate {
            enrollment_id: Some(first),
            ..certificate(1)
        }]
    );
}

pub async fn revoked_and_expiring_certificates(test: TestDb) {
    let (first, second) = (enrolled(&test.db, 1).await, enrolled(&test.db, 2).await);
    write!(test.db, tx => {
        for (n, enrollment) in [(1, first), (2, first), (3, second), (4, second)] {
            tx.insert_certificate(&certificate(n)).await?;
            tx.pin_identity(&hash(n), enrollment, at(1), Some(certificate(n).not_after)).await?;
        }
        tx.supersede_certificate(&hash(1), at(700)).await
    })
    .unwrap();
    let twice = Certificate {
        sha256: hash(77),
        ..certificate(1)
    };
    assert!(is_unique_violation(
        &write!(test.db, tx => tx.insert_certificate(&twice).await)
    ));
    let expiring =
        read!(test.db, tx => tx.expiring_identities(at(1), at(35_000), 10).await).unwrap();
    let found: Vec<_> = expiring
        .iter()
        .map(|identity| (identity.sha256, identity.enrollment_id))
        .collect();
    assert_eq!(
        found,
        [(hash(2), first), (hash(3), second)],
        "what was superseded does not count; what merely has a younger sibling does"
    );
    let later =
        read!(test.db, tx => tx.expiring_identities(at(20_000), at(35_000), 10).await).unwrap();
    assert_eq!(later.len(), 1, "what ended is over");
    let revoked = write!(test.db, tx => Ok((
        tx.revoke_certificate(&hash(1), at(800), 4).await?,
        tx.revoke_certificate(&hash(1), at(900), 1).await?,
        tx.revoke_certificates_of(second, at(900), 5).await?,
        tx.revoked_certificates("issuing", at(30_000)).await?,
        tx.certificate_by_serial("issuing", "01").await?.and_then(|c| c.revoked_at),
        tx.certificate_of_ticket(ticket_id(2)).await?.map(|c| c.serial),
        tx.certificates_of_kind("device", 3).await?.len(),
        tx.certificate(&hash(2)).await?.is_some_and(|c| c.revoked_at.is_none()),
    )))
    .unwrap();
    let entry = |serial: &str| Revoked {
        serial: serial.into(),
        revoked_at: at(900),
        reason: 5,
    };
    assert_eq!(
        revoked,
        (
            true,
            false,
            2,
            vec![entry("03"), entry("04")],
            Some(at(800)),
            Some("02".into()),
            3,
            true
        )
    );
}

pub async fn a_token_is_used_as_often_as_it_allows(test: TestDb) {
    let known = token(1, Some(3));
    let sent = known.clone();
    write!(test.db, tx => {
        tx.insert_enrollment_token(&sent).await?;
        tx.insert_enrollment_token(&token(2, None)).await
    })
    .unwrap();
    let uses = (0..12).map(|_| {
        let db = test.db.clone();
        async move {
            write!(db, tx => tx.consume_enrollment_token(token_id(1), at(5_000)).await).unwrap()
        }
    });
    let granted = join_all(uses)
        .await
        .into_iter()
        .filter(|granted| *granted)
        .count();
    assert_eq!(granted, 3);
    let steps = write!(test.db, tx => Ok((
        tx.consume_enrollment_token(token_id(2), at(10_000)).await?,
        tx.revoke_enrollment_token(token_id(2), at(6_000)).await?,
        tx.revoke_enrollment_token(token_id(2), at(7_000)).await?,
        tx.consume_enrollment_token(token_id(2), at(7_000)).await?,
        tx.enrollment_tokens(None, 10).await?.iter().map(|token| token.id).collect::<Vec<_>>(),
        tx.enrollment_tokens(Some(token_id(2)), 10).await?.len(),
        tx.enrollment_token_by_secret(&hash(1)).await?.map(|token| token.id),
    )))
    .unwrap();
    assert_eq!(
        steps,
        (
            false,
            true,
            false,
            false,
            vec![token_id(2), token_id(1)],
            1,
            Some(token_id(1))
        )
    );
    let mut expected = known;
    expected.standing.uses = 3;
    assert_eq!(
        read!(test.db, tx => tx.enrollment_token(token_id(1)).await).unwrap(),
        Some(expected)
    );
}

pub async fn a_challenge_is_used_once(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    let other = enrolled(&test.db, 2).await;
    write!(test.db, tx => {
        tx.insert_enrollment_token(&token(1, None)).await?;
        tx.insert_ticket(&ticket(1, 1)).await?;
        tx.insert_ticket(&ticket(2, 1)).await
    })
    .unwrap();
    let uses = (0..8).map(|_| {
        let db = test.db.clone();
        async move { write!(db, tx => tx.use_challenge(&hash(1), at(5_000)).await).unwrap() }
    });
    let winners: Vec<_> = join_all(uses).await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(winners[0].challenge_used_at, Some(at(5_000)));
    let steps = write!(test.db, tx => Ok((
        tx.use_challenge(&hash(2), at(10_000)).await?.is_some(),
        tx.bind_ticket(ticket_id(1), id).await?,
        tx.bind_ticket(ticket_id(1), id).await?,
        tx.bind_ticket(ticket_id(1), other).await?,
        tx.purge_tickets(at(20_000), 10).await?,
        tx.ticket(ticket_id(1)).await?.and_then(|ticket| ticket.enrollment_id),
        tx.ticket_by_challenge(&hash(2)).await?,
    )))
    .unwrap();
    assert_eq!(steps, (false, true, true, false, 1, Some(id), None));
}
