//! Certificates, keys and signed messages: X.509, CMS, SCEP, CRL, OCSP and the
//! sealing of secrets at rest.
mod asn1;
pub mod ca;
pub mod certificate;
pub mod csr;
pub mod keys;
pub mod name;
mod oid;
pub mod pem;
pub mod seal;
pub mod token;

pub use asn1::Asn1Error;
pub use certificate::{AlternativeName, Certificate, CertificateError, ChainPolicy, verify_chain};
pub use const_oid::ObjectIdentifier;
pub use keys::{Decrypter, KeyAlgorithm, KeyError, KeyPair, Legacy, Signer};
pub use name::Name;
pub use oid::{attribute, purpose};

/// Secret octets, wiped when dropped and never printed.
pub type SecretBytes = domain::Secret<Vec<u8>>;

// PUBLIC API being filled in; program against these signatures:
//
// pub struct SecretBytes(..)  -> SecretBytes::new(Vec<u8>), .expose() -> &[u8]   (zeroizes, Debug redacts)
// pub use const_oid::ObjectIdentifier;
// pub enum Legacy { Refuse, Accept }                  // SHA-1, DES/3DES, RSA-1024
//
// mod keys:
//   enum KeyAlgorithm { Rsa2048, Rsa3072, Rsa4096, P256, P384 }  (as_str / FromStr: "rsa-2048", ..., "p-256")
//   enum Digest { Sha1, Sha256, Sha384, Sha512 }
//   enum SignatureAlgorithm { RsaPkcs1(Digest), Ecdsa(Digest) }
//   trait Signer: Send + Sync { fn spki(&self)->&[u8]; fn signature_algorithm(&self)->SignatureAlgorithm; fn sign(&self,&[u8])->Result<Vec<u8>,KeyError> }
//   trait Decrypter: Send + Sync { fn decrypt(&self, ciphertext:&[u8]) -> Result<SecretBytes,KeyError> }   // RSA PKCS#1 v1.5
//   struct KeyPair: generate(KeyAlgorithm), from_pkcs8(&[u8]), from_pem(&str), to_pkcs8() -> &SecretBytes, algorithm(); impl Signer + Decrypter; Clone
//   fn verify(spki:&[u8], SignatureAlgorithm, message:&[u8], signature:&[u8], Legacy) -> Result<(),KeyError>
//
// mod name: struct Name: Name::builder().common_name("..").organization("..").build(), common_name()->Option<&str>, user_id()->Option<&str>, attributes(), der(), Display (RFC 4514)
// mod certificate:
//   struct Certificate: from_der(&[u8]), from_pem(&str), all_from_pem(&str), der(), to_pem(), fingerprint()->[u8;32], serial()->&[u8], serial_hex(),
//     subject()->&Name, issuer()->&Name, not_before(), not_after() -> Timestamp, spki(), key_usage(), extended_key_usage(), alternative_names()->&[AlternativeName], is_ca(), path_length()
//   struct ChainPolicy { clock_skew: Duration, legacy: Legacy, accept_expired_leaf: bool, extended_key_usage: Option<ObjectIdentifier> }  Default
//   fn verify_chain(leaf:&Certificate, intermediates:&[Certificate], anchors:&[Certificate], now:Timestamp, &ChainPolicy) -> Result<(), CertificateError>
// mod csr: struct CertificateRequest: from_der, from_pem, der(), subject(), spki(), challenge_password()->Option<&str>, alternative_names(), verify_possession(Legacy)
//   fn create(&Name, &dyn Signer, &RequestOptions{challenge_password, alternative_names}) -> Result<Vec<u8>, CsrError>   // DER
// mod ca:
//   fn create_root(&Name, &dyn Signer, now) -> Result<Certificate, CaError>
//   struct Authority: new(Certificate, Arc<dyn Signer>), certificate(), signer(), create_issuing(&Name, spki, &Urls, now), issue(&LeafRequest, now) -> Result<Certificate, CaError>
//   struct LeafRequest<'a> { profile: LeafProfile, subject:&Name, spki:&[u8], valid_for: Duration, alternative_names:&[AlternativeName], urls:&Urls }
//   enum LeafProfile { DeviceIdentity, ScepRa, ProfileSigner, OcspResponder, TlsServer, PushClient }
//   struct Urls { crl: Option<String>, ocsp: Option<String> }
//   fn device_subject(requested:&Name, common_name:&str) -> Name   // keeps C,L,ST,O,OU; sets CN
// mod cms:
//   struct Limits { max_bytes, max_certificates, legacy }  Default
//   fn verify_mdm_signature(header_base64:&str, body:&[u8], &Limits) -> Result<VerifiedSigner, CmsError>
//   struct VerifiedSigner { certificate: Certificate, other_certificates: Vec<Certificate>, content: Option<..>, signing_time }
//   fn verify_signed_data(der:&[u8], detached:Option<&[u8]>, &Limits) -> Result<VerifiedSigner, CmsError>
//   fn sign(content:&[u8], &Certificate, &dyn Signer, extra:&[Certificate], now) -> Result<Vec<u8>,CmsError>   // attached DER (signed .mobileconfig)
//   fn certs_only(&[Certificate]) -> Vec<u8>
//   fn encrypt(content, recipient:&Certificate, ContentCipher) ; fn decrypt(der, &Certificate, &dyn Decrypter, Legacy) -> Result<Decrypted{content:SecretBytes, cipher}, CmsError>
// mod scep:
//   fn decode_get_message(&str) -> Result<Vec<u8>,ScepError>;  fn capabilities(Legacy)->&'static str;  fn ca_certificates(&[Certificate]) -> (content_type, Vec<u8>)
//   fn parse(message:&[u8], ra:&Certificate, ra_key:&dyn Decrypter, Legacy) -> Result<Request, Refusal>   (Refusal carries what is needed for a FAILURE reply when known)
//   struct Responder { ra certificate, signer } : success(&Request, &Certificate, chain), failure(...), now
// mod crl: struct CrlBuilder / fn build(&Authority, number, this_update, next_update, &[RevokedEntry]) -> Vec<u8>; struct Crl: from_der, entries
// mod ocsp: OcspRequest::from_der; respond(&Responder, ...)
// mod seal: struct Sealer: new(current: KeyEncryptionKey, old: Vec<..>), seal(&Aad, &[u8]) -> Result<Vec<u8>,SealError>, open(&Aad, &[u8]) -> Result<SecretBytes,SealError>, key_id(sealed); struct Aad<'a>{table,row,kind}
// mod token: sha256(&[u8])->[u8;32], equal(&[u8],&[u8])->bool, base32(&[u8])->String, base64url(&[u8])->String
