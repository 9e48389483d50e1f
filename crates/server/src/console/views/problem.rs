//! What went wrong.

use askama::Template;

use super::{Section, Shell};
use crate::console::{assets, format};

/// An error page. The status of the response is `status`.
#[derive(Debug, Clone, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// What all pages share.
    pub shell: Shell,
    /// HTTP status: 400, 403, 404, 409, 500 and so on.
    pub status: u16,
    /// The stable problem code, as in the API: `device.not_found`.
    pub code: String,
    /// One sentence about this case; empty for the usual words.
    pub detail: String,
    /// Id of the request, to find it in the log; may be empty.
    pub request_id: String,
}

impl ProblemPage {
    /// The heading.
    fn heading(&self) -> &'static str {
        match self.status {
            400 => "The request does not make sense",
            401 => "Sign in to continue",
            403 => "You may not do this",
            404 => "There is nothing here",
            409 => "Somebody was faster",
            429 => "Too many requests",
            503 => "The service is not ready",
            500..=599 => "Something went wrong on the server",
            _ => "This did not work",
        }
    }

    /// What to do next.
    fn advice(&self) -> &'static str {
        match self.status {
            400 => {
                "Go back, check what you entered and send it again. If the page was open for \
                    a long time, load it again first."
            }
            401 => "Your session has ended, or you have not signed in yet.",
            403 => {
                "Your account does not have the permission this needs. Ask an administrator \
                    of your unit."
            }
            404 => "The address may be wrong, or what it named may have been removed.",
            409 => {
                "What you were changing has been changed in the meantime. Load the page again \
                    and look at it before you repeat your change."
            }
            429 => "Wait a minute, then try again.",
            503 => {
                "The server is starting, or its database cannot be reached. Try again in a \
                    minute."
            }
            _ => {
                "Nothing was changed unless the journal says so. If it happens again, give the \
                  code and the request id below to the people who run this server."
            }
        }
    }
}
