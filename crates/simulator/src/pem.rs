//! PEM text (RFC 7468).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{Error, Result};

/// One PEM block with lines of 64 characters.
#[must_use]
pub fn encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for start in (0..text.len()).step_by(64) {
        out.push_str(&text[start..text.len().min(start + 64)]);
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The contents of all blocks with this label.
///
/// # Errors
/// When a block has no end or is not base64.
pub fn decode(label: &str, text: &str) -> Result<Vec<Vec<u8>>> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(&begin) {
        let (body, after) = after
            .split_once(&end)
            .ok_or_else(|| Error::Certificate(format!("{label} block without end")))?;
        let compact: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        found.push(
            STANDARD
                .decode(compact)
                .map_err(|_| Error::Certificate(format!("{label} block is not base64")))?,
        );
        rest = after;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn blocks_round_trip_among_other_text() {
        let text = format!(
            "note\n{}between\n{}",
            encode("THING", &[1; 100]),
            encode("THING", &[2])
        );
        assert_eq!(decode("THING", &text).unwrap(), [vec![1; 100], vec![2]]);
        assert!(decode("OTHER", &text).unwrap().is_empty());
        assert!(decode("THING", "-----BEGIN THING-----\nAA==").is_err());
    }
}
