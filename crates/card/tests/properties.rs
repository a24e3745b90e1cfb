//! Random commands against a small model of what a card may do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use chukei_card::{Access, Application, Card, Command, FileId};
use proptest::prelude::*;
use support::{Mirror, hex, image};

const CARDS: [&str; 5] = ["juki-2010", "juki-jpki+kokuho", "kamogawa", "operator-token", "mynumber-like"];

/// Commands that do something, commands with one octet changed, and any octets.
fn command() -> impl Strategy<Value = Vec<u8>> {
    let aid = prop_oneof![
        Just("00a4040c0ad392f000260100000001"),
        Just("00a4040c0ad392f000260100000001"),
        Just("00a4040c0af04b4f4b55484f415031"),
        Just("00a4040c0ad3921000310001010100"),
        Just("00a4040005a00000030800"),
    ]
    .prop_map(hex);
    let id = prop_oneof![
        Just(1),
        Just(2),
        Just(6),
        Just(10),
        Just(0x17),
        Just(0x18),
        Just(0x1a),
        Just(0x1b),
        any::<u8>()
    ];
    let select = id.prop_map(|id| vec![0, 0xa4, 2, 0x0c, 2, 0, id]);
    let p2 = || prop_oneof![Just(0x80), Just(0x98), Just(0x9b), Just(0x9d)];
    let pin = || {
        prop_oneof![
            Just(&b"1234"[..]),
            Just(&b"ABC123"[..]),
            Just(&b"123456\xff\xff"[..]),
            Just(&b"9999000011112222"[..]),
            Just(&b"0000"[..]),
            Just(&b""[..]),
        ]
    };
    let about_pin = |ins: u8, p1: u8| {
        (p2(), pin()).prop_map(move |(p2, pin)| {
            let header = [0, ins, p1, p2];
            let length = u8::try_from(pin.len()).unwrap();
            if pin.is_empty() { header.to_vec() } else { [&header[..], &[length], pin].concat() }
        })
    };
    let read = (any::<bool>(), 0..32_u8, any::<u8>())
        .prop_map(|(by_id, p1, le)| vec![0, 0xb0, if by_id { 0x80 | p1 } else { p1 % 3 }, 0, le]);
    let record = (0..3_u8, 0..4_u8).prop_map(|(record, short)| vec![0, 0xb2, record, short << 3 | 4, 0]);
    let object = prop_oneof![Just("00cb3fff035c017e00"), Just("00cb3fff055c035fc10500")].prop_map(hex);
    let write = (0..4_u8).prop_map(|offset| vec![0, 0xd6, 0, offset, 2, 1, 2]);
    let sign = prop_oneof![
        Just(hex("802a00800301020300")),
        Just([&hex("1087079a ff 7c820106 8200 81820100")[..], &[5; 245]].concat()),
        Just([&hex("0087079a 0b")[..], &[5; 11], &[0]].concat()),
        Just(hex("00c0000000")),
    ];
    let sound = prop_oneof![
        3 => aid,
        3 => select,
        4 => about_pin(0x20, 0),
        1 => about_pin(0x24, 1),
        1 => about_pin(0x2c, 2),
        1 => about_pin(0x2c, 3),
        4 => read,
        1 => record,
        1 => object,
        1 => write,
        3 => sign,
    ]
    .boxed();
    let changed =
        (sound.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut octets, at, value)| {
            let at = at.index(octets.len());
            octets[at] = value;
            octets
        });
    prop_oneof![12 => sound, 2 => changed, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// Commands that only together get somewhere, and single ones.
fn commands(longest: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let scene = |commands: &[&str]| Just(commands.iter().map(|command| hex(command)).collect::<Vec<_>>());
    let (jpki, piv) = ("00a4040c0ad392f000260100000001", "00a4040005a00000030800");
    let scenes = prop_oneof![
        6 => command().prop_map(|command| vec![command]),
        1 => scene(&[jpki, "0020009b06414243313233"]),
        1 => scene(&[jpki, "002000980431323334"]),
        1 => scene(&[jpki, "0020009d1039393939303030303131313132323232"]),
        1 => scene(&["00a4020c02001a", "802a008003010203 00"]),
        1 => scene(&["00a4020c020017", "802a008003010203 00"]),
        1 => scene(&[piv, "0020008008313233343536ffff"]),
        1 => scene(&[&format!("1087079aff7c820106820081820100{}", "05".repeat(245)), &format!("0087079a0b{}00", "05".repeat(11))]),
    ];
    prop::collection::vec(scenes, 1..longest).prop_map(|scenes| scenes.concat())
}

/// What the model remembers: the application, the selected identifier, the verified PINs.
#[derive(Default)]
struct Model {
    application: Option<usize>,
    current: Option<u16>,
    verified: BTreeSet<String>,
}

impl Model {
    fn application<'a>(&self, card: &'a Card) -> Option<&'a Application> {
        card.image().applications.get(self.application?)
    }

    /// The PIN that P2 means.
    fn pin(&self, card: &Card, p2: u8) -> Option<String> {
        let id = if p2 == 0x80 { self.current } else { Some(u16::from(p2 & 0x1f)) };
        let mut pins = self.application(card)?.pins.iter();
        let pin = pins.find(|pin| {
            pin.reference.as_ref().is_some_and(|r| r.0 == [p2])
                || (pin.id.is_some() && pin.id.map(|id| id.0) == id)
        });
        pin.map(|pin| pin.name.get_ref().clone())
    }

    fn meets(&self, rule: &Access) -> bool {
        match rule {
            Access::Always => true,
            Access::Never => false,
            Access::Pin(name) => self.verified.contains(name),
        }
    }

    /// Follows a command that was answered, and checks what only it can know.
    fn follow(&mut self, card: &Card, before: &Card, command: &Command, answer: &[u8]) {
        let (data, status) = answer.split_at(answer.len() - 2);
        let done = matches!(status, [0x90, 0] | [0x61, _] | [0x62, 0x82]);
        let here = |model: &Self| model.application(card);
        match (command.class, command.ins) {
            (0, 0xa4) if done && command.p1 == 4 => {
                let is = |application: &Application| application.aid.get_ref().0.starts_with(&command.data);
                *self =
                    Self { application: card.image().applications.iter().position(is), ..Self::default() };
            }
            (0, 0xa4) if done => {
                self.current = Some(u16::from_be_bytes([command.data[0], command.data[1]]));
            }
            (0, 0x20) if !command.data.is_empty() => {
                if let Some(pin) = self.pin(card, command.p2) {
                    if done {
                        self.verified.insert(pin);
                    } else if status[0] == 0x63 {
                        self.verified.remove(&pin);
                    }
                }
            }
            (0, 0xb0 | 0xb2 | 0xcb) if done => {
                let application = here(self).expect("only in an application");
                let told = |name: &str| format!("<{} {name}>", application.name).into_bytes();
                if let Some(at) =
                    data.iter().position(|octet| *octet == b'<').filter(|_| data.ends_with(b">"))
                {
                    let names: Vec<_> = application.files.iter().map(|file| told(&file.name)).collect();
                    assert!(names.contains(&data[at..].to_vec()), "of another application");
                }
                if command.ins == 0xb0 {
                    let short = u16::from(command.p1 & 0x1f);
                    let id = if command.p1 & 0x80 == 0 { self.current } else { Some(short) };
                    self.current = id;
                    let file = application.files.iter().find(|file| file.id == id.map(FileId)).unwrap();
                    assert!(self.meets(file.read.get_ref()), "read without a right");
                }
            }
            (0, 0xd6) => {
                assert!(!done, "no type lets anybody write");
            }
            (0x80, 0x2a) | (0, 0x87) if done && !command.chained => {
                let application = here(self).unwrap();
                assert!(
                    application.keys.iter().any(|key| self.meets(key.usage.get_ref())),
                    "signed without a right"
                );
            }
            _ => {}
        }
        let tries = |card: &Card| -> BTreeMap<_, _> {
            card.counters().map(|(a, p, left)| ((a.to_owned(), p.to_owned()), left)).collect()
        };
        let (old, new) = (tries(before), tries(card));
        for (place, left) in new {
            if left > old[&place] {
                let here = here(self).unwrap();
                let pin = here.pins.iter().find(|pin| *pin.name.get_ref() == place.1).unwrap();
                let means_it = here.name == place.0 && self.pin(card, command.p2).as_ref() == Some(&place.1);
                let by_holder = command.ins == 0x20
                    && command.data.starts_with(pin.value.as_ref().unwrap().get_ref().0.as_bytes());
                let by_issuer = command.ins == 0x2c && self.verified.contains("issuer");
                assert!(done && means_it && (by_holder || by_issuer), "{place:?} rose");
            }
        }
    }
}

fn again(card: &Card) -> Card {
    Card::new(card.image().clone(), &Mirror).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_card_does_what_the_model_may(name in prop::sample::select(&CARDS[..]), commands in commands(60)) {
        let mut card = Card::new(image(name), &Mirror).unwrap();
        let mut model = Model::default();
        for octets in commands {
            let before = again(&card);
            let answer = card.transmit(&octets);
            prop_assert!(answer.len() >= 2);
            if let Ok(command) = Command::parse(&octets) {
                model.follow(&card, &before, &command, &answer);
            } else {
                prop_assert_eq!(answer.len(), 2);
            }
        }
    }

    #[test]
    fn a_reset_card_is_a_fresh_one_with_its_counters(
        name in prop::sample::select(&CARDS[..]),
        first in commands(40),
        waiting in 0..4_usize,
        second in commands(40),
    ) {
        let mut card = Card::new(image(name), &Mirror).unwrap();
        // The end: half of a chained command, or half of an answer, is waiting.
        let begun = [
            hex("00a4040005a00000030800"),
            hex("0020008008313233343536ffff"),
            hex(&format!("1087079aff7c820106820081820100{}", "05".repeat(245))),
            hex(&format!("0087079a0b{}00", "05".repeat(11))),
        ];
        for octets in first.iter().chain(begun.iter().take(waiting + 1)) {
            card.transmit(octets);
        }
        card.reset();
        let mut fresh = again(&card);
        for octets in [&[hex("00c0000000"), begun[3].clone()], &second[..]].concat() {
            prop_assert_eq!(card.transmit(&octets), fresh.transmit(&octets));
        }
    }

    #[test]
    fn any_octets_get_an_answer(octets in prop::collection::vec(any::<u8>(), 0..70_000)) {
        for name in CARDS {
            prop_assert!(Card::new(image(name), &Mirror).unwrap().transmit(&octets).len() >= 2);
        }
    }
}
