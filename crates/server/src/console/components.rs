//! The parts pages are made of: tags, form fields, error summaries, pagers.
//!
//! Each renders itself and is already escaped, so a template writes `{{ part }}`.

use askama::Template;

/// What a colour stands for. Colour never says anything that the text does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to note.
    Neutral,
    /// Under way.
    Info,
    /// As it should be.
    Good,
    /// Somebody should look at it.
    Attention,
    /// Wrong.
    Bad,
}

impl Tone {
    /// The end of the class name.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Info => "info",
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Bad => "bad",
        }
    }
}

/// A state in one or two words.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<strong class="m-tag m-tag--{{ tone.class() }}">{{ text }}</strong>"#,
    ext = "html"
)]
pub struct Tag {
    /// The words.
    pub text: String,
    /// What they mean for the reader.
    pub tone: Tone,
}

impl Tag {
    /// A tag with these words.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

/// A message above the page's content, such as the result of what was just done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub text: String,
    /// Whether it is good news.
    pub tone: Tone,
}

impl Notice {
    /// A message.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

/// One of several values to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The value sent.
    pub value: String,
    /// The words shown.
    pub label: String,
    /// More words for who needs them; empty for none.
    pub hint: String,
}

impl Choice {
    /// A choice without a hint.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            hint: String::new(),
        }
    }

    /// The same choice with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// A problem with one field of a form that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field.
    pub field: String,
    /// What to do about it.
    pub message: String,
}

/// What a form holds: values as they were sent, and what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    values: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Form {
    /// An empty form.
    pub fn new() -> Self {
        Self::default()
    }

    /// A form filled from what was sent, in order; a name may repeat.
    pub fn from_pairs(values: Vec<(String, String)>) -> Self {
        Self {
            values,
            errors: Vec::new(),
        }
    }

    /// The same form with one more value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.push((name.to_owned(), value.into()));
        self
    }

    /// The same form with one more error.
    #[must_use]
    pub fn with_error(mut self, field: &str, message: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
        self
    }

    /// Whether anything is wrong.
    pub fn is_invalid(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The first value of a field, or nothing.
    pub fn value(&self, name: &str) -> &str {
        self.values
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// The list of everything wrong, with links to the fields; empty when nothing is.
    pub fn error_summary(&self) -> ErrorSummary {
        ErrorSummary {
            errors: self.errors.clone(),
        }
    }

    /// A line of text.
    pub fn text(&self, name: &str, label: &str) -> Field {
        self.field(name, label, FieldKind::Text { kind: "text" })
    }

    /// A whole number.
    pub fn number(&self, name: &str, label: &str) -> Field {
        self.field(name, label, FieldKind::Text { kind: "number" })
            .width(10)
    }

    /// Day and time of day.
    pub fn date_time(&self, name: &str, label: &str) -> Field {
        self.field(
            name,
            label,
            FieldKind::Text {
                kind: "datetime-local",
            },
        )
        .width(20)
    }

    /// Several lines of text.
    pub fn text_area(&self, name: &str, label: &str, rows: u8) -> Field {
        self.field(name, label, FieldKind::TextArea { rows })
    }

    /// One of several, as a drop-down list.
    pub fn select(&self, name: &str, label: &str, choices: &[Choice]) -> Field {
        self.field(name, label, FieldKind::Select).choices(choices)
    }

    /// One of several, all shown.
    pub fn radios(&self, name: &str, label: &str, choices: &[Choice]) -> Field {
        self.field(name, label, FieldKind::Radios).choices(choices)
    }

    /// Any of several, all shown.
    pub fn checkboxes(&self, name: &str, label: &str, choices: &[Choice]) -> Field {
        self.field(name, label, FieldKind::Checkboxes)
            .choices(choices)
    }

    /// Yes or no; sends `true` when ticked.
    pub fn checkbox(&self, name: &str, label: &str) -> Field {
        self.field(name, label, FieldKind::Checkboxes)
            .choices(&[Choice::new("true", label)])
            .single()
    }

    fn field(&self, name: &str, label: &str, kind: FieldKind) -> Field {
        Field {
            name: name.to_owned(),
            label: label.to_owned(),
            hint: String::new(),
            values: self
                .values
                .iter()
                .filter(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .collect(),
            error: self
                .errors
                .iter()
                .find(|error| error.field == name)
                .map(|error| error.message.clone()),
            kind,
            choices: Vec::new(),
            width: None,
            autocomplete: "off",
            required: false,
            single: false,
            literal: false,
            digits: false,
        }
    }
}

/// The list of everything wrong with a form, in the manner of the GOV.UK Design System.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/error_summary.html")]
pub struct ErrorSummary {
    errors: Vec<FieldError>,
}

/// What kind of control a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    Text { kind: &'static str },
    TextArea { rows: u8 },
    Select,
    Radios,
    Checkboxes,
}

/// One labelled control with its hint, value and error.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/field.html")]
pub struct Field {
    name: String,
    label: String,
    hint: String,
    values: Vec<String>,
    error: Option<String>,
    kind: FieldKind,
    choices: Vec<Choice>,
    width: Option<u8>,
    autocomplete: &'static str,
    required: bool,
    single: bool,
    literal: bool,
    digits: bool,
}

impl Field {
    /// Words under the label.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Marks a field that may not be left empty.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Marks a field as required or not.
    #[must_use]
    pub fn required_if(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// For serial numbers and the like: no spelling help, fixed-width letters.
    #[must_use]
    pub fn literal(mut self) -> Self {
        self.literal = true;
        self
    }

    /// For digits that are not a quantity, such as a PIN.
    #[must_use]
    pub fn digits(mut self) -> Self {
        self.digits = true;
        self.literal = true;
        self
    }

    /// Width in characters: 4, 6, 10, 20 or 30.
    #[must_use]
    pub fn width(mut self, characters: u8) -> Self {
        self.width = Some(characters);
        self
    }

    fn choices(mut self, choices: &[Choice]) -> Self {
        self.choices = choices.to_vec();
        self
    }

    fn single(mut self) -> Self {
        self.single = true;
        self
    }

    fn id(&self) -> String {
        format!("f-{}", self.name)
    }

    fn is_radios(&self) -> bool {
        self.kind == FieldKind::Radios
    }

    /// Id of one of several controls; the first has the field's own, for links to it.
    fn item_id(&self, index: &usize) -> String {
        if *index == 0 {
            self.id()
        } else {
            format!("{}-{index}", self.id())
        }
    }

    fn value(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }

    fn chosen(&self, value: &str) -> bool {
        self.values.iter().any(|known| known == value)
    }

    /// The ids that describe the control, for `aria-describedby`.
    fn described_by(&self) -> String {
        let id = self.id();
        let mut ids = Vec::new();
        if !self.hint.is_empty() {
            ids.push(format!("{id}-hint"));
        }
        if self.error.is_some() {
            ids.push(format!("{id}-error"));
        }
        ids.join(" ")
    }
}

/// Links to the neighbouring pages of a list; addresses hold cursors, never page numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Template)]
#[template(path = "components/pager.html")]
pub struct Pager {
    /// What is paged, for people who hear the page: "Devices".
    pub label: String,
    /// Address of the first page, when this is not it.
    pub first: Option<String>,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Address of the page after.
    pub next: Option<String>,
}

/// The hidden field that proves a form came from our own page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<input type="hidden" name="_csrf" value="{{ token }}">"#,
    ext = "html"
)]
pub struct CsrfField {
    /// The token of the session.
    pub token: String,
}

macro_rules! already_escaped {
    ($($part:ty),+ $(,)?) => { $(impl askama::filters::HtmlSafe for $part {})+ };
}
already_escaped!(Tag, ErrorSummary, Field, Pager, CsrfField);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_ties_its_hint_and_error_to_the_control() {
        let form = Form::new()
            .with("serial", "ZZ\"<9")
            .with_error("serial", "Enter the serial number");
        let html = form
            .text("serial", "Serial")
            .hint("On the case")
            .to_string();
        assert!(
            html.contains("aria-describedby=\"f-serial-hint f-serial-error\""),
            "{html}"
        );
        assert!(html.contains("id=\"f-serial-error\""), "{html}");
        assert!(html.contains("value=\"ZZ&#34;&#60;9\""), "{html}");
        let summary = form.error_summary().to_string();
        assert!(summary.contains("href=\"#f-serial\""), "{summary}");
    }

    #[test]
    fn a_valid_form_has_no_error_summary() {
        assert_eq!(Form::new().error_summary().to_string().trim(), "");
    }

    #[test]
    fn every_chosen_box_is_ticked() {
        let choices = [
            Choice::new("ios", "iOS"),
            Choice::new("macos", "macOS"),
            Choice::new("windows", "Windows"),
        ];
        let html = Form::new()
            .with("platform", "ios")
            .with("platform", "windows")
            .checkboxes("platform", "Platforms", &choices)
            .to_string();
        assert_eq!(html.matches(" checked").count(), 2, "{html}");
        assert!(html.contains("<legend"), "{html}");
    }

    #[test]
    fn the_csrf_field_has_the_name_the_server_checks() {
        let html = CsrfField {
            token: "t".to_owned(),
        }
        .to_string();
        assert!(
            html.contains(&format!("name=\"{}\"", crate::console::CSRF_FIELD)),
            "{html}"
        );
    }
}
