//! A card answers whatever it is sent, raises no counter by itself, and a reset leaves nothing but counters.

use std::sync::OnceLock;

use chukei_card::{Card, CardKey, Image, LifeCycle, PrivateOperation};

/// Keys that give back the block turned round.
struct Mirror;

struct MirrorKey(usize);

impl PrivateOperation for Mirror {
    fn load(&self, _: &[u8], bits: u32) -> Option<Box<dyn CardKey>> {
        Some(Box::new(MirrorKey(usize::try_from(bits).ok()? / 8)))
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

/// Runs the target: the first octet chooses the card; commands follow, each after two octets of length.
pub fn run(data: &[u8]) {
    let Some((&kind, mut rest)) = data.split_first() else { return };
    let mut card = card(kind);
    while let Some((length, after)) = rest.split_first_chunk() {
        let (command, next) = after.split_at(after.len().min(u16::from_be_bytes(*length).into()));
        let before = tries(&card);
        let answer = card.transmit(command);
        assert!(answer.len() >= 2, "every command gets an answer");
        let rose = tries(&card).iter().zip(&before).filter(|(now, before)| now > before).count();
        let may_rise = answer == [0x90, 0] && matches!(command.get(1), Some(0x20 | 0x2c));
        assert!(rose == 0 || (rose == 1 && may_rise), "a counter rose");
        rest = next;
    }
    card.reset();
    let mut fresh = Card::new(card.image().clone(), &Mirror).expect("a card was made of it before");
    for probe in PROBES {
        assert_eq!(card.transmit(probe), fresh.transmit(probe), "after a reset");
    }
}

const PROBES: [&[u8]; 7] = [
    b"\x00\xb0\x00\x00\x00",
    b"\x00\xc0\x00\x00\x00",
    b"\x00\x20\x00\x80",
    b"\x00\xa4\x04\x0c\x0a\xd3\x92\xf0\x00\x26\x01\x00\x00\x00\x01",
    b"\x80\x2a\x00\x80\x01\x00\x00",
    b"\x00\xa4\x02\x0c\x02\x00\x18",
    b"\x00\x20\x00\x80",
];

fn card(kind: u8) -> Card {
    static IMAGES: OnceLock<Vec<Image>> = OnceLock::new();
    let images = IMAGES.get_or_init(|| chukei_card::types().map(filled).collect());
    let image = images[usize::from(kind) % images.len()].clone();
    Card::new(image, &Mirror).expect("keys that need nothing")
}

/// A card of this type in its holder's hands.
fn filled(name: &str) -> Image {
    let mut image = chukei_card::named(name).expect("a type");
    image.state = LifeCycle::Activated;
    for plan in image.certificates.clone() {
        assert!(image.install_key(plan.key.get_ref(), &[0]));
    }
    for file in image.applications.iter_mut().flat_map(|application| &mut application.files) {
        file.content.get_or_insert_default().0.resize(300, 7);
    }
    image
}

fn tries(card: &Card) -> Vec<u8> {
    card.counters().map(|(_, _, left)| left).collect()
}
