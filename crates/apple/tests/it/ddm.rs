//! Declarations, tokens, snapshots and status.

use apple::ddm::{
    BuiltIn, Capabilities, Declaration, DeclarationError, DeclarationKind, NotAStatus,
    OrganizationInfo, Scoped, Snapshot, StatusReport, StatusState, Validity, built_in, merge,
    parse_all,
};
use domain::{
    Channel, Timestamp,
    facts::{Category, Observation},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn declaration(identifier: &str, payload: Value) -> Declaration {
    Declaration::new(
        identifier,
        "com.apple.configuration.passcode.settings",
        payload,
    )
    .unwrap()
}

fn report(json: &Value) -> StatusReport {
    StatusReport::parse(json.to_string().as_bytes()).unwrap()
}

fn after(reports: &[Value]) -> StatusState {
    reports.iter().fold(StatusState::default(), |state, json| {
        merge(&state, &report(json))
    })
}

#[test]
fn a_declaration_is_served_with_its_token() {
    let bytes = br#"{"Type":"com.apple.configuration.passcode.settings","Identifier":"com.example.passcode",
        "ServerToken":"theirs","Payload":{"MinimumLength":8},"Future":1}"#;
    let declaration = Declaration::parse(bytes).unwrap();
    assert_eq!(declaration.kind(), DeclarationKind::Configuration);
    assert_ne!(declaration.server_token(), "theirs");
    assert!(declaration.server_token().len() <= 64);
    let served: Value = serde_json::from_slice(&declaration.encode()).unwrap();
    assert_eq!(served["ServerToken"], declaration.server_token());
    assert_eq!(served["Future"], 1);
    assert_eq!(
        Declaration::parse(&declaration.encode()).unwrap(),
        declaration
    );
}

#[test]
fn the_token_of_a_known_declaration_never_changes() {
    // A changed value here makes every enrolled device fetch everything again.
    assert_eq!(
        declaration("com.example.passcode", json!({"MinimumLength": 8})).server_token(),
        include_str!("golden/server_token.txt").trim()
    );
}

#[test]
fn a_bad_declaration_fails_alone() {
    let long = "x".repeat(65);
    let documents = [
        json!({"Identifier": "a", "Type": "com.apple.configuration.x", "Payload": {}}).to_string(),
        "{".to_owned(),
        "[]".to_owned(),
        json!({"Identifier": long, "Type": "com.apple.configuration.x", "Payload": {}}).to_string(),
        json!({"Identifier": "a\n", "Type": "com.apple.configuration.x", "Payload": {}})
            .to_string(),
        json!({"Identifier": "a", "Type": "com.apple.wifi.managed", "Payload": {}}).to_string(),
        json!({"Identifier": "a", "Type": "com.apple.asset", "Payload": {}}).to_string(),
        json!({"Identifier": "a", "Type": "com.apple.configuration.x", "Payload": []}).to_string(),
        " ".repeat((1 << 20) + 1),
    ];
    let results = parse_all(documents.iter().map(String::as_bytes));
    assert!(results[0].is_ok());
    assert!(matches!(results[1], Err(DeclarationError::Json(_))));
    assert_eq!(results[2], Err(DeclarationError::NotAnObject));
    assert_eq!(results[3], Err(DeclarationError::Identifier));
    assert_eq!(results[4], Err(DeclarationError::Identifier));
    assert_eq!(results[5], Err(DeclarationError::Type));
    assert_eq!(results[6], Err(DeclarationError::Type));
    assert_eq!(results[7], Err(DeclarationError::Payload));
    assert_eq!(results[8], Err(DeclarationError::TooLarge));
    let deep = format!(
        r#"{{"Identifier":"a","Type":"com.apple.asset.data","Payload":{{"x":{}{}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert!(Declaration::parse(deep.as_bytes()).is_err());
}

#[test]
fn octets_count_not_characters() {
    let identifier = "é".repeat(33);
    assert_eq!(
        Declaration::new(&identifier, "com.apple.configuration.x", json!({})),
        Err(DeclarationError::Identifier)
    );
}

#[test]
fn the_snapshot_answers_the_device() {
    let (snapshot, rejected) = Snapshot::new(
        Channel::Device,
        [
            declaration("b", json!({"MinimumLength": 8})),
            declaration("a/with/slashes", json!({})),
            Declaration::new(
                "act",
                "com.apple.activation.simple",
                json!({"StandardConfigurations": ["b"]}),
            )
            .unwrap(),
        ],
    );
    assert!(rejected.is_empty());
    let items: Value = serde_json::from_slice(&snapshot.declaration_items()).unwrap();
    assert_eq!(items["DeclarationsToken"], snapshot.token());
    let lists = &items["Declarations"];
    assert_eq!(lists["Configurations"].as_array().unwrap().len(), 2);
    assert_eq!(lists["Configurations"][0]["Identifier"], "a/with/slashes");
    assert_eq!(lists["Activations"][0]["Identifier"], "act");
    assert_eq!(
        (&lists["Assets"], &lists["Management"]),
        (&json!([]), &json!([]))
    );
    let tokens: Value =
        serde_json::from_slice(&snapshot.tokens_response(Timestamp::from_seconds(1_700_000_000)))
            .unwrap();
    assert_eq!(
        tokens,
        json!({"SyncTokens": {"DeclarationsToken": snapshot.token(), "Timestamp": "2023-11-14T22:13:20Z"}})
    );
    assert!(
        snapshot
            .find(DeclarationKind::Configuration, "a/with/slashes")
            .is_some()
    );
    assert!(snapshot.find(DeclarationKind::Asset, "b").is_none());
    let stored = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&stored).unwrap(), snapshot);
}

#[test]
fn channels_have_their_own_sets_and_tokens() {
    let scoped = |channel, identifier| Scoped {
        channel,
        declaration: declaration(identifier, json!({})),
    };
    let all = [scoped(Channel::Device, "d"), scoped(Channel::User, "u")];
    let (device, _) = Snapshot::of_channel(Channel::Device, all.clone());
    let (user, _) = Snapshot::of_channel(Channel::User, all);
    assert_eq!((device.len(), user.len()), (1, 1));
    assert!(user.find(DeclarationKind::Configuration, "d").is_none());
    let empty = |channel| Snapshot::new(channel, []).0;
    assert_ne!(empty(Channel::Device).token(), empty(Channel::User).token());
    assert!(empty(Channel::User).is_empty());
}

#[test]
fn of_two_with_one_identifier_one_is_left_out_whatever_the_order() {
    let one = declaration("same", json!({"MinimumLength": 8}));
    let two = declaration("same", json!({"MinimumLength": 9}));
    let (first, rejected) = Snapshot::new(Channel::Device, [one.clone(), two.clone()]);
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].error, DeclarationError::Duplicate);
    assert_eq!(Snapshot::new(Channel::Device, [two, one.clone()]).0, first);
    // The very same declaration twice is no conflict.
    assert!(
        Snapshot::new(Channel::Device, [one.clone(), one])
            .1
            .is_empty()
    );
}

#[test]
fn built_in_declarations_follow_capabilities() {
    let organization = OrganizationInfo {
        name: "Example".into(),
        email: None,
        url: Some("https://example.com".into()),
    };
    let state = after(&[
        json!({"StatusItems": {"management": {"client-capabilities": {
        "supported-payloads": {
            "declarations": {"configurations": ["com.apple.configuration.passcode.settings"]},
            "status-items": ["device.operating-system.version", "management.declarations", "of.the.future"],
        }}}}}),
    ]);
    let capabilities = Capabilities::of(&state).unwrap();
    assert!(
        capabilities
            .declarations
            .contains("com.apple.configuration.passcode.settings")
    );
    let make = |capabilities, configurations: &[String]| {
        built_in(&BuiltIn {
            prefix: "muster",
            organization: &organization,
            capabilities,
            configurations,
        })
        .unwrap()
    };
    let made = make(Some(&capabilities), &["z".into(), "a".into()]);
    let kinds: Vec<_> = made.iter().map(Declaration::kind).collect();
    assert_eq!(
        kinds,
        [
            DeclarationKind::Management,
            DeclarationKind::Configuration,
            DeclarationKind::Activation
        ]
    );
    assert_eq!(
        made[0].payload(),
        &json!({"Name": "Example", "URL": "https://example.com"})
    );
    assert_eq!(
        made[1].payload(),
        &json!({"StatusItems": [{"Name": "device.operating-system.version"}, {"Name": "management.declarations"}]})
    );
    assert_eq!(
        made[2].payload(),
        &json!({"StandardConfigurations": ["a", "muster.status", "z"]})
    );
    // The order of assignments is no change.
    assert_eq!(make(Some(&capabilities), &["a".into(), "z".into()]), made);
    let before = make(None, &[]);
    assert!(
        before[1].payload()["StatusItems"]
            .as_array()
            .unwrap()
            .contains(&json!({"Name": "management.client-capabilities"}))
    );
    assert_eq!(Capabilities::of(&StatusState::default()), None);
}

#[test]
fn reports_add_up() {
    let state = after(&[
        json!({"StatusItems": {"device": {"operating-system": {"version": "18.0", "family": "iOS"}}}, "Errors": []}),
        json!({"StatusItems": {"device": {"operating-system": {"version": "18.1"}}}}),
        json!({"StatusItems": {"app": {"managed": {"list": [{"identifier": "a", "state": "queued"}, {"identifier": "b"}]}}}}),
        json!({"StatusItems": {"app": {"managed": {"list": [{"identifier": "a", "state": "managed"}, {"identifier": "b", "_removed": true}, {"identifier": "c"}]}}}}),
    ]);
    assert_eq!(
        Value::Object(state.items.clone()),
        json!({
            "device": {"operating-system": {"version": "18.1", "family": "iOS"}},
            "app": {"managed": {"list": [{"identifier": "a", "state": "managed"}, {"identifier": "c"}]}},
        })
    );
    assert_eq!(
        state.item("device.operating-system.version"),
        Some(&json!("18.1"))
    );
    assert_eq!(state.item("device.nothing"), None);
}

#[test]
fn an_object_item_is_replaced_whole() {
    let state = after(&[
        json!({"StatusItems": {"softwareupdate": {"failure-reason": {"count": 2, "reason": "power"}}}}),
        json!({"StatusItems": {"softwareupdate": {"failure-reason": {"count": 0}}}}),
        json!({"StatusItems": {"management": {"declarations": {"configurations": [{"identifier": "old"}]}}}}),
        json!({"StatusItems": {"management": {"declarations": {"configurations": [{"identifier": "new"}]}}}}),
    ]);
    assert_eq!(
        state.item("softwareupdate.failure-reason"),
        Some(&json!({"count": 0}))
    );
    let identifiers: Vec<_> = state
        .declarations()
        .into_iter()
        .map(|state| state.identifier)
        .collect();
    assert_eq!(identifiers, ["new"]);
}

#[test]
fn a_device_cannot_make_the_state_grow_without_end() {
    let bulk = |name: &str| json!({"StatusItems": {name: vec![0; 200_000]}});
    let state = after(&[bulk("a"), bulk("b")]);
    assert_eq!(state.items.keys().collect::<Vec<_>>(), ["b"]);
    let many = |from: u32| {
        let list: Vec<_> = (from..from + 15_000)
            .map(|n| json!({"identifier": n.to_string()}))
            .collect();
        json!({"StatusItems": {"app": {"managed": {"list": list}}}})
    };
    let state = after(&[many(0), many(15_000)]);
    let list = state.item("app.managed.list").unwrap();
    assert_eq!(list.as_array().unwrap().len(), 20_000);
}

#[test]
fn a_full_report_forgets_what_was() {
    let state = after(&[
        json!({"StatusItems": {"passcode": {"is-present": true}, "app": {"managed": {"list": [{"identifier": "a"}]}}}}),
        json!({"StatusItems": {"passcode": {"is-present": false}}, "FullReport": true}),
    ]);
    assert_eq!(
        Value::Object(state.items),
        json!({"passcode": {"is-present": false}})
    );
}

#[test]
fn the_state_of_declarations_becomes_facts() {
    let state = after(&[json!({"StatusItems": {"management": {"declarations": {
        "activations": [],
        "configurations": [{"identifier": "c", "server-token": "t", "active": true, "valid": "invalid",
            "reasons": [{"code": "Error.ConfigurationCannotBeApplied", "description": "No", "details": {}}]}],
        "assets": "rubbish", "management": [{"no": "identifier"}],
    }}}})]);
    let states = state.declarations();
    assert_eq!(states.len(), 1);
    assert_eq!(states[0].validity, Validity::Invalid);
    assert!(states[0].active);
    assert_eq!(
        states[0].reasons[0].code,
        "Error.ConfigurationCannotBeApplied"
    );
    let observations = state.observations();
    let Some(Observation::Replace { category, entries }) = observations.last() else {
        panic!("{observations:?}");
    };
    assert_eq!(*category, Category::Declarations);
    assert_eq!(entries["c"]["validity"], "invalid");
    // A channel that has not reported them yet says nothing of them.
    assert!(StatusState::default().observations().is_empty());
}

#[test]
fn errors_are_read_and_rubbish_is_refused() {
    let report = report(&json!({"StatusItems": {}, "Errors": [
        {"StatusItem": "x.y", "Reasons": [{"Code": "Error.UnknownStatusItem", "Description": "?"}]}, 5]}));
    assert_eq!(report.errors[0].item, "x.y");
    assert_eq!(report.errors[0].reasons[0].code, "Error.UnknownStatusItem");
    assert!(!report.full);
    assert_eq!(StatusReport::parse(b"{}"), Err(NotAStatus::NoItems));
    assert!(matches!(
        StatusReport::parse(b"{\"StatusItems\":{"),
        Err(NotAStatus::Json(_))
    ));
    let deep = format!(
        "{{\"StatusItems\":{}{}}}",
        "{\"a\":".repeat(5000),
        "}".repeat(5000)
    );
    assert!(StatusReport::parse(deep.as_bytes()).is_err());
    let whole = json!({"StatusItems": {"a": {"b": [1, 2.5, "x"]}}, "FullReport": true}).to_string();
    for cut in 0..whole.len() {
        assert!(
            StatusReport::parse(&whole.as_bytes()[..cut]).is_err(),
            "{cut}"
        );
    }
}

fn any_json(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_items() -> impl Strategy<Value = Value> {
    let keyed =
        prop::collection::vec(("[a-d]", any::<bool>(), 0..3_u8), 0..6).prop_map(|entries| {
            Value::Array(
                entries
                    .into_iter()
                    .map(|(identifier, removed, version)| {
                        if removed {
                            json!({"identifier": identifier, "_removed": true})
                        } else {
                            json!({"identifier": identifier, "version": version})
                        }
                    })
                    .collect(),
            )
        });
    (keyed, any_json(3), any::<bool>()).prop_map(|(list, other, full)| {
        json!({"StatusItems": {"app": {"managed": {"list": list}}, "other": {"x": other}}, "FullReport": full})
    })
}

/// The text of a value with the keys of its objects reversed.
fn reversed(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let parts: Vec<_> = map
                .iter()
                .rev()
                .map(|(key, value)| format!("{} : {}", Value::from(key.as_str()), reversed(value)))
                .collect();
            format!("{{ {} }}", parts.join(" , "))
        }
        Value::Array(items) => {
            let parts: Vec<_> = items.iter().map(reversed).collect();
            format!("[{}]", parts.join(","))
        }
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn the_order_of_keys_is_no_change(payload in prop::collection::btree_map("[a-z]{1,4}", any_json(4), 0..6)) {
        let payload = Value::Object(payload.into_iter().collect::<Map<_, _>>());
        let whole = json!({"Identifier": "i", "Type": "com.apple.asset.data", "Payload": payload});
        let one = Declaration::parse(whole.to_string().as_bytes()).unwrap();
        let two = Declaration::parse(reversed(&whole).as_bytes()).unwrap();
        prop_assert_eq!(one.server_token(), two.server_token());
        prop_assert_eq!(one.encode(), two.encode());
    }

    #[test]
    fn different_content_has_different_tokens(a in any_json(3), b in any_json(3)) {
        let token = |value: &Value| declaration("i", json!({"x": value})).server_token().to_owned();
        prop_assert_eq!(token(&a) == token(&b), a == b);
    }

    #[test]
    fn the_order_of_declarations_is_no_change(mut identifiers in prop::collection::vec("[a-f]{1,2}", 0..8), seed in any::<u64>()) {
        let make = |identifiers: &[String]| {
            Snapshot::new(Channel::Device, identifiers.iter().map(|i| declaration(i, json!({"i": i})))).0
        };
        let before = make(&identifiers);
        let length = identifiers.len().max(1);
        identifiers.rotate_left(usize::try_from(seed % length as u64).unwrap());
        identifiers.reverse();
        let later = make(&identifiers);
        prop_assert_eq!(later.token(), before.token());
        prop_assert_eq!(later.declaration_items(), before.declaration_items());
    }

    #[test]
    fn the_same_report_again_changes_nothing(reports in prop::collection::vec(any_items(), 1..6)) {
        let state = after(&reports);
        let again = merge(&state, &report(reports.last().unwrap()));
        prop_assert_eq!(again, state);
    }

    #[test]
    fn a_full_report_is_all_that_counts(earlier in prop::collection::vec(any_items(), 0..4), mut last in any_items()) {
        last["FullReport"] = true.into();
        let mut all = earlier;
        all.push(last.clone());
        prop_assert_eq!(after(&all), after(&[last]));
    }

    #[test]
    fn removed_entries_are_gone(reports in prop::collection::vec(any_items(), 1..6)) {
        let state = after(&reports);
        if let Some(Value::Array(list)) = state.item("app.managed.list") {
            prop_assert!(list.iter().all(|entry| entry.get("_removed").is_none()));
        }
    }
}
