//! Keys that no signature may be verified with (rows ALG-06, ALG-09).

use chukei_crypto::test_pki::keys;
use chukei_reason::Reason;

use crate::{
    context::Register,
    generate::{
        Book, der,
        rsa::{Parts, product, spki},
        small::relay_parts,
    },
    schema::{Flag, Group, Kind},
};

pub(super) fn generate(book: &mut Book) {
    other_curves(book);
    rsa_keys(book);
}

fn other_curves(book: &mut Book) {
    let mut row = book.row("ALG-06", Kind::PublicKey, Flag::Key);
    row.context(Group { register: Some(Register::default()), ..Group::default() });
    let p256 = keys::p256(1).public_key().spki_der().to_vec();
    let pem = |spki: &[u8]| der::pem("PUBLIC KEY", spki);
    let note = (
        "R:Signature",
        "a key on another curve is never registered, so that no signature is tried with it",
        "別の曲線の鍵は登録されず、署名の検証に使われない",
    );
    row.valid(60, pem(&p256), "P-256", "P-256").reads("Kind", "P256");
    row.inert(61, pem(keys::p384().public_key().spki_der()), "P-384", "P-384")
        .reads("Kind", "P384")
        .deviates(note.0, "certificates may be signed with P-384", "証明書の署名にはP-384を使える");
    let (algorithm, point) = (&p256[4..23], &p256[26..]);
    let curve = |oid: &[u8], point: &[u8]| {
        let algorithm =
            der::value(0x30, &[&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], &der::value(6, &[oid])]);
        der::value(0x30, &[&algorithm, &der::value(3, &[&[0], point])])
    };
    let with_point =
        |point: &[u8]| der::value(0x30, &[&der::value(0x30, &[algorithm]), &der::value(3, &[&[0], point])]);
    let off_curve = [&point[..64], &[point[64] ^ 1]].concat();
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    assert_eq!(with_point(point), p256, "taken apart and put together");
    for (case, (spki, en, ja)) in (62..).zip([
        (curve(&[0x2b, 0x81, 4, 0, 10], &SECP256K1), "secp256k1", "secp256k1"),
        (
            curve(&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7], point),
            "brainpoolP256r1, by name",
            "brainpoolP256r1を名乗る",
        ),
        (with_point(&off_curve), "a point that is not on the curve", "曲線上にない点"),
        (with_point(&[4; 65]), "a point far from the curve", "曲線から外れた点"),
        (with_point(&compressed), "a compressed point", "圧縮形式の点"),
        (with_point(&[0]), "the point at infinity", "無限遠点"),
        (with_point(&point[..64]), "a point that is too short", "短すぎる点"),
        (
            der::value(0x30, &[&der::value(0x30, &[&[6, 3, 0x2b, 0x65, 0x70]]), &der::value(3, &[&[0; 33]])]),
            "Ed25519",
            "Ed25519",
        ),
    ]) {
        row.invalid(case, pem(&spki), Reason::Key, en, ja).deviates(note.0, note.1, note.2);
    }
}

fn rsa_keys(book: &mut Book) {
    let mut row = book.row("ALG-09", Kind::PublicKey, Flag::Key);
    row.context(Group { register: Some(Register::default()), ..Group::default() });
    let pem = |spki: &[u8]| der::pem("PUBLIC KEY", spki);
    let own = keys::rsa2048(1).public_key().spki_der().to_vec();
    let (one, two) = (relay_parts(), Parts::of(&keys::rsa2048(2)));
    let longest = product(&one.modulus, &two.modulus);
    row.valid(0, pem(&own), "2048 bits", "2048ビット").reads("Kind", "Rsa { bits: 2048 }");
    let note = ("R:Key", "within the bounds", "範囲内");
    row.inert(1, pem(&spki(&longest, &[1, 0, 1])), "4096 bits", "4096ビット")
        .reads("Kind", "Rsa { bits: 4096 }")
        .deviates(note.0, note.1, note.2);
    row.inert(2, pem(&spki(&one.modulus, &[1, 0, 3])), "exponent 65539", "指数65539")
        .deviates(note.0, note.1, note.2);
    let short = |octets: usize| [&one.modulus[..octets - 1], &[1]].concat();
    let mut below = one.modulus.clone();
    below[0] &= 0x7f;
    let mut even = one.modulus.clone();
    even[255] &= 0xfe;
    // A multiple of 3 of the right length: the digits' sum is made one.
    let mut smooth = [&[0x80][..], &[0; 254], &[1]].concat();
    let remainder = smooth.iter().fold(0, |sum, octet| (sum + octet % 3) % 3);
    smooth[254] = (3 - remainder) % 3;
    for (case, (modulus, exponent, en, ja)) in (10..).zip([
        (short(64), &[1, 0, 1][..], "512 bits", "512ビット"),
        (short(128), &[1, 0, 1], "1024 bits", "1024ビット"),
        (short(192), &[1, 0, 1], "1536 bits", "1536ビット"),
        (below, &[1, 0, 1], "2047 bits", "2047ビット"),
        ([&longest[..], &[1]].concat(), &[1, 0, 1], "4104 bits", "4104ビット"),
        (vec![1], &[1, 0, 1], "modulus one", "法が1"),
        (even, &[1, 0, 1], "an even modulus", "偶数の法"),
        (smooth, &[1, 0, 1], "a modulus that three divides", "3で割り切れる法"),
        (one.modulus.clone(), &[0], "exponent zero", "指数0"),
        (one.modulus.clone(), &[1], "exponent one", "指数1"),
        (one.modulus.clone(), &[3], "exponent three", "指数3"),
        (one.modulus.clone(), &[17], "exponent 17", "指数17"),
        (one.modulus.clone(), &[1, 0, 0], "an even exponent", "偶数の指数"),
        (one.modulus.clone(), &[1, 0, 0, 0, 1], "an exponent above 2^32", "2^32を超える指数"),
        (one.modulus.clone(), &one.modulus, "the modulus as exponent", "法と等しい指数"),
    ]) {
        row.invalid(case, pem(&spki(&modulus, exponent)), Reason::Key, en, ja);
    }
    let huge = [&[0xff; 2047][..], &[1]].concat();
    row.invalid(
        30,
        der::repeating(&pem(&spki(&huge, &[1, 0, 1]))),
        Reason::Key,
        "16,384 bits",
        "16384ビット",
    );
    row.invalid(
        31,
        pem(&keys::weak_spki(keys::RSA1024)),
        Reason::Key,
        "a sound key of 1024 bits",
        "正しく作られた1024ビット鍵",
    );
    row.invalid(
        32,
        pem(&keys::weak_spki(keys::RSA2048_EXPONENT_3)),
        Reason::Key,
        "a sound key with exponent three",
        "正しく作られた指数3の鍵",
    );
    row.invalid(
        33,
        pem(&[&own[..], &[0]].concat()),
        Reason::Key,
        "an octet behind the key",
        "鍵の後ろに1オクテット",
    );
    let indefinite = [&[0x30, 0x80][..], &own[4..], &[0, 0]].concat();
    row.invalid(34, pem(&indefinite), Reason::Key, "BER instead of DER", "DERでないBER");
    row.invalid(35, der::pem("RSA PUBLIC KEY", &own), Reason::Key, "another PEM label", "PEMラベル違い");
}

/// The generator of secp256k1 (SEC 2 §2.4.1), uncompressed.
const SECP256K1: [u8; 65] = [
    4, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07, 0x02,
    0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98, 0x48, 0x3a,
    0xda, 0x77, 0x26, 0xa3, 0xc4, 0x65, 0x5d, 0xa4, 0xfb, 0xfc, 0x0e, 0x11, 0x08, 0xa8, 0xfd, 0x17, 0xb4,
    0x48, 0xa6, 0x85, 0x54, 0x19, 0x9c, 0x47, 0xd0, 0x8f, 0xfb, 0x10, 0xd4, 0xb8,
];
