//! PEM texts (RFC 7468), read leniently: text between blocks and header lines inside
//! them are skipped.

use ::base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroize;

/// Most blocks that one text may hold.
const MAX_BLOCKS: usize = 200;

/// One block.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    /// The label, such as `CERTIFICATE`.
    pub label: String,
    /// The decoded contents.
    pub der: Vec<u8>,
}

/// The text is not PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed PEM text")]
pub struct PemError;

/// All blocks of a text, in order.
///
/// # Errors
/// When a block is not closed, is not base64, or there are more than 200.
pub fn decode(text: &str) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line
            .strip_prefix("-----BEGIN ")
            .and_then(|l| l.strip_suffix("-----"))
        else {
            continue;
        };
        if blocks.len() == MAX_BLOCKS {
            return Err(PemError);
        }
        let mut body = String::new();
        let closed = loop {
            match lines.next() {
                Some(line) if line.starts_with("-----END ") => break true,
                Some(line) if line.contains(':') => {}
                Some(line) => body.extend(line.split_ascii_whitespace()),
                None => break false,
            }
        };
        let der = STANDARD.decode(&body);
        // It may have been a private key.
        body.zeroize();
        let der = der.map_err(|_| PemError)?;
        if !closed {
            return Err(PemError);
        }
        blocks.push(Block {
            label: label.to_owned(),
            der,
        });
    }
    Ok(blocks)
}

/// One block as text with 64 characters per line.
pub fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text = format!(
            "Bag Attributes\n{}subject=x\r\n-----BEGIN A B-----\r\nProc-Type: 4\r\n\r\nAQI=\r\n-----END A B-----",
            encode("CERTIFICATE", &[7; 100])
        );
        let blocks = decode(&text).unwrap();
        let found: Vec<(&str, &[u8])> = blocks
            .iter()
            .map(|block| (block.label.as_str(), block.der.as_slice()))
            .collect();
        assert_eq!(found, [("CERTIFICATE", &[7; 100][..]), ("A B", &[1, 2])]);
        assert!(decode("no blocks").unwrap().is_empty());
        assert!(encode("X", &[0; 100]).lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn open_broken_and_too_many_blocks_are_refused() {
        assert!(decode("-----BEGIN X-----\nAQI=\n").is_err());
        assert!(decode("-----BEGIN X-----\n!!\n-----END X-----").is_err());
        assert!(decode(&encode("X", &[1]).repeat(MAX_BLOCKS)).is_ok());
        assert!(decode(&encode("X", &[1]).repeat(MAX_BLOCKS + 1)).is_err());
    }
}
