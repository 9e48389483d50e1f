//! Lock, passcode, erasure, restart, shutdown.

use super::{Answer, Device, Effect, Failure, Kind, code, only_supervised, refused};
use crate::{
    dict,
    plist::{Dictionary, Lookup as _},
};

/// A Mac's PIN: six digits.
fn pin(command: &Dictionary) -> Result<Option<&str>, Failure> {
    let pin = command.want_str("PIN")?;
    if pin.is_some_and(|pin| pin.len() != 6 || !pin.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(Failure::Format("PIN is not six digits".into()));
    }
    Ok(pin)
}

pub(super) fn lock(device: &mut Device, command: &Dictionary) -> Answer {
    command.want_str("Message")?;
    command.want_str("PhoneNumber")?;
    let pin = pin(command)?;
    if device.hardware.kind == Kind::Mac && pin.is_none() {
        return Err(Failure::Format("a Mac needs a PIN".into()));
    }
    device.state.locked = Some(pin.unwrap_or("").to_owned());
    if device.hardware.kind == Kind::Mac {
        device.effects.push(Effect::Disconnect);
    }
    let result = if device.state.passcode_present {
        "Success"
    } else {
        "NoPasscodeSet"
    };
    Ok(dict! { "MessageResult" => result })
}

pub(super) fn clear_passcode(device: &mut Device, command: &Dictionary) -> Answer {
    super::only(device, &[Kind::IPhone, Kind::IPad])?;
    let token = command.need_data("UnlockToken")?;
    if device.state.unlock_token.as_deref() != Some(token) {
        return Err(refused(
            code::WRONG_PASSWORD,
            "The unlock token is not this device's.",
        ));
    }
    device.state.passcode_present = false;
    device.state.locked = None;
    // A new passcode makes a new token; until then none is sent.
    device.state.unlock_token = Some(device.random.bytes::<32>().to_vec());
    Ok(Dictionary::new())
}

pub(super) fn erase(device: &mut Device, command: &Dictionary) -> Answer {
    pin(command)?;
    for key in ["PreserveDataPlan", "DisallowProximitySetup"] {
        command.want_boolean(key)?;
    }
    if let Some(mode) = command.want_str("ObliterationBehavior")?
        && !matches!(
            mode,
            "Default" | "DoNotObliterate" | "ObliterateWithWarning" | "Always"
        )
    {
        return Err(Failure::Format(format!("ObliterationBehavior {mode}")));
    }
    let profile = match command.find("ReturnToService") {
        Some(settings) if settings.want_boolean("Enabled")? == Some(true) => {
            only_supervised(device)?;
            settings
                .find("MDMProfileData")
                .and_then(crate::plist::Value::data)
                .map(<[u8]>::to_vec)
        }
        Some(settings) if settings.dictionary().is_none() => {
            return Err(Failure::Format(
                "ReturnToService is not a dictionary".into(),
            ));
        }
        _ => None,
    };
    device.effects.push(Effect::Erase { profile });
    Ok(Dictionary::new())
}

pub(super) fn restart(device: &mut Device, command: &Dictionary) -> Answer {
    command.want_boolean("NotifyUser")?;
    command.want_boolean("RebuildKernelCache")?;
    if device.hardware.kind != Kind::Mac {
        only_supervised(device)?;
    }
    device.state.restarts += 1;
    device.effects.push(Effect::Disconnect);
    Ok(Dictionary::new())
}

pub(super) fn shut_down(device: &mut Device) -> Answer {
    if device.hardware.kind != Kind::Mac {
        only_supervised(device)?;
    }
    device.state.shutdowns += 1;
    device.effects.push(Effect::Disconnect);
    Ok(Dictionary::new())
}
