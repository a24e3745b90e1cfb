//! Everything random in a run, as a function of its seed.

use chukei_crypto::sha256;

/// Gives octets, identifiers and orders that depend on the seed and on where they are used, and on nothing else.
///
/// Identifiers of one case do not depend on which other cases run, or in which order.
#[derive(Clone, Debug)]
pub struct Ids {
    seed: u64,
    scope: String,
    count: u32,
}

impl Ids {
    /// Identifiers of one case, or of another part of the run.
    #[must_use]
    pub fn new(seed: u64, scope: &str) -> Self {
        Self { seed, scope: scope.to_owned(), count: 0 }
    }

    /// 32 fresh octets.
    pub fn octets(&mut self) -> [u8; 32] {
        self.count = self.count.wrapping_add(1);
        sha256(format!("{}/{}/{}", self.seed, self.scope, self.count).as_bytes())
    }

    /// A fresh `xs:ID`: `_` and 32 hexadecimal digits.
    pub fn id(&mut self) -> String {
        format!("_{}", self.digits())
    }

    /// A fresh `urn:uuid:`.
    pub fn uuid(&mut self) -> String {
        let digits = self.digits();
        let part = |range| digits.get(range).unwrap_or_default();
        format!(
            "urn:uuid:{}-{}-4{}-a{}-{}",
            part(0..8),
            part(8..12),
            part(13..16),
            part(17..20),
            part(20..32)
        )
    }

    /// A fresh seed for the parts of one message.
    pub fn seed(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.octets();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// A fresh number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.seed().checked_rem(end).unwrap_or_default()).unwrap_or_default()
    }

    /// Puts the items into an order of the seed (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (2..=items.len()).rev() {
            let other = self.below(end);
            items.swap(end.saturating_sub(1), other);
        }
    }

    fn digits(&mut self) -> String {
        let octets = self.octets();
        octets.iter().take(16).map(|octet| format!("{octet:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_values_and_others_others() {
        let all = |seed, scope: &str| {
            let mut ids = Ids::new(seed, scope);
            let mut order: Vec<u32> = (0..20).collect();
            ids.shuffle(&mut order);
            (ids.id(), ids.uuid(), order)
        };
        assert_eq!(all(1, "a"), all(1, "a"));
        assert!(all(1, "a").0 != all(2, "a").0 && all(1, "a").1 != all(1, "b").1);
        let (_, uuid, mut order) = all(1, "a");
        assert_eq!(uuid.len(), "urn:uuid:00000000-0000-4000-a000-000000000000".len());
        assert_ne!(order, all(2, "a").2);
        order.sort_unstable();
        assert_eq!(order, (0..20).collect::<Vec<u32>>());
    }
}
