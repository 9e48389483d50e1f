//! UserList, LogOutUser, DeleteUser.

use super::{Answer, Device, Failure, Kind, code, only, refused};
use crate::{
    dict,
    plist::{Dictionary, Lookup as _, Value},
};

pub(super) fn list(device: &Device) -> Answer {
    let users: Vec<Value> = device
        .state
        .users
        .iter()
        .zip(501_i64..)
        .map(|(user, uid)| {
            let mut item = dict! { "UserName" => &user.name, "IsLoggedIn" => user.logged_in };
            if device.hardware.kind == Kind::Mac {
                item.extend(dict! {
                    "FullName" => &user.full_name, "UID" => uid, "UserGUID" => &user.guid,
                    "MobileAccount" => false, "HasSecureToken" => true,
                });
            } else {
                item.extend(dict! { "HasDataToSync" => false, "DataUsed" => 1_000_000_i64 });
            }
            Value::from(item)
        })
        .collect();
    Ok(dict! { "Users" => users })
}

pub(super) fn log_out(device: &mut Device) -> Answer {
    only(device, &[Kind::IPad])?;
    match device.state.users.iter_mut().find(|user| user.logged_in) {
        Some(user) => {
            user.logged_in = false;
            Ok(Dictionary::new())
        }
        None => Err(refused(code::NO_SUCH_USER, "No user is logged in.")),
    }
}

pub(super) fn delete(device: &mut Device, command: &Dictionary) -> Answer {
    only(device, &[Kind::IPad, Kind::Mac])?;
    let all = command.want_boolean("DeleteAllUsers")?.unwrap_or(false);
    let force = command.want_boolean("ForceDeletion")?.unwrap_or(false);
    let name = command.want_str("UserName")?;
    if all {
        device.state.users.retain(|user| user.logged_in);
        return Ok(Dictionary::new());
    }
    let name = name.ok_or_else(|| Failure::Format("no UserName".into()))?;
    let Some(at) = device.state.users.iter().position(|user| user.name == name) else {
        return Err(refused(code::NO_SUCH_USER, "The user does not exist."));
    };
    if device.state.users[at].logged_in && !force {
        return Err(refused(12072, "The user is logged in."));
    }
    device.state.users.remove(at);
    Ok(Dictionary::new())
}
