//! Asking before something that cannot be undone.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use super::exit::{Failure, Result};

/// Lets a command that destroys something go on, or not.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Confirmation {
    /// Do not ask; for programs that know what they do
    #[arg(long, short = 'y')]
    pub yes: bool,
}

impl Confirmation {
    /// Passes when `--yes` was given or a person at a terminal types `word`.
    ///
    /// # Errors
    /// [`super::exit::Kind::Usage`] when nobody can be asked, [`super::exit::Kind::Failure`] when another word is typed.
    pub fn ask(&self, question: &str, word: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::usage(
                "nobody is there to confirm this; --yes goes on without asking",
            ));
        }
        let mut terminal = io::stderr();
        write!(terminal, "{question}\nType {word} to go on: ")?;
        terminal.flush()?;
        typed(&mut io::stdin().lock(), word)
    }
}

fn typed(input: &mut impl BufRead, word: &str) -> Result<()> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    if line.trim().eq_ignore_ascii_case(word) && !word.is_empty() {
        Ok(())
    } else {
        Err(Failure::failed("not confirmed; nothing was done"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_confirms() {
        assert!(typed(&mut b"c02xyz\n".as_slice(), "C02XYZ").is_ok());
        for wrong in ["", "\n", "y\n", "C02XY\n", "C02XYZZ\n"] {
            assert!(typed(&mut wrong.as_bytes(), "C02XYZ").is_err(), "{wrong}");
        }
        assert!(
            typed(&mut b"\n".as_slice(), "").is_err(),
            "no serial number, no confirmation"
        );
    }
}
