//! Where requests that people configure may go: not into our own network.
//!
//! The check is made where names become addresses, so that what was checked is what is connected
//! to; an address written out in a URL never passes through there and is checked before.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use url::{Host, Url};

use crate::{EngineError, Result};

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one request may take in all.
pub(super) const REQUEST: Duration = Duration::from_secs(15);
/// The longest address of a receiver, in characters.
const LONGEST_URL: usize = 2000;

/// An HTTP client that follows no redirect, uses no proxy, and connects to public addresses only
/// unless `allow_private`.
pub(super) fn client(allow_private: bool) -> Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(REQUEST)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("Muster/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(GuardedResolver { allow_private }))
        .build()
        .map_err(|error| EngineError::Vendor(error.to_string()))
}

/// The address of a receiver, if requests may go there.
///
/// # Errors
/// [`EngineError::Invalid`] with the reason.
pub(super) fn check_url(text: &str, allow_private: bool) -> Result<Url> {
    if text.len() > LONGEST_URL {
        return Err(EngineError::invalid(format!(
            "the address has more than {LONGEST_URL} characters"
        )));
    }
    let url = Url::parse(text)
        .map_err(|error| EngineError::invalid(format!("the address is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EngineError::invalid(
            "the address is neither http nor https",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EngineError::invalid("the address must not hold a password"));
    }
    let literal = match url.host() {
        None => return Err(EngineError::invalid("the address has no host")),
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
    };
    match literal {
        Some(ip) if !allow_private && !is_public(ip) => Err(EngineError::invalid(format!(
            "{ip} is not a public address"
        ))),
        _ => Ok(url),
    }
}

/// Resolves as the system does and drops what is not public.
struct GuardedResolver {
    allow_private: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| allow_private || is_public(address.ip()))
                .collect();
            if found.is_empty() {
                return Err(format!("{} has no public address", name.as_str()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is reachable from everywhere: neither loopback, private, link-local (where
/// clouds serve credentials), shared, multicast, documentation nor reserved, also when it is an
/// IPv4 address inside an IPv6 one (IANA special-purpose registries, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, _, _)
    );
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let embedded = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) lead to the IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Of global unicast: Teredo and other protocol assignments, and documentation.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Only 2000::/3 is global unicast; mapped, unique-local, link-local, multicast are not.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_told_in_every_disguise() {
        for private in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "100.100.100.200",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:1::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "8.8.8.8",
            "172.32.0.1",
            "192.1.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_address_of_a_receiver_is_checked_when_it_is_written_down() {
        for fit in ["https://hooks.example.org/a?b=c", "http://8.8.8.8:81/"] {
            assert!(check_url(fit, false).is_ok(), "{fit}");
        }
        for unfit in [
            "hooks.example.org",
            "ftp://hooks.example.org",
            "file:///etc/passwd",
            "https://user:word@hooks.example.org",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::ffff:10.0.0.1]/",
            &format!("https://hooks.example.org/{}", "x".repeat(2000)),
        ] {
            assert!(check_url(unfit, false).is_err(), "{unfit}");
        }
        assert!(check_url("http://127.0.0.1:8080/", true).is_ok());
    }

    #[tokio::test]
    async fn a_name_that_leads_into_our_network_is_not_connected_to() {
        let name = || "localhost".parse::<Name>().unwrap();
        let guarded = GuardedResolver {
            allow_private: false,
        };
        assert!(guarded.resolve(name()).await.is_err());
        let open = GuardedResolver {
            allow_private: true,
        };
        assert!(open.resolve(name()).await.is_ok());
    }
}
