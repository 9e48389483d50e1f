//! Named SQL statements, and the registry of all of them.

use std::sync::OnceLock;

use crate::dialect::Dialect;

/// One SQL text for both databases.
pub(crate) struct Statement {
    /// Its name, for errors and traces.
    pub(crate) name: &'static str,
    source: &'static str,
    sqlite: OnceLock<Box<str>>,
    postgres: OnceLock<Box<str>>,
}

impl Statement {
    /// Used by [`statements!`] alone.
    pub(crate) const fn new(name: &'static str, source: &'static str) -> Self {
        Self {
            name,
            source,
            sqlite: OnceLock::new(),
            postgres: OnceLock::new(),
        }
    }

    /// The text for a database.
    pub(crate) fn text(&self, dialect: Dialect) -> &str {
        match dialect {
            Dialect::Sqlite => &self.sqlite,
            Dialect::Postgres => &self.postgres,
        }
        .get_or_init(|| dialect.expand(self.source).into_boxed_str())
    }
}

/// Makes named statements and the module's list of them, `STATEMENTS`, which
/// [`crate::subject::registry`] collects.
macro_rules! statements {
    ($($name:ident = $($part:expr),+;)+) => {
        $(static $name: $crate::statement::Statement =
            $crate::statement::Statement::new(stringify!($name), concat!($($part),+));)+

        /// All statements of this module.
        pub(crate) static STATEMENTS: &[&$crate::statement::Statement] = &[$(&$name),+];
    };
}
pub(crate) use statements;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;

    use crate::{StoreError, subject, testing};

    #[tokio::test]
    async fn every_statement_and_every_composed_text_is_understood_by_both_databases() {
        for test in [testing::sqlite().await, testing::postgres().await] {
            let dialect = test.db.dialect();
            let mut texts: Vec<(String, String)> = subject::registry()
                .map(|statement| {
                    (
                        statement.name.to_owned(),
                        statement.text(dialect).to_owned(),
                    )
                })
                .collect();
            let composed = subject::device_list_texts();
            assert_eq!(composed.len(), 512 * 25);
            texts.extend(
                composed
                    .into_iter()
                    .map(|text| ("DEVICE_LIST".to_owned(), dialect.expand(&text))),
            );
            let refused: Result<Vec<String>, StoreError> = test
                .db
                .write(move |tx| {
                    Box::pin(async move {
                        let mut refused = Vec::new();
                        for (name, text) in texts {
                            if let Err(error) = tx.prepare(&name, &text).await {
                                refused.push(format!("{error}\n{text}"));
                            }
                        }
                        Ok(refused)
                    })
                })
                .await;
            assert_eq!(refused.unwrap(), Vec::<String>::new(), "{dialect:?}");
        }
    }

    #[test]
    fn names_are_unique_and_every_file_with_statements_is_in_the_registry() {
        let names: Vec<_> = subject::registry()
            .map(|statement| statement.name)
            .collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), unique.len());
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut folders, mut count) = (vec![root], 0);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let mut inside = false;
                for line in text.lines() {
                    inside = (inside || line == "statements! {") && line != "}";
                    count += usize::from(
                        inside
                            && line.starts_with("    ")
                            && line.contains(" = \"")
                            && line.as_bytes()[4].is_ascii_uppercase(),
                    );
                }
            }
        }
        assert_eq!(
            names.len(),
            count,
            "a module's STATEMENTS is missing from subject::registry"
        );
    }
}
