//! Project Wycheproof: what goes wrong in implementations of cryptography, with the result that each test
//! must have.

use chukei_crypto::{
    ContentCipher, ContentKey, DigestAlgorithm, KeyTransport, PrivateKey, PublicKey, SignatureAlgorithm,
    Unwrapper, sha256,
};
use serde_json::Value;

use crate::{
    folder::Folder,
    tally::{Finding, Tally, Verdict},
};

/// Runs all twelve files.
///
/// # Panics
/// When there are other files.
pub fn run(folder: &Folder, tally: &mut Tally) {
    let files: Vec<&str> = folder.files("wycheproof").filter(|file| file.ends_with(".json")).collect();
    assert_eq!(files.len(), 12, "the files of Wycheproof");
    for file in files {
        let name = file.trim_start_matches("wycheproof/").trim_end_matches("_test.json");
        let tests: Value = serde_json::from_slice(&folder.read(file)).expect(file);
        let test: fn(&Value, &Value) -> Finding = match name {
            "ecdsa_secp256r1_sha256_p1363" => {
                |group, test| signature(SignatureAlgorithm::EcdsaSha256, group, test)
            }
            "rsa_signature_2048_sha256" => {
                |group, test| signature(SignatureAlgorithm::RsaSha256, group, test)
            }
            "rsa_oaep_2048_sha256_mgf1sha256" => |group, test| oaep(group, test, true),
            name if name.starts_with("rsa_oaep_") => |group, test| oaep(group, test, false),
            "aes_gcm" => gcm,
            "aes_cbc_pkcs5" => |_, _| refused("http://www.w3.org/2001/04/xmlenc#aes256-cbc"),
            "aes_wrap" => |_, _| refused("http://www.w3.org/2001/04/xmlenc#kw-aes256"),
            "hmac_sha1" => |_, _| refused("http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
            "hmac_sha256" => |_, _| refused("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
            "rsa_pkcs1_2048" => |_, _| refused("http://www.w3.org/2001/04/xmlenc#rsa-1_5"),
            other => panic!("an unknown file of Wycheproof: {other}"),
        };
        for group in array(&tests, "testGroups") {
            for case in array(group, "tests") {
                let number = case.get("tcId").and_then(Value::as_u64).expect("a number");
                let finding = test(group, case);
                tally.add(
                    &format!("wycheproof: {name}"),
                    Verdict::new(format!("{file} {number}"), "").with(finding),
                );
            }
        }
    }
}

/// The identifier is on no list.
fn refused(uri: &str) -> Finding {
    let known = SignatureAlgorithm::from_uri(uri).is_some()
        || DigestAlgorithm::from_uri(uri).is_some()
        || KeyTransport::from_uri(uri).is_some()
        || ContentCipher::from_uri(uri).is_some();
    if known {
        Finding::Differs(format!("{uri} is known"))
    } else {
        Finding::Outside(format!("{uri} refused"))
    }
}

fn signature(algorithm: SignatureAlgorithm, group: &Value, test: &Value) -> Finding {
    let key = match PublicKey::from_spki_der(&hex(group, "publicKeyDer")) {
        Ok(key) => key,
        Err(error) => return Finding::Outside(format!("key refused: {error}")),
    };
    let accepted = key.verify(algorithm, &sha256(&hex(test, "msg")), &hex(test, "sig")).is_ok();
    match (string(test, "result"), accepted) {
        ("valid", true) | ("invalid", false) => Finding::Agrees(verdict(accepted)),
        // Legacy spellings that an implementation may take; the standard has one spelling.
        ("acceptable", false) => Finding::Agrees("acceptable elsewhere, refused".into()),
        (result, _) => Finding::Differs(format!("{result}, but {}", verdict(accepted))),
    }
}

fn oaep(group: &Value, test: &Value, is_ours: bool) -> Finding {
    let key = PrivateKey::from_pkcs8_der(&hex(group, "privateKeyPkcs8")).expect("an RSA key");
    let message = hex(test, "msg");
    let unwrapped = key.unwrap(KeyTransport::RsaOaepSha256, &hex(test, "ct"));
    let is_key = message.len() == 32 && hex(test, "label").is_empty();
    match (string(test, "result"), unwrapped) {
        ("valid", Ok(key)) if is_ours && is_key => {
            let expected = ContentKey::from_octets(&message).expect("32 octets");
            let opened = key.open(&expected.seal(b"same key").expect("a ciphertext"));
            match opened.is_ok_and(|text| *text == b"same key") {
                true => Finding::Agrees("unwrapped".into()),
                false => Finding::Differs("unwrapped to another key".into()),
            }
        }
        (_, Ok(_)) => Finding::Differs("unwrapped".into()),
        ("valid", Err(_)) if is_ours && is_key => Finding::Differs("not unwrapped".into()),
        ("valid", Err(_)) if !is_ours => Finding::Outside("another pair of digests refused".into()),
        ("valid", Err(_)) => Finding::Outside("a label, or no key of 32 octets, refused".into()),
        (_, Err(_)) => Finding::Agrees("refused".into()),
    }
}

/// Run through the layout of XML Encryption: IV, ciphertext and tag in a row, no associated data.
fn gcm(group: &Value, test: &Value) -> Finding {
    let Ok(key) = ContentKey::from_octets(&hex(test, "key")) else {
        return match number(group, "keySize") {
            256 => Finding::Differs("key refused".into()),
            bits => Finding::Outside(format!("key of {bits} bits refused")),
        };
    };
    if number(group, "keySize") != 256 {
        return Finding::Differs("key of another size taken".into());
    }
    let sealed = [hex(test, "iv"), hex(test, "ct"), hex(test, "tag")].concat();
    let opened = key.open(&sealed);
    let sizes = (number(group, "ivSize"), number(group, "tagSize"));
    let fits = sizes == (96, 128) && hex(test, "aad").is_empty();
    match (string(test, "result"), opened) {
        ("valid", Ok(opened)) if fits && *opened == hex(test, "msg") => Finding::Agrees("opened".into()),
        (_, Ok(_)) => Finding::Differs("opened".into()),
        ("valid", Err(_)) if fits => Finding::Differs("not opened".into()),
        ("valid", Err(_)) => Finding::Outside(format!(
            "IV {} bits, tag {} bits, or associated data: refused",
            sizes.0, sizes.1
        )),
        (_, Err(_)) => Finding::Agrees("refused".into()),
    }
}

fn verdict(accepted: bool) -> String {
    if accepted { "accepted".into() } else { "refused".into() }
}

fn array<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).expect(name)
}

fn string<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).expect(name)
}

fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).expect(name)
}

fn hex(value: &Value, name: &str) -> Vec<u8> {
    let digits = string(value, name);
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn results_are_compared() {
        assert!(matches!(refused("http://www.w3.org/2001/04/xmlenc#aes256-cbc"), Finding::Outside(_)));
        assert!(matches!(refused(ContentCipher::Aes256Gcm.uri()), Finding::Differs(_)));
        let octets = [7; 32];
        let key = ContentKey::from_octets(&octets).unwrap();
        let sealed: Vec<String> =
            key.seal(b"m").unwrap().iter().map(|octet| format!("{octet:02x}")).collect();
        let test = |result: &str| {
            json!({ "key": "07".repeat(32), "aad": "", "msg": "6d", "iv": sealed[..12].concat(),
                    "ct": sealed[12..13].concat(), "tag": sealed[13..].concat(), "result": result })
        };
        let group = json!({ "keySize": 256, "ivSize": 96, "tagSize": 128 });
        assert!(matches!(gcm(&group, &test("valid")), Finding::Agrees(_)));
        assert!(matches!(gcm(&group, &test("invalid")), Finding::Differs(_)));
        let mut changed = test("valid");
        changed["ct"] = json!("00");
        assert!(matches!(gcm(&group, &changed), Finding::Differs(_)));
        changed["result"] = json!("invalid");
        assert!(matches!(gcm(&group, &changed), Finding::Agrees(_)));
    }
}
