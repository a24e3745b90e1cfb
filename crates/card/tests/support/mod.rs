//! Cards with made-up content and keys that compute nothing hard.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests; each takes what it needs"
)]

use chukei_card::{Card, CardKey, Hex, Image, LifeCycle, PrivateOperation};

/// Keys whose private operation turns the block round: its own inverse, and nobody's signature.
pub(crate) struct Mirror;

struct MirrorKey(usize);

impl PrivateOperation for Mirror {
    fn load(&self, _: &[u8], bits: u32) -> Option<Box<dyn CardKey>> {
        Some(Box::new(MirrorKey(bits as usize / 8)))
    }
}

impl CardKey for MirrorKey {
    fn modulus_octets(&self) -> usize {
        self.0
    }

    fn private(&self, block: &[u8]) -> Option<Vec<u8>> {
        (block.len() == self.0).then(|| block.iter().rev().copied().collect())
    }
}

/// A card of this type in its holder's hands. Each file tells its application and name.
pub(crate) fn image(name: &str) -> Image {
    let mut image = chukei_card::named(name).unwrap();
    image.state = LifeCycle::Activated;
    for application in &mut image.applications {
        for file in &mut application.files {
            let told = format!("<{} {}>", application.name, file.name);
            let certificate = [&[0x30, 0x82, 0x03, 0x60], told.as_bytes(), &[0xce; 864]].concat();
            match file.from.as_deref() {
                None => {}
                Some(_) if file.linear => file.records = vec![Hex(told.into_bytes())],
                Some(from) if from.contains("certificate") || from.contains("authority") => {
                    file.content = Some(Hex(certificate[..868].to_vec()));
                }
                Some(_) => file.content = Some(Hex(told.into_bytes())),
            }
        }
    }
    let plans = image.certificates.clone();
    plans.iter().for_each(|plan| assert!(image.install_key(plan.key.get_ref(), &[0])));
    image
}

pub(crate) fn card(name: &str) -> Card {
    Card::new(image(name), &Mirror).unwrap()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    Hex::parse(&text.replace([' ', '\n'], "")).unwrap_or_else(|| panic!("{text}")).0
}

pub(crate) const SELECT_JPKI: &str = "00a4040c 0a d392f000260100000001";
pub(crate) const SELECT_KOKUHO: &str = "00a4040c 0a f04b4f4b55484f415031";
pub(crate) const SELECT_PIV: &str = "00a40400 0b a000000308000010000100 00";
