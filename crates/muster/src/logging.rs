//! Logs: one line for each thing that an operator may want to know, without secrets.
//!
//! Secrets are kept out where they are held: [`domain::Secret`] prints as `[secret]`, and no
//! message of ours names a token, a cookie or a body.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter};

use crate::config::{LogFormat, Logging};

/// Libraries that tell more than an operator wants unless they are asked for by name.
const QUIET: &str =
    "hyper=warn,h2=warn,rustls=warn,tokio_postgres=warn,webauthn_rs=warn,webauthn_rs_core=warn";

/// Sends everything logged from now on to standard error.
///
/// # Errors
/// When the level is none, or logs are set up already.
pub fn start(logging: &Logging) -> anyhow::Result<()> {
    let subscriber = subscriber(logging, std::io::stderr, std::io::stderr().is_terminal())?;
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(())
}

/// Whether a text is a level, also by module.
///
/// # Errors
/// What is wrong with it.
pub fn check_level(level: &str) -> Result<(), String> {
    filter(level).map(drop)
}

/// What writes lines to `writer`.
///
/// # Errors
/// When the level is none.
pub fn subscriber<W>(
    logging: &Logging,
    writer: W,
    color: bool,
) -> anyhow::Result<Box<dyn tracing::Subscriber + Send + Sync>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter(&logging.level).map_err(anyhow::Error::msg)?;
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(color);
    Ok(match logging.format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(
            builder
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .finish(),
        ),
    })
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    let wrong = |error: String| {
        format!("{level:?} is not a level such as \"info\" or \"info,engine=debug\": {error}")
    };
    // A lone word is taken for the name of a module, so a mistyped level would silence everything.
    for part in level.split(',').map(str::trim) {
        let word = part.rsplit('=').next().unwrap_or_default();
        if !["off", "error", "warn", "info", "debug", "trace"]
            .contains(&word.to_ascii_lowercase().as_str())
        {
            return Err(wrong(format!("{word:?} is none")));
        }
    }
    EnvFilter::try_new(format!("{QUIET},{level}")).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use domain::Secret;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let logging = Logging {
            level: level.to_owned(),
            format,
        };
        let subscriber = subscriber(&logging, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let token = Secret::new("muster_planted".to_owned());
            tracing::info!(device = "D1", ?token, "a device enrolled");
            tracing::debug!("detail");
            tracing::info!(target: "hyper", "chatter");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_are_objects_and_hold_no_secret() {
        let text = logged(LogFormat::Json, "info");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "a device enrolled");
        assert_eq!(line["device"], "D1");
        assert_eq!(line["token"], "[secret]");
    }

    #[test]
    fn the_level_decides_and_libraries_are_quiet_unless_named() {
        let text = logged(LogFormat::Text, "debug");
        assert!(
            text.contains("detail") && !text.contains("chatter"),
            "{text}"
        );
        assert!(logged(LogFormat::Text, "info,hyper=info").contains("chatter"));
        assert!(check_level("loud").is_err());
        assert!(check_level("info,engine=loud").is_err());
        assert!(check_level("").is_err());
    }
}
