//! Textual encoding (RFC 7468): only the labels that we ask for, no headers, no encryption of the old kind.

use zeroize::Zeroizing;

/// Longer files hold no key or path that we would take.
const MAX: usize = 1 << 20;

/// Every block of this label, in order; `None` when a block is broken, none is there, or another label stands
/// among them.
pub(crate) fn blocks(text: &str, label: &str) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    if text.len() > MAX {
        return None;
    }
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        if !line.starts_with("-----") {
            continue; // explanatory text between blocks, RFC 7468 §2
        }
        if line != begin {
            return None;
        }
        let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
        loop {
            match lines.next()? {
                line if line == end => break,
                line => base64.push_str(line),
            }
        }
        found.push(Zeroizing::new(openssl::base64::decode_block(&base64).ok()?));
    }
    (!found.is_empty()).then_some(found)
}

/// The one block that the text holds.
pub(crate) fn block(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut found = blocks(text, label)?;
    if found.len() == 1 { found.pop() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_and_nothing_else() {
        let good = "comment\n-----BEGIN X-----\r\nAAEC\nAwQF\n-----END X-----\n";
        for bad in [
            String::new(),
            good.replace('X', "Y"),
            good.replace("-----END X-----", ""),
            good.replace("AAEC", "A*EC"),
            good.replace("AAEC", "Proc-Type: 4,ENCRYPTED"),
            format!("{good}-----BEGIN Y-----\nAAEC\n-----END Y-----\n"),
            format!("{good}{good}"),
            format!("{}{good}", " ".repeat(MAX)),
        ] {
            assert!(block(&bad, "X").is_none(), "{bad:.80}");
        }
        // Positive case
        assert_eq!(**block(good, "X").unwrap(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(blocks(&format!("{good}{good}"), "X").unwrap().len(), 2);
    }
}
