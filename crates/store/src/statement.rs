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
