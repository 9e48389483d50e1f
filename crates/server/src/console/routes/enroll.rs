//! Enrollment tokens, which people know as enrolment links.

use std::{collections::BTreeSet, time::Duration};

use domain::{EnrollmentTokenId, Ownership, Platform, token::TokenTerms};
use engine::enroll::NewEnrollmentToken;
use serde::Deserialize;
use store::{EnrollmentToken, EventFilter};

use super::{
    answer::{Answer, Fault, Of, Params, done, invalid, page as answer_page},
    forms::Sent,
    visit::{By, Done},
    words,
};
use crate::console::{
    charts::QrCode,
    components::{Choice, Form, Pager},
    views::{
        EnrollmentLink, EnrollmentSheetPage, EnrollmentTokenPage, EnrollmentTokenView,
        EnrollmentTokensPage, NewEnrollmentTokenPage,
    },
};

/// Links of one page.
const PAGE: u32 = 50;
/// How many enrollments are looked through for those of one link.
const RECENT: u32 = 1000;
/// The most devices that are listed for a link.
const MOST_DEVICES: usize = 100;
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    before: Option<EnrollmentTokenId>,
}

pub(super) async fn list(by: By, Params(asked): Params<Asked>) -> Answer {
    let before = asked.before;
    let tokens = by
        .engine()
        .enrollment_tokens(by.authority(), before, PAGE)
        .await?;
    let whole = tokens.len() == PAGE as usize;
    let next = tokens.last().filter(|_| whole);
    let certificates = by.engine().push_certificates(by.authority()).await?;
    let obstacle = match certificates.iter().find(|one| one.current) {
        None => {
            "Apple devices cannot enrol yet: there is no push certificate. Add one in Settings."
        }
        Some(one) if one.not_after <= by.now() => {
            "The push certificate has expired, so devices that enrol now cannot be woken."
        }
        Some(_) => "",
    };
    answer_page(&EnrollmentTokensPage {
        shell: by.shell(),
        pager: Pager {
            label: "Enrolment links".to_owned(),
            first: before.map(|_| "/enrol".to_owned()),
            previous: None,
            next: next.map(|token| format!("/enrol?before={}", token.id)),
        },
        tokens: tokens.into_iter().map(view).collect(),
        obstacle: obstacle.to_owned(),
    })
}

pub(super) async fn new(by: By) -> Answer {
    let form = Form::new()
        .with("ownership", "corporate")
        .with("days", "14");
    answer_page(&new_page(&by, form))
}

pub(super) async fn create(by: By, sent: Sent) -> Answer {
    let wanted = match read(&by, &sent) {
        Ok(wanted) => wanted,
        Err(problems) => {
            let form = problems
                .into_iter()
                .fold(sent.again(), |form, (field, problem)| {
                    form.with_error(field, problem)
                });
            return invalid(&new_page(&by, form));
        }
    };
    let created = by
        .engine()
        .create_enrollment_token(by.authority(), wanted)
        .await;
    match created {
        Ok(created) => answer_page(&EnrollmentTokenPage {
            shell: by.shell(),
            token: view(created.token),
            link: Some(link(created.url.expose())?),
            devices: Vec::new(),
        }),
        Err(error) => {
            let form = Fault::from(error).on_form(sent.again(), "name")?;
            invalid(&new_page(&by, form))
        }
    }
}

fn new_page(by: &By, form: Form) -> NewEnrollmentTokenPage {
    let apple = Platform::ALL
        .iter()
        .filter(|platform| platform.family() == domain::OsFamily::Apple);
    NewEnrollmentTokenPage {
        shell: by.shell(),
        form,
        platforms: apple
            .map(|platform| Choice::new(platform.as_str(), platform.title()))
            .collect(),
    }
}

type Problems = Vec<(&'static str, String)>;

fn read(by: &By, sent: &Sent) -> Result<NewEnrollmentToken, Problems> {
    let mut problems = Problems::new();
    if sent.value("name").is_empty() {
        problems.push(("name", "Enter a name".to_owned()));
    }
    let ownership = sent.value("ownership").parse::<Ownership>();
    if ownership.is_err() {
        problems.push(("ownership", "Say whose devices they are".to_owned()));
    }
    let platforms: Result<BTreeSet<Platform>, _> =
        sent.values("platform").map(str::parse).collect();
    if platforms.is_err() {
        problems.push(("platform", "Choose from the list".to_owned()));
    }
    let max_uses = sent
        .given("uses")
        .map(|_| sent.number("uses", 1, 1_000_000))
        .transpose()
        .map_err(|problem| problems.push(("uses", problem)));
    let days = sent
        .number("days", 1, 3650)
        .map_err(|problem| problems.push(("days", problem)));
    match (ownership, platforms, max_uses, days) {
        (Ok(ownership), Ok(platforms), Ok(max_uses), Ok(days)) if problems.is_empty() => {
            Ok(NewEnrollmentToken {
                name: sent.value("name").to_owned(),
                unit: None,
                terms: TokenTerms {
                    ownership,
                    platforms,
                    serials: sent
                        .value("serials")
                        .split([',', ';', '\n', '\r', ' ', '\t'])
                        .filter(|serial| !serial.is_empty())
                        .map(str::to_uppercase)
                        .collect(),
                    max_uses,
                    expires_at: by.now().plus(DAY * days),
                },
            })
        }
        _ => Err(problems),
    }
}

pub(super) async fn page(by: By, Of(id): Of<EnrollmentTokenId>) -> Answer {
    let token = by.engine().enrollment_token(by.authority(), id).await?;
    let devices = devices_of(&by, id).await?;
    answer_page(&EnrollmentTokenPage {
        shell: by.shell(),
        token: view(token),
        link: None,
        devices,
    })
}

/// Devices that came with a token: the journal keeps which token each enrollment named.
async fn devices_of(by: &By, id: EnrollmentTokenId) -> Result<Vec<(String, String)>, Fault> {
    let filter = EventFilter {
        kind_prefix: Some("enrollment.started".to_owned()),
        ..EventFilter::default()
    };
    let events = by
        .engine()
        .events_before(by.authority(), filter, None, RECENT)
        .await?;
    let token = id.to_string();
    let ids = events
        .iter()
        .filter(|event| event.draft.data["token"].as_str() == Some(&token))
        .filter_map(|event| event.draft.device)
        .take(MOST_DEVICES)
        .collect();
    let devices = by.engine().devices_among(by.authority(), ids).await?;
    Ok(devices
        .values()
        .map(|device| (device.id.to_string(), words::device_title(device)))
        .collect())
}

/// The sheet to print. Only who has the link can ask for it, because it is kept nowhere.
pub(super) async fn sheet(by: By, Of(id): Of<EnrollmentTokenId>, sent: Sent) -> Answer {
    let url = sent.value("link");
    let secret = url.rsplit('/').next().unwrap_or_default();
    let token = by.engine().open_enrollment_token(secret).await?;
    if token.id != id {
        return Err(Fault::nothing_here());
    }
    let url = format!("{}/enroll/{secret}", by.engine().settings.public_url);
    answer_page(&EnrollmentSheetPage {
        shell: by.shell(),
        token: view(token),
        link: link(&url)?,
    })
}

pub(super) async fn revoke(by: By, Of(id): Of<EnrollmentTokenId>) -> Answer {
    by.engine()
        .revoke_enrollment_token(by.authority(), id)
        .await?;
    Ok(done("/enrol", Done::Revoked))
}

fn link(url: &str) -> Result<EnrollmentLink, Fault> {
    Ok(EnrollmentLink {
        url: url.to_owned(),
        qr: QrCode::new(url, "QR code with the enrolment link")
            .map_err(|error| Fault::hidden(&error))?,
    })
}

fn view(token: EnrollmentToken) -> EnrollmentTokenView {
    let terms = token.standing.terms;
    EnrollmentTokenView {
        id: token.id.to_string(),
        name: token.name,
        ownership: terms.ownership.to_string(),
        platforms: terms.platforms.iter().map(ToString::to_string).collect(),
        serials: terms.serials.into_iter().collect(),
        used: token.standing.uses.into(),
        uses: terms.max_uses.map(Into::into),
        created_by: words::actor(&token.created_by),
        created_at: token.created_at,
        expires_at: terms.expires_at,
        revoked: token.standing.revoked_at.is_some(),
    }
}
