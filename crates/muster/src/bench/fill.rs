//! Devices that nobody plays: rows like those of a device that enrolled, so that a database is as large as
//! that of a large fleet without the minutes that its enrollments would take.

use domain::{DeviceId, EnrollmentId, Secret};
use engine::Engine;
use store::{Certificates as _, Devices as _, Enrollments as _, StoreError};

use anyhow::Context as _;

/// Rows of so many devices go into a transaction.
const BATCH: u64 = 500;

/// Adds the devices of a range of numbers, each a copy of the enrolled device with this UDID under
/// names of its own.
pub(super) async fn fill(
    engine: &Engine,
    numbers: std::ops::Range<u64>,
    udid: &str,
) -> anyhow::Result<()> {
    let mut at = numbers.start;
    while at < numbers.end {
        let end = (at + BATCH).min(numbers.end);
        let (writer, udid) = (engine.clone(), udid.to_owned());
        let done = engine
            .db
            .write(move |tx| Box::pin(async move { batch(&writer, tx, at..end, &udid).await }))
            .await?;
        done.context("the device to copy is not there")?;
        at = end;
    }
    Ok(())
}

async fn batch(
    engine: &Engine,
    tx: &mut store::Tx,
    numbers: std::ops::Range<u64>,
    udid: &str,
) -> Result<Option<()>, StoreError> {
    let Some(model) = tx.device_by_udid(domain::Platform::ALL, udid).await? else {
        return Ok(None);
    };
    let Some(enrollment) = tx.living_enrollments_of(model.id).await?.pop() else {
        return Ok(None);
    };
    let Some(certificate) = tx.certificates_of(enrollment.id).await?.pop() else {
        return Ok(None);
    };
    let now = engine.now();
    for number in numbers {
        let mut device = model.clone();
        device.id = DeviceId::new(now, engine.random());
        device.serial = format!("FILL{:07}", number * 7919 % 10_000_000);
        device.udid = format!("{number:08}-FILL{:012}", number);
        device.name = format!("Device {}", number * 7919 % 1_000_003);
        tx.insert_device(&device).await?;
        let mut copy = enrollment.clone();
        copy.id = EnrollmentId::new(now, engine.random());
        copy.device_id = device.id;
        copy.native_key = device.udid.clone();
        copy.ticket_id = None;
        copy.push_token = Some(Secret::new(engine.random::<32>().to_vec()));
        tx.insert_enrollment(&copy).await?;
        let mut own = certificate.clone();
        own.sha256 = engine.random();
        own.serial = hex::encode(engine.random::<16>());
        own.enrollment_id = Some(copy.id);
        own.ticket_id = None;
        tx.insert_certificate(&own).await?;
        tx.pin_identity(&own.sha256, copy.id, now, Some(own.not_after))
            .await?;
    }
    Ok(Some(()))
}
