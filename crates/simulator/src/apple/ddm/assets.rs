//! What declarations refer to outside themselves: assets and profiles, by URL.

use serde_json::Value as Json;

use super::Group;
use crate::{
    Error, Result,
    apple::{
        Device,
        channel::Channel,
        profile::{InstalledProfile, open_profile},
    },
    http::Request,
    keys::Digest,
};

impl Device {
    /// Downloads every data asset that `payload` refers to and checks it against its declaration.
    /// Returns what is wrong.
    pub(super) async fn fetch_referenced_assets(
        &mut self,
        channel: &Channel,
        payload: &Json,
    ) -> Option<String> {
        let mut references = Vec::new();
        collect_references(payload, &mut references);
        for identifier in references {
            let key = (Group::Asset, identifier.clone());
            let Some(asset) = self.declarations(channel).held.get(&key).cloned() else {
                return Some(format!("asset {identifier} is not declared"));
            };
            if asset.valid != "valid" {
                return Some(format!("asset {identifier} is not valid"));
            }
            let reference = &asset.payload["Reference"];
            let Some(url) = reference["DataURL"].as_str() else {
                continue;
            };
            let by_identity = asset.payload["Authentication"]["Type"] == "MDM";
            if let Err(error) = self.check_asset(url, reference, by_identity).await {
                return Some(format!("asset {identifier}: {error}"));
            }
        }
        None
    }

    async fn check_asset(&mut self, url: &str, reference: &Json, by_identity: bool) -> Result<()> {
        let reply = if by_identity {
            self.get_by_identity(url).await?
        } else {
            self.client.send(&Request::get(url)).await?
        }
        .ok("an asset")?;
        let bad = |why: &str| Err(Error::Declarative(why.to_owned()));
        if reference["ContentType"]
            .as_str()
            .is_some_and(|wanted| wanted.to_ascii_lowercase() != reply.media_type())
        {
            return bad("the Content-Type differs");
        }
        if reference["Size"]
            .as_u64()
            .is_some_and(|wanted| wanted != reply.body.len() as u64)
        {
            return bad("the Size differs");
        }
        let digest = hex::encode(Digest::Sha256.of(&reply.body));
        if reference["Hash-SHA-256"]
            .as_str()
            .is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&digest))
        {
            return bad("the Hash-SHA-256 differs");
        }
        Ok(())
    }

    /// Installs the profile of a legacy configuration. One that commands installed is taken over
    /// when identifier and UUID are the same.
    pub(super) async fn install_declared_profile(&mut self, owner: &str, url: &str) -> Result<()> {
        let reply = self.get_by_identity(url).await?.ok("a declared profile")?;
        if reply.media_type() != "application/x-apple-aspen-config" {
            return Err(Error::Profile(format!(
                "served as {:?}",
                reply.media_type()
            )));
        }
        let opened = open_profile(&reply.body, &self.anchors)?;
        let mut profile = InstalledProfile::of(&opened, true);
        for forbidden in ["com.apple.mdm", "com.apple.declarations"] {
            if profile.payloads(forbidden).next().is_some() {
                return Err(Error::Profile(format!(
                    "{forbidden} inside a declared profile"
                )));
            }
        }
        let taken = self
            .state
            .profiles
            .get(&profile.identifier)
            .is_some_and(|other| {
                other.declaration.as_deref() != Some(owner)
                    && (other.declaration.is_some() || other.uuid != profile.uuid)
            });
        if taken {
            return Err(Error::Profile(format!(
                "{} is installed by somebody else",
                profile.identifier
            )));
        }
        profile.declaration = Some(owner.to_owned());
        self.state
            .profiles
            .insert(profile.identifier.clone(), profile);
        Ok(())
    }
}

/// The values of all keys that end in `AssetReference`, at any depth.
fn collect_references(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            for (key, member) in members {
                match member.as_str() {
                    Some(text) if key.ends_with("AssetReference") => found.push(text.to_owned()),
                    _ => collect_references(member, found),
                }
            }
        }
        Json::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        _ => {}
    }
}
