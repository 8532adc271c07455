//! Our few JSON helpers against serde_json's `Value`, wherever that can hold the text.

use std::borrow::Cow;

use nself_realtime::protocol::json::{self, First};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn space() -> impl Strategy<Value = String> {
    "[ \t\n\r]{0,2}"
}

/// JSON, and JSON with a few characters changed.
fn mangled() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), "[\\[\\]{}\",:\\\\u0-9eE.+-]|\\PC");
    (value(), vec(change, 0..3)).prop_map(|(value, changes)| {
        let mut text: Vec<char> = value.to_string().chars().collect();
        for (index, with) in changes {
            let at = index.index(text.len());
            text.splice(at..=at, with.chars());
        }
        text.into_iter().collect()
    })
}

/// What `Value` cannot hold although it is JSON.
fn beyond_value(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    ["number out of range", "surrogate", "hex escape", "recursion limit"].iter().any(|reason| text.contains(reason))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn validity(text in prop_oneof![mangled(), any::<String>()]) {
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => {
                prop_assert!(json::is_valid(&text));
                prop_assert_eq!(json::is_object(&text), value.is_object());
                prop_assert_eq!(json::is_array(&text), value.is_array());
            }
            Err(error) => prop_assert!(!json::is_valid(&text) || beyond_value(&error), "{text}: {error}"),
        }
    }

    #[test]
    fn items(items in vec((space(), value(), space()), 0..4), before in space(), pretty: bool) {
        let texts: Vec<String> = items
            .iter()
            .map(|(before, value, after)| {
                let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
                format!("{before}{}{after}", text.unwrap())
            })
            .collect();
        let array = format!("{before}[{}]", texts.join(","));
        prop_assert!(json::is_valid(&array) && json::is_array(&array));
        let (first, rest) = json::first_item(&array);
        match items.first().map(|(_, value, _)| value) {
            Some(Value::String(text)) => {
                prop_assert_eq!(first, First::String(Cow::Borrowed(text)));
                let second = texts.get(1).map(|text| text.trim_matches([' ', '\t', '\n', '\r']));
                prop_assert_eq!(json::second_item(rest), second);
            }
            Some(Value::Number(_)) => prop_assert_eq!(first, First::Number),
            _ => prop_assert_eq!(first, First::Other),
        }
    }

    #[test]
    fn the_first_item_of_whatever_is_an_array(text in mangled()) {
        let array = format!("[{text}]");
        if !json::is_valid(&array) {
            return Ok(());
        }
        let (first, rest) = json::first_item(&array);
        json::second_item(rest);
        let strings = serde_json::from_str::<Value>(&array).ok().map(|value| value[0].is_string());
        if let Some(is_string) = strings {
            prop_assert_eq!(matches!(first, First::String(_)), is_string);
        }
    }

    #[test]
    fn strings_are_quoted(text: String) {
        let quoted = json::quoted(&text);
        prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
    }
}
