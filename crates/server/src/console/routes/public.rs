//! What the person reads who brings a device: what will be seen and done, by ownership.

use axum::http::StatusCode;
use domain::{Ownership, facts::Category, manifest::Manifest};
use engine::EngineError;
use serde_json::{Value as Json, json};

use super::{
    answer::{Answer, Fault, Of, page as answer_page, sentence},
    visit::Visit,
};
use crate::console::views::{NoticeLine, PublicEnrollmentPage};

pub(super) async fn page(visit: Visit, Of(secret): Of<String>) -> Answer {
    let token = match visit.app.engine.open_enrollment_token(&secret).await {
        Ok(token) => token,
        Err(EngineError::Refused(refusal)) => {
            let why = sentence(&refusal.to_string());
            return Err(Fault::new(StatusCode::GONE, "enrollment_refused")
                .saying(format!("{why} Ask for a new link.")));
        }
        Err(error) => return Err(error.into()),
    };
    let terms = &token.standing.terms;
    let (sees, never_sees) = seen(terms.ownership);
    let (can, cannot) = done(terms.ownership);
    answer_page(&PublicEnrollmentPage {
        shell: visit.shell(),
        ownership: terms.ownership.to_string(),
        sees,
        never_sees,
        can,
        cannot,
        profile_url: format!("/enroll/{secret}/profile"),
        contact: String::new(),
        expires_at: terms.expires_at,
    })
}

/// What is asked of the manifest, and what the notice calls it. Each line is placed by what the
/// server really stores.
fn seen(ownership: Ownership) -> (Vec<NoticeLine>, Vec<NoticeLine>) {
    let private = json!({"managed": false});
    let managed = json!({"managed": true});
    let lines: [(Category, &str, &Json, &str, &str); 9] = [
        (
            Category::Hardware,
            "model",
            &Json::Null,
            "Model, storage and serial number",
            "To know which device it is.",
        ),
        (
            Category::Os,
            "version",
            &Json::Null,
            "Version of the system",
            "To know whether it needs an update.",
        ),
        (
            Category::Security,
            "passcode_present",
            &Json::Null,
            "Whether it is locked with a passcode and encrypted",
            "To protect work data.",
        ),
        (
            Category::ManagedApps,
            "app",
            &managed,
            "Work apps that were installed for you",
            "To keep them up to date.",
        ),
        (
            Category::Apps,
            "app",
            &private,
            "Apps that you installed yourself",
            "",
        ),
        (
            Category::Network,
            "phone_number",
            &Json::Null,
            "Telephone number and network addresses",
            "",
        ),
        (
            Category::Profiles,
            "profile",
            &private,
            "Profiles that others installed",
            "",
        ),
        (
            Category::Location,
            "latitude",
            &Json::Null,
            "Where the device is",
            "Only while it is in lost mode, which the screen says.",
        ),
        (
            Category::Users,
            "user",
            &private,
            "Names of the accounts on a shared device or Mac",
            "",
        ),
    ];
    let manifest = Manifest::of(ownership);
    let (sees, mut never): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .partition(|(category, key, value, ..)| manifest.allows(*category, key, value));
    let line = |(_, _, _, text, reason): &(Category, &str, &Json, &str, &str),
                with_reason: bool| {
        notice(text, if with_reason { reason } else { "" })
    };
    let sees = sees.iter().map(|one| line(one, true)).collect();
    let mut never: Vec<NoticeLine> = never.drain(..).map(|one| line(&one, false)).collect();
    never.extend(
        [
            "Messages, mail, photos and documents",
            "Calls and browsing history",
            "Passwords and your passcode",
        ]
        .map(|text| notice(text, "")),
    );
    (sees, never)
}

fn done(ownership: Ownership) -> (Vec<NoticeLine>, Vec<NoticeLine>) {
    let mut can = vec![
        notice("Install settings, certificates and work apps", ""),
        notice("Require a passcode and encryption", ""),
        notice("Lock the screen", ""),
    ];
    let mut cannot = vec![
        notice("Read what you write or see what you look at", ""),
        notice(
            "Listen through the microphone or look through the camera",
            "",
        ),
    ];
    match ownership {
        Ownership::Personal => {
            can.push(notice(
                "Remove work apps and work data",
                "When you leave, or when you end management yourself.",
            ));
            cannot.push(notice(
                "Erase the device",
                "No setting and no role allows it.",
            ));
            cannot.push(notice("Find out where you are", ""));
        }
        Ownership::Corporate | Ownership::Cope => {
            can.push(notice("Remove the passcode", "When it was forgotten."));
            can.push(notice(
                "Erase everything on the device",
                "When it is lost, returned or misused. Keep a copy of what is yours.",
            ));
            can.push(notice(
                "Find a lost device",
                "A message on its screen says so.",
            ));
        }
    }
    (can, cannot)
}

fn notice(text: &str, reason: &str) -> NoticeLine {
    NoticeLine {
        text: text.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[NoticeLine]) -> String {
        lines
            .iter()
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_notice_says_what_the_manifest_stores() {
        let (sees, never) = seen(Ownership::Personal);
        for private in [
            "Apps that you installed",
            "Telephone number",
            "Where the device is",
        ] {
            assert!(!texts(&sees).contains(private), "{private}");
            assert!(texts(&never).contains(private), "{private}");
        }
        let (sees, _) = seen(Ownership::Corporate);
        assert!(texts(&sees).contains("Apps that you installed"));
    }

    #[test]
    fn only_devices_of_the_organisation_can_be_erased() {
        for ownership in Ownership::ALL {
            let (can, cannot) = done(*ownership);
            let personal = *ownership == Ownership::Personal;
            assert_eq!(texts(&cannot).contains("Erase"), personal);
            assert_eq!(texts(&can).contains("Erase"), !personal);
        }
    }
}
