//! Lost Mode of supervised phones and tablets.

use super::{Answer, Device, Failure, Kind, code, only, only_supervised, refused};
use crate::{
    apple::LostMode,
    der::rfc3339,
    dict,
    plist::{Dictionary, Lookup as _},
};

fn allowed(device: &Device) -> Result<(), Failure> {
    only(device, &[Kind::IPhone, Kind::IPad])?;
    only_supervised(device)
}

fn in_lost_mode(device: &Device) -> Result<(), Failure> {
    allowed(device)?;
    if device.state.lost_mode.is_some() {
        Ok(())
    } else {
        Err(refused(
            code::NOT_IN_LOST_MODE,
            "The device is not in Lost Mode.",
        ))
    }
}

pub(super) fn enable(device: &mut Device, command: &Dictionary) -> Answer {
    allowed(device)?;
    let text = |key: &str| -> Result<String, Failure> {
        Ok(command.want_str(key)?.unwrap_or("").to_owned())
    };
    let mode = LostMode {
        message: text("Message")?,
        phone_number: text("PhoneNumber")?,
        footnote: text("Footnote")?,
    };
    if mode.message.is_empty() && mode.phone_number.is_empty() {
        return Err(Failure::Format("needs Message or PhoneNumber".into()));
    }
    device.state.lost_mode = Some(mode);
    Ok(Dictionary::new())
}

pub(super) fn disable(device: &mut Device) -> Answer {
    in_lost_mode(device)?;
    device.state.lost_mode = None;
    Ok(Dictionary::new())
}

pub(super) fn location(device: &mut Device) -> Answer {
    in_lost_mode(device)?;
    let offset = |n: usize| n as f64 / 10_000.0;
    let (north, east) = (
        offset(device.random.below(1000)),
        offset(device.random.below(1000)),
    );
    Ok(dict! {
        "Latitude" => 51.45 + north,
        "Longitude" => -0.15 + east,
        "HorizontalAccuracy" => 12.0,
        "VerticalAccuracy" => 5.0,
        "Altitude" => 21.5,
        "Speed" => -1.0,
        "Course" => -1.0,
        "Timestamp" => rfc3339(device.now()),
    })
}

pub(super) fn sound(device: &mut Device) -> Answer {
    in_lost_mode(device)?;
    device.state.lost_mode_sounds += 1;
    Ok(Dictionary::new())
}
