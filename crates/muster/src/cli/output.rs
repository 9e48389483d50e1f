//! What commands print: tables for people, JSON for programs.

use std::io::{self, IsTerminal as _, Write};

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::Value as Json;

use super::exit::Result;

/// Where a command's answer goes.
pub struct Output {
    writer: Box<dyn Write + Send>,
    /// Whether a program reads it.
    pub json: bool,
    width: Option<u16>,
}

/// A column of a table: its title, and where its value stands in the object.
#[derive(Debug, Clone, Copy)]
pub struct Column(pub &'static str, pub &'static str);

impl Output {
    /// To standard output.
    pub fn stdout(json: bool) -> Self {
        Self {
            writer: Box::new(io::stdout()),
            json,
            // A table that is piped into another program keeps a row in a line.
            width: (!io::stdout().is_terminal()).then_some(u16::MAX),
        }
    }

    /// To somewhere else.
    pub fn to(writer: impl Write + Send + 'static, json: bool) -> Self {
        Self {
            writer: Box::new(writer),
            json,
            width: Some(u16::MAX),
        }
    }

    /// A line for people; nothing where a program reads.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn say(&mut self, line: &str) -> Result<()> {
        if self.json { Ok(()) } else { self.line(line) }
    }

    /// A line for both.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line(&mut self, line: &str) -> Result<()> {
        self.write(line.as_bytes())?;
        self.write(b"\n")
    }

    /// Bytes as they are.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self
            .writer
            .write_all(bytes)
            .and_then(|()| self.writer.flush())
        {
            // Who reads has read enough, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(Into::into),
        }
    }

    /// A value for programs, indented.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn value(&mut self, value: &Json) -> Result<()> {
        self.line(&format!("{value:#}"))
    }

    /// A page of a list (`{"items": [...], "next": ...}`).
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn list(&mut self, page: &Json, columns: &[Column]) -> Result<()> {
        if self.json {
            return self.value(page);
        }
        let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        if items.is_empty() {
            return self.line("none");
        }
        let mut table = self.new_table();
        table.set_header(columns.iter().map(|Column(title, _)| *title));
        for item in items {
            table.add_row(columns.iter().map(|Column(_, path)| text_at(item, path)));
        }
        self.line(&table.to_string())?;
        if page["next"].is_null() {
            Ok(())
        } else {
            self.line("there are more; --all lists them, --limit more at a time")
        }
    }

    /// One object: every field in a line, those named first in front.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn object(&mut self, object: &Json, first: &[&str]) -> Result<()> {
        if self.json {
            return self.value(object);
        }
        let mut table = self.new_table();
        for field in first {
            if let Some(value) = object.get(field) {
                table.add_row([(*field).to_owned(), text(value)]);
            }
        }
        for (field, value) in object.as_object().into_iter().flatten() {
            if !first.contains(&field.as_str()) && !value.is_null() {
                table.add_row([field.clone(), text(value)]);
            }
        }
        self.line(&table.to_string())
    }

    fn new_table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_preset(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic);
        if let Some(width) = self.width {
            table.set_width(width);
        }
        table
    }
}

/// The value at a path such as `device.name`, as a person reads it.
pub fn text_at(object: &Json, path: &str) -> String {
    let found = path
        .split('.')
        .try_fold(object, |inside, key| inside.get(key));
    found.map_or_else(String::new, text)
}

fn text(value: &Json) -> String {
    let raw = match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    // A device chooses its own name; it must not move the cursor of whoever reads it.
    raw.chars()
        .map(|character| {
            if character.is_control() && character != '\n' {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    /// Keeps what was printed.
    #[derive(Clone, Default)]
    pub(in crate::cli) struct Printed(Arc<Mutex<Vec<u8>>>);

    impl Write for Printed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Printed {
        pub(in crate::cli) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    const COLUMNS: &[Column] = &[Column("Name", "name"), Column("Model", "model.title")];

    fn printed(json: bool, page: &Json) -> String {
        let printed = Printed::default();
        Output::to(printed.clone(), json)
            .list(page, COLUMNS)
            .unwrap();
        printed.text()
    }

    #[test]
    fn people_get_a_table_and_programs_the_whole_answer() {
        let page =
            json!({"items": [{"name": "A", "model": {"title": "iPad"}, "more": 1}], "next": "x"});
        let table = printed(false, &page);
        assert!(
            table.contains("Name") && table.contains("iPad") && table.contains("--all"),
            "{table}"
        );
        let parsed: Json = serde_json::from_str(&printed(true, &page)).unwrap();
        assert_eq!(parsed, page);
        assert_eq!(
            printed(false, &json!({"items": [], "next": null})),
            "none\n"
        );
    }

    #[test]
    fn a_device_cannot_write_on_the_terminal_by_its_name() {
        let page = json!({"items": [{"name": "\u{1b}[2Jgone"}], "next": null});
        assert!(!printed(false, &page).contains('\u{1b}'));
    }
}
