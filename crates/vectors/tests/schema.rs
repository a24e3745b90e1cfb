//! `vectors/schema.json` says what the Rust reader says: every file fits it, and what the reader refuses it
//! refuses too.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test, helpers included")]

use chukei_vectors::{schema::File, store};
use serde_json::{Value, json};

fn schema() -> Value {
    read("schema.json")
}

fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(store::folder().join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn files() -> Vec<String> {
    let manifest = std::fs::read_to_string(store::folder().join("MANIFEST")).unwrap();
    let mut paths: Vec<String> = manifest
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').nth(1).unwrap().to_owned())
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

#[test]
fn every_file_fits() {
    let schema = schema();
    let files = files();
    assert!(files.len() > 50, "only {} files", files.len());
    for path in files {
        let file = read(&path);
        assert_eq!(misfit(&schema, &schema, &file), None, "{path}");
        // Written back, nothing is lost: the reader knows every property.
        let known: File = serde_json::from_value(file.clone()).unwrap();
        assert_eq!(serde_json::to_value(known).unwrap(), file, "{path}");
    }
}

#[test]
fn both_refuse_the_same() {
    let schema = schema();
    let good = read("xml-parse/XML-11.json");
    let verdicts = |file: &Value| {
        (misfit(&schema, &schema, file).is_none(), serde_json::from_value::<File>(file.clone()).is_ok())
    };
    assert_eq!(verdicts(&good), (true, true));
    let places = [
        "",
        "/groups/0",
        "/groups/0/tests/0",
        "/groups/0/tests/0/comment",
        "/notes/TextPieces",
        "/notes/TextPieces/effect",
    ];
    for place in places {
        let mut unknown = good.clone();
        unknown.pointer_mut(place).unwrap()["unknown"] = json!("x");
        assert_eq!(verdicts(&unknown), (false, false), "an unknown property in {place:?}");
        let names: Vec<String> = good.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect();
        for name in names {
            let mut missing = good.clone();
            missing.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(&name);
            let (by_schema, by_reader) = verdicts(&missing);
            assert_eq!(by_schema, by_reader, "without {name} in {place:?}");
            let mut wrong = good.clone();
            wrong.pointer_mut(place).unwrap()[&name] = json!(7);
            assert_eq!(verdicts(&wrong), (false, false), "a number as {name} in {place:?}");
        }
    }
}

/// The first place where `value` does not fit. Knows the few keywords that our schema uses; any other one is
/// a mistake.
fn misfit(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let fault = |what: &str| Some(format!("{what}: {value}"));
    for (keyword, rule) in schema.as_object().unwrap() {
        let found = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => None,
            "$ref" => {
                misfit(root, root.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), value)
            }
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64(),
                    "boolean" => value.is_boolean(),
                    other => panic!("unknown type {other}"),
                };
                if fits { None } else { fault("wrong type") }
            }
            "enum" => {
                if rule.as_array().unwrap().contains(value) {
                    None
                } else {
                    fault("not in the list")
                }
            }
            "oneOf" => {
                let fitting =
                    rule.as_array().unwrap().iter().filter(|s| misfit(root, s, value).is_none()).count();
                if fitting == 1 { None } else { fault("fits not exactly one form") }
            }
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .find(|name| value.as_object().is_some_and(|o| !o.contains_key(name.as_str().unwrap())))
                .map(|name| format!("{name} is missing")),
            "properties" => rule
                .as_object()
                .unwrap()
                .iter()
                .find_map(|(name, schema)| value.get(name).and_then(|inner| misfit(root, schema, inner))),
            "additionalProperties" => value.as_object().into_iter().flatten().find_map(|(name, inner)| {
                if schema.get("properties").is_some_and(|known| known.get(name).is_some()) {
                    None
                } else if *rule == json!(false) {
                    fault(&format!("unknown property {name}"))
                } else {
                    misfit(root, rule, inner)
                }
            }),
            "items" => value.as_array().into_iter().flatten().find_map(|inner| misfit(root, rule, inner)),
            "prefixItems" => {
                let (forms, values) =
                    (rule.as_array().unwrap(), value.as_array().cloned().unwrap_or_default());
                if forms.len() == values.len() {
                    forms.iter().zip(&values).find_map(|(form, value)| misfit(root, form, value))
                } else {
                    fault("wrong length")
                }
            }
            other => panic!("unknown keyword {other}"),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
