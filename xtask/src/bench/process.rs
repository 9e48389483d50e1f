//! The server under test, as an operator runs it: its own process, its own configuration file.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::postgres::Cluster;
use crate::shell;

/// A running `muster serve`. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    /// The configuration file, which the load process reads too.
    pub(crate) configuration: PathBuf,
    /// From the start of the process to its first connection accepted.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Writes a configuration and starts the server with it.
    pub(crate) fn start(binary: &Path, place: &Path, cluster: Option<&Cluster>) -> Result<Self> {
        let address = free_address()?;
        let configuration = place.join("muster.toml");
        std::fs::write(
            &configuration,
            settings(
                address,
                &place.join("data"),
                cluster.map(Cluster::url).as_deref(),
            ),
        )?;
        std::fs::create_dir_all(place.join("data"))?;
        let log = std::fs::File::create(place.join("server.log"))?;
        let begun = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--config"])
            .arg(&configuration)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut server = Self {
            child,
            configuration,
            ready_after: Duration::ZERO,
        };
        server.wait_until_ready(address, place)?;
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    fn wait_until_ready(&mut self, address: SocketAddr, place: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                let mut log = String::new();
                std::fs::File::open(place.join("server.log"))?.read_to_string(&mut log)?;
                bail!("the server ended with {status}:\n{log}");
            }
            if Instant::now() > deadline {
                bail!("the server did not answer within a minute");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Memory of the process, in bytes, as the kernel counts resident pages.
    pub(crate) fn resident_bytes(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        resident_kibibytes(&status)
            .map(|kibibytes| kibibytes * 1024.0)
            .context("the kernel gave no VmRSS")
    }

    /// Asks the server to end, and waits for it.
    pub(crate) fn stop(mut self) -> Result<()> {
        shell::run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// An address on loopback that nobody uses at this moment.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The configuration: plain HTTP on loopback, so that the load process does not spend its share of the processor on TLS.
fn settings(address: SocketAddr, data: &Path, database: Option<&str>) -> String {
    let database = database.map_or_else(String::new, |url| {
        format!("\n[database]\nurl = \"{url}\"\n")
    });
    format!(
        "[server]\npublic_url = \"http://{address}\"\nlisten = \"{address}\"\ndata_dir = \"{}\"\n\n[server.tls]\nenabled = false\n{database}",
        data.display()
    )
}

fn resident_kibibytes(status: &str) -> Option<f64> {
    status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    })
}

#[cfg(test)]
mod tests {
    use super::{Path, resident_kibibytes, settings};

    #[test]
    fn the_database_is_the_only_difference_between_backends() {
        let address = "127.0.0.1:4000".parse().unwrap();
        let sqlite = settings(address, Path::new("/data"), None);
        let postgres = settings(
            address,
            Path::new("/data"),
            Some("postgresql://muster@host/postgres"),
        );
        assert!(
            sqlite.contains("public_url = \"http://127.0.0.1:4000\"")
                && !sqlite.contains("[database]")
        );
        assert_eq!(
            postgres,
            format!("{sqlite}\n[database]\nurl = \"postgresql://muster@host/postgres\"\n")
        );
    }

    #[test]
    fn the_kernel_counts_in_kibibytes() {
        assert_eq!(
            resident_kibibytes("Name:\tmuster\nVmRSS:\t   10240 kB\nThreads:\t4\n"),
            Some(10_240.0)
        );
        assert_eq!(resident_kibibytes("Name:\tmuster\n"), None);
    }
}
