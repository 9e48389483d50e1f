//! From an enrollment URL to a managed device, and the renewal of its identity.

use std::collections::BTreeMap;

use super::{
    Device, EventKind, Identity, Kind,
    profile::{EnrollmentProfile, InstalledProfile, OpenedProfile, open_profile},
    scep::{ScepAuthority, ScepRequest, discover, obtain},
    state::Enrollment,
};
use crate::{Error, Result, http::Request, keys::Key, x509::Certificate};

/// Media type of profiles.
const PROFILE_TYPE: &str = "application/x-apple-aspen-config";

impl Device {
    /// Downloads an enrollment profile and enrolls with it.
    ///
    /// # Errors
    /// When the download fails or has another media type, or as [`Device::enroll_with`].
    pub async fn enroll_from(&mut self, url: &str) -> Result<()> {
        let profile = self.download_profile(url).await?;
        self.enroll_with(&profile).await
    }

    /// Downloads a profile as a browser does and returns its bytes.
    ///
    /// # Errors
    /// When the server cannot be reached, answers other than 200 or with another media type.
    pub async fn download_profile(&mut self, url: &str) -> Result<Vec<u8>> {
        if self.is_asleep() {
            return Err(Error::Offline);
        }
        let reply = self
            .client
            .send(&Request::get(url))
            .await?
            .ok("the profile download")?;
        if reply.media_type() != PROFILE_TYPE {
            return Err(Error::Profile(format!(
                "downloaded as {:?}",
                reply.media_type()
            )));
        }
        Ok(reply.body.to_vec())
    }

    /// Enrolls with a profile: SCEP, Authenticate, TokenUpdate, and a Mac's bootstrap token.
    /// Replaces an earlier enrollment without telling its server.
    ///
    /// # Errors
    /// When the profile is refused, SCEP fails, or the server does not accept a message; the device
    /// is then not enrolled.
    pub async fn enroll_with(&mut self, profile: &[u8]) -> Result<()> {
        let opened = open_profile(profile, &self.anchors)?;
        let wanted = EnrollmentProfile::read(&opened)?;
        // Set before enrollment, it means Setup Assistant (Automated Device Enrollment).
        let awaiting = self.state.awaiting_configuration;
        self.forget_management();
        self.state.awaiting_configuration = awaiting;
        let key = self.keys.take()?;
        let authority = discover(&mut self.client, &wanted.scep).await?;
        let certificate = self.certify(&authority, &wanted, &key, None).await?;
        self.begin(&opened, &wanted, Identity { key, certificate })?;
        let result = self.introduce().await;
        if result.is_err() {
            self.state.profiles.remove(&wanted.identifier);
            self.forget_management();
        } else {
            self.emit(EventKind::Enrolled);
        }
        result
    }

    async fn certify(
        &mut self,
        authority: &ScepAuthority,
        wanted: &EnrollmentProfile,
        key: &Key,
        renews: Option<&Identity>,
    ) -> Result<Certificate> {
        let transport = self.transport.clone();
        let request = ScepRequest {
            settings: &wanted.scep,
            key,
            renews: renews.map(|identity| (&identity.key, &identity.certificate)),
            transport: transport.as_ref(),
            now: self.now(),
        };
        obtain(&mut self.client, authority, &request).await
    }

    fn begin(
        &mut self,
        opened: &OpenedProfile,
        wanted: &EnrollmentProfile,
        identity: Identity,
    ) -> Result<()> {
        let by_user = wanted.mode.as_deref() == Some("BYOD");
        self.state.enrollment = Some(Enrollment {
            profile: wanted.identifier.clone(),
            server_url: wanted.server_url.clone(),
            check_in_url: wanted.check_in_url.clone(),
            topic: wanted.topic.clone(),
            sign_message: wanted.sign_message,
            check_out_when_removed: wanted.check_out_when_removed,
            access_rights: wanted.access_rights,
            capabilities: wanted.capabilities.clone(),
            certificate: identity.certificate.der.clone(),
            token: self.random.bytes::<32>().to_vec(),
            push_magic: self.random.uuid(),
            users: BTreeMap::new(),
            enrollment_id: by_user.then(|| self.random.uuid()),
            renewals: 0,
        });
        self.state.profiles.insert(
            wanted.identifier.clone(),
            InstalledProfile::of(opened, true),
        );
        self.identity = Some(identity);
        self.apply_identity()
    }

    async fn introduce(&mut self) -> Result<()> {
        self.authenticate().await?;
        self.update_token().await?;
        let wants_token = self.state.enrollment.as_ref().is_some_and(|enrollment| {
            enrollment
                .capabilities
                .iter()
                .any(|capability| capability == "com.apple.mdm.bootstraptoken")
        });
        if self.hardware.kind == Kind::Mac && wants_token {
            self.set_bootstrap_token().await?;
        }
        Ok(())
    }

    /// Renews the identity from a new version of the enrollment profile: the request is signed with
    /// the old key, messages from then on with the new one.
    pub(super) async fn renew(&mut self, opened: &OpenedProfile) -> Result<()> {
        let wanted = EnrollmentProfile::read(opened)?;
        let current = self.state.enrollment.clone().ok_or(Error::NotEnrolled)?;
        check_update(&current, &wanted)?;
        let old = self.identity.clone().ok_or(Error::NotEnrolled)?;
        let key = self.keys.take()?;
        let authority = discover(&mut self.client, &wanted.scep).await?;
        let certificate = self.certify(&authority, &wanted, &key, Some(&old)).await?;
        if let Some(enrollment) = &mut self.state.enrollment {
            enrollment.certificate.clone_from(&certificate.der);
            enrollment.access_rights = wanted.access_rights;
            enrollment.capabilities = wanted.capabilities;
            enrollment.check_out_when_removed = wanted.check_out_when_removed;
            enrollment.sign_message = wanted.sign_message;
            enrollment.renewals += 1;
        }
        self.state
            .profiles
            .insert(wanted.identifier, InstalledProfile::of(opened, true));
        self.identity = Some(Identity { key, certificate });
        self.former_identity = Some(old);
        self.apply_identity()?;
        self.emit(EventKind::Renewed);
        Ok(())
    }
}

/// What an update of the management profile may not change (Apple: *MDM* payload).
fn check_update(current: &Enrollment, wanted: &EnrollmentProfile) -> Result<()> {
    let refuse = |what: &str| Err(Error::Profile(format!("an update may not change {what}")));
    let per_user = |list: &[String]| {
        list.iter()
            .any(|own| own == "com.apple.mdm.per-user-connections")
    };
    if current.server_url != wanted.server_url {
        return refuse("ServerURL");
    }
    if current.check_in_url != wanted.check_in_url {
        return refuse("CheckInURL");
    }
    if current.topic != wanted.topic {
        return refuse("Topic");
    }
    if wanted.access_rights.unwrap_or(0) & !current.access_rights.unwrap_or(0) != 0 {
        return refuse("AccessRights upwards");
    }
    if per_user(&current.capabilities) != per_user(&wanted.capabilities) {
        return refuse("com.apple.mdm.per-user-connections");
    }
    if current.enrollment_id.is_some() != (wanted.mode.as_deref() == Some("BYOD")) {
        return refuse("EnrollmentMode");
    }
    Ok(())
}
