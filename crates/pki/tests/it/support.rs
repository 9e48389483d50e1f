//! A test authority, and the `openssl` command line in a temporary directory.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
    time::Duration,
};

use domain::Timestamp;
use pki::{
    Certificate, KeyAlgorithm, KeyPair, Name, Signer,
    ca::{Authority, LeafProfile, LeafRequest, Urls, create_root},
    pem,
};

/// 2026-11-21T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) issuing: Authority,
    pub(crate) rsa: KeyPair,
    pub(crate) p256: KeyPair,
    pub(crate) rsa_identity: Certificate,
    pub(crate) p256_identity: Certificate,
}

pub(crate) static WORLD: LazyLock<World> = LazyLock::new(|| {
    let root_key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let root = create_root(&named("Test Root"), &root_key, NOW).unwrap();
    let root = Authority::new(root, Arc::new(root_key)).unwrap();
    let issuing = issuing_under(&root, KeyAlgorithm::P256);
    let rsa = KeyPair::generate(KeyAlgorithm::Rsa2048).unwrap();
    let p256 = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let rsa_identity = leaf(&issuing, LeafProfile::DeviceIdentity, &rsa, "device-rsa");
    let p256_identity = leaf(&issuing, LeafProfile::DeviceIdentity, &p256, "device-ec");
    World {
        root,
        issuing,
        rsa,
        p256,
        rsa_identity,
        p256_identity,
    }
});

pub(crate) fn named(common_name: &str) -> Name {
    Name::builder()
        .country("CH")
        .organization("Example")
        .common_name(common_name)
        .build()
}

pub(crate) fn issuing_under(root: &Authority, algorithm: KeyAlgorithm) -> Authority {
    let key = KeyPair::generate(algorithm).unwrap();
    let certificate = root
        .create_issuing(&named("Test Issuing"), key.spki(), &Urls::default(), NOW)
        .unwrap();
    Authority::new(certificate, Arc::new(key)).unwrap()
}

pub(crate) fn leaf(
    authority: &Authority,
    profile: LeafProfile,
    key: &KeyPair,
    common_name: &str,
) -> Certificate {
    let request = LeafRequest {
        profile,
        subject: &named(common_name),
        spki: key.spki(),
        valid_for: DAY * 365,
        alternative_names: &[],
        urls: &Urls::default(),
    };
    authority.issue(&request, NOW).unwrap()
}

/// A directory for files that `openssl` reads and writes.
pub(crate) struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// With the test authority and the identities as PEM files: `root.pem`, `issuing.pem`,
    /// `rsa.pem`, `rsa.key`, `p256.pem`, `p256.key`.
    pub(crate) fn with_world() -> Self {
        let bench = Self::new();
        bench.write("root.pem", WORLD.root.certificate().to_pem());
        bench.write("issuing.pem", WORLD.issuing.certificate().to_pem());
        bench.write("rsa.pem", WORLD.rsa_identity.to_pem());
        bench.write("rsa.key", key_pem(&WORLD.rsa));
        bench.write("p256.pem", WORLD.p256_identity.to_pem());
        bench.write("p256.key", key_pem(&WORLD.p256));
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Runs `openssl` with arguments divided by spaces; gives its output, or panics with its
    /// complaints.
    pub(crate) fn openssl(&self, arguments: &str) -> String {
        self.try_openssl(arguments)
            .unwrap_or_else(|said| panic!("openssl {arguments}: {said}"))
    }

    /// As [`Self::openssl`], but failure is an answer.
    pub(crate) fn try_openssl(&self, arguments: &str) -> Result<String, String> {
        run(self.directory.path(), arguments)
    }
}

pub(crate) fn key_pem(key: &KeyPair) -> String {
    pem::encode("PRIVATE KEY", key.to_pkcs8().expose())
}

fn run(directory: &Path, arguments: &str) -> Result<String, String> {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .output()
        .expect("the openssl command line must be installed for these tests");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", said(&output.stdout), said(&output.stderr));
    if output.status.success() {
        Ok(all)
    } else {
        Err(all)
    }
}
