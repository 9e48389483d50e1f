//! A request that is sent twice acts once.

use domain::scope::Actor;
use engine::{
    EngineError,
    idempotency::{Answer, IdempotencyKey},
    journal::About,
};
use serde_json::json;

use crate::support::World;

fn key(text: &str, body: &[u8]) -> IdempotencyKey {
    IdempotencyKey::new(&Actor::operator(), text, &[b"POST", b"/x", body]).unwrap()
}

async fn act(
    world: &World,
    key: IdempotencyKey,
    answer: Result<u16, EngineError>,
) -> Result<Answer, EngineError> {
    let engine = world.engine.clone();
    world
        .engine
        .once(key, move |tx| {
            Box::pin(async move {
                engine
                    .record(
                        tx,
                        "test.acted",
                        &Actor::operator(),
                        About::NOTHING,
                        json!({}),
                    )
                    .await?;
                answer.map(|status| Answer {
                    status,
                    body: b"made".to_vec(),
                })
            })
        })
        .await
}

#[tokio::test]
async fn the_second_request_gets_the_first_ones_answer_and_changes_nothing() {
    let world = World::new().await;
    let first = act(&world, key("k", b"1"), Ok(201)).await.unwrap();
    let second = act(&world, key("k", b"1"), Ok(500)).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(world.events("test.acted").await.len(), 1);
    assert!(matches!(
        act(&world, key("k", b"2"), Ok(201)).await,
        Err(EngineError::Conflict(_))
    ));
    act(&world, key("other", b"1"), Ok(201)).await.unwrap();
    assert_eq!(world.events("test.acted").await.len(), 2);
}

#[tokio::test]
async fn a_request_that_failed_can_be_sent_again() {
    let world = World::new().await;
    let failed = act(&world, key("k", b"1"), Err(EngineError::invalid("no"))).await;
    assert!(matches!(failed, Err(EngineError::Invalid(_))));
    assert_eq!(
        act(&world, key("k", b"1"), Ok(200)).await.unwrap().status,
        200
    );
    assert_eq!(world.events("test.acted").await.len(), 1);
}

#[tokio::test]
async fn of_many_at_once_one_acts_and_all_get_its_answer() {
    let world = World::new().await;
    let answers =
        futures_util::future::join_all((0..8).map(|_| act(&world, key("k", b"1"), Ok(201)))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().status == 201)
    );
    assert_eq!(world.events("test.acted").await.len(), 1);
}
