//! Pages that ask before something is sent to a device.

use askama::Template;

use super::{DeviceIdentity, Section, Shell};
use crate::console::{
    assets,
    components::{Choice, Field, Form},
    format,
};

/// `/devices/{id}/lock`: the form has `serial`, `reason` and, for a Mac,
/// `pin`; for others `message` and `phone` are optional.
#[derive(Debug, Clone, Template)]
#[template(path = "lock.html")]
pub struct LockPage {
    /// What all pages share.
    pub shell: Shell,
    /// Which device.
    pub device: DeviceIdentity,
    /// Whether a six-digit PIN must be set, which then opens the device.
    pub needs_pin: bool,
    /// Why it cannot be locked, in plain words; empty when it can.
    pub impossible: String,
    /// The form as sent.
    pub form: Form,
}

/// `/devices/{id}/wipe`: the form has `serial`, `reason` and, for an Intel Mac, `pin`.
/// A personal device has no form.
#[derive(Debug, Clone, Template)]
#[template(path = "wipe.html")]
pub struct WipePage {
    /// What all pages share.
    pub shell: Shell,
    /// Which device.
    pub device: DeviceIdentity,
    /// Whether a six-digit PIN must be set.
    pub needs_pin: bool,
    /// Another reason why it cannot be wiped; empty when there is none.
    pub impossible: String,
    /// What else happens, such as "The second person must approve."
    pub also: Vec<String>,
    /// The form as sent.
    pub form: Form,
}

/// What a parameter of a command takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterKind {
    /// A line of text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of several.
    Choice(Vec<Choice>),
    /// A list of texts, one on each line.
    Lines,
    /// A longer text, such as a profile.
    Document,
}

/// One parameter of a command.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name on the wire; the form field is `p.` and this name.
    pub name: String,
    /// Its name in words.
    pub label: String,
    /// Help; may be empty.
    pub hint: String,
    /// What it takes.
    pub kind: ParameterKind,
    /// Whether it must be given.
    pub required: bool,
}

/// A command to choose.
#[derive(Debug, Clone)]
pub struct CommandChoice {
    /// Its name on the wire: `RestartDevice`.
    pub name: String,
    /// Its name in words: "Restart".
    pub label: String,
    /// What it does, in one sentence.
    pub summary: String,
    /// Why this device cannot take it; empty when it can.
    pub unfit: String,
}

/// `/devices/{id}/send`: choose a command, then fill in its parameters. The form
/// has `command`, `reason` and one `p.{name}` for each parameter.
#[derive(Debug, Clone, Template)]
#[template(path = "send_command.html")]
pub struct SendCommandPage {
    /// What all pages share.
    pub shell: Shell,
    /// Which device.
    pub device: DeviceIdentity,
    /// Commands to choose from.
    pub choices: Vec<CommandChoice>,
    /// The command chosen.
    pub chosen: Option<CommandChoice>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Whether the command is hazardous: the serial number must be typed and a reason given.
    pub hazardous: bool,
    /// The form as sent.
    pub form: Form,
}

impl SendCommandPage {
    fn reason(&self) -> Field {
        let label = if self.hazardous {
            "Reason"
        } else {
            "Reason (optional)"
        };
        self.form
            .text("reason", label)
            .hint("Goes into the journal.")
            .required_if(self.hazardous)
    }

    fn field(&self, parameter: &Parameter) -> Field {
        let name = format!("p.{}", parameter.name);
        let label = if parameter.required || parameter.kind == ParameterKind::Boolean {
            parameter.label.clone()
        } else {
            format!("{} (optional)", parameter.label)
        };
        let field = match &parameter.kind {
            ParameterKind::Text => self.form.text(&name, &label),
            ParameterKind::Number => self.form.number(&name, &label),
            ParameterKind::Boolean => self.form.checkbox(&name, &label),
            ParameterKind::Choice(choices) => {
                let mut all = Vec::with_capacity(choices.len() + 1);
                if !parameter.required {
                    all.push(Choice::new("", "Leave as it is"));
                }
                all.extend_from_slice(choices);
                self.form.select(&name, &label, &all)
            }
            ParameterKind::Lines => self.form.text_area(&name, &label, 4).literal(),
            ParameterKind::Document => self.form.text_area(&name, &label, 14).literal(),
        };
        field
            .hint(parameter.hint.clone())
            .required_if(parameter.required)
    }
}
