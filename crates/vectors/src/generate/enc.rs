//! Ciphertexts: algorithms and octets (rows ENC-01 … ENC-09, ENC-11, ENC-20, ENC-22); their shape and what is around
//! and inside them are in the modules below.

mod message;
mod sealed;
mod shape;

use chukei_forge::{raw::Element, seal::uri};
use chukei_reason::Reason;

use super::{
    Book,
    old::{Hash, cbc, gcm},
    rsa::{Oaep, pkcs1_sealed, sum},
    small::NUMBER,
};
use sealed::{CONTENT_KEY, CONTENT_METHOD, IV, KEY_METHOD, Sealed, name_id, responder, row, wrapped};

const ALGORITHM: Reason = Reason::Algorithm;

const DECRYPT: Reason = Reason::Decrypt;

pub(super) fn generate(book: &mut Book) {
    cbc_padding(book);
    cbc_content(book);
    pkcs1_transport(book);
    relabelled(book);
    tags(book);
    initialisation_vectors(book);
    short_ciphertexts(book);
    damaged_oaep(book);
    content_key_lengths(book);
    spliced(book);
    flipped(book);
    shape::generate(book);
    message::generate(book);
}

/// Sealed with AES-CBC under a soundly wrapped key: only its name is a reason to refuse it.
fn in_cbc(content: Vec<u8>, key: &[u8], method: &str) -> String {
    let sealed = Sealed { content, wrapped: wrapped(key), ..Sealed::new() };
    sealed.changed(|root| root.find_mut(CONTENT_METHOD).set("Algorithm", method))
}

fn cbc_padding(book: &mut Book) {
    let iv = [3; 16];
    let sound = || cbc(&CONTENT_KEY, iv, name_id().as_bytes());
    let mut row = row(book, "ENC-01");
    row.invalid(
        1,
        in_cbc(sound(), &CONTENT_KEY, uri::AES256_CBC),
        ALGORITHM,
        "AES-256-CBC, sound",
        "正しいAES-256-CBC",
    );
    let short = cbc(&CONTENT_KEY[..16], iv, name_id().as_bytes());
    row.invalid(
        2,
        in_cbc(short, &CONTENT_KEY[..16], AES128_CBC),
        ALGORITHM,
        "AES-128-CBC, sound",
        "正しいAES-128-CBC",
    );
    let middle = cbc(&CONTENT_KEY[..24], iv, name_id().as_bytes());
    row.invalid(
        3,
        in_cbc(middle, &CONTENT_KEY[..24], AES192_CBC),
        ALGORITHM,
        "AES-192-CBC, sound",
        "正しいAES-192-CBC",
    );
    row.invalid(
        4,
        in_cbc(sound(), &CONTENT_KEY[..24], uri::TRIPLEDES_CBC),
        ALGORITHM,
        "Triple DES, by name",
        "トリプルDESを名乗る",
    );
    // The last octet of the block before the last one turns over the length of the padding.
    let with_padding = |change: u8| {
        let mut octets = sound();
        let at = octets.len() - 17;
        octets[at] ^= change;
        in_cbc(octets, &CONTENT_KEY, uri::AES256_CBC)
    };
    let length = u8::try_from(16 - name_id().len() % 16).expect("a short padding");
    for (case, (wanted, en, ja)) in (10..).zip([
        (0, "padding of length 0", "長さ0のパディング"),
        (1, "padding of length 1", "長さ1のパディング"),
        (16, "padding of length 16", "長さ16のパディング"),
        (17, "padding of length 17", "長さ17のパディング"),
        (255, "padding of length 255", "長さ255のパディング"),
    ]) {
        row.invalid(case, with_padding(length ^ wanted), ALGORITHM, en, ja);
    }
    let mut last = sound();
    *last.last_mut().expect("octets") ^= 1;
    row.invalid(
        20,
        in_cbc(last, &CONTENT_KEY, uri::AES256_CBC),
        ALGORITHM,
        "the last octet changed",
        "末尾オクテットの改変",
    );
    let cut = sound()[..16].to_vec();
    row.invalid(21, in_cbc(cut, &CONTENT_KEY, uri::AES256_CBC), ALGORITHM, "the IV alone", "IVのみ");
    let cut = sound()[..40].to_vec();
    row.invalid(22, in_cbc(cut, &CONTENT_KEY, uri::AES256_CBC), ALGORITHM, "half a block", "半端なブロック");
}

fn cbc_content(book: &mut Book) {
    let mut row = row(book, "ENC-02");
    for (case, (plaintext, en, ja)) in (1..).zip([
        ("<saml:NameID>", "sound padding, truncated XML", "正しいパディング、途中で切れたXML"),
        ("\u{1}", "sound padding, a control character", "正しいパディング、制御文字"),
        ("20260001", "sound padding, no element", "正しいパディング、要素なし"),
        ("", "sound padding, nothing else", "パディングのみ"),
    ]) {
        let content = cbc(&CONTENT_KEY, [3; 16], plaintext.as_bytes());
        row.invalid(case, in_cbc(content, &CONTENT_KEY, uri::AES256_CBC), ALGORITHM, en, ja);
    }
}

fn pkcs1_transport(book: &mut Book) {
    let mut row = row(book, "ENC-03");
    let block = |octets: Vec<u8>| Sealed { wrapped: responder().public(&octets), ..Sealed::new() };
    let named = |sealed: Sealed, root: fn(&mut Element)| sealed.changed(root);
    let rsa_1_5 = |root: &mut Element| {
        let method = root.find_mut(KEY_METHOD);
        method.set("Algorithm", uri::RSA_1_5);
        method.children.clear();
    };
    let sound = || pkcs1_sealed(&CONTENT_KEY);
    let with = |at: usize, octet: u8| {
        let mut block = sound();
        block[at] = octet;
        block
    };
    for (case, (octets, en, ja)) in (1..).zip([
        (sound(), "sound", "正しい形式"),
        (with(1, 1), "block type 1", "ブロック種別1"),
        (with(0, 1), "the first octet is one", "先頭オクテットが1"),
        (with(5, 0), "a zero within the first eight octets of padding", "パディング冒頭8オクテット内に0"),
        (with(256 - 33, 7), "no zero before the key", "鍵の前に0がない"),
        (pkcs1_sealed(&CONTENT_KEY[..16]), "a key of 16 octets", "16オクテットの鍵"),
        (pkcs1_sealed(b""), "no key", "空の鍵"),
    ]) {
        row.invalid(case, named(block(octets), rsa_1_5), ALGORITHM, en, ja);
    }
    let garbage = Sealed { wrapped: vec![0x55; 256], ..Sealed::new() };
    row.invalid(20, named(garbage, rsa_1_5), ALGORITHM, "any octets", "任意のオクテット列");
}

fn relabelled(book: &mut Book) {
    let labelled = |path: &'static str, uri: &str| {
        Sealed::new().changed(|root| root.find_mut(path).set("Algorithm", uri))
    };
    let mut row = row(book, "ENC-04");
    for (case, (path, uri, en, ja)) in (1..).zip([
        (CONTENT_METHOD, uri::AES256_CBC, "GCM under the name of CBC", "CBCを名乗るGCM"),
        (CONTENT_METHOD, uri::AES128_GCM, "AES-256 under the name of AES-128", "AES-128を名乗るAES-256"),
        (CONTENT_METHOD, AES256_CTR, "GCM under the name of CTR", "CTRを名乗るGCM"),
        (CONTENT_METHOD, "", "content without a name", "内容の方式名が空"),
        (
            CONTENT_METHOD,
            "http://www.w3.org/2009/xmlenc11#AES256-GCM",
            "content named in capitals",
            "内容の方式名が大文字",
        ),
        (
            CONTENT_METHOD,
            "http://www.w3.org/2009/xmlenc11#aes256-gcm ",
            "content named with a space",
            "内容の方式名に空白",
        ),
        (KEY_METHOD, uri::RSA_1_5, "OAEP under the name of PKCS#1 v1.5", "PKCS#1 v1.5を名乗るOAEP"),
        (KEY_METHOD, uri::RSA_OAEP_MGF1P, "OAEP under its older name", "旧名称を名乗るOAEP"),
        (KEY_METHOD, "", "key without a name", "鍵の方式名が空"),
        (KEY_METHOD, uri::AES256_GCM, "key under the name of a cipher", "鍵の方式が内容暗号"),
    ]) {
        row.invalid(case, labelled(path, uri), ALGORITHM, en, ja);
    }
}

fn tags(book: &mut Book) {
    let mut row = row(book, "ENC-05");
    let with = |content: Vec<u8>| Sealed { content, ..Sealed::new() }.write();
    let sound = Sealed::new().content;
    let body = sound.len() - 16;
    for (case, length) in (1..).zip([15, 14, 13, 12, 8, 4, 1, 0]) {
        let input = with(sound[..body + length].to_vec());
        row.invalid(
            case,
            input,
            DECRYPT,
            &format!("a tag of {length} octets"),
            &format!("{length}オクテットのタグ"),
        );
    }
    let flipped = |at: usize| {
        let mut octets = sound.clone();
        octets[at] ^= 1;
        octets
    };
    for (case, (content, en, ja)) in (20..).zip([
        (flipped(body), "the first octet of the tag changed", "タグ先頭の改変"),
        (flipped(sound.len() - 1), "the last octet of the tag changed", "タグ末尾の改変"),
        ([&sound[..body], &[0; 16]].concat(), "a tag of zeros", "0のみのタグ"),
        ([&sound[..], &[0]].concat(), "an octet behind the tag", "タグの後ろに1オクテット"),
        (
            [&sound[..12], &sound[body..], &sound[12..body]].concat(),
            "the tag before the ciphertext",
            "暗号文の前にタグ",
        ),
    ]) {
        row.invalid(case, with(content), DECRYPT, en, ja);
    }
}

fn initialisation_vectors(book: &mut Book) {
    let mut row = row(book, "ENC-07");
    let with =
        |iv: &[u8]| Sealed { content: gcm(&CONTENT_KEY, iv, name_id().as_bytes()), ..Sealed::new() }.write();
    for (case, (length, en, ja)) in (1..).zip([
        (0, "no IV", "IVなし"),
        (1, "an IV of one octet", "1オクテットのIV"),
        (8, "an IV of 8 octets", "8オクテットのIV"),
        (11, "an IV of 11 octets", "11オクテットのIV"),
        (13, "an IV of 13 octets", "13オクテットのIV"),
        (16, "an IV of 16 octets", "16オクテットのIV"),
    ]) {
        row.invalid(case, with(&vec![3; length]), DECRYPT, en, ja);
    }
    row.control(10, with(&[0; 12]), "an IV of zeros", "0のみのIV").reads("NameID", NUMBER);
    row.control(11, with(&[0xff; 12]), "an IV of ones", "1のみのIV").reads("NameID", NUMBER);
    let other = [&[4; 12], &Sealed::new().content[12..]].concat();
    row.invalid(12, Sealed { content: other, ..Sealed::new() }.write(), DECRYPT, "another IV", "別のIV");
    row.invalid(13, Sealed::of("").write(), Reason::Plaintext, "an empty plaintext", "空の平文").deviates(
        "R:Decrypt",
        "it opens and holds no element; the answer is the same",
        "復号はでき、要素がない。応答は同じである",
    );
}

fn short_ciphertexts(book: &mut Book) {
    let mut row = row(book, "ENC-08");
    let sound = Sealed::new().content;
    for (case, length) in (1..).zip([0, 1, 11, 12, 13, 15, 16, 27, 28]) {
        let content = sound[..length].to_vec();
        let (en, ja) = (format!("{length} octets"), format!("{length}オクテット"));
        row.invalid(case, Sealed { content, ..Sealed::new() }.write(), DECRYPT, &en, &ja).also(&["DOS-26"]);
    }
    for (case, length) in (20..).zip([0, 1, 255]) {
        let wrapped = Sealed::new().wrapped[..length].to_vec();
        let (en, ja) = (format!("{length} octets of wrapped key"), format!("{length}オクテットの暗号化鍵"));
        row.invalid(case, Sealed { wrapped, ..Sealed::new() }.write(), DECRYPT, &en, &ja).also(&["DOS-26"]);
    }
}

fn damaged_oaep(book: &mut Book) {
    let mut row = row(book, "ENC-09");
    let block = |change: fn(&mut Oaep<'_>)| {
        let mut oaep = Oaep::new(&CONTENT_KEY);
        change(&mut oaep);
        responder().public(&oaep.block())
    };
    let modulus = &responder().modulus;
    let sound = Sealed::new().wrapped;
    let flip = |at: usize| {
        let mut octets = sound.clone();
        octets[at] ^= 1;
        octets
    };
    for (case, (wrapped, en, ja)) in (1..).zip([
        (block(|oaep| oaep.first = 1), "the first octet is one", "先頭オクテットが1"),
        (block(|oaep| oaep.first = 0x7f), "the first octet is 127", "先頭オクテットが127"),
        (block(|oaep| oaep.label = b"label"), "another label", "別のラベル"),
        (block(|oaep| oaep.padding = 0x55), "padding that is not zero", "0でないパディング"),
        (block(|oaep| oaep.separator = 0), "no separator", "区切りなし"),
        (block(|oaep| oaep.separator = 2), "another separator", "別の区切り"),
        (block(|oaep| oaep.mask = Hash::Sha1), "MGF1 with SHA-1", "SHA-1によるMGF1"),
        (
            block(|oaep| oaep.hash = Hash::Sha1),
            "the label's digest with SHA-1",
            "ラベルのダイジェストがSHA-1",
        ),
        (block(|oaep| (oaep.hash, oaep.mask) = (Hash::Sha1, Hash::Sha1)), "SHA-1 throughout", "全てSHA-1"),
        (responder().public(&pkcs1_sealed(&CONTENT_KEY)), "a block of PKCS#1 v1.5", "PKCS#1 v1.5のブロック"),
        (vec![0; 256], "zero", "0"),
        ([vec![0; 255], vec![1]].concat(), "one", "1"),
        (vec![0xff; 256], "above the modulus", "法を超える値"),
        (modulus.clone(), "the modulus", "法そのもの"),
        (sum(&sound, modulus), "the modulus added", "法を加算"),
        ([&[0], &sound[..]].concat(), "a leading zero", "先頭に0"),
        (sound[1..].to_vec(), "the first octet missing", "先頭オクテットの欠落"),
        (flip(0), "the first octet changed", "先頭オクテットの改変"),
        (flip(255), "the last octet changed", "末尾オクテットの改変"),
    ]) {
        row.invalid(case, Sealed { wrapped, ..Sealed::new() }.write(), DECRYPT, en, ja);
    }
}

fn content_key_lengths(book: &mut Book) {
    let mut row = row(book, "ENC-11");
    let plaintext = name_id();
    for (case, length) in (1..).zip([16, 24]) {
        let key = &CONTENT_KEY[..length];
        let content = gcm(key, &IV, plaintext.as_bytes());
        let sealed = Sealed { wrapped: wrapped(key), content, ..Sealed::new() };
        let (en, ja) =
            (format!("sealed with a key of {length} octets"), format!("{length}オクテットの鍵で暗号化"));
        row.invalid(case, sealed.write(), DECRYPT, &en, &ja);
        let named = if length == 16 { uri::AES128_GCM } else { AES192_GCM };
        let input = sealed.changed(|root| root.find_mut(CONTENT_METHOD).set("Algorithm", named));
        row.invalid(
            case + 10,
            input,
            ALGORITHM,
            &format!("{en}, and named so"),
            &format!("{ja}し、その名を示す"),
        )
        .deviates("R:Decrypt", "refused by its name already", "名前の時点で拒否する");
    }
    for (case, length) in (3..).zip([0, 1, 31, 33, 64]) {
        let key: Vec<u8> = CONTENT_KEY.iter().cycle().take(length).copied().collect();
        let input = Sealed { wrapped: wrapped(&key), ..Sealed::new() }.write();
        row.invalid(
            case,
            input,
            DECRYPT,
            &format!("a wrapped key of {length} octets"),
            &format!("{length}オクテットの鍵を包む"),
        );
    }
    let sized = Sealed::new().changed(|root| {
        root.find_mut(CONTENT_METHOD).children.push(Element::new("xenc:KeySize").text("128").into());
    });
    row.invalid(20, sized, Reason::Structure, "another key size named", "別の鍵長の指定").deviates(
        "R:Decrypt",
        "the standard's EncryptionMethod of content is empty",
        "本標準の内容のEncryptionMethodは空要素である",
    );
}

fn spliced(book: &mut Book) {
    let mut row = row(book, "ENC-20");
    let (key, iv) = ([8; 32], [5; 12]);
    let other =
        || Sealed { wrapped: wrapped(&key), content: gcm(&key, &iv, name_id().as_bytes()), ..Sealed::new() };
    row.control(
        1,
        other().write(),
        "another ciphertext for the same recipient",
        "同じ受信者宛ての別の暗号文",
    )
    .reads("NameID", NUMBER);
    let one = Sealed::new();
    let mixed = |from: usize| [&one.content[..from], &other().content[from..]].concat();
    let tag = one.content.len() - 16;
    for (case, (wrapped, content, en, ja)) in (2..).zip([
        (other().wrapped, one.content.clone(), "the other's wrapped key", "他方の暗号化鍵"),
        (one.wrapped.clone(), other().content, "the other's content", "他方の内容"),
        (one.wrapped.clone(), mixed(12), "the other's content behind our IV", "IVのみ元のまま"),
        (one.wrapped.clone(), mixed(tag), "the other's tag", "他方のタグ"),
    ]) {
        row.invalid(case, Sealed { wrapped, content, ..Sealed::new() }.write(), DECRYPT, en, ja);
    }
}

/// One bit in each part; `chukei-vectors::keys::every_changed_bit_has_one_answer` changes every bit.
fn flipped(book: &mut Book) {
    let mut row = row(book, "ENC-22");
    let one = Sealed::new();
    let length = one.content.len();
    for (case, (at, en, ja)) in (1..).zip([
        (0, "the IV", "IV"),
        (12, "the first octet of the ciphertext", "暗号文の先頭"),
        (length - 17, "the last octet of the ciphertext", "暗号文の末尾"),
        (length - 16, "the tag", "タグ"),
    ]) {
        let mut content = one.content.clone();
        content[at] ^= 0x80;
        row.invalid(case, Sealed { content, ..Sealed::new() }.write(), DECRYPT, en, ja);
    }
    let mut wrapped = one.wrapped;
    wrapped[128] ^= 0x80;
    row.invalid(10, Sealed { wrapped, ..Sealed::new() }.write(), DECRYPT, "the wrapped key", "暗号化鍵");
}

const AES128_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";

const AES192_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes192-cbc";

const AES256_CTR: &str = "http://www.w3.org/2001/04/xmlenc#aes256-ctr";

const AES192_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes192-gcm";
