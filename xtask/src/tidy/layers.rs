//! The dependency graph is the architecture: arrows point up the list of rooms, and pure crates stay pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Finding;
use crate::workspace::{Dependency, Metadata, Node};

/// Each room's height. A room may depend on lower rooms only.
const ROOMS: &[(&str, u32)] = &[
    ("domain", 0),
    ("catalog", 1),
    ("apple", 1),
    ("windows", 1),
    ("android", 1),
    ("pki", 1),
    ("store", 2),
    ("engine", 3),
    ("server", 4),
    ("muster", 5),
];

/// Rooms without input, output, clock or runtime.
pub(super) const PURE: &[&str] = &["domain", "catalog", "apple", "windows", "android", "pki"];

/// What a pure room must not reach, by any way.
const IMPURE: &[&str] = &[
    "tokio",
    "mio",
    "axum",
    "hyper",
    "hyper-util",
    "reqwest",
    "rusqlite",
    "libsqlite3-sys",
    "tokio-postgres",
    "tracing-subscriber",
];

/// Crates that only tests may use.
const TEST_ONLY: &[&str] = &["proptest", "insta", "tempfile", "rcgen", "wiremock"];

/// The feature behind which a room keeps what helps other rooms' tests.
const TEST_FEATURE: &str = "testing";

/// The simulated devices. They share no code with what they test; only the binary links them, for the demonstration.
const SIMULATOR: &str = "simulator";

/// Chores, outside the list.
const CHORES: &str = "xtask";

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let graph = Graph::new(metadata);
    let members: BTreeMap<&str, &str> = metadata
        .workspace_members
        .iter()
        .map(|id| (graph.name(id), id.as_str()))
        .collect();
    let mut findings = Vec::new();
    for (&name, &id) in &members {
        let manifest = manifest(name);
        let mut report = |advice: String| findings.push(Finding::new(manifest.clone(), 1, advice));
        for (target, dev) in graph.direct(id) {
            let target_name = graph.name(target);
            if members.contains_key(target_name)
                && let Some(advice) = arrow(name, target_name, dev)
            {
                report(advice);
            }
        }
        if name != CHORES {
            graph
                .declared(id)
                .iter()
                .filter_map(leak)
                .for_each(&mut report);
        }
        if height(name).is_none() && name != SIMULATOR && name != CHORES {
            report(format!(
                "{name} has no place in the list of rooms: give it one in xtask/src/tidy/layers.rs"
            ));
        }
        if PURE.contains(&name) {
            for way in graph.ways(id, IMPURE) {
                report(format!(
                    "a pure room reaches {way}: take the dependency away or move the code to the engine"
                ));
            }
        }
    }
    findings
}

/// What is wrong with a dependency of one room on another, if anything.
fn arrow(from: &str, to: &str, dev: bool) -> Option<String> {
    if from == to {
        return None;
    }
    if from == SIMULATOR || from == CHORES {
        return Some(format!(
            "{from} must not depend on {to}: it shares no code with what it serves"
        ));
    }
    if to == SIMULATOR {
        return (!dev && from != "muster").then(|| {
            format!("{from} must not depend on {SIMULATOR} outside tests: only the binary links it")
        });
    }
    match (height(from), height(to)) {
        (Some(from_height), Some(to_height)) if to_height < from_height => None,
        _ => Some(format!(
            "{from} must not depend on {to}: arrows point from higher rooms to lower ones"
        )),
    }
}

/// What of the tests a declared dependency would bring into the binary, if anything.
fn leak(declared: &Dependency) -> Option<String> {
    let name = &declared.name;
    if declared.kind.is_some() {
        None
    } else if TEST_ONLY.contains(&name.as_str()) && !declared.optional {
        Some(format!(
            "{name} is for tests: move it to [dev-dependencies], or make it optional behind a feature `{TEST_FEATURE}`"
        ))
    } else if declared
        .features
        .iter()
        .any(|feature| feature == TEST_FEATURE)
    {
        Some(format!(
            "only [dev-dependencies] may ask {name} for its feature `{TEST_FEATURE}`"
        ))
    } else {
        None
    }
}

fn height(name: &str) -> Option<u32> {
    ROOMS
        .iter()
        .find(|(room, _)| *room == name)
        .map(|(_, height)| *height)
}

fn manifest(name: &str) -> String {
    if name == CHORES {
        "xtask/Cargo.toml".to_owned()
    } else {
        format!("crates/{name}/Cargo.toml")
    }
}

struct Graph<'a> {
    names: BTreeMap<&'a str, &'a str>,
    nodes: BTreeMap<&'a str, &'a Node>,
    declared: BTreeMap<&'a str, &'a [Dependency]>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Metadata) -> Self {
        Self {
            names: metadata
                .packages
                .iter()
                .map(|package| (package.id.as_str(), package.name.as_str()))
                .collect(),
            nodes: metadata
                .resolve
                .nodes
                .iter()
                .map(|node| (node.id.as_str(), node))
                .collect(),
            declared: metadata
                .packages
                .iter()
                .map(|package| (package.id.as_str(), package.dependencies.as_slice()))
                .collect(),
        }
    }

    fn name(&self, id: &str) -> &'a str {
        self.names.get(id).copied().unwrap_or("")
    }

    /// The dependencies that a manifest declares.
    fn declared(&self, id: &str) -> &'a [Dependency] {
        self.declared.get(id).copied().unwrap_or(&[])
    }

    /// Direct dependencies, each with whether it is for tests alone.
    fn direct(&self, id: &str) -> Vec<(&'a str, bool)> {
        let Some(node) = self.nodes.get(id) else {
            return Vec::new();
        };
        node.deps
            .iter()
            .map(|edge| {
                (
                    edge.pkg.as_str(),
                    edge.dep_kinds
                        .iter()
                        .all(|kind| kind.kind.as_deref() == Some("dev")),
                )
            })
            .collect()
    }

    /// One way from a room to each of these crates that it reaches, its own test dependencies included, as
    /// `apple -> x -> tokio`.
    fn ways(&self, start: &'a str, wanted: &[&str]) -> Vec<String> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut seen = BTreeSet::from([start]);
        let mut queue = VecDeque::from([start]);
        let mut ways = Vec::new();
        while let Some(id) = queue.pop_front() {
            if wanted.contains(&self.name(id)) {
                let mut names = vec![self.name(id)];
                let mut at = id;
                while let Some(&before) = came_from.get(at) {
                    names.push(self.name(before));
                    at = before;
                }
                names.reverse();
                ways.push(names.join(" -> "));
                continue;
            }
            for (next, dev) in self.direct(id) {
                if (!dev || id == start) && seen.insert(next) {
                    came_from.insert(next, id);
                    queue.push_back(next);
                }
            }
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{check, leak};
    use crate::workspace::Metadata;

    /// A workspace from arrows such as `apple>tokio` or, for tests, `apple>>proptest`. Names are ids.
    fn workspace(members: &[&str], arrows: &[&str]) -> Metadata {
        let mut names: BTreeSet<&str> = members.iter().copied().collect();
        let mut edges = Vec::new();
        for arrow in arrows {
            let (from, to) = arrow.split_once('>').unwrap();
            let (to, kind) = to
                .strip_prefix('>')
                .map_or((to, None), |to| (to, Some("dev")));
            names.extend([from, to]);
            edges.push((from, to, kind));
        }
        let nodes: Vec<_> = names
            .iter()
            .map(|name| {
                let deps: Vec<_> = edges
                    .iter()
                    .filter(|(from, _, _)| from == name)
                    .map(|(_, to, kind)| serde_json::json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                    .collect();
                serde_json::json!({"id": name, "deps": deps})
            })
            .collect();
        let packages: Vec<_> = names
            .iter()
            .map(|name| serde_json::json!({"id": name, "name": name}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "packages": packages, "workspace_members": members, "resolve": {"nodes": nodes}, "target_directory": "t",
        }))
        .unwrap()
    }

    fn advice(members: &[&str], arrows: &[&str]) -> Vec<String> {
        check(&workspace(members, arrows))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_wanted_arrows_are_quiet() {
        let members = [
            "domain",
            "apple",
            "store",
            "engine",
            "server",
            "muster",
            "simulator",
            "xtask",
        ];
        let arrows = [
            "apple>domain",
            "apple>plist",
            "apple>>proptest",
            "store>domain",
            "store>rusqlite",
            "engine>apple",
            "engine>store",
            "engine>>simulator",
            "server>engine",
            "muster>server",
            "muster>simulator",
            "simulator>hyper",
            "xtask>clap",
        ];
        assert_eq!(advice(&members, &arrows), Vec::<String>::new());
    }

    #[test]
    fn a_pure_room_that_reaches_a_runtime_is_told_by_which_way() {
        let found = advice(&["apple"], &["apple>client", "client>tokio"]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("crates/apple/Cargo.toml:1: "),
            "{found:?}"
        );
        assert!(found[0].contains("apple -> client -> tokio"), "{found:?}");
    }

    #[test]
    fn test_dependencies_of_a_pure_room_count_but_not_those_of_its_dependencies() {
        assert_eq!(advice(&["apple"], &["apple>>mock", "mock>hyper"]).len(), 1);
        assert_eq!(
            advice(&["apple"], &["apple>plist", "plist>>tokio"]).len(),
            0
        );
    }

    #[test]
    fn arrows_down_or_across_are_refused() {
        for arrow in [
            "domain>apple",
            "apple>pki",
            "store>engine",
            "engine>server",
            "server>>muster",
        ] {
            let (from, to) = arrow.split_once('>').unwrap();
            let found = advice(&[from, to.trim_start_matches('>')], &[arrow]);
            assert_eq!(found.len(), 1, "{arrow}: {found:?}");
        }
    }

    #[test]
    fn the_simulator_stands_apart() {
        assert_eq!(
            advice(&["simulator", "domain"], &["simulator>domain"]).len(),
            1
        );
        assert_eq!(
            advice(&["simulator", "domain"], &["simulator>>domain"]).len(),
            1
        );
        assert_eq!(
            advice(&["simulator", "server"], &["server>simulator"]).len(),
            1
        );
        assert_eq!(
            advice(&["simulator", "server"], &["server>>simulator"]).len(),
            0
        );
    }

    #[test]
    fn test_crates_stay_in_tests() {
        let leaks = |dependency: serde_json::Value| {
            leak(&serde_json::from_value(dependency).unwrap()).is_some()
        };
        let declared = |name: &str, kind: Option<&str>, optional: bool, features: &[&str]| serde_json::json!({"name": name, "kind": kind, "optional": optional, "features": features});
        assert!(leaks(declared("tempfile", None, false, &[])));
        assert!(!leaks(declared("tempfile", None, true, &[])));
        assert!(!leaks(declared("tempfile", Some("dev"), false, &[])));
        assert!(leaks(declared("store", None, false, &["testing"])));
        assert!(!leaks(declared("store", Some("dev"), false, &["testing"])));
        assert!(!leaks(declared("hyper", None, false, &["http1"])));
    }

    #[test]
    fn a_new_room_needs_a_place() {
        assert_eq!(advice(&["linux"], &[]).len(), 1);
    }
}
