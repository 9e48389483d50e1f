//! How programs prove who they are: a bearer token. Browsers' cookies are not looked at here, so
//! that no web page can make somebody's browser act on the API.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use domain::{Timestamp, scope::Authority};

use crate::problem::{Code, Problem};

/// Who calls, with what they may do. Present in every request that reached a handler of the API;
/// a handler outside the gate refuses.
#[derive(Debug, Clone)]
pub(crate) struct By(pub(crate) Authority);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::new(Code::Unauthenticated))
    }
}

/// The token of an `Authorization: Bearer ...` header (RFC 6750 section 2.1); `None` unless there
/// is exactly one such header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// How many wrong tokens an address may try at once.
const BURST: f64 = 20.0;
/// How many more it may try in a second.
const PER_SECOND: f64 = 0.2;
/// How many addresses are remembered.
const MOST_ADDRESSES: usize = 10_000;

/// Slows down guessing: a bucket of attempts for each address, which wrong tokens drain and time
/// fills. Right tokens cost nothing.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<String, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    fn at(self, now: Timestamp) -> f64 {
        (self.left + now.since(self.at).as_secs_f64() * PER_SECOND).min(BURST)
    }
}

impl Throttle {
    /// Whether the address may try a token now; otherwise the seconds to wait.
    pub(crate) fn admit(&self, address: &str, now: Timestamp) -> Result<(), u64> {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match buckets.get(&network(address)) {
            Some(bucket) if bucket.at(now) < 1.0 => {
                Err(((1.0 - bucket.at(now)) / PER_SECOND).ceil() as u64)
            }
            _ => Ok(()),
        }
    }

    /// A token from the address was wrong.
    pub(crate) fn failed(&self, address: &str, now: Timestamp) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = network(address);
        if buckets.len() >= MOST_ADDRESSES && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| bucket.at(now) < BURST);
            if buckets.len() >= MOST_ADDRESSES {
                // Under attack from very many addresses, new ones share a bucket.
                key = String::new();
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket {
            left: BURST,
            at: now,
        });
        *bucket = Bucket {
            left: (bucket.at(now) - 1.0).max(0.0),
            at: now,
        };
    }
}

/// What one party controls: an IPv4 address, or the 64 leading bits of an IPv6 address.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn guessing_slows_down_and_others_do_not_notice() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            assert_eq!(throttle.admit("192.0.2.1", at(0)), Ok(()));
            throttle.failed("192.0.2.1", at(0));
        }
        assert_eq!(throttle.admit("192.0.2.1", at(0)), Err(5));
        assert_eq!(throttle.admit("192.0.2.2", at(0)), Ok(()));
        assert_eq!(throttle.admit("192.0.2.1", at(5)), Ok(()));
    }

    #[test]
    fn an_ipv6_network_is_one_party() {
        let throttle = Throttle::default();
        for host in 0..20 {
            throttle.failed(&format!("2001:db8:0:1::{host:x}"), at(0));
        }
        assert!(throttle.admit("2001:db8:0:1:ffff::1", at(0)).is_err());
        assert!(throttle.admit("2001:db8:0:2::1", at(0)).is_ok());
    }

    #[test]
    fn memory_is_bounded_whoever_comes() {
        let throttle = Throttle::default();
        for number in 0..u32::try_from(MOST_ADDRESSES).unwrap() + 50 {
            throttle.failed(&IpAddr::from(number.to_be_bytes()).to_string(), at(0));
        }
        assert!(throttle.0.lock().unwrap().len() <= MOST_ADDRESSES + 1);
    }

    #[test]
    fn only_one_bearer_header_counts() {
        let headers = |values: &[&str]| {
            let mut map = HeaderMap::new();
            for value in values {
                map.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            map
        };
        assert_eq!(bearer(&headers(&["Bearer a"])), Some("a"));
        assert_eq!(bearer(&headers(&["bearer a"])), Some("a"));
        assert_eq!(bearer(&headers(&["Basic a"])), None);
        assert_eq!(bearer(&headers(&["a"])), None);
        assert_eq!(bearer(&headers(&["Bearer a", "Bearer b"])), None);
        assert_eq!(bearer(&headers(&[])), None);
    }
}
