//! Kinds of values that a configuration file holds.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// A length of time, written as a whole number and a unit: `10s`, `30m`, `24h`, `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(super) const fn hours(hours: u64) -> Self {
        Self::seconds(hours * 3600)
    }

    pub(super) const fn days(days: u64) -> Self {
        Self::hours(days * 24)
    }
}

/// The text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a length of time such as \"10s\", \"30m\", \"24h\" or \"90d\"")]
pub struct NotASpan(String);

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotASpan(text.chars().take(40).collect());
        let split = text
            .find(|character: char| !character.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (number, unit) = text.split_at(split);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            _ => return Err(wrong()),
        };
        number
            .checked_mul(unit)
            .map(Self::seconds)
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        for (unit, name) in [(24 * 3600, 'd'), (3600, 'h'), (60, 'm')] {
            if seconds > 0 && seconds.is_multiple_of(unit) {
                return write!(f, "{}{name}", seconds / unit);
            }
        }
        write!(f, "{seconds}s")
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Many<T>(pub Vec<T>);

impl<'de, T> Deserialize<'de> for Many<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore<T>(std::marker::PhantomData<T>);

        impl<'de, T> de::Visitor<'de> for OneOrMore<T>
        where
            T: FromStr,
            T::Err: fmt::Display,
        {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.split(',')
                    .map(|part| parse(part.trim()))
                    .collect::<Result<_, E>>()
                    .map(Many)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = list.next_element::<String>()? {
                    all.push(parse(&text)?);
                }
                Ok(Many(all))
            }
        }

        fn parse<T, E>(text: &str) -> Result<T, E>
        where
            T: FromStr,
            T::Err: fmt::Display,
            E: de::Error,
        {
            text.parse()
                .map_err(|error: T::Err| E::custom(format!("{text:?}: {error}")))
        }

        deserializer.deserialize_any(OneOrMore(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_written() {
        for (text, seconds) in [
            ("10s", 10),
            ("30m", 1800),
            ("24h", 86400),
            ("90d", 7_776_000),
            ("0s", 0),
        ] {
            assert_eq!(
                text.parse::<Span>().unwrap().0,
                Duration::from_secs(seconds)
            );
        }
        assert_eq!(Span::hours(24).to_string(), "1d");
        assert_eq!(Span::seconds(90).to_string(), "90s");
        for wrong in [
            "",
            "10",
            "s",
            "1w",
            "1.5h",
            "-1s",
            "1 h",
            "99999999999999999d",
        ] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
