//! What the tests need beside Rust, installed from Debian where it is missing.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Something that tests start, and the Debian packages that bring it.
struct Need {
    packages: &'static [&'static str],
    present: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        packages: &["postgresql"],
        present: || postgres_bin().is_some(),
    },
    Need {
        packages: &["chromium"],
        present: || shell::exists("chromium") || shell::exists("google-chrome"),
    },
    Need {
        packages: &["openssl"],
        present: || shell::exists("openssl"),
    },
    // strongSwan's SCEP client fetches by its curl plugin and encrypts by its openssl plugin.
    Need {
        packages: &[
            "strongswan-pki",
            "libstrongswan-standard-plugins",
            "libstrongswan-extra-plugins",
        ],
        present: || {
            let plugins = Path::new("/usr/lib/ipsec/plugins");
            shell::exists("pki")
                && ["curl", "openssl"]
                    .iter()
                    .all(|name| plugins.join(format!("libstrongswan-{name}.so")).exists())
        },
    },
];

/// Installs what is missing, or says what a person has to install.
pub(crate) fn install(log: &Path) -> Result<()> {
    check_node()?;
    let missing: Vec<&str> = NEEDS
        .iter()
        .filter(|need| !(need.present)())
        .flat_map(|need| need.packages)
        .copied()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let root = shell::is_root();
    let sudo = !root
        && Command::new("sudo")
            .args(["-n", "true"])
            .output()
            .is_ok_and(|output| output.status.success());
    if !shell::exists("apt-get") || !(root || sudo) {
        bail!(
            "the tests need these Debian packages, please install them: {}",
            missing.join(" ")
        );
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if sudo {
            command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        }
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("-qq")
            .args(arguments);
        let logged = shell::logged(&mut command, log)?;
        if !logged.success {
            bail!("apt-get {} failed:\n{}", arguments.join(" "), logged.text);
        }
        Ok(())
    };
    apt(&["update"])?;
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)?;
    match NEEDS.iter().find(|need| !(need.present)()) {
        Some(need) => bail!(
            "{} installed, but what they bring was not found",
            need.packages.join(" ")
        ),
        None => Ok(()),
    }
}

/// The folder of PostgreSQL's server programs. Debian keeps them off the search path; the newest version wins.
pub(crate) fn postgres_bin() -> Option<std::path::PathBuf> {
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    versions.sort_by_key(|folder| {
        folder
            .parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str()?.parse::<u32>().ok())
    });
    versions.pop().or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
    })
}

/// The console's assets are built by Node 20 or later. Debian 12 has an older one, so this is not installed for you.
pub(crate) fn check_node() -> Result<()> {
    const ASK: &str =
        "please install Node.js 20 or later with npm; the console's assets are built with it";
    let Ok(output) = Command::new("node").arg("--version").output() else {
        bail!("node was not found: {ASK}")
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match node_major(&version) {
        Some(major) if major >= 20 => Ok(()),
        _ => bail!("node {version} is too old: {ASK}"),
    }
}

fn node_major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::node_major;

    #[test]
    fn node_versions() {
        assert_eq!(node_major("v20.20.2"), Some(20));
        assert_eq!(node_major("v8.1"), Some(8));
        assert_eq!(node_major("20"), None);
        assert_eq!(node_major(""), None);
    }
}
