//! Text can be read in light and in dark: contrast of at least 4.5 (WCAG 2.2, 1.4.3) for every pair of colours in use.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../templates/style.css");

/// Text on background.
const PAIRS: &[(&str, &str)] = &[
    ("ink", "bg"),
    ("soft", "bg"),
    ("faint", "bg"),
    ("faint", "card"),
    ("faint", "code"),
    ("none", "bg"),
    ("pass", "pass-bg"),
    ("fail", "fail-bg"),
    ("warn", "warn-bg"),
    ("unre", "unre-bg"),
    ("info", "info-bg"),
    ("ink", "pass-bg"),
    ("ink", "fail-bg"),
    ("ink", "warn-bg"),
    ("ink", "info-bg"),
    ("pass", "card"),
    ("fail", "card"),
    ("tag", "code"),
    ("attr", "code"),
    ("val", "code"),
    ("markink", "mark"),
    ("card", "fail"),
    ("card", "warn"),
    ("card", "ink"),
];

fn colours(css: &str) -> BTreeMap<&str, [f64; 3]> {
    let mut found = BTreeMap::new();
    for part in css.split("--").skip(1) {
        let Some((name, value)) = part.split_once(":#") else { continue };
        let digits: String = value.chars().take_while(char::is_ascii_hexdigit).collect();
        let digits = if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits };
        let channel =
            |at: usize| f64::from(u8::from_str_radix(digits.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
        found.insert(name, [channel(0), channel(2), channel(4)]);
    }
    found
}

fn luminance(colour: [f64; 3]) -> f64 {
    let linear = |c: f64| if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
    let [red, green, blue] = colour.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_can_be_read_in_light_and_in_dark() {
    let (light, rest) = STYLE.split_once("@media (prefers-color-scheme:dark)").unwrap();
    let (dark, _) = rest.split_once("*{").unwrap();
    let light = colours(light);
    let mut both = light.clone();
    both.extend(colours(dark));
    assert_ne!(light, both);
    for (name, colours) in [("light", light), ("dark", both)] {
        for (text, background) in PAIRS {
            let found = contrast(*colours.get(text).unwrap(), *colours.get(background).unwrap());
            assert!(found >= 4.5, "{name}: {text} on {background} has {found:.2}");
        }
    }
    assert!(contrast([0.5; 3], [0.6; 3]) < 4.5);
}
