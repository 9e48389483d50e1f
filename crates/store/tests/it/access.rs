//! People, programs and nodes.

use domain::{
    AdminId, ApiTokenId, PasskeyId,
    scope::{Actor, Scope},
};
use futures_util::future::join_all;
use serde_json::json;
use store::{
    Admin, Admins, ApiToken, ApiTokens, Idempotency, IdempotencyKeys, Leases, Session, Sessions,
    StoredPasskey, testing::TestDb,
};

use crate::fixtures::{at, hash, is_unique_violation};

fn admin(n: u8) -> Admin {
    Admin {
        id: AdminId::new(at(1), [n; 10]),
        name: format!("admin {n}"),
        created_at: at(1),
        disabled_at: None,
    }
}

pub async fn sessions_end_and_links_work_once(test: TestDb) {
    let session = |n: u8| Session {
        hash: hash(n),
        admin_id: admin(1).id,
        created_at: at(10),
        last_seen_at: at(10),
        expires_at: at(100),
        absolute_expires_at: at(150),
        user_agent: Some("test".into()),
        address: None,
    };
    let passkey = StoredPasskey {
        id: PasskeyId::new(at(1), [1; 10]),
        admin_id: admin(1).id,
        credential_id: vec![1, 2, 3],
        credential: json!({ "counter": 1 }),
        name: "key".into(),
        created_at: at(1),
        last_used_at: None,
    };
    let kept = passkey.clone();
    write!(test.db, tx => {
        tx.insert_admin(&admin(1)).await?;
        tx.insert_passkey(&kept).await?;
        for n in 1..=2 {
            tx.insert_session(&session(n)).await?;
        }
        tx.insert_sign_in_link(&hash(9), admin(1).id, at(10), at(100)).await
    })
    .unwrap();
    let taken = Admin {
        id: admin(2).id,
        ..admin(1)
    };
    assert!(is_unique_violation(
        &write!(test.db, tx => tx.insert_admin(&taken).await)
    ));
    let id = passkey.id;
    let (found, used, removed) = write!(test.db, tx => {
        let found = tx.passkey_by_credential(&[1, 2, 3]).await?;
        tx.passkey_used(id, &json!({ "counter": 2 }), at(20)).await?;
        let used = tx.passkeys_of(admin(1).id).await?.remove(0);
        Ok((found, (used.credential, used.last_used_at), (tx.remove_passkey(admin(2).id, id).await?, tx.remove_passkey(admin(1).id, id).await?)))
    })
    .unwrap();
    assert_eq!(found, Some(passkey));
    assert_eq!(used, (json!({ "counter": 2 }), Some(at(20))));
    assert_eq!(removed, (false, true), "not through somebody else");
    let links = (0..6).map(|_| {
        let db = test.db.clone();
        async move { write!(db, tx => tx.use_sign_in_link(&hash(9), at(50)).await).unwrap() }
    });
    assert_eq!(join_all(links).await.into_iter().flatten().count(), 1);
    let ends = write!(test.db, tx => {
        let fresh = tx.session(&hash(1), at(99)).await?.map(|(_, admin)| admin.name);
        let idle = tx.session(&hash(1), at(100)).await?;
        tx.session_used(&hash(1), at(99), at(199)).await?;
        let renewed = tx.session(&hash(1), at(149)).await?.is_some();
        let absolute = tx.session(&hash(1), at(150)).await?;
        let others = tx.sessions_of(admin(1).id, at(60)).await?.len();
        let removed = tx.remove_session(&hash(2)).await?;
        tx.set_admin_disabled(admin(1).id, Some(at(70))).await?;
        let disabled = tx.session(&hash(1), at(71)).await?;
        let link = tx.sign_in_link(&hash(9), at(60)).await?;
        Ok((fresh, idle, renewed, absolute, (others, removed, disabled, link), tx.purge_sessions(at(1_000)).await?,
            tx.admin(admin(1).id).await?.unwrap().disabled_at, tx.admins().await?.len(), tx.admin_by_name("nobody").await?))
    });
    assert_eq!(
        ends.unwrap(),
        (
            Some("admin 1".into()),
            None,
            true,
            None,
            (2, true, None, None),
            1,
            Some(at(70)),
            1,
            None
        )
    );
}

pub async fn api_tokens_and_idempotency_keys(test: TestDb) {
    let token = ApiToken {
        id: ApiTokenId::new(at(1), [1; 10]),
        name: "ci".into(),
        hash: hash(1),
        scopes: [Scope::DevicesRead, Scope::DevicesWipe].into(),
        created_at: at(1),
        created_by: Actor::operator(),
        expires_at: Some(at(1_000)),
        last_used_at: None,
        revoked_at: None,
    };
    let (id, sent) = (token.id, token.clone());
    let steps = write!(test.db, tx => {
        tx.insert_api_token(&sent).await?;
        let live = tx.api_token_by_hash(&hash(1), at(999)).await?;
        let expired = tx.api_token_by_hash(&hash(1), at(1_000)).await?;
        tx.api_token_used(id, at(500)).await?;
        let revoked = (tx.revoke_api_token(id, at(600)).await?, tx.revoke_api_token(id, at(700)).await?);
        let after = tx.api_token_by_hash(&hash(1), at(601)).await?;
        let kept = tx.api_token(id).await?.unwrap();
        Ok((live, expired, revoked, after, (kept.last_used_at, kept.revoked_at), tx.api_tokens().await?.len()))
    });
    assert_eq!(
        steps.unwrap(),
        (
            Some(token),
            None,
            (true, false),
            None,
            (Some(at(500)), Some(at(600))),
            1
        )
    );
    let steps = write!(test.db, tx => {
        let first = tx.reserve_idempotency_key("admin:1", "k", &hash(1), at(1), at(100)).await?;
        let busy = tx.reserve_idempotency_key("admin:1", "k", &hash(1), at(2), at(100)).await?;
        tx.answer_idempotency_key("admin:1", "k", 202, b"{}").await?;
        let answered = tx.reserve_idempotency_key("admin:1", "k", &hash(1), at(3), at(100)).await?;
        let mismatch = tx.reserve_idempotency_key("admin:1", "k", &hash(2), at(3), at(100)).await?;
        let another = tx.reserve_idempotency_key("admin:2", "k", &hash(2), at(3), at(100)).await?;
        let expired = tx.reserve_idempotency_key("admin:1", "k", &hash(2), at(100), at(200)).await?;
        Ok(([first, busy, answered, mismatch, another, expired], tx.purge_idempotency_keys(at(101)).await?))
    });
    let answered = Idempotency::Answered {
        status: 202,
        response: b"{}".to_vec(),
    };
    assert_eq!(
        steps.unwrap(),
        (
            [
                Idempotency::Reserved,
                Idempotency::InProgress,
                answered,
                Idempotency::Mismatch,
                Idempotency::Reserved,
                Idempotency::Reserved,
            ],
            1
        )
    );
}

pub async fn a_lease_has_one_holder(test: TestDb) {
    let nodes = (0..6).map(|n| {
        let db = test.db.clone();
        async move {
            write!(db, tx => tx.acquire_lease("sweep", &format!("node {n}"), at(10), at(20)).await)
                .unwrap()
        }
    });
    assert_eq!(
        join_all(nodes)
            .await
            .into_iter()
            .filter(|held| *held)
            .count(),
        1
    );
    let steps = write!(test.db, tx => {
        let early = tx.acquire_lease("sweep", "late", at(19), at(40)).await?;
        let taken = tx.acquire_lease("sweep", "late", at(20), at(40)).await?;
        let prolonged = tx.acquire_lease("sweep", "late", at(30), at(50)).await?;
        tx.release_lease("sweep", "somebody else").await?;
        let still = tx.acquire_lease("sweep", "other", at(31), at(60)).await?;
        tx.release_lease("sweep", "late").await?;
        Ok((early, taken, prolonged, still, tx.acquire_lease("sweep", "other", at(32), at(60)).await?))
    });
    assert_eq!(steps.unwrap(), (false, true, true, false, true));
}
