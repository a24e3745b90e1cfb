//! Where the foreign files are, and what is known about them from elsewhere.

use std::{collections::BTreeMap, fs, path::PathBuf};

/// The folder of the corpora.
pub struct Folder {
    root: PathBuf,
    index: BTreeMap<String, Indexed>,
}

/// What the corpora's own index says about a file. It was made with other tools than ours.
#[derive(Clone, Debug, Default)]
pub struct Indexed {
    /// Identifiers of algorithms, shortened, each with the column that it stands in.
    pub algorithms: Vec<(Column, String)>,
    /// Values of `Reference/@URI`.
    pub references: Vec<String>,
    /// Whether there is a document type declaration.
    pub doctype: bool,
}

/// Where an algorithm is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `SignatureMethod`.
    Signature,
    /// `DigestMethod`.
    Digest,
    /// `CanonicalizationMethod`.
    Canonicalization,
    /// `Transform`.
    Transform,
    /// `EncryptionMethod`.
    Encryption,
}

impl Folder {
    /// The folder `corpora` in `CHUKEI_SHARED`, by default in `shared` beside the repository.
    #[must_use]
    pub fn find() -> Option<Self> {
        let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
        let root = std::env::var_os("CHUKEI_SHARED").map_or_else(beside, PathBuf::from).join("corpora");
        let index = fs::read_to_string(root.join("INDEX.tsv")).ok()?;
        let index = index.lines().skip(1).filter_map(Indexed::read).collect();
        Some(Self { root, index })
    }

    /// Octets of a file.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn read(&self, path: &str) -> Vec<u8> {
        self.try_read(path).unwrap_or_else(|| panic!("no {path} in the corpora"))
    }

    /// Octets of a file, if it is there.
    #[must_use]
    pub fn try_read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.root.join(path)).ok()
    }

    /// Octets of a document: of the file, or of what it says in base64.
    #[must_use]
    pub fn document(&self, path: &str) -> Vec<u8> {
        let octets = self.read(path);
        let text = std::str::from_utf8(&octets).ok().filter(|text| !text.contains(['<', '-']));
        text.and_then(lenient_base64).filter(|decoded| !decoded.is_empty()).unwrap_or(octets)
    }

    /// Every indexed file.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }

    /// Every indexed file in a folder and below, in order.
    pub fn files<'f>(&'f self, folder: &'f str) -> impl Iterator<Item = &'f str> {
        let below = move |path: &&str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.index.keys().map(String::as_str).filter(below)
    }

    /// What the index says about a file.
    #[must_use]
    pub fn indexed(&self, path: &str) -> Indexed {
        self.index.get(path).cloned().unwrap_or_default()
    }
}

impl Indexed {
    fn read(line: &str) -> Option<(String, Self)> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [path, _, signature, digest, canonicalization, transform, encryption, reference, flags] =
            fields.as_slice()
        else {
            return None;
        };
        let list = |field: &str| field.split(',').filter(|v| !v.is_empty()).map(str::to_owned).collect();
        let columns = [
            (Column::Signature, *signature),
            (Column::Digest, *digest),
            (Column::Canonicalization, *canonicalization),
            (Column::Transform, *transform),
            (Column::Encryption, *encryption),
        ];
        let entry = |(column, field)| -> Vec<(Column, String)> {
            let names: Vec<String> = list(field);
            names.into_iter().map(|name| (column, name)).collect()
        };
        let algorithms = columns.into_iter().flat_map(entry).collect();
        let indexed = Self { algorithms, references: list(reference), doctype: flags.contains("DOCTYPE") };
        Some(((*path).to_owned(), indexed))
    }

    /// The first algorithm of a signature that is not on the closed lists of the standard. The index does not
    /// say whether a digest belongs to a signature or to a ciphertext, so in a file with both digests do not
    /// count.
    #[must_use]
    pub fn refused_for_signatures(&self) -> Option<&str> {
        let of = |wanted: Column| self.algorithms.iter().any(|(column, _)| *column == wanted);
        let unclear = |column: Column| {
            column == Column::Encryption || (column == Column::Digest && of(Column::Encryption))
        };
        let algorithms = self.algorithms.iter().filter(|(column, _)| !unclear(*column)).cloned().collect();
        let signatures = Self { algorithms, ..Self::default() };
        let refused = signatures.refused()?;
        self.algorithms.iter().map(|(_, name)| name.as_str()).find(|name| *name == refused)
    }

    /// The first algorithm that is not on the closed lists of the standard, as the index spells it.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        let allowed: &[(Column, &[&str])] = &[
            (Column::Signature, &["dsmore#rsa-sha256", "dsmore#ecdsa-sha256", "ds2007#sha256-rsa-MGF1"]),
            (Column::Digest, &["xenc#sha256"]),
            (Column::Canonicalization, &["exc#"]),
            (Column::Transform, &["ds#enveloped-signature", "exc#"]),
            (Column::Encryption, &["xenc11#aes256-gcm", "xenc11#rsa-oaep"]),
        ];
        let is_allowed =
            |column, name: &str| allowed.iter().any(|(own, names)| *own == column && names.contains(&name));
        let refused = self.algorithms.iter().find(|(column, name)| !is_allowed(*column, name))?;
        Some(&refused.1)
    }
}

/// Octets of base64 in any of its spellings: what is no digit is passed over. Written here, so that the
/// product's strict decoder is not its own witness.
#[must_use]
pub fn lenient_base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut octets, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for c in text.chars().filter(|c| !c.is_whitespace()).take_while(|c| *c != '=') {
        bits = bits << 6 | u32::try_from(DIGITS.find(c)?).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64() {
        assert_eq!(lenient_base64("AA\nEC Aw=="), Some(vec![0, 1, 2, 3]));
        assert_eq!(lenient_base64("AAECAw"), Some(vec![0, 1, 2, 3]));
        assert_eq!(lenient_base64("<a>"), None);
    }

    #[test]
    fn the_index_is_read_and_the_lists_are_closed() {
        let line = "a.xml\t9\tdsmore#rsa-sha256\txenc#sha256\texc#\tds#enveloped-signature,exc#\t\t#_1\t";
        let (path, sound) = Indexed::read(line).unwrap();
        assert_eq!((path.as_str(), sound.refused(), sound.references.len()), ("a.xml", None, 1));
        let (_, weak) = Indexed::read(&line.replace("xenc#sha256", "ds#sha1")).unwrap();
        assert_eq!(weak.refused(), Some("ds#sha1"));
        let (_, misplaced) = Indexed::read(&line.replace("\texc#\t", "\txenc#sha256\t")).unwrap();
        assert_eq!(misplaced.refused(), Some("xenc#sha256"));
    }
}
