//! Just enough Rust to tell code from comments and string literals.

/// A piece of a source file: what it is, the line on which it starts, and its text.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) kind: Kind,
    pub(super) line: usize,
    pub(super) text: &'a str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Code,
    Comment,
    /// The inside of a string literal, quotes taken off and escapes left as written.
    Literal,
}

/// Splits a source file. Only what can hide a quote is understood: comments, strings, raw strings and characters.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let bytes = text.as_bytes();
    let mut scanner = Scanner {
        text,
        pieces: Vec::new(),
        line: 1,
    };
    let mut code_from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (kind, end, inside) = if rest.starts_with(b"//") {
            let end = rest
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(bytes.len(), |length| at + length);
            (Kind::Comment, end, at..end)
        } else if rest.starts_with(b"/*") {
            let end = block_comment(bytes, at);
            (Kind::Comment, end, at..end)
        } else if rest[0] == b'"' {
            let inside_end = string(bytes, at + 1);
            let end = (inside_end + 1).min(bytes.len());
            (Kind::Literal, end, at + 1..inside_end)
        } else if let Some((start, hashes)) = raw_string(bytes, at) {
            let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            let length = find(&bytes[start..], &close);
            let inside_end = length.map_or(bytes.len(), |length| start + length);
            (
                Kind::Literal,
                (inside_end + close.len()).min(bytes.len()),
                start..inside_end,
            )
        } else {
            at += character(bytes, at);
            continue;
        };
        scanner.push(Kind::Code, code_from..at);
        scanner.push_inside(kind, inside, at..end);
        at = end;
        code_from = end;
    }
    scanner.push(Kind::Code, code_from..bytes.len());
    scanner.pieces
}

struct Scanner<'a> {
    text: &'a str,
    pieces: Vec<Piece<'a>>,
    line: usize,
}

impl Scanner<'_> {
    fn push(&mut self, kind: Kind, range: std::ops::Range<usize>) {
        self.push_inside(kind, range.clone(), range);
    }

    /// Keeps one range as the piece's text, and moves on by another that encloses it.
    fn push_inside(
        &mut self,
        kind: Kind,
        inside: std::ops::Range<usize>,
        whole: std::ops::Range<usize>,
    ) {
        if !whole.is_empty() {
            self.pieces.push(Piece {
                kind,
                line: self.line,
                text: &self.text[inside],
            });
            self.line += self.text[whole].matches('\n').count();
        }
    }
}

fn block_comment(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// The place of the closing quote, or the end.
fn string(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// Where the inside of a raw string begins that starts here, and its number of hashes.
fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    if at > 0
        && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
        && !b"bc".contains(&bytes[at - 1])
    {
        return None;
    }
    let rest = bytes[at..].strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some((at + 1 + hashes + 1, hashes))
}

/// The length of what stands here outside strings and comments: a character literal as a whole, else one byte.
fn character(bytes: &[u8], at: usize) -> usize {
    if bytes[at] != b'\'' {
        return 1;
    }
    match bytes.get(at + 1) {
        Some(b'\\') => bytes
            .get(at + 3..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b'\''))
            .map_or(1, |length| length + 4),
        Some(b'"') if bytes.get(at + 2) == Some(&b'\'') => 3,
        _ => 1,
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::{Kind, pieces};

    fn of(kind: Kind, text: &str) -> Vec<(usize, &str)> {
        pieces(text)
            .into_iter()
            .filter(|piece| piece.kind == kind)
            .map(|piece| (piece.line, piece.text))
            .collect()
    }

    #[test]
    fn strings_comments_and_characters() {
        let text = "let a = \"x // \\\" y\"; // not \"this\"\nlet q = '\"'; let e = '\\''; let l: &'a str = r#\"raw \" text\"#;\n/* outer /* \"inner\" */ */ \"last\"";
        assert_eq!(
            of(Kind::Literal, text),
            [(1, "x // \\\" y"), (2, "raw \" text"), (3, "last")]
        );
        assert_eq!(
            of(Kind::Comment, text),
            [(1, "// not \"this\""), (3, "/* outer /* \"inner\" */ */")]
        );
    }

    #[test]
    fn lines_count_through_literals() {
        assert_eq!(
            of(Kind::Literal, "\"a\nb\"\n\"c\""),
            [(1, "a\nb"), (3, "c")]
        );
    }

    #[test]
    fn an_open_end_is_the_end_and_no_panic() {
        let text = "let a = \"x\\\"é\"; /* b /* c */ */ r##\"d\"# \"## 'e' '\\n' b\"f\" // g";
        for end in 0..text.len() {
            if let Some(prefix) = text.get(..end) {
                let total: usize = pieces(prefix).iter().map(|piece| piece.text.len()).sum();
                assert!(total <= prefix.len());
            }
        }
    }
}
