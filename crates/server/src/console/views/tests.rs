//! What must hold of every page.
//!
//! With `MUSTER_CONSOLE_PAGES` set to a folder, the pages and their assets are
//! also written there, for a browser.

use std::{collections::BTreeSet, path::Path};

use askama::Template;

use super::samples::{device, overview, pages, problem, rows};
use crate::console::assets;

/// Everything between each `start` and the next `end`.
fn between<'a>(html: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    html.split(start)
        .skip(1)
        .filter_map(|rest| rest.split(end).next())
        .collect()
}

#[test]
fn every_page_has_one_title_of_its_own_and_one_heading() {
    let mut titles = BTreeSet::new();
    for (name, html) in pages() {
        let title = between(&html, "<title>", "</title>")
            .first()
            .copied()
            .unwrap();
        assert!(title.len() > " – Muster".len() + 3, "{name}: {title}");
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        titles.insert(title.to_owned());
    }
    assert!(titles.len() >= 24, "{titles:#?}");
}

#[test]
fn no_page_needs_what_the_content_security_policy_refuses() {
    for (name, html) in pages() {
        for refused in [
            " style=",
            "<style",
            " onclick=",
            " onload=",
            " onsubmit=",
            "javascript:",
            "data:",
            "http://",
        ] {
            assert!(!html.contains(refused), "{name} contains {refused}");
        }
        for script in between(&html, "<script", "</script>") {
            assert!(script.contains("src=\"/assets/"), "{name}: {script}");
            assert!(script.ends_with('>'), "{name}: inline script");
        }
    }
}

#[test]
fn every_form_that_changes_something_carries_the_csrf_field() {
    for (name, html) in pages() {
        for form in between(&html, "<form", "</form>") {
            if form.contains("method=\"get\"") {
                assert!(
                    !form.contains("_csrf"),
                    "{name}: the token would end up in the address"
                );
            } else {
                assert!(
                    form.contains("name=\"_csrf\" value=\"sample-csrf\""),
                    "{name}: {form}"
                );
            }
        }
    }
}

#[test]
fn ids_are_unique_and_references_meet_them() {
    for (name, html) in pages() {
        let ids = between(&html, " id=\"", "\"");
        let set: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), set.len(), "{name}: {ids:?}");
        for attribute in [
            " for=\"",
            " aria-labelledby=\"",
            " aria-describedby=\"",
            " href=\"#",
        ] {
            for value in between(&html, attribute, "\"") {
                for id in value.split(' ') {
                    assert!(set.contains(id), "{name}: {attribute}{id}\" leads nowhere");
                }
            }
        }
    }
}

#[test]
fn every_table_has_a_caption_and_every_heading_its_scope() {
    for (name, html) in pages() {
        assert_eq!(
            html.matches("<table").count(),
            html.matches("<caption").count(),
            "{name}"
        );
        for heading in between(&html, "<th", ">")
            .into_iter()
            .filter(|tag| !tag.starts_with("ead"))
        {
            assert!(heading.contains("scope="), "{name}: <th{heading}>");
        }
    }
}

#[test]
fn text_from_devices_is_escaped() {
    let html = device().render().unwrap();
    assert!(html.contains("Reception iPad &#60;2&#62;"));
    assert!(!html.contains("iPad <2>"));
}

#[test]
fn a_personal_device_has_no_form_that_wipes() {
    let (_, html) = pages()
        .into_iter()
        .find(|(name, _)| *name == "wipe-personal")
        .unwrap();
    assert!(html.contains("cannot be wiped"));
    let main = between(&html, "<main", "</main>");
    assert!(!main.first().unwrap().contains("<form"));
}

#[test]
fn a_live_row_can_replace_itself() {
    for row in rows() {
        let html = row.render().unwrap();
        assert!(html.trim_start().starts_with("<tr "), "{html}");
        assert!(
            html.contains(&format!(
                "id=\"device-{}\" data-live-src=\"/devices/{0}/row\"",
                row.id
            )),
            "{html}"
        );
    }
}

#[test]
fn a_page_without_live_updates_loads_no_live_script() {
    let html = problem(404, "x").render().unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert!(
        overview(false)
            .render()
            .unwrap()
            .contains(assets::url("live.js"))
    );
}

#[test]
fn the_pages_can_be_written_for_a_browser() {
    let pages = pages();
    let Some(folder) = std::env::var_os("MUSTER_CONSOLE_PAGES") else {
        assert!(pages.len() > 30, "pages are listed for the browser tests");
        return;
    };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    for (name, html) in pages {
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
    }
    for asset in assets::all() {
        std::fs::write(folder.join(asset.url.trim_start_matches('/')), asset.body).unwrap();
    }
}
