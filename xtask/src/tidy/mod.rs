//! `cargo xtask tidy`: the rules of the repository that no compiler checks.
//!
//! Each rule is a function from what it reads to findings, so that each can be tested on made-up input. A finding says
//! where, and what to do.

mod changelog;
mod docs;
mod layers;
mod manifests;
mod purity;
mod rust;
mod size;
mod sql;
mod words;

use std::fmt;
use std::process::Command;

use anyhow::Result;

use crate::shell;
use crate::workspace::Workspace;

/// One breach of a rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    advice: String,
}

impl Finding {
    fn new(path: impl Into<String>, line: usize, advice: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line,
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.advice)
    }
}

/// A text file of the repository; the path is relative to its root.
struct Source {
    path: String,
    text: String,
}

/// Prints what is wrong. True when nothing is.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let findings = check(workspace)?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(findings.is_empty())
}

/// Everything that is wrong, in order of place.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let (paths, sources) = sources(workspace)?;
    let mut findings = layers::check(&workspace.metadata);
    findings.extend(size::check(&sources));
    findings.extend(manifests::check(&sources));
    findings.extend(purity::check(&sources));
    findings.extend(words::check(&sources));
    findings.extend(docs::check(&paths, &sources));
    findings.extend(sql::check(&sources));
    findings.extend(changelog::check(&sources));
    findings.sort();
    Ok(findings)
}

/// All paths that are tracked or would be, and those among them that are text.
fn sources(workspace: &Workspace) -> Result<(Vec<String>, Vec<Source>)> {
    let mut list = Command::new("git");
    list.current_dir(&workspace.root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let paths: Vec<String> = shell::output(&mut list)?
        .split('\0')
        .filter(|path| !path.is_empty() && workspace.root.join(path).is_file())
        .map(str::to_owned)
        .collect();
    let mut sources = Vec::new();
    for path in &paths {
        let bytes = std::fs::read(workspace.root.join(path))?;
        if bytes.contains(&0) {
            continue;
        }
        if let Ok(text) = String::from_utf8(bytes) {
            sources.push(Source {
                path: path.clone(),
                text,
            });
        }
    }
    Ok((paths, sources))
}

#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}
