//! The life of a command: one action on the wire.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, words::words};

words! {
    /// Where a command stands.
    CommandState, "command state" {
        /// Waiting for the device to ask.
        Queued = "queued",
        /// Given to the device, no answer yet.
        Sent = "sent",
        /// The device said "not now"; offered again on its next fresh connection.
        Deferred = "deferred",
        /// The device did it.
        Acknowledged = "acknowledged",
        /// The device refused it or failed.
        Failed = "failed",
        /// It outlived its usefulness before the device took it.
        Expired = "expired",
        /// A person or a re-enrollment took it back.
        Cancelled = "cancelled",
    }
}

impl CommandState {
    /// Whether nothing more can happen to it.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Acknowledged | Self::Failed | Self::Expired | Self::Cancelled
        )
    }
}

/// What a device, a person or the clock does to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandEvent {
    /// It was handed to the device.
    Delivered,
    /// The device answered NotNow.
    NotNow,
    /// The device connected afresh; deferred commands are offered again.
    FreshConnection,
    /// The device answered Acknowledged.
    Acknowledged,
    /// The device answered Error or CommandFormatError.
    Refused,
    /// Its time ran out.
    TimeOut,
    /// Somebody took it back.
    Cancel,
}

/// The event cannot happen to a command in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command that is {from} cannot take {event:?}")]
pub struct IllegalTransition {
    /// The state it was in.
    pub from: CommandState,
    /// What was tried.
    pub event: CommandEvent,
}

/// The state after an event.
///
/// A command may be answered by a device that we believe has not received it
/// yet: a lost write on our side, or a restored backup. Such an answer counts.
///
/// # Errors
/// [`IllegalTransition`] when the command is finished, or when it is cancelled
/// after it was handed over: what is on its way cannot be called back.
pub fn advance(from: CommandState, event: CommandEvent) -> Result<CommandState, IllegalTransition> {
    use CommandState as S;
    let illegal = IllegalTransition { from, event };
    if from.is_final() {
        return Err(illegal);
    }
    match event {
        CommandEvent::Delivered => Ok(S::Sent),
        CommandEvent::NotNow => Ok(S::Deferred),
        CommandEvent::FreshConnection => Ok(if from == S::Deferred { S::Queued } else { from }),
        CommandEvent::Acknowledged => Ok(S::Acknowledged),
        CommandEvent::Refused => Ok(S::Failed),
        CommandEvent::TimeOut => Ok(S::Expired),
        CommandEvent::Cancel if from == S::Sent => Err(illegal),
        CommandEvent::Cancel => Ok(S::Cancelled),
    }
}

/// What an action can destroy or expose; anything but [`Hazard::None`] is a hazardous action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    /// Nothing that cannot be undone at leisure.
    None,
    /// Makes the device unusable until somebody unlocks it.
    Lock,
    /// Erases the device.
    Wipe,
    /// Removes the passcode.
    PasscodeClear,
    /// Ends management.
    Unenroll,
    /// Changes what the device trusts or can run.
    Publish,
    /// Bytes nobody checked.
    Raw,
}

/// How long a command stays useful when nothing else is said.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// After this many deliveries without an answer a command is given up, so that
/// one message which a device cannot survive never blocks those behind it.
pub const MOST_DELIVERIES: i64 = 25;

/// When a device that still has commands waiting is pushed again.
///
/// The first push is immediate; `attempts` counts those sent since the device
/// last connected. Grows from a quarter of an hour to half a day.
pub fn next_push(attempts: u32, now: Timestamp) -> Timestamp {
    let minutes = match attempts {
        0 | 1 => 15,
        2 => 60,
        3 => 240,
        _ => 720,
    };
    now.plus(Duration::from_secs(minutes * 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_event() -> impl Strategy<Value = CommandEvent> {
        prop::sample::select(vec![
            CommandEvent::Delivered,
            CommandEvent::NotNow,
            CommandEvent::FreshConnection,
            CommandEvent::Acknowledged,
            CommandEvent::Refused,
            CommandEvent::TimeOut,
            CommandEvent::Cancel,
        ])
    }

    #[test]
    fn the_common_life() {
        let mut state = CommandState::Queued;
        for (event, expected) in [
            (CommandEvent::Delivered, CommandState::Sent),
            (CommandEvent::NotNow, CommandState::Deferred),
            (CommandEvent::FreshConnection, CommandState::Queued),
            (CommandEvent::Delivered, CommandState::Sent),
            (CommandEvent::Acknowledged, CommandState::Acknowledged),
        ] {
            state = advance(state, event).unwrap();
            assert_eq!(state, expected);
        }
    }

    #[test]
    fn what_is_on_its_way_cannot_be_cancelled() {
        assert!(advance(CommandState::Sent, CommandEvent::Cancel).is_err());
        assert_eq!(
            advance(CommandState::Deferred, CommandEvent::Cancel),
            Ok(CommandState::Cancelled)
        );
    }

    proptest! {
        #[test]
        fn a_finished_command_never_moves(events in prop::collection::vec(any_event(), 1..30)) {
            let mut state = CommandState::Queued;
            for event in events {
                let before = state;
                match advance(state, event) {
                    Ok(next) => {
                        prop_assert!(!before.is_final());
                        state = next;
                    }
                    Err(error) => prop_assert_eq!(error.from, before),
                }
            }
        }
    }
}
