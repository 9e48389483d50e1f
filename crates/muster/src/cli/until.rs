//! A point in time on the command line.

use std::str::FromStr;

use domain::Timestamp;
use engine::{Clock as _, SystemClock};

use crate::config::Span;

/// A date and time, or a length of time from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Then.
    At(Timestamp),
    /// This long from now.
    In(Span),
}

impl Until {
    /// The point in time.
    pub fn at(self) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(span) => SystemClock.now().plus(span.0),
        }
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self::In)
            .or_else(|_| text.parse().map(Self::At))
            .map_err(|_| {
                "neither a length of time such as 90d nor a date and time such as 2027-01-31T12:00:00Z".to_owned()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_or_a_length_from_now() {
        assert_eq!("90d".parse(), Ok(Until::In("90d".parse().unwrap())));
        let at = "2027-01-31T12:00:00Z";
        assert_eq!(at.parse::<Until>().unwrap().at(), at.parse().unwrap());
        assert!("tomorrow".parse::<Until>().is_err());
    }
}
