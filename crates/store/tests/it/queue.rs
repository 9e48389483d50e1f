//! The command queue and pushes.

use domain::{Timestamp, command::CommandState};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use store::{
    CommandRecord, Commands, Db, Enqueued, Enrollments, NewCommand, PushWanted, testing::TestDb,
};

use crate::fixtures::{at, command, command_id, device_id, enrolled, enrollment_id, finish};

const NOW: Timestamp = at(4_000);

/// What the queue of one enrollment should be: a list in the order of arrival.
#[derive(Debug, Default)]
struct Model(Vec<(u64, i64, bool)>);

impl Model {
    fn head(&self, skip_deferred: bool) -> Option<u64> {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, (_, _, deferred))| !(skip_deferred && *deferred))
            .min_by_key(|(place, (_, priority, _))| (-priority, *place))
            .map(|(_, (n, _, _))| *n)
    }

    fn position(&self, n: u64) -> usize {
        self.0.iter().position(|(known, _, _)| *known == n).unwrap()
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Enqueue(i64),
    Defer,
    Finish,
    Fresh,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_i64).prop_map(Step::Enqueue),
        2 => Just(Step::Defer),
        2 => Just(Step::Finish),
        1 => Just(Step::Fresh),
    ]
}

/// Plays the steps on an enrollment and compares the head after each.
async fn play(db: &Db, enrollment: u64, first: u64, steps: &[Step]) -> Result<(), TestCaseError> {
    let id = enrollment_id(enrollment);
    let (mut model, mut next) = (Model::default(), first);
    for step in steps {
        match *step {
            Step::Enqueue(priority) => {
                model.0.push((next, priority, false));
                let order = command(next, enrollment, priority);
                write!(db, tx => tx.enqueue_command(&order).await).unwrap();
                next += 1;
            }
            Step::Fresh => {
                model.0.iter_mut().for_each(|entry| entry.2 = false);
                write!(db, tx => tx.requeue_deferred(id).await).unwrap();
            }
            Step::Defer | Step::Finish => {
                let Some(n) = model.head(true) else { continue };
                let place = model.position(n);
                let defer = matches!(step, Step::Defer);
                if defer {
                    model.0[place].2 = true;
                } else {
                    model.0.remove(place);
                }
                write!(db, tx => {
                    assert!(tx.mark_command_sent(command_id(n), NOW).await?);
                    if defer {
                        assert!(tx.mark_command_deferred(id, command_id(n), NOW).await?);
                    } else {
                        assert!(tx.finish_command(id, command_id(n), &finish(CommandState::Acknowledged)).await?.is_some());
                    }
                    Ok(())
                })
                .unwrap();
            }
        }
        for skip_deferred in [true, false] {
            let head = read!(db, tx => tx.queue_head(id, skip_deferred, NOW).await).unwrap();
            prop_assert_eq!(
                head.map(|head| head.order.id),
                model.head(skip_deferred).map(command_id)
            );
        }
        let length = read!(db, tx => tx.queue_length(id).await).unwrap();
        prop_assert_eq!(length, model.0.len() as i64);
    }
    Ok(())
}

pub async fn the_head_is_the_most_urgent_then_the_oldest(test: TestDb) {
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(12)
    });
    for round in 0..12_u64 {
        let steps = prop::collection::vec(any_step(), 1..30)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        enrolled(&test.db, round).await;
        if let Err(error) = play(&test.db, round, round * 100, &steps).await {
            panic!("{error}\n{steps:?}");
        }
    }
}

pub async fn deferred_commands_wait_for_a_fresh_connection(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    let seen = write!(test.db, tx => {
        tx.enqueue_command(&command(1, 1, 0)).await?;
        tx.mark_command_sent(command_id(1), at(5_000)).await?;
        // An answer that got lost: the same command again.
        let again = tx.queue_head(id, true, NOW).await?.unwrap();
        tx.mark_command_sent(command_id(1), at(6_000)).await?;
        tx.mark_command_deferred(id, command_id(1), at(6_100)).await?;
        let hidden = tx.queue_head(id, true, NOW).await?;
        tx.mark_commands_pushed(id, at(6_200)).await?;
        let requeued = tx.requeue_deferred(id).await?;
        Ok((again.state, hidden, requeued, tx.lock_command(command_id(1)).await?.unwrap()))
    })
    .unwrap();
    assert_eq!((seen.0, seen.1, seen.2), (CommandState::Sent, None, 1));
    let now = seen.3;
    assert_eq!(
        (now.state, now.sent_count, now.deferred_count),
        (CommandState::Queued, 2, 1)
    );
    assert_eq!(
        (now.sent_at, now.deferred_at, now.pushed_at),
        (Some(at(6_000)), Some(at(6_100)), Some(at(6_200)))
    );
}

pub async fn a_finished_command_moves_to_the_history_once(test: TestDb) {
    let (id, other) = (enrolled(&test.db, 1).await, enrolled(&test.db, 2).await);
    let end = finish(CommandState::Failed);
    let given = end.clone();
    let (foreign, done, late, found, head) = write!(test.db, tx => {
        tx.enqueue_command(&command(1, 1, 5)).await?;
        Ok((
            tx.finish_command(other, command_id(1), &given).await?,
            tx.finish_command(id, command_id(1), &given).await?,
            tx.finish_command(id, command_id(1), &given).await?,
            tx.command(command_id(1)).await?,
            tx.queue_head(id, false, NOW).await?,
        ))
    })
    .unwrap();
    assert_eq!(
        (foreign, late, head),
        (None, None, None),
        "not the device's own command, or late"
    );
    let done = done.unwrap();
    assert_eq!(done.command.order, command(1, 1, 5));
    assert_eq!(done.finish, Some(end));
    assert_eq!(found, Some(done));
}

pub async fn the_same_wish_is_queued_once(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    enrolled(&test.db, 2).await;
    let keyed = |n, enrollment| NewCommand {
        dedupe_key: Some("refresh".into()),
        ..command(n, enrollment, 0)
    };
    let (first, twice, elsewhere) = (keyed(1, 1), keyed(2, 1), keyed(3, 2));
    let results = write!(test.db, tx => {
        let first = tx.enqueue_command(&first).await?;
        let twice = tx.enqueue_command(&twice).await?;
        let elsewhere = tx.enqueue_command(&elsewhere).await?;
        tx.finish_command(id, command_id(1), &finish(CommandState::Acknowledged)).await?;
        Ok((first, twice, elsewhere))
    })
    .unwrap();
    assert!(matches!(results.0, Enqueued::Added(_)), "{results:?}");
    assert_eq!(results.1, Enqueued::Duplicate(command_id(1)));
    assert!(matches!(results.2, Enqueued::Added(_)), "{results:?}");
    let again = keyed(4, 1);
    let after = write!(test.db, tx => tx.enqueue_command(&again).await).unwrap();
    assert!(
        matches!(after, Enqueued::Added(_)),
        "the first one is done: {after:?}"
    );
}

pub async fn expired_commands_are_never_offered(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    let (expired, head, counts) = write!(test.db, tx => {
        for n in 1..=4 {
            let expires_at = (n < 4).then(|| at(1_000 * n as i64));
            tx.enqueue_command(&NewCommand { expires_at, ..command(n, 1, 0) }).await?;
        }
        let head = tx.queue_head(id, false, at(2_000)).await?.map(|head| head.order.id);
        let expired = tx.expire_commands(at(2_000), 10).await?;
        Ok((expired, head, tx.queue_counts().await?))
    })
    .unwrap();
    assert_eq!(head, Some(command_id(3)));
    let ends: Vec<_> = expired
        .iter()
        .map(|r| (r.command.order.id, r.finish.as_ref().unwrap().outcome))
        .collect();
    assert_eq!(
        ends,
        [
            (command_id(1), CommandState::Expired),
            (command_id(2), CommandState::Expired)
        ]
    );
    assert_eq!((counts.len(), counts[0].count), (1, 2));
    let cancelled =
        write!(test.db, tx => tx.finish_commands_of(id, &finish(CommandState::Cancelled)).await)
            .unwrap();
    assert_eq!(cancelled.len(), 2);
    assert_eq!(
        write!(test.db, tx => tx.purge_command_history(at(9_000), 10).await),
        Ok(2)
    );
}

pub async fn a_push_is_claimed_by_one_and_ends_with_the_queue(test: TestDb) {
    for n in 1..=6 {
        enrolled(&test.db, n).await;
    }
    write!(test.db, tx => {
        for n in 1..=5 {
            tx.enqueue_command(&command(n, n, 0)).await?;
            tx.want_push(enrollment_id(n), at(100 * n as i64), n == 4).await?;
        }
        // Cannot be pushed.
        tx.want_push(enrollment_id(6), at(1), false).await?;
        tx.clear_push_info(enrollment_id(6)).await
    })
    .unwrap();
    let claims = [0, 1].map(|_| {
        let db = test.db.clone();
        async move { write!(db, tx => tx.claim_pushes(at(450), at(60_000), 10).await).unwrap() }
    });
    let [first, second] = claims;
    let (first, second) = tokio::join!(first, second);
    let (one, none) = if first.is_empty() {
        (second, first)
    } else {
        (first, second)
    };
    assert_eq!(none, []);
    let mut claimed: Vec<_> = one.iter().map(|target| target.enrollment_id).collect();
    assert_eq!(claimed[0], enrollment_id(4), "urgent first");
    claimed.sort();
    assert_eq!(claimed, [1, 2, 3, 4].map(enrollment_id));
    assert_eq!(one[0].push_token.expose(), &[1, 2, 3]);
    let id = enrollment_id(1);
    let steps = write!(test.db, tx => {
        let due = tx.next_push_due().await?;
        tx.pushed(id, at(70_000), 2).await?;
        let wish = tx.push_wish(id).await?.unwrap();
        let early = tx.push_satisfied(id).await?;
        // A new command pulls the wish forward and starts counting anew.
        tx.want_push(id, at(900), false).await?;
        let pulled = tx.push_wish(id).await?.unwrap();
        tx.push_answered(id, at(80_000)).await?;
        let answered = tx.push_wish(id).await?.unwrap();
        tx.finish_command(id, command_id(1), &finish(CommandState::Acknowledged)).await?;
        let satisfied = tx.push_satisfied(id).await?;
        Ok((due, (wish.due_at, wish.attempts), early, (pulled.due_at, pulled.attempts), answered.due_at, satisfied,
            tx.push_wish(id).await?))
    })
    .unwrap();
    assert_eq!(
        steps,
        (
            Some(at(500)),
            (at(70_000), 2),
            false,
            (at(900), 0),
            at(80_000),
            true,
            None
        )
    );
}

pub async fn history_pages_over_queue_and_past(test: TestDb) {
    let id = enrolled(&test.db, 1).await;
    write!(test.db, tx => {
        for n in 1..=9 {
            tx.enqueue_command(&command(n, 1, 0)).await?;
            if n % 2 == 0 {
                tx.finish_command(id, command_id(n), &finish(CommandState::Acknowledged)).await?;
            }
        }
        Ok(())
    })
    .unwrap();
    let (mut listed, mut before): (Vec<CommandRecord>, _) = (Vec::new(), None);
    loop {
        let page = read!(test.db, tx => tx.device_commands(device_id(1), before, 4).await).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.command.seq);
        listed.extend(page);
    }
    let ids: Vec<_> = listed
        .iter()
        .map(|record| record.command.order.id)
        .collect();
    let expected: Vec<_> = (1..=9).rev().map(command_id).collect();
    assert_eq!(ids, expected);
    assert!(listed.iter().all(|record| record.finish.is_some()
        == (record.command.order.parameters["n"].as_u64().unwrap() % 2 == 0)));
}
