use std::time::Duration;

use const_oid::ObjectIdentifier;
use domain::Timestamp;

use super::{Certificate, CertificateError};
use crate::keys::Legacy;

/// Longest path from leaf to anchor.
const MAX_DEPTH: usize = 8;
/// Most signature checks spent on one path search.
const MAX_SIGNATURE_CHECKS: usize = 32;

/// What a chain must satisfy.
#[derive(Debug, Clone)]
pub struct ChainPolicy {
    /// How far clocks may be apart. Default: 5 minutes.
    pub clock_skew: Duration,
    /// Whether SHA-1 signatures and RSA-1024 keys pass inside the chain. Default: refused.
    pub legacy: Legacy,
    /// Lets an expired leaf pass, for renewal after expiry; its issuers must be valid.
    pub accept_expired_leaf: bool,
    /// Extended key usage that the leaf must allow (a leaf without the extension allows all).
    pub purpose: Option<ObjectIdentifier>,
}

impl Default for ChainPolicy {
    fn default() -> Self {
        Self {
            clock_skew: Duration::from_secs(300),
            legacy: Legacy::Refuse,
            accept_expired_leaf: false,
            purpose: None,
        }
    }
}

/// Checks that `leaf` leads over `intermediates` to one of `anchors`, and gives the path
/// from the leaf to the anchor (RFC 5280, section 6.1, without policies and name
/// constraints: certificates that carry critical name constraints are refused).
///
/// An anchor that is itself the leaf is trusted as it stands.
///
/// # Errors
/// The reason of the last path that was tried.
pub fn verify_chain(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    now: Timestamp,
    policy: &ChainPolicy,
) -> Result<Vec<Certificate>, CertificateError> {
    let validity = leaf.check_validity(now, policy.clock_skew);
    match validity {
        Err(CertificateError::Expired { .. }) if policy.accept_expired_leaf => {}
        other => other?,
    }
    if let Some(purpose) = policy.purpose
        && !leaf.allows(purpose)
    {
        return Err(CertificateError::Purpose);
    }
    let mut search = Search {
        intermediates,
        anchors,
        now,
        policy,
        checks: 0,
        reason: None,
        path: vec![leaf],
    };
    if search.extend()? {
        Ok(search.path.into_iter().cloned().collect())
    } else {
        Err(search
            .reason
            .unwrap_or_else(|| CertificateError::Untrusted(leaf.subject().to_string())))
    }
}

struct Search<'a> {
    intermediates: &'a [Certificate],
    anchors: &'a [Certificate],
    now: Timestamp,
    policy: &'a ChainPolicy,
    checks: usize,
    reason: Option<CertificateError>,
    path: Vec<&'a Certificate>,
}

impl<'a> Search<'a> {
    /// Depth-first; recursion is bounded by [`MAX_DEPTH`].
    fn extend(&mut self) -> Result<bool, CertificateError> {
        let Some(&last) = self.path.last() else {
            return Ok(false);
        };
        if let Some(unknown) = last.unknown_critical_extension() {
            return Err(CertificateError::CriticalExtension(unknown));
        }
        if self.anchors.contains(last) {
            return Ok(true);
        }
        if self.path.len() > MAX_DEPTH {
            return Ok(false);
        }
        let (anchors, intermediates) = (self.anchors, self.intermediates);
        for candidate in anchors.iter().chain(intermediates) {
            let named = candidate.subject() == last.issuer();
            if !named || self.path.contains(&candidate) || self.checks >= MAX_SIGNATURE_CHECKS {
                continue;
            }
            self.checks += 1;
            match self.check(last, candidate) {
                Ok(()) => {
                    self.path.push(candidate);
                    if self.extend()? {
                        return Ok(true);
                    }
                    self.path.pop();
                }
                Err(reason) => self.reason = Some(reason),
            }
        }
        Ok(false)
    }

    fn check(&self, subject: &Certificate, issuer: &Certificate) -> Result<(), CertificateError> {
        issuer.check_validity(self.now, self.policy.clock_skew)?;
        // Certificates between the leaf and this issuer; self-issued ones do not count.
        let between = self
            .path
            .iter()
            .skip(1)
            .filter(|c| !c.is_self_issued())
            .count();
        if issuer
            .path_length()
            .is_some_and(|allowed| between as u64 > allowed)
        {
            return Err(CertificateError::NotAnIssuer(issuer.subject().to_string()));
        }
        subject.verify_issued_by(issuer, self.policy.legacy)
    }
}
