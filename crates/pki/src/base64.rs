//! Base64 as it is met in headers, parameters and paths.

use ::base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes standard or URL-safe base64, padded or not. Line breaks are dropped; a space
/// is a `+` that a form decoder took for a space, also at the ends.
pub(crate) fn decode_lenient(text: &str) -> Option<Vec<u8>> {
    if text
        .bytes()
        .any(|b| matches!(b, b' ' | b'-' | b'_' | b'\r' | b'\n' | b'\t'))
    {
        let standard: String = text
            .chars()
            .filter(|c| !matches!(c, '\r' | '\n' | '\t'))
            .map(|c| match c {
                ' ' | '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        LENIENT.decode(standard).ok()
    } else {
        LENIENT.decode(text).ok()
    }
}
