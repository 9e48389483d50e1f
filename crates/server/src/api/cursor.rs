//! Cursors: where a list goes on, as an opaque text.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::problem::{Code, Problem};

/// The longest cursor, in characters.
const LONGEST: usize = 4096;

/// A place with the name of its list, so that no list takes another's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor<T> {
    list: String,
    place: T,
}

/// Writes a place in a list.
pub(crate) fn encode<T: Serialize>(list: &str, place: &T) -> Option<String> {
    let cursor = Cursor {
        list: list.to_owned(),
        place,
    };
    serde_json::to_vec(&cursor)
        .ok()
        .map(|json| BASE64_URL_SAFE_NO_PAD.encode(json))
}

/// Reads a place in a list, if one was given.
pub(crate) fn decode<T: DeserializeOwned>(
    list: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    Some(text)
        .filter(|text| text.len() <= LONGEST)
        .and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok())
        // PostgreSQL takes no null characters in texts.
        .filter(|json| !json.windows(6).any(|six| six == b"\\u0000"))
        .and_then(|json| serde_json::from_slice::<Cursor<T>>(&json).ok())
        .filter(|cursor| cursor.list == list)
        .map(|cursor| Some(cursor.place))
        .ok_or_else(bad_cursor)
}

/// The cursor is none of ours.
pub(crate) fn bad_cursor() -> Problem {
    Problem::new(Code::BadCursor).at("cursor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_serves_its_own_list_only() {
        let text = encode("commands", &7_i64).unwrap();
        assert_eq!(decode::<i64>("commands", Some(&text)).unwrap(), Some(7));
        assert_eq!(decode::<i64>("commands", None).unwrap(), None);
        for wrong in ["", "7", "!!!", &text[..text.len() - 2], &"A".repeat(9000)] {
            assert!(decode::<i64>("commands", Some(wrong)).is_err(), "{wrong}");
        }
        assert!(decode::<i64>("events", Some(&text)).is_err());
        assert!(decode::<String>("commands", Some(&text)).is_err());
    }
}
