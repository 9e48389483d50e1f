//! A passkey provider in software, written from the WebAuthn specification (level 3).

use aws_lc_rs::{
    digest,
    encoding::{AsBigEndian as _, EcPrivateKeyBin},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};

/// The user was present; verified; attested credential data follows (section 6.1).
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    credential: Vec<u8>,
    user: String,
    /// Counts signatures.
    pub(crate) counter: u32,
    /// Whether it asks its user for a finger or a code.
    pub(crate) verifies: bool,
    /// Where its browser believes to be.
    pub(crate) origin: String,
}

impl Authenticator {
    pub(crate) fn new(origin: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let private: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().unwrap();
        let credential = sha256(private.as_ref()).to_vec();
        Self {
            key,
            credential,
            user: String::new(),
            counter: 0,
            verifies: true,
            origin: origin.to_owned(),
        }
    }

    /// `navigator.credentials.create(options)`
    pub(crate) fn create(&mut self, options: &Json) -> Json {
        let options = &options["publicKey"];
        options["user"]["id"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.user);
        let client = self.client_data("webauthn.create", options);
        let mut data = self.data(options["rp"]["id"].as_str().unwrap(), ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential.len()).unwrap().to_be_bytes());
        data.extend(&self.credential);
        data.extend(self.cose_key());
        let mut attestation = vec![0xa3];
        attestation.extend(cbor_text("fmt"));
        attestation.extend(cbor_text("none"));
        attestation.extend(cbor_text("attStmt"));
        attestation.push(0xa0);
        attestation.extend(cbor_text("authData"));
        attestation.push(0x59);
        attestation.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        attestation.extend(data);
        self.answer(json!({
            "attestationObject": b64(&attestation),
            "clientDataJSON": b64(&client),
        }))
    }

    /// `navigator.credentials.get(options)`
    pub(crate) fn get(&mut self, options: &Json) -> Json {
        let options = &options["publicKey"];
        self.counter += 1;
        let client = self.client_data("webauthn.get", options);
        let data = self.data(options["rpId"].as_str().unwrap(), 0);
        let mut signed = data.clone();
        signed.extend(sha256(&client));
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        self.answer(json!({
            "authenticatorData": b64(&data),
            "clientDataJSON": b64(&client),
            "signature": b64(signature.as_ref()),
            "userHandle": self.user,
        }))
    }

    fn answer(&self, response: Json) -> Json {
        json!({
            "id": b64(&self.credential),
            "rawId": b64(&self.credential),
            "type": "public-key",
            "response": response,
            "extensions": {},
        })
    }

    fn client_data(&self, kind: &str, options: &Json) -> Vec<u8> {
        json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        })
        .to_string()
        .into_bytes()
    }

    fn data(&self, rp: &str, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = sha256(rp.as_bytes()).to_vec();
        data.push(flags | PRESENT | verified);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// EC2, ES256, P-256 (RFC 9053 section 7.1).
    fn cose_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01];
        for (label, coordinate) in [(0x21, &point[1..33]), (0x22, &point[33..65])] {
            key.extend([label, 0x58, 32]);
            key.extend(coordinate);
        }
        key
    }
}

fn cbor_text(text: &str) -> Vec<u8> {
    let mut out = vec![0x60 | u8::try_from(text.len()).unwrap()];
    out.extend(text.as_bytes());
    out
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap()
}
