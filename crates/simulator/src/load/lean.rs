//! A device reduced to identity and addresses.

use std::collections::HashMap;

use bytes::Bytes;
use http::Uri;

use crate::{
    Error, Result,
    apple::{Device, Identity, Quirks, signature},
    clock, dict,
    http::Origin,
    plist::{Dictionary, Value, to_xml},
};

/// A whole HTTP/1.1 request, ready to be written to a connection any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Head and body.
    pub bytes: Bytes,
}

/// An enrolled device that takes about three kilobytes.
#[derive(Debug, Clone)]
pub struct LeanDevice {
    /// The device's identifier.
    pub udid: String,
    /// Its serial number.
    pub serial_number: String,
    /// Push token.
    pub token: Vec<u8>,
    /// Push magic.
    pub push_magic: String,
    identity: Identity,
    path: String,
    authority: String,
    signed: HashMap<String, Prepared>,
}

impl LeanDevice {
    /// What remains of an enrolled device.
    ///
    /// # Errors
    /// When it is not enrolled.
    pub fn of(device: &Device) -> Result<Self> {
        let enrollment = device
            .state()
            .enrollment
            .as_ref()
            .ok_or(Error::NotEnrolled)?;
        let uri: Uri = enrollment
            .server_url
            .parse()
            .map_err(|_| Error::Http(format!("malformed URL {}", enrollment.server_url)))?;
        Ok(Self {
            udid: device.hardware().udid.clone(),
            serial_number: device.hardware().serial_number.clone(),
            token: enrollment.token.clone(),
            push_magic: enrollment.push_magic.clone(),
            identity: device.identity().cloned().ok_or(Error::NotEnrolled)?,
            path: uri
                .path_and_query()
                .map_or("/", http::uri::PathAndQuery::as_str)
                .to_owned(),
            authority: Origin::of(&uri)?.authority(),
            signed: HashMap::new(),
        })
    }

    /// An Idle message, signed now or by [`LeanDevice::presign`]. It may be sent again and again.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn idle(&self) -> Result<Prepared> {
        if let Some(prepared) = self.signed.get("") {
            return Ok(prepared.clone());
        }
        self.prepare(dict! { "UDID" => &self.udid, "Status" => "Idle" })
    }

    /// Signs Idle and the acknowledgements of commands beforehand, so that a run measures the server
    /// and not the signatures of RSA clients.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn presign(&mut self, command_uuids: &[String]) -> Result<()> {
        for uuid in command_uuids {
            let prepared = self.acknowledge(uuid)?;
            self.signed.insert(uuid.clone(), prepared);
        }
        let idle = self.idle()?;
        self.signed.insert(String::new(), idle);
        Ok(())
    }

    /// The acknowledgement of one command, signed now or by [`LeanDevice::presign`].
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn acknowledge(&self, command_uuid: &str) -> Result<Prepared> {
        if let Some(prepared) = self.signed.get(command_uuid) {
            return Ok(prepared.clone());
        }
        self.prepare(dict! { "UDID" => &self.udid, "Status" => "Acknowledged", "CommandUUID" => command_uuid })
    }

    /// Any message to the command URL.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn prepare(&self, message: Dictionary) -> Result<Prepared> {
        let body = to_xml(&Value::from(message));
        let now = clock::unix();
        let signature = signature(&self.identity, &body, now, Quirks::default())?;
        let mut bytes = format!(
            "PUT {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: MDM/1.0\r\nContent-Type: application/x-apple-aspen-mdm\r\n\
             Mdm-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
            self.path,
            self.authority,
            body.len(),
        )
        .into_bytes();
        bytes.extend_from_slice(&body);
        Ok(Prepared {
            bytes: bytes.into(),
        })
    }
}
