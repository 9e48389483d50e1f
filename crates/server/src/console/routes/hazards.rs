//! Lock and wipe: the serial number typed again, a reason, and every check once more here.

use apple::{
    Sensitive,
    commands::{Command, DeviceLock, EraseDevice},
};
use domain::{DeviceId, OsFamily, Ownership, Platform, facts::Category};
use engine::queue::Order;
use store::Device;

use super::{
    answer::{Answer, Fault, Of, done, invalid, page as answer_page, sentence},
    device::{accepted, identity_of},
    facts::Facts,
    forms::Sent,
    visit::{By, Done},
};
use crate::console::{
    components::Form,
    views::{LockPage, WipePage},
};

/// Digits of a PIN.
const PIN: usize = 6;

/// What a page of this kind knows of its device.
struct Subject {
    device: Device,
    needs_pin: bool,
    /// Why the command is impossible; empty when it is not.
    impossible: String,
}

pub(super) async fn lock_page(by: By, Of(id): Of<DeviceId>) -> Answer {
    let subject = subject(&by, id, "device_lock").await?;
    answer_page(&lock_view(&by, subject, Form::new()))
}

pub(super) async fn lock(by: By, Of(id): Of<DeviceId>, sent: Sent) -> Answer {
    let subject = subject(&by, id, "device_lock").await?;
    let form = check(&subject, &sent);
    if !subject.impossible.is_empty() || form.is_invalid() {
        return invalid(&lock_view(&by, subject, form));
    }
    let command = DeviceLock {
        pin: pin(&subject, &sent),
        message: sent.given("message").map(str::to_owned),
        phone_number: sent.given("phone").map(str::to_owned),
    };
    match order(&by, id, &sent, command.into()).await {
        Ok(()) => Ok(done(&format!("/devices/{id}"), Done::Locking)),
        Err(error) => invalid(&lock_view(&by, subject, error.on_form(form, "reason")?)),
    }
}

fn lock_view(by: &By, subject: Subject, form: Form) -> LockPage {
    LockPage {
        shell: by.shell(),
        device: identity_of(&subject.device),
        needs_pin: subject.needs_pin,
        impossible: subject.impossible,
        form,
    }
}

pub(super) async fn wipe_page(by: By, Of(id): Of<DeviceId>) -> Answer {
    let subject = subject(&by, id, "erase_device").await?;
    answer_page(&wipe_view(&by, subject, Form::new()))
}

pub(super) async fn wipe(by: By, Of(id): Of<DeviceId>, sent: Sent) -> Answer {
    let subject = subject(&by, id, "erase_device").await?;
    let form = check(&subject, &sent);
    let personal = subject.device.ownership == Ownership::Personal;
    if personal || !subject.impossible.is_empty() || form.is_invalid() {
        return invalid(&wipe_view(&by, subject, form));
    }
    let command = EraseDevice {
        pin: pin(&subject, &sent),
        ..EraseDevice::default()
    };
    match order(&by, id, &sent, command.into()).await {
        Ok(()) => Ok(done(&format!("/devices/{id}"), Done::Wiping)),
        Err(error) => invalid(&wipe_view(&by, subject, error.on_form(form, "reason")?)),
    }
}

fn wipe_view(by: &By, subject: Subject, form: Form) -> WipePage {
    WipePage {
        shell: by.shell(),
        device: identity_of(&subject.device),
        needs_pin: subject.needs_pin,
        impossible: subject.impossible,
        also: Vec::new(),
        form,
    }
}

async fn subject(by: &By, id: DeviceId, command: &str) -> Result<Subject, Fault> {
    let device = by.engine().device(by.authority(), id).await?.device;
    let offers = by.engine().offers(by.authority(), id, None).await?;
    let impossible = match device.platform.family() {
        OsFamily::Apple => offers
            .into_iter()
            .find(|offer| offer.meta.name == command)
            .and_then(|offer| offer.unfit)
            .map(|unfit| sentence(&unfit))
            .unwrap_or_default(),
        _ => "Muster cannot do this on this platform yet.".to_owned(),
    };
    let needs_pin = device.platform == Platform::Macos
        && (command == "device_lock" || !has_apple_silicon(by, id).await?);
    Ok(Subject {
        device,
        needs_pin,
        impossible,
    })
}

/// A Mac with Apple silicon erases itself without asking for a PIN.
async fn has_apple_silicon(by: &By, id: DeviceId) -> Result<bool, Fault> {
    let facts = Facts::new(by.engine().facts_of(by.authority(), id).await?);
    let value = facts.value(Category::Hardware, "apple_silicon");
    Ok(value.and_then(serde_json::Value::as_bool).unwrap_or(false))
}

/// What is wrong with a form that names a device again.
fn check(subject: &Subject, sent: &Sent) -> Form {
    let mut form = confirmed(sent.again(), &subject.device, sent);
    if subject.needs_pin {
        let pin = sent.value("pin");
        if pin.len() != PIN || !pin.bytes().all(|byte| byte.is_ascii_digit()) {
            form = form.with_error("pin", "Enter six digits");
        }
    }
    form
}

/// Adds what is wrong with the reason and the serial number.
pub(super) fn confirmed(mut form: Form, device: &Device, sent: &Sent) -> Form {
    if sent.value("reason").is_empty() {
        form = form.with_error("reason", "Enter a reason");
    }
    let typed = sent.value("serial");
    if !is_serial_of(device, typed) {
        let message = if typed.is_empty() {
            "Type the serial number of the device"
        } else {
            "This is not the serial number of the device"
        };
        form = form.with_error("serial", message);
    }
    form
}

/// A device whose serial number is not known, which a private one may hide, is confirmed by its
/// identifier.
fn is_serial_of(device: &Device, typed: &str) -> bool {
    if device.serial.is_empty() {
        typed == device.id.to_string()
    } else {
        typed.eq_ignore_ascii_case(&device.serial)
    }
}

fn pin(subject: &Subject, sent: &Sent) -> Option<Sensitive> {
    subject
        .needs_pin
        .then(|| Sensitive::new(sent.value("pin").to_owned()))
}

async fn order(by: &By, id: DeviceId, sent: &Sent, command: Command) -> Result<(), Fault> {
    let order = Order {
        command,
        reason: sent.given("reason").map(str::to_owned),
        lifetime: None,
    };
    let key = by.key(sent)?;
    by.engine()
        .send_command_once(by.authority(), key, id, None, order, accepted)
        .await
        .map(drop)
        .map_err(Fault::from)
}
