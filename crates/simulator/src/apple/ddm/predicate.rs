//! The part of NSPredicate that activations use: comparisons of status items and properties with
//! literals, joined by AND, OR and NOT.

use std::collections::BTreeMap;

use serde_json::Value as Json;

type Values = BTreeMap<String, Json>;

/// True when the predicate holds.
///
/// # Errors
/// Says what could not be read.
pub(super) fn holds(text: &str, status: &Values, properties: &Values) -> Result<bool, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        status,
        properties,
    };
    let result = parser.any()?;
    match parser.peek() {
        None => Ok(result),
        Some(left) => Err(format!("unexpected {left:?}")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A bare word or operator, in upper case.
    Word(String),
    Text(String),
    Number(f64),
    Status(String),
    Property(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' | ')' | '{' | '}' | ',' => (Token::Word(first.to_string()), 1),
            '"' | '\'' => {
                let end = rest[1..].find(first).ok_or("a text without end")?;
                (Token::Text(rest[1..=end].to_owned()), end + 2)
            }
            '@' => {
                let open = rest.find('(').ok_or("@ without (")?;
                let close = rest
                    .find(')')
                    .filter(|close| *close > open)
                    .ok_or("@ without )")?;
                let name = rest[open + 1..close]
                    .trim()
                    .trim_matches(['\'', '"'])
                    .to_owned();
                match &rest[1..open] {
                    "status" | "key" => (Token::Status(name), close + 1),
                    "property" => (Token::Property(name), close + 1),
                    other => return Err(format!("unknown @{other}")),
                }
            }
            c if c.is_ascii_digit() || c == '-' => {
                let end = rest[1..]
                    .find(|c: char| !c.is_ascii_digit() && c != '.')
                    .map_or(rest.len(), |at| at + 1);
                (
                    Token::Number(rest[..end].parse().map_err(|_| "a malformed number")?),
                    end,
                )
            }
            c if "=!<>&|".contains(c) => {
                let end = rest
                    .find(|c: char| !"=!<>&|".contains(c))
                    .unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
            c if c.is_alphabetic() => {
                let end = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '[' && c != ']')
                    .unwrap_or(rest.len());
                (Token::Word(rest[..end].to_ascii_uppercase()), end)
            }
            other => return Err(format!("unexpected {other:?}")),
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    status: &'a Values,
    properties: &'a Values,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn eat(&mut self, words: &[&str]) -> bool {
        let found =
            matches!(self.peek(), Some(Token::Word(word)) if words.contains(&word.as_str()));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut result = self.all()?;
        while self.eat(&["OR", "||"]) {
            result |= self.all()?;
        }
        Ok(result)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut result = self.one()?;
        while self.eat(&["AND", "&&"]) {
            result &= self.one()?;
        }
        Ok(result)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.at > 500 {
            return Err("too long".into());
        }
        if self.eat(&["NOT", "!"]) {
            return Ok(!self.one()?);
        }
        if self.eat(&["TRUEPREDICATE"]) {
            return Ok(true);
        }
        if self.eat(&["FALSEPREDICATE"]) {
            return Ok(false);
        }
        if self.eat(&["("]) {
            let result = self.any()?;
            return if self.eat(&[")"]) {
                Ok(result)
            } else {
                Err("( without )".into())
            };
        }
        let left = self.value()?;
        let Some(Token::Word(operator)) = self.next() else {
            return Err("no operator".into());
        };
        if operator == "IN" {
            if !self.eat(&["{"]) {
                return Err("IN without {".into());
            }
            let mut found = false;
            while !self.eat(&["}"]) {
                found |= self.value()? == left;
                self.eat(&[","]);
            }
            return Ok(found);
        }
        let right = self.value()?;
        compare(&left, &operator, &right)
    }

    fn value(&mut self) -> Result<Json, String> {
        Ok(match self.next() {
            Some(Token::Text(text)) => Json::from(text),
            Some(Token::Number(number)) => Json::from(number),
            Some(Token::Status(name)) => self.status.get(&name).cloned().unwrap_or(Json::Null),
            Some(Token::Property(name)) => {
                self.properties.get(&name).cloned().unwrap_or(Json::Null)
            }
            Some(Token::Word(word)) if word == "TRUE" || word == "YES" => Json::Bool(true),
            Some(Token::Word(word)) if word == "FALSE" || word == "NO" => Json::Bool(false),
            Some(Token::Word(word)) if word == "NULL" || word == "NIL" => Json::Null,
            other => return Err(format!("no value but {other:?}")),
        })
    }
}

fn compare(left: &Json, operator: &str, right: &Json) -> Result<bool, String> {
    use std::cmp::Ordering;
    let numbers = left.as_f64().zip(right.as_f64());
    let texts = left.as_str().zip(right.as_str());
    let equal = match (left.as_bool(), right.as_f64()) {
        (Some(flag), Some(number)) => flag == (number != 0.0),
        _ => numbers.map_or_else(|| left == right, |(a, b)| a == b),
    };
    let order = numbers
        .and_then(|(a, b)| a.partial_cmp(&b))
        .or_else(|| texts.map(|(a, b)| a.cmp(b)));
    Ok(match operator {
        "==" | "=" => equal,
        "!=" | "<>" => !equal,
        "<" => order == Some(Ordering::Less),
        ">" => order == Some(Ordering::Greater),
        "<=" | "=<" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">=" | "=>" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        "BEGINSWITH" => texts.is_some_and(|(a, b)| a.starts_with(b)),
        "ENDSWITH" => texts.is_some_and(|(a, b)| a.ends_with(b)),
        "CONTAINS" => texts.is_some_and(|(a, b)| a.contains(b)),
        other => return Err(format!("unknown operator {other}")),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn predicates_over_status_and_properties() {
        let status = [
            ("device.model.family".to_owned(), json!("Mac")),
            ("passcode.is-present".to_owned(), json!(true)),
        ]
        .into();
        let properties = [
            ("ring".to_owned(), json!(2)),
            ("site".to_owned(), json!("north")),
        ]
        .into();
        let ask = |text: &str| holds(text, &status, &properties);
        for yes in [
            "TRUEPREDICATE",
            "@status(device.model.family) == 'Mac'",
            "(@status(device.model.family) == \"Mac\") AND (@status(passcode.is-present) == TRUE)",
            "@property(ring) >= 2 && @property(site) BEGINSWITH 'no'",
            "@property(site) IN {'south', 'north'}",
            "NOT (@property(ring) == 1) OR FALSEPREDICATE",
            "@property(missing) == NULL",
        ] {
            assert_eq!(ask(yes), Ok(true), "{yes}");
        }
        for no in [
            "@property(ring) < 2",
            "@status(device.model.family) == 'iPad'",
            "@property(missing) == 'x'",
        ] {
            assert_eq!(ask(no), Ok(false), "{no}");
        }
        for wrong in [
            "",
            "@status(x",
            "1 ==",
            "'a' ~ 'b'",
            "TRUEPREDICATE 1",
            "(TRUEPREDICATE",
            "@odd(x) == 1",
        ] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }
}
