//! The first page: how the fleet is, what expires, what happened.

use domain::{DeviceState, Ownership, Platform};
use engine::devices::FleetCounts;
use store::{DeviceCount, EventFilter};

use super::{
    answer::{Answer, Fault, page as answer_page},
    journal,
    visit::By,
};
use crate::console::{
    charts::{Bar, BarChart},
    format,
    views::{Expiry, Figure, OverviewPage},
};

/// Journal entries shown.
const ENTRIES: u32 = 10;

pub(super) async fn page(by: By) -> Answer {
    let shell = by.live_shell();
    let counts = by.engine().fleet_counts(by.authority()).await?;
    let events = by
        .engine()
        .events_before(by.authority(), EventFilter::default(), None, ENTRIES)
        .await?;
    answer_page(&OverviewPage {
        shell,
        figures: figures(&counts),
        by_platform: by_platform(&counts),
        by_state: by_state(&counts),
        recent: journal::entries(&by, &events).await?,
        expiries: expiries(&by).await?,
    })
}

fn sum(counts: &FleetCounts, fits: impl Fn(&DeviceCount) -> bool) -> u64 {
    let total: i64 = counts
        .devices
        .iter()
        .filter(|row| fits(row))
        .map(|row| row.count)
        .sum();
    u64::try_from(total).unwrap_or_default()
}

fn figures(counts: &FleetCounts) -> Vec<Figure> {
    let silent = u64::try_from(counts.silent).unwrap_or_default();
    let figure = |label: &str, value, href: &str, attention| Figure {
        label: label.to_owned(),
        value,
        href: href.to_owned(),
        attention,
    };
    vec![
        figure(
            "managed",
            sum(counts, |row| row.state == DeviceState::Enrolled),
            "/devices?state=enrolled",
            false,
        ),
        figure(
            "not seen for 7 days",
            silent,
            "/devices?state=enrolled&seen=over-7d",
            silent > 0,
        ),
        figure(
            "personal",
            sum(counts, |row| {
                row.state == DeviceState::Enrolled && row.ownership == Ownership::Personal
            }),
            "/devices?ownership=personal&state=enrolled",
            false,
        ),
        figure(
            "wiped",
            sum(counts, |row| row.state == DeviceState::Wiped),
            "/devices?state=wiped",
            false,
        ),
    ]
}

fn by_platform(counts: &FleetCounts) -> BarChart {
    let bars = Platform::ALL.iter().map(|platform| Bar {
        label: platform.title().to_owned(),
        value: sum(counts, |row| {
            row.platform == *platform && row.state == DeviceState::Enrolled
        }),
        href: format!("/devices?platform={platform}&state=enrolled"),
    });
    chart(
        "by-platform",
        "Managed devices by platform",
        "Platform",
        bars,
    )
}

fn by_state(counts: &FleetCounts) -> BarChart {
    let bars = DeviceState::ALL.iter().map(|state| Bar {
        label: format::device_state(state.as_str()).text,
        value: sum(counts, |row| row.state == *state),
        href: format!("/devices?state={state}"),
    });
    chart("by-state", "Devices by state", "State", bars)
}

fn chart(id: &str, title: &str, kind: &str, bars: impl Iterator<Item = Bar>) -> BarChart {
    BarChart {
        id: id.to_owned(),
        title: title.to_owned(),
        kind: kind.to_owned(),
        unit: "Devices".to_owned(),
        bars: bars.filter(|bar| bar.value > 0).collect(),
    }
}

async fn expiries(by: &By) -> Result<Vec<Expiry>, Fault> {
    let authority = by.engine().authority.load();
    let own = [
        (
            "Root certificate",
            &authority.root,
            "Nothing that this server signed is trusted any more.",
        ),
        (
            "Issuing certificate",
            authority.issuing.certificate(),
            "Devices cannot enrol and their certificates cannot be renewed.",
        ),
        (
            "Profile signing certificate",
            &authority.profiles.certificate,
            "Devices show profiles as not verified.",
        ),
    ];
    let mut expiries: Vec<Expiry> = own
        .into_iter()
        .map(|(name, certificate, consequence)| Expiry {
            name: name.to_owned(),
            detail: certificate
                .subject()
                .common_name()
                .unwrap_or_default()
                .to_owned(),
            at: Some(certificate.not_after()),
            href: String::new(),
            consequence: consequence.to_owned(),
        })
        .collect();
    let push = by.engine().push_certificates(by.authority()).await?;
    expiries.extend(
        push.iter()
            .map(|one| push_expiry(one.topic.clone(), Some(one.not_after))),
    );
    if push.is_empty() {
        expiries.push(push_expiry(String::new(), None));
    }
    // What is not there comes first: it needs somebody soonest.
    expiries.sort_by_key(|expiry| expiry.at);
    Ok(expiries)
}

fn push_expiry(detail: String, at: Option<domain::Timestamp>) -> Expiry {
    Expiry {
        name: "Push certificate".to_owned(),
        detail,
        at,
        href: "/settings/push".to_owned(),
        consequence: "Apple devices cannot be woken, and new ones cannot enrol.".to_owned(),
    }
}
