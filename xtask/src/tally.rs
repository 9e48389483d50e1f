//! Counting what a test runner did, from what it printed.

use std::ops::AddAssign;

/// How many tests passed and how many did not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// Reads nextest's summary line: `Summary [ 1.5s] 12 tests run: 11 passed (1 slow), 1 failed, 3 skipped`.
    ///
    /// A test that timed out or could not be started has failed. None when there is no summary, which is so when
    /// something did not compile.
    pub(crate) fn from_nextest(text: &str) -> Option<Self> {
        let line = text
            .lines()
            .rev()
            .find(|line| line.trim_start().starts_with("Summary ["))?;
        let (_, counts) = line.split_once("run: ")?;
        let mut tally = Self::default();
        for part in outside_brackets(counts).split(',') {
            let mut words = part.split_whitespace();
            let (Some(number), Some(word)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => tally.passed += number,
                "skipped" => {}
                _ => tally.failed += number,
            }
        }
        Some(tally)
    }

    /// Adds up cargo's own lines, one for each test binary: `test result: ok. 4 passed; 0 failed; 0 ignored; ...`.
    pub(crate) fn from_cargo_test(text: &str) -> Option<Self> {
        let mut total = None;
        for line in text.lines() {
            let Some((_, counts)) = line
                .trim_start()
                .strip_prefix("test result: ")
                .and_then(|rest| rest.split_once(". "))
            else {
                continue;
            };
            let total: &mut Self = total.get_or_insert_default();
            for part in counts.split(';') {
                match part.trim().split_once(' ') {
                    Some((number, "passed")) => total.passed += number.parse::<u64>().unwrap_or(0),
                    Some((number, "failed")) => total.failed += number.parse::<u64>().unwrap_or(0),
                    _ => {}
                }
            }
        }
        total
    }
}

/// The text without what stands in round brackets: nextest puts remarks such as `(2 slow)` there.
fn outside_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|character| {
            match character {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn nextest_remarks_are_not_counted_twice() {
        let text = "   PASS [   0.1s] a\n     Summary [   1.552s] 12 tests run: 11 passed (2 slow, 1 leaky), 1 failed, 3 skipped\n        FAIL x\n";
        assert_eq!(
            Tally::from_nextest(text),
            Some(Tally {
                passed: 11,
                failed: 1
            })
        );
    }

    #[test]
    fn nextest_time_outs_are_failures() {
        let text = "Summary [ 60.0s] 5/9 tests run: 2 passed, 1 failed, 2 timed out, 0 skipped";
        assert_eq!(
            Tally::from_nextest(text),
            Some(Tally {
                passed: 2,
                failed: 3
            })
        );
    }

    #[test]
    fn no_summary_is_no_count() {
        assert_eq!(
            Tally::from_nextest("error: could not compile `domain`"),
            None
        );
        assert_eq!(
            Tally::from_cargo_test("error: could not compile `domain`"),
            None
        );
    }

    #[test]
    fn cargo_test_lines_add_up() {
        let text = "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(
            Tally::from_cargo_test(text),
            Some(Tally {
                passed: 7,
                failed: 2
            })
        );
    }
}
