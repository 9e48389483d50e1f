//! FileVault keys, recovery lock and firmware password of Macs.

use super::{Answer, Device, Failure, Kind, code, only, refused};
use crate::{
    Random,
    apple::InstalledProfile,
    cms::{Cipher, encrypt},
    dict,
    plist::{Dictionary, Lookup as _, Value},
    x509::Certificate,
};

/// Six groups of four characters, as FileVault shows them.
fn recovery_key(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut group = || {
        (0..4)
            .map(|_| char::from(*random.pick(LETTERS)))
            .collect::<String>()
    };
    [group(), group(), group(), group(), group(), group()].join("-")
}

/// Turns FileVault on when a profile demands it and keeps the key.
pub(super) fn apply_filevault(
    device: &mut Device,
    profile: &InstalledProfile,
) -> Result<(), Failure> {
    for payload in profile.payloads("com.apple.MCX.FileVault2") {
        if payload
            .want_str("Enable")?
            .is_some_and(|enable| enable.eq_ignore_ascii_case("On"))
        {
            device.state.filevault_enabled = true;
            if device.state.filevault_key.is_none() {
                device.state.filevault_key = Some(recovery_key(&mut device.random));
            }
        }
    }
    Ok(())
}

/// The personal recovery key, encrypted to the certificate that an installed
/// com.apple.security.FDERecoveryKeyEscrow payload names.
pub(super) fn escrowed_key(device: &Device) -> Result<Option<Vec<u8>>, Failure> {
    let Some(key) = &device.state.filevault_key else {
        return Ok(None);
    };
    for profile in device.state.profiles.values() {
        for escrow in profile.payloads("com.apple.security.FDERecoveryKeyEscrow") {
            let wanted = escrow.need_str("EncryptCertPayloadUUID")?;
            let certificate = [
                "com.apple.security.pkcs1",
                "com.apple.security.root",
                "com.apple.security.pem",
            ]
            .iter()
            .flat_map(|kind| profile.payloads(kind))
            .find(|payload| payload.get("PayloadUUID").and_then(Value::str) == Some(wanted))
            .and_then(|payload| payload.get("PayloadContent").and_then(Value::data));
            if let Some(certificate) = certificate {
                return Ok(Some(encrypt(
                    key.as_bytes(),
                    &Certificate::parse(certificate)?,
                    Cipher::Aes256,
                )?));
            }
        }
    }
    Ok(None)
}

pub(super) fn rotate_filevault_key(device: &mut Device, command: &Dictionary) -> Answer {
    only(device, &[Kind::Mac])?;
    let unlock = command
        .find("FileVaultUnlock")
        .ok_or_else(|| Failure::Format("no FileVaultUnlock".into()))?;
    match command.need_str("KeyType")? {
        "personal" => {}
        "institutional" => {
            return Err(refused(
                code::UNKNOWN_REQUEST,
                "No institutional key on this Mac.",
            ));
        }
        other => return Err(Failure::Format(format!("KeyType {other}"))),
    }
    let password = unlock.need_str("Password")?;
    let escrow = Certificate::parse(command.need_data("ReplyEncryptionCertificate")?)?;
    if !device.state.filevault_enabled || device.state.filevault_key.as_deref() != Some(password) {
        return Err(refused(
            code::WRONG_PASSWORD,
            "FileVault could not be unlocked.",
        ));
    }
    let key = recovery_key(&mut device.random);
    let encrypted = encrypt(key.as_bytes(), &escrow, Cipher::Aes256)?;
    device.state.filevault_key = Some(key);
    Ok(dict! { "RotateResult" => dict! { "EncryptedNewRecoveryKey" => encrypted } })
}

pub(super) fn set_recovery_lock(device: &mut Device, command: &Dictionary) -> Answer {
    only(device, &[Kind::Mac])?;
    let new = command.need_str("NewPassword")?.to_owned();
    if command.want_str("CurrentPassword")? != device.state.recovery_lock.as_deref() {
        return Err(refused(
            code::WRONG_PASSWORD,
            "The current recovery lock password is wrong.",
        ));
    }
    device.state.recovery_lock = Some(new).filter(|new| !new.is_empty());
    Ok(Dictionary::new())
}

pub(super) fn verify_recovery_lock(device: &Device, command: &Dictionary) -> Answer {
    only(device, &[Kind::Mac])?;
    let password = command.need_str("Password")?;
    Ok(dict! { "PasswordVerified" => device.state.recovery_lock.as_deref() == Some(password) })
}

pub(super) fn set_firmware_password(device: &mut Device, command: &Dictionary) -> Answer {
    only(device, &[Kind::Mac])?;
    let new = command.need_str("NewPassword")?.to_owned();
    command.want_boolean("AllowOroms")?;
    let changed = command.want_str("CurrentPassword")? == device.state.firmware_password.as_deref();
    if changed {
        device.state.firmware_password = Some(new).filter(|new| !new.is_empty());
    }
    Ok(dict! { "SetFirmwarePassword" => dict! { "PasswordChanged" => changed } })
}

pub(super) fn verify_firmware_password(device: &Device, command: &Dictionary) -> Answer {
    only(device, &[Kind::Mac])?;
    let password = command.need_str("Password")?;
    let verified = device.state.firmware_password.as_deref() == Some(password);
    Ok(dict! { "VerifyFirmwarePassword" => dict! { "PasswordVerified" => verified } })
}
