//! Links, sessions, passkeys, API tokens.

use std::collections::BTreeSet;

use domain::{
    Secret,
    scope::{Authority, Denied, Scope},
};
use engine::{
    EngineError,
    people::{Browser, NewApiToken, NewSession, Passkeys, SessionAuthority, operator},
};

use crate::support::{CONSOLE, World, authenticator::Authenticator, hours, minutes};

async fn sign_in(world: &World) -> NewSession {
    let link = world.engine.operator_sign_in_link(None).await.unwrap();
    world
        .engine
        .use_sign_in_link(link.secret.expose(), Browser::default())
        .await
        .unwrap()
}

async fn session(world: &World) -> SessionAuthority {
    let new = sign_in(world).await;
    world
        .engine
        .authenticate_session(new.cookie.expose(), Some("192.0.2.1"))
        .await
        .unwrap()
}

async fn is_signed_in(world: &World, cookie: &Secret<String>) -> bool {
    match world
        .engine
        .authenticate_session(cookie.expose(), None)
        .await
    {
        Ok(_) => true,
        Err(EngineError::SignIn) => false,
        Err(other) => panic!("{other}"),
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, EngineError>) {
    assert!(matches!(result, Err(EngineError::SignIn)), "{result:?}");
}

#[tokio::test]
async fn the_first_link_makes_the_first_administrator_and_works_for_a_day() {
    let world = World::new().await;
    let link = world.engine.first_sign_in_link().await.unwrap().unwrap();
    assert!(link.path().expose().starts_with("/sign-in/link/"));
    world.pass(hours(23));
    let secret = link.secret.expose();
    for _ in 0..3 {
        let owner = world.engine.look_at_sign_in_link(secret).await.unwrap();
        assert_eq!(owner.name, "Administrator");
    }
    let session = world
        .engine
        .use_sign_in_link(secret, Browser::default())
        .await
        .unwrap();
    assert_eq!(session.name, "Administrator");
    refused(
        world
            .engine
            .use_sign_in_link(secret, Browser::default())
            .await,
    );
    refused(world.engine.look_at_sign_in_link(secret).await);
    assert_eq!(world.events("admin.created").await.len(), 1);
    assert_eq!(world.events("session.started").await.len(), 1);
    // A second start, still without a passkey, prints a link for the same person.
    let again = world.engine.first_sign_in_link().await.unwrap().unwrap();
    assert_eq!(again.admin.id, session.admin_id);
}

#[tokio::test]
async fn a_link_ends_after_a_quarter_of_an_hour_and_rubbish_is_refused() {
    let world = World::new().await;
    let link = world.engine.operator_sign_in_link(None).await.unwrap();
    world.pass(minutes(15));
    refused(
        world
            .engine
            .look_at_sign_in_link(link.secret.expose())
            .await,
    );
    refused(
        world
            .engine
            .use_sign_in_link(link.secret.expose(), Browser::default())
            .await,
    );
    for rubbish in ["", "x", &"A".repeat(43), &"A".repeat(100_000)] {
        refused(
            world
                .engine
                .use_sign_in_link(rubbish, Browser::default())
                .await,
        );
    }
}

#[tokio::test]
async fn a_link_signs_in_exactly_one_of_many_who_use_it_at_once() {
    let world = World::new().await;
    let link = world.engine.operator_sign_in_link(None).await.unwrap();
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (engine, secret) = (world.engine.clone(), link.secret.clone());
        attempts.spawn(async move {
            engine
                .use_sign_in_link(secret.expose(), Browser::default())
                .await
                .is_ok()
        });
    }
    let outcomes = attempts.join_all().await;
    assert_eq!(
        outcomes.into_iter().filter(|signed_in| *signed_in).count(),
        1
    );
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_half_a_day_in_any_case() {
    let world = World::new().await;
    let idle = sign_in(&world).await.cookie;
    world.pass(minutes(29));
    assert!(is_signed_in(&world, &idle).await);
    world.pass(minutes(29));
    assert!(is_signed_in(&world, &idle).await, "use prolongs");
    world.pass(minutes(31));
    assert!(!is_signed_in(&world, &idle).await);

    let busy = sign_in(&world).await.cookie;
    for _ in 0..35 {
        world.pass(minutes(20));
        assert!(is_signed_in(&world, &busy).await);
    }
    world.pass(minutes(20));
    assert!(!is_signed_in(&world, &busy).await, "twelve hours are over");
}

#[tokio::test]
async fn a_new_sign_in_ends_the_session_that_the_browser_had() {
    let world = World::new().await;
    let old = sign_in(&world).await.cookie;
    let link = world.engine.operator_sign_in_link(None).await.unwrap();
    let browser = Browser {
        cookie: Some(old.clone()),
        ..Browser::default()
    };
    let new = world
        .engine
        .use_sign_in_link(link.secret.expose(), browser)
        .await
        .unwrap();
    assert_ne!(new.cookie, old);
    assert!(!is_signed_in(&world, &old).await);
    assert!(is_signed_in(&world, &new.cookie).await);
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_only() {
    let world = World::new().await;
    let mine = session(&world).await;
    let other = sign_in(&world).await.cookie;
    let listed = world.engine.sessions(&mine).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed.iter().filter(|one| one.current).count(), 1);
    let second = world.engine.add_admin(&operator(), "Second").await.unwrap();
    let link = world
        .engine
        .sign_in_link_for(&operator(), second.id)
        .await
        .unwrap();
    let theirs = world
        .engine
        .use_sign_in_link(link.secret.expose(), Browser::default())
        .await
        .unwrap();
    let theirs = world
        .engine
        .authenticate_session(theirs.cookie.expose(), None)
        .await
        .unwrap();
    let not_mine = &world.engine.sessions(&theirs).await.unwrap()[0].id;
    assert!(matches!(
        world.engine.end_session(&mine, not_mine).await,
        Err(EngineError::NotFound(_))
    ));
    let not_current = listed.iter().find(|one| !one.current).unwrap();
    world
        .engine
        .end_session(&mine, &not_current.id)
        .await
        .unwrap();
    assert!(!is_signed_in(&world, &other).await);
    world.engine.sign_out(&mine).await.unwrap();
    assert!(world.engine.sessions(&mine).await.unwrap().is_empty());
    assert_eq!(world.events("session.ended").await.len(), 2);
}

#[tokio::test]
async fn one_who_is_shut_out_is_out_at_once_and_nobody_shuts_out_themselves() {
    let world = World::new().await;
    let first = session(&world).await;
    let second = world
        .engine
        .add_admin(&first.authority, "Second")
        .await
        .unwrap();
    assert!(matches!(
        world.engine.add_admin(&first.authority, "Second").await,
        Err(EngineError::Conflict(_))
    ));
    let link = world
        .engine
        .sign_in_link_for(&first.authority, second.id)
        .await
        .unwrap();
    let cookie = world
        .engine
        .use_sign_in_link(link.secret.expose(), Browser::default())
        .await
        .unwrap()
        .cookie;
    let unused = world
        .engine
        .sign_in_link_for(&first.authority, second.id)
        .await
        .unwrap();
    world
        .engine
        .set_admin_disabled(&first.authority, second.id, true)
        .await
        .unwrap();
    assert!(!is_signed_in(&world, &cookie).await);
    refused(
        world
            .engine
            .use_sign_in_link(unused.secret.expose(), Browser::default())
            .await,
    );
    assert!(matches!(
        world
            .engine
            .set_admin_disabled(&first.authority, first.admin_id, true)
            .await,
        Err(EngineError::Conflict(_))
    ));
}

#[tokio::test]
async fn a_form_belongs_to_its_session() {
    let world = World::new().await;
    let (one, two) = (session(&world).await, session(&world).await);
    assert!(one.csrf_matches(one.csrf.expose()));
    assert!(!one.csrf_matches(two.csrf.expose()));
    assert!(!one.csrf_matches(""));
}

async fn registered(world: &World, passkeys: &Passkeys) -> (SessionAuthority, Authenticator) {
    let session = session(world).await;
    let mut authenticator = Authenticator::new(CONSOLE);
    let ceremony = passkeys.start_registration(&session).await.unwrap();
    let selection = &ceremony.options["publicKey"]["authenticatorSelection"];
    assert_eq!(selection["userVerification"], "required");
    assert_eq!(selection["residentKey"], "required");
    let answer = authenticator.create(&ceremony.options);
    passkeys
        .finish_registration(&session, &ceremony.state, "Laptop", answer)
        .await
        .unwrap();
    (session, authenticator)
}

#[tokio::test]
async fn a_passkey_is_added_and_signs_in_without_a_name() {
    let world = World::new().await;
    let passkeys = world.engine.passkeys(CONSOLE).unwrap();
    let (session, mut authenticator) = registered(&world, &passkeys).await;
    let ceremony = passkeys.start_sign_in().unwrap();
    assert_eq!(
        ceremony.options["publicKey"]["userVerification"],
        "required"
    );
    let answer = authenticator.get(&ceremony.options);
    let signed_in = passkeys
        .finish_sign_in(&ceremony.state, answer.clone(), Browser::default())
        .await
        .unwrap();
    assert_eq!(signed_in.admin_id, session.admin_id);
    assert!(is_signed_in(&world, &signed_in.cookie).await);
    // The same answer again, as somebody who recorded it would send it.
    refused(
        passkeys
            .finish_sign_in(&ceremony.state, answer, Browser::default())
            .await,
    );
    let mine = world.engine.passkeys_of(&session).await.unwrap();
    assert_eq!(mine[0].name, "Laptop");
    assert!(mine[0].last_used_at.is_some());
    assert_eq!(
        world.engine.first_sign_in_link().await.unwrap().map(|_| ()),
        None
    );
    assert_eq!(world.events("passkey.added").await.len(), 1);

    world
        .engine
        .remove_passkey(&session, mine[0].id)
        .await
        .unwrap();
    let ceremony = passkeys.start_sign_in().unwrap();
    let answer = authenticator.get(&ceremony.options);
    refused(
        passkeys
            .finish_sign_in(&ceremony.state, answer, Browser::default())
            .await,
    );
}

#[tokio::test]
async fn a_passkey_answer_that_is_wrong_in_any_way_is_refused_alike() {
    let world = World::new().await;
    let passkeys = world.engine.passkeys(CONSOLE).unwrap();
    let (_, mut authenticator) = registered(&world, &passkeys).await;
    let ceremony = passkeys.start_sign_in().unwrap();
    let finish = async |state: &str, answer| {
        refused(
            passkeys
                .finish_sign_in(state, answer, Browser::default())
                .await,
        );
    };

    authenticator.verifies = false;
    finish(&ceremony.state, authenticator.get(&ceremony.options)).await;
    authenticator.verifies = true;
    authenticator.origin = "https://mdm.example.net".into();
    finish(&ceremony.state, authenticator.get(&ceremony.options)).await;
    authenticator.origin = CONSOLE.into();
    let other = passkeys.start_sign_in().unwrap();
    finish(&ceremony.state, authenticator.get(&other.options)).await;
    let mut forged = authenticator.get(&ceremony.options);
    forged["response"]["signature"] =
        Authenticator::new(CONSOLE).get(&ceremony.options)["response"]["signature"].clone();
    finish(&ceremony.state, forged).await;
    let stranger = Authenticator::new(CONSOLE).get(&ceremony.options);
    finish(&ceremony.state, stranger).await;
    finish(&ceremony.state, serde_json::json!({"id": 1})).await;
    finish("", authenticator.get(&ceremony.options)).await;
    finish("AAAA", authenticator.get(&ceremony.options)).await;

    let good = authenticator.get(&ceremony.options);
    world.pass(minutes(6));
    finish(&ceremony.state, good).await;
}

#[tokio::test]
async fn a_cloned_passkey_is_refused_by_its_counter() {
    let world = World::new().await;
    let passkeys = world.engine.passkeys(CONSOLE).unwrap();
    let (_, mut authenticator) = registered(&world, &passkeys).await;
    authenticator.counter = 7;
    let ceremony = passkeys.start_sign_in().unwrap();
    let answer = authenticator.get(&ceremony.options);
    passkeys
        .finish_sign_in(&ceremony.state, answer, Browser::default())
        .await
        .unwrap();
    authenticator.counter = 3;
    let ceremony = passkeys.start_sign_in().unwrap();
    let answer = authenticator.get(&ceremony.options);
    refused(
        passkeys
            .finish_sign_in(&ceremony.state, answer, Browser::default())
            .await,
    );
}

#[tokio::test]
async fn a_registration_belongs_to_the_person_who_began_it() {
    let world = World::new().await;
    let passkeys = world.engine.passkeys(CONSOLE).unwrap();
    let first = session(&world).await;
    let second = world.engine.add_admin(&operator(), "Second").await.unwrap();
    let link = world
        .engine
        .sign_in_link_for(&operator(), second.id)
        .await
        .unwrap();
    let new = world
        .engine
        .use_sign_in_link(link.secret.expose(), Browser::default())
        .await
        .unwrap();
    let second = world
        .engine
        .authenticate_session(new.cookie.expose(), None)
        .await
        .unwrap();
    let ceremony = passkeys.start_registration(&first).await.unwrap();
    let answer = Authenticator::new(CONSOLE).create(&ceremony.options);
    refused(
        passkeys
            .finish_registration(&second, &ceremony.state, "X", answer.clone())
            .await,
    );
    // The state of a registration is none of a sign-in.
    refused(
        passkeys
            .finish_sign_in(&ceremony.state, answer.clone(), Browser::default())
            .await,
    );
    passkeys
        .finish_registration(&first, &ceremony.state, "X", answer.clone())
        .await
        .unwrap();
    refused(
        passkeys
            .finish_registration(&first, &ceremony.state, "X", answer)
            .await,
    );
}

fn scopes(scopes: &[Scope]) -> BTreeSet<Scope> {
    scopes.iter().copied().collect()
}

fn wanted(world: &World, held: &[Scope]) -> NewApiToken {
    NewApiToken {
        name: "reports".into(),
        scopes: scopes(held),
        expires_at: world.engine.now().plus(hours(24)),
    }
}

#[tokio::test]
async fn a_token_works_until_it_expires_or_is_revoked() {
    let world = World::new().await;
    let by = operator();
    let made = world
        .engine
        .create_api_token(&by, wanted(&world, &[Scope::DevicesRead]))
        .await
        .unwrap();
    let text = made.secret.expose();
    assert!(text.starts_with("muster_") && text.len() == 7 + 43);
    let authority = world
        .engine
        .authenticate_bearer(text, Some("192.0.2.9"))
        .await
        .unwrap();
    assert_eq!(authority.scopes, scopes(&[Scope::DevicesRead]));
    assert_eq!(authority.actor.name, "reports");
    assert_eq!(authority.actor.address, "192.0.2.9");

    let used = world.engine.api_tokens(&by).await.unwrap()[0]
        .last_used_at
        .unwrap();
    world.pass(minutes(1) / 2);
    world.engine.authenticate_bearer(text, None).await.unwrap();
    assert_eq!(
        world.engine.api_tokens(&by).await.unwrap()[0].last_used_at,
        Some(used)
    );
    world.pass(minutes(1));
    world.engine.authenticate_bearer(text, None).await.unwrap();
    assert!(world.engine.api_tokens(&by).await.unwrap()[0].last_used_at > Some(used));

    world
        .engine
        .revoke_api_token(&by, made.token.id)
        .await
        .unwrap();
    refused(world.engine.authenticate_bearer(text, None).await);
    assert!(matches!(
        world.engine.revoke_api_token(&by, made.token.id).await,
        Err(EngineError::NotFound(_))
    ));
    let made = world
        .engine
        .create_api_token(&by, wanted(&world, &[Scope::DevicesRead]))
        .await
        .unwrap();
    world.pass(hours(25));
    refused(
        world
            .engine
            .authenticate_bearer(made.secret.expose(), None)
            .await,
    );
    for rubbish in [
        "",
        "muster_",
        "Bearer x",
        &format!("muster_{}", "A".repeat(43)),
    ] {
        refused(world.engine.authenticate_bearer(rubbish, None).await);
    }
    assert_eq!(world.events("api_token.").await.len(), 3);
}

#[tokio::test]
async fn a_token_cannot_make_one_that_may_more() {
    let world = World::new().await;
    let held = [Scope::TokensWrite, Scope::DevicesRead];
    let made = world
        .engine
        .create_api_token(&operator(), wanted(&world, &held))
        .await
        .unwrap();
    let by = world
        .engine
        .authenticate_bearer(made.secret.expose(), None)
        .await
        .unwrap();
    let more = wanted(&world, &[Scope::DevicesRead, Scope::DevicesWipe]);
    assert!(matches!(
        world.engine.create_api_token(&by, more).await,
        Err(EngineError::Denied(Denied(Scope::DevicesWipe)))
    ));
    world
        .engine
        .create_api_token(&by, wanted(&world, &[Scope::DevicesRead]))
        .await
        .unwrap();
    let nobody = Authority {
        actor: by.actor,
        scopes: BTreeSet::new(),
    };
    assert!(matches!(
        world
            .engine
            .create_api_token(&nobody, wanted(&world, &[]))
            .await,
        Err(EngineError::Denied(Denied(Scope::TokensWrite)))
    ));
}

#[tokio::test]
async fn no_secret_of_a_person_or_program_reaches_the_journal() {
    let world = World::new().await;
    let link = world.engine.operator_sign_in_link(None).await.unwrap();
    let new = world
        .engine
        .use_sign_in_link(link.secret.expose(), Browser::default())
        .await
        .unwrap();
    let token = world
        .engine
        .create_api_token(&operator(), wanted(&world, &[Scope::DevicesRead]))
        .await
        .unwrap();
    let events = serde_json::to_string(&world.events("").await).unwrap();
    assert!(events.contains("session.started") && events.contains("api_token.created"));
    for secret in [
        link.secret.expose(),
        new.cookie.expose(),
        token.secret.expose(),
    ] {
        assert!(!events.contains(secret.as_str()));
    }
}
