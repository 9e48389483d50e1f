//! Figures of the store alone: device list, writes, point reads, on both databases.
//!
//! `cargo run -p store --example figures -- 100000 [sqlite|postgres]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, run by hand"
)]

use std::time::{Duration, Instant};

use domain::{
    Channel, CommandId, DeviceId, DeviceState, EnrollmentId, EnrollmentKind, EventId, OsVersion,
    Ownership, Platform, Timestamp, command::CommandState, enrollment::EnrollmentState,
    journal::Draft, scope::Actor,
};
use futures_util::future::join_all;
use store::{
    Certificates, Commands, Db, Device, DeviceFilter, DeviceList, DeviceOrder, DeviceSort, Devices,
    Enrollment, Enrollments, Finish, Journal, NewCommand, PushWanted, StoreError, testing,
};

const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

fn bytes(n: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes
}

fn device(n: u64) -> Device {
    let platforms = [Platform::Ios, Platform::Ipados, Platform::Macos];
    Device {
        id: DeviceId::new(NOW, bytes(n)),
        unit_id: None,
        platform: platforms[(n % 3) as usize],
        ownership: if n.is_multiple_of(10) {
            Ownership::Personal
        } else {
            Ownership::Corporate
        },
        state: if n.is_multiple_of(20) {
            DeviceState::Unenrolled
        } else {
            DeviceState::Enrolled
        },
        serial: format!("C{:010}", n.wrapping_mul(7_919) % 10_000_000_000),
        udid: format!("00008103-{n:016X}"),
        name: format!("Device of person {}", n.wrapping_mul(31) % 100_000),
        model: format!("iPhone{},1", n % 17),
        model_name: "iPhone".into(),
        os_version: OsVersion::new(["26.1", "26.0", "18.7", "18.6.2"][(n % 4) as usize]),
        build: "23B85".into(),
        user_label: format!("person{n}@example.test"),
        supervised: n.is_multiple_of(2),
        lost_mode: false,
        last_seen_at: Some(NOW.minus(Duration::from_secs(n % 1_000_000))),
        enrolled_at: Some(NOW.minus(Duration::from_secs(n))),
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    }
}

fn enrollment(n: u64) -> Enrollment {
    Enrollment {
        id: EnrollmentId::new(NOW, bytes(n)),
        device_id: device(n).id,
        channel: Channel::Device,
        parent_id: None,
        platform: device(n).platform,
        kind: EnrollmentKind::Profile,
        state: EnrollmentState::Active,
        native_key: format!("00008103-{n:016X}"),
        user_id: None,
        user_short_name: None,
        topic: Some("com.apple.mgmt.External.test".into()),
        push_token: Some(vec![7; 32].into()),
        push_magic: Some("magic".to_owned().into()),
        token_id: None,
        ticket_id: None,
        awaiting_configuration: false,
        ddm_enabled: true,
        ddm_token: None,
        created_at: NOW,
        activated_at: Some(NOW),
        ended_at: None,
        end_reason: None,
        last_seen_at: None,
    }
}

fn sha256(n: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..10].copy_from_slice(&bytes(n));
    hash
}

#[tokio::main]
async fn main() {
    let count = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(100_000);
    let wanted = std::env::args().nth(2).unwrap_or_default();
    for backend in ["sqlite", "postgres"] {
        if !backend.contains(&wanted) {
            continue;
        }
        let test = match backend {
            "sqlite" => testing::sqlite().await,
            _ => testing::postgres().await,
        };
        println!("== {:?}, {count} devices", test.db.dialect());
        fill(&test.db, count).await;
        lists(&test.db).await;
        reads(&test.db, count).await;
        for clients in [1, 16, 64] {
            writes(&test.db, clients).await;
        }
    }
}

async fn fill(db: &Db, count: u64) {
    let begun = Instant::now();
    for from in (0..count).step_by(1_000) {
        let result: Result<(), StoreError> = db
            .write(move |tx| {
                Box::pin(async move {
                    for n in from..(from + 1_000).min(count) {
                        tx.insert_device(&device(n)).await?;
                        tx.insert_enrollment(&enrollment(n)).await?;
                        tx.pin_identity(&sha256(n), enrollment(n).id, NOW, None)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await;
        result.unwrap();
    }
    println!("filled in {:.1?}", begun.elapsed());
}

async fn lists(db: &Db) {
    let none = DeviceFilter::default();
    let search = |text: &str| DeviceFilter {
        search: Some(text.into()),
        ..DeviceFilter::default()
    };
    let ios = DeviceFilter {
        platform: Some(Platform::Ios),
        ..none.clone()
    };
    for (name, filter, sort) in [
        ("all by name", none.clone(), DeviceSort::Name),
        ("iOS by last seen", ios.clone(), DeviceSort::LastSeen),
        (
            "unenrolled by OS",
            DeviceFilter {
                state: Some(DeviceState::Unenrolled),
                ..none.clone()
            },
            DeviceSort::OsVersion,
        ),
        (
            "search one person by name",
            search("person77777@"),
            DeviceSort::Name,
        ),
        (
            "search nothing by name",
            search("no such thing"),
            DeviceSort::Name,
        ),
        (
            "search nothing by last seen, iOS",
            DeviceFilter {
                search: Some("no such".into()),
                ..ios
            },
            DeviceSort::LastSeen,
        ),
        (
            "search common text by name",
            search("person"),
            DeviceSort::Name,
        ),
    ] {
        let order = DeviceOrder {
            sort,
            descending: true,
        };
        let mut page = Vec::new();
        let mut total = Vec::new();
        for _ in 0..9 {
            let begun = Instant::now();
            let asked = filter.clone();
            let listed: Result<_, StoreError> = db
                .read(move |tx| {
                    Box::pin(async move { tx.list_devices(&asked, order, None, 50).await })
                })
                .await;
            let _ = listed.unwrap();
            page.push(begun.elapsed());
            let begun = Instant::now();
            let asked = filter.clone();
            let counted: Result<_, StoreError> = db
                .read(move |tx| Box::pin(async move { tx.count_devices(&asked, u32::MAX).await }))
                .await;
            let _ = counted.unwrap();
            total.push(begun.elapsed());
        }
        page.sort();
        total.sort();
        println!(
            "{name}: page {:.1?} (worst {:.1?}), exact count {:.1?}",
            page[4], page[8], total[4]
        );
    }
    let begun = Instant::now();
    let counts: Result<_, StoreError> = db
        .read(|tx| {
            Box::pin(async move { Ok((tx.device_counts().await?, tx.version_counts(20).await?)) })
        })
        .await;
    let _ = counts.unwrap();
    println!("counts for charts: {:.1?}", begun.elapsed());
}

async fn reads(db: &Db, count: u64) {
    let begun = Instant::now();
    let each = 2_000;
    join_all((0..16_u64).map(|client| {
        let db = db.clone();
        tokio::spawn(async move {
            for n in 0..each {
                let hash = sha256((client * 7_907 + n * 104_729) % count);
                let found: Result<_, StoreError> = db
                    .read(move |tx| Box::pin(async move { tx.identity(&hash).await }))
                    .await;
                assert!(found.unwrap().is_some());
            }
        })
    }))
    .await;
    println!(
        "identity, 16 clients: {:.0}/s",
        16.0 * each as f64 / begun.elapsed().as_secs_f64()
    );
}

/// Queue a command with its push wish and event, then take its answer: two transactions.
async fn writes(db: &Db, clients: u64) {
    let begun = Instant::now();
    let each = 3_000 / clients + 20;
    join_all((0..clients).map(|client| {
        let db = db.clone();
        tokio::spawn(async move {
            for n in 0..each {
                let unique = clients << 40 | client << 20 | n;
                let id = CommandId::new(NOW, bytes(unique));
                let event = |salt: u64| Draft {
                    id: EventId::new(NOW, bytes(unique ^ salt)),
                    at: NOW,
                    kind: "command.queued".into(),
                    actor: Actor::system(),
                    device: Some(device(client).id),
                    subject: Some(id.to_string()),
                    unit: None,
                    data: serde_json::json!({ "kind": "DeviceInformation" }),
                };
                let (queued, answered) = (event(1 << 60), event(1 << 61));
                let order = NewCommand {
                    id,
                    enrollment_id: enrollment(client).id,
                    device_id: device(client).id,
                    priority: 0,
                    kind: "DeviceInformation".into(),
                    dedupe_key: None,
                    request: vec![b'x'; 600],
                    parameters: serde_json::json!({}),
                    created_at: NOW,
                    created_by: Actor::system(),
                    reason: None,
                    expires_at: None,
                };
                let result: Result<(), StoreError> = db
                    .write(move |tx| {
                        Box::pin(async move {
                            tx.enqueue_command(&order).await?;
                            tx.want_push(order.enrollment_id, NOW, false).await?;
                            tx.append_event(&queued).await
                        })
                    })
                    .await;
                result.unwrap();
                let result: Result<(), StoreError> = db
                    .write(move |tx| {
                        Box::pin(async move {
                            let id = enrollment(client).id;
                            let head = tx.queue_head(id, true, NOW).await?.expect("a command");
                            let end = Finish {
                                at: NOW,
                                outcome: CommandState::Acknowledged,
                                error: None,
                                response_ref: None,
                            };
                            tx.finish_command(id, head.order.id, &end).await?;
                            tx.push_satisfied(id).await?;
                            tx.append_event(&answered).await
                        })
                    })
                    .await;
                result.unwrap();
            }
        })
    }))
    .await;
    let transactions = 2.0 * (clients * each) as f64;
    println!(
        "writes, {clients} clients: {:.0} transactions/s",
        transactions / begun.elapsed().as_secs_f64()
    );
}
