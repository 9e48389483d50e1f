//! Offers: which commands a device could be given, for those who choose among them.

use apple::commands::{ALL, Command, Meta, Target, Unfit};
use domain::{
    DeviceId, EnrollmentId, OsFamily,
    scope::{Authority, Scope},
};
use serde_json::json;
use store::{Devices as _, Enrollments as _};

use crate::{Engine, EngineError, Result, apple::target_of, orders::command_from_json};

/// One command as it is offered for a device.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The command.
    pub meta: &'static Meta,
    /// Why the device cannot take it; `None` when it can.
    pub unfit: Option<String>,
}

impl Engine {
    /// Every command there is, each with whether a device (or a user on it, by `enrollment`) can
    /// take it. Nothing fits a device that is not enrolled.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn offers(
        &self,
        by: &Authority,
        device: DeviceId,
        enrollment: Option<EnrollmentId>,
    ) -> Result<Vec<Offer>> {
        by.require(Scope::DevicesRead)?;
        let target = self
            .db
            .read(move |tx| {
                Box::pin(async move {
                    let device = tx
                        .device(device)
                        .await?
                        .ok_or(EngineError::NotFound("device"))?;
                    if device.platform.family() != OsFamily::Apple {
                        return Ok(None);
                    }
                    let living = tx.living_enrollments_of(device.id).await?;
                    let found = living.iter().find(|one| match enrollment {
                        Some(id) => one.id == id,
                        None => one.channel == domain::Channel::Device,
                    });
                    Ok::<_, EngineError>(found.map(|found| target_of(&device, found)))
                })
            })
            .await?;
        Ok(ALL
            .iter()
            .map(|meta| Offer {
                meta,
                unfit: match &target {
                    Some(target) => fits(meta, target).err().map(|unfit| unfit.to_string()),
                    None => Some("the device is not enrolled".to_owned()),
                },
            })
            .collect())
    }
}

/// Whether some parameters exist with which the target takes the command.
fn fits(meta: &Meta, target: &Target) -> Result<(), Unfit> {
    meta.fits(target)?;
    // What the bare command is refused for is final, unless parameters could mend it.
    let Ok(bare) = command_from_json(json!({ "type": meta.name })) else {
        return Ok(());
    };
    match Command::fits(&bare, target) {
        Err(Unfit::Needs(_) | Unfit::Parameter { .. } | Unfit::Invalid(_)) | Ok(()) => Ok(()),
        Err(unfit) => Err(unfit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Ownership, Platform};

    fn verdict(name: &str, target: &Target) -> Result<(), Unfit> {
        fits(::apple::commands::find(name).unwrap(), target)
    }

    #[test]
    fn what_parameters_can_mend_is_offered_and_what_is_never_done_is_not() {
        let mut mac = Target::new(Platform::Macos);
        assert_eq!(verdict("device_lock", &mac), Ok(()));
        assert_eq!(verdict("install_profile", &mac), Ok(()));
        mac.ownership = Ownership::Personal;
        assert!(matches!(
            verdict("device_lock", &mac),
            Err(Unfit::Personal(_))
        ));
        assert!(matches!(
            verdict("erase_device", &mac),
            Err(Unfit::Personal(_))
        ));
        let phone = Target::new(Platform::Ios);
        assert!(verdict("set_recovery_lock", &phone).is_err());
    }
}
