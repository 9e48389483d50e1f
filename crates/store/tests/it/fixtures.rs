//! Synthetic rows.

use domain::{
    Channel, CommandId, DeviceId, DeviceState, EnrollmentId, EnrollmentKind, EnrollmentTokenId,
    EventId, OsVersion, Ownership, Platform, Secret, TicketId, Timestamp,
    command::CommandState,
    enrollment::EnrollmentState,
    journal::Draft,
    scope::Actor,
    token::{TokenStanding, TokenTerms},
};
use serde_json::json;
use store::{
    Db, Device, Devices, Enrollment, EnrollmentToken, Enrollments, Finish, NewCommand, StoreError,
    Ticket,
};

/// Runs statements in a writing transaction.
macro_rules! write {
    ($db:expr, $tx:ident => $body:expr) => {{
        let result: Result<_, store::StoreError> =
            $db.write(move |$tx| Box::pin(async move { $body })).await;
        result
    }};
}
/// Runs statements over a snapshot.
macro_rules! read {
    ($db:expr, $tx:ident => $body:expr) => {{
        let result: Result<_, store::StoreError> =
            $db.read(move |$tx| Box::pin(async move { $body })).await;
        result
    }};
}

pub const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn bytes(n: u64) -> [u8; 10] {
    let mut bytes = [7; 10];
    bytes[2..].copy_from_slice(&n.to_be_bytes());
    bytes
}

macro_rules! ids {
    ($($name:ident $id:ident),+) => { $(pub fn $name(n: u64) -> $id { $id::new(at(1_000), bytes(n)) })+ };
}
ids!(
    device_id DeviceId, enrollment_id EnrollmentId, command_id CommandId, token_id EnrollmentTokenId,
    ticket_id TicketId, event_id EventId
);

pub fn hash(n: u8) -> [u8; 32] {
    [n; 32]
}

pub fn device(n: u64) -> Device {
    Device {
        id: device_id(n),
        unit_id: None,
        platform: Platform::Macos,
        ownership: Ownership::Corporate,
        state: DeviceState::Enrolled,
        serial: format!("C02X{n:04}"),
        udid: format!("00008103-{n:016}"),
        name: format!("Mac {n}"),
        model: "Mac15,3".into(),
        model_name: "MacBook Pro".into(),
        os_version: OsVersion::new("26.1"),
        build: "25B78".into(),
        user_label: format!("person{n}"),
        supervised: true,
        lost_mode: false,
        last_seen_at: None,
        enrolled_at: Some(at(2_000)),
        created_at: at(1_000),
        updated_at: at(2_000),
        version: 1,
    }
}

pub fn enrollment(n: u64, device: u64) -> Enrollment {
    Enrollment {
        id: enrollment_id(n),
        device_id: device_id(device),
        channel: Channel::Device,
        parent_id: None,
        platform: Platform::Macos,
        kind: EnrollmentKind::Profile,
        state: EnrollmentState::Active,
        native_key: format!("key-{n}"),
        user_id: None,
        user_short_name: None,
        topic: Some("com.apple.mgmt.External.test".into()),
        push_token: Some(Secret::new(vec![1, 2, 3])),
        push_magic: Some(Secret::new("magic".into())),
        token_id: None,
        ticket_id: None,
        awaiting_configuration: false,
        ddm_enabled: false,
        ddm_token: None,
        created_at: at(1_000),
        activated_at: Some(at(2_000)),
        ended_at: None,
        end_reason: None,
        last_seen_at: None,
    }
}

/// Device and enrollment of the same number.
pub async fn enrolled(db: &Db, n: u64) -> EnrollmentId {
    write!(db, tx => {
        tx.insert_device(&device(n)).await?;
        tx.insert_enrollment(&enrollment(n, n)).await
    })
    .unwrap();
    enrollment_id(n)
}

pub fn command(n: u64, enrollment: u64, priority: i64) -> NewCommand {
    NewCommand {
        id: command_id(n),
        enrollment_id: enrollment_id(enrollment),
        device_id: device_id(enrollment),
        priority,
        kind: "DeviceInformation".into(),
        dedupe_key: None,
        request: format!("<plist>{n}</plist>").into_bytes(),
        parameters: json!({ "n": n }),
        created_at: at(3_000),
        created_by: Actor::system(),
        reason: Some("test".into()),
        expires_at: None,
    }
}

pub fn finish(outcome: CommandState) -> Finish {
    Finish {
        at: at(9_000),
        outcome,
        error: Some(json!([{ "ErrorCode": 12021 }])),
        response_ref: None,
    }
}

pub fn token(n: u64, max_uses: Option<u32>) -> EnrollmentToken {
    EnrollmentToken {
        id: token_id(n),
        secret_hash: hash(n as u8),
        name: format!("token {n}"),
        unit_id: None,
        standing: TokenStanding {
            terms: TokenTerms {
                ownership: Ownership::Corporate,
                platforms: [Platform::Ios, Platform::Macos].into(),
                serials: ["C02X0001".to_owned()].into(),
                max_uses,
                expires_at: at(10_000),
            },
            uses: 0,
            revoked_at: None,
        },
        created_at: at(1_000),
        created_by: Actor::operator(),
    }
}

pub fn ticket(n: u64, token: u64) -> Ticket {
    Ticket {
        id: ticket_id(n),
        token_id: Some(token_id(token)),
        enrollment_id: None,
        challenge_hash: hash(n as u8),
        created_at: at(1_000),
        expires_at: at(10_000),
        challenge_used_at: None,
        client_address: Some("192.0.2.1".into()),
        person: None,
    }
}

pub fn event(n: u64, kind: &str, device: Option<u64>) -> Draft {
    Draft {
        id: event_id(n),
        at: at(1_000 + n as i64),
        kind: kind.to_owned(),
        actor: Actor::system(),
        device: device.map(device_id),
        subject: Some(format!("subject {n}")),
        unit: None,
        data: json!({ "n": n, "b": 1.5, "a": ["x", null, true] }),
    }
}

/// How many devices there are.
pub async fn device_count(db: &Db) -> i64 {
    let counts = read!(db, tx => tx.device_counts().await).unwrap();
    counts.iter().map(|count| count.count).sum()
}

pub fn is_unique_violation<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(
        result,
        Err(StoreError::Constraint {
            kind: store::ConstraintKind::Unique,
            ..
        })
    )
}
