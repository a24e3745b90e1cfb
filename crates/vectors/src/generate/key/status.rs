//! What else decides about a certificate: lists, purposes, known weaknesses (rows KEY-05, KEY-06, KEY-12).

use chukei_crypto::{
    PublicKey, UnixTime,
    test_pki::{Ca, CrlSpec, LeafSpec, NOW, TestExtension, key_usage, keys, oid},
};
use chukei_reason::Reason;
use chukei_xml::lexical::encode_base64;

use super::path::{World, anchored, decided_by, fault, leaf_spec, row};
use crate::{
    context::{Authority, PurposeOfCertificate, Register},
    generate::{
        Book, Row, der,
        rsa::{Parts, product, spki},
    },
    schema::{Flag, Group, Kind},
};

pub(super) fn generate(book: &mut Book) {
    addresses(book);
    weak_certificates(book);
    weak_keys(book);
}

fn addresses(book: &mut Book) {
    let mut row = row(book, "KEY-05");
    let addresses = [
        "http://127.0.0.1:9/a",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "file:///etc/hostname",
        "ldap://127.0.0.1:9/",
    ];
    for (case, address) in (1..).zip(addresses) {
        let list = LeafSpec { extensions: vec![distribution_point(address)], ..leaf_spec() };
        row.inert(
            case,
            World::new().chain(&list),
            &format!("revocation list at {address}"),
            &format!("失効リストの所在：{address}"),
        );
        let issuer = LeafSpec { extensions: vec![authority_information(address)], ..leaf_spec() };
        row.inert(
            case + 10,
            World::new().chain(&issuer),
            &format!("issuer and status at {address}"),
            &format!("発行者証明書とOCSPの所在：{address}"),
        );
    }
    // What the address would give is missing: nothing is looked up.
    let issuer = LeafSpec { extensions: vec![authority_information(addresses[0])], ..leaf_spec() };
    let alone = der::certificates(&[&World::new().issuing.issue_der(&issuer)]);
    row.invalid(
        30,
        alone,
        fault("UnknownIssuer"),
        "the issuer is only at the address",
        "発行者証明書は示された所在にのみある",
    )
    .deviates("no fetch", "a path is built from what is at hand", "経路は手元の証明書だけで組み立てる");
    let required = Authority { revocation_required: true, ..anchored(World::new().root.certificate()) };
    row.context(decided_by(required));
    let list = LeafSpec { extensions: vec![distribution_point(addresses[0])], ..leaf_spec() };
    row.invalid(
        31,
        World::new().chain(&list),
        fault("RevocationUnknown"),
        "the list is only at the address",
        "失効リストは示された所在にのみある",
    )
    .deviates(
        "no fetch",
        "revocation is looked up in the lists at hand",
        "失効は手元のリストだけで調べる",
    );
}

/// `cRLDistributionPoints` (RFC 5280 §4.2.1.13) with one address.
pub(super) fn distribution_point(url: &str) -> TestExtension {
    let name = der::value(0xa0, &[&der::value(0xa0, &[&der::value(0x86, &[url.as_bytes()])])]);
    let value = der::value(0x30, &[&der::value(0x30, &[&name])]);
    TestExtension { oid: oid::CRL_DISTRIBUTION_POINTS.to_vec(), critical: false, value }
}

/// `authorityInfoAccess` (RFC 5280 §4.2.2.1) with one address for issuers and for OCSP.
pub(super) fn authority_information(url: &str) -> TestExtension {
    let access = |method: u8| {
        let method = der::value(6, &[&[0x2b, 6, 1, 5, 5, 7, 48, method]]);
        der::value(0x30, &[&method, &der::value(0x86, &[url.as_bytes()])])
    };
    let value = der::value(0x30, &[&access(1), &access(2)]);
    TestExtension { oid: vec![0x2b, 6, 1, 5, 5, 7, 1, 1], critical: false, value }
}

pub(super) fn revocation(row: &mut Row<'_>) {
    let world = World::new();
    let chain = world.chain(&leaf_spec());
    let bad = World::new().issuing.issue(leaf_spec());
    let of_root = |spec: &CrlSpec| encode_base64(&World::new().root.crl_der(spec));
    let of_issuing = |spec: &CrlSpec| encode_base64(&World::new().issuing.crl_der(spec));
    let clean = CrlSpec::default;
    let revoked = || CrlSpec { revoked: vec![bad.clone()], ..clean() };
    let usual = || anchored(world.root.certificate());
    let with = |crls: Vec<String>| Authority { crls, revocation_required: true, ..usual() };
    row.context(decided_by(with(vec![of_root(&clean()), of_issuing(&clean())])));
    row.valid(60, chain.clone(), "current lists, not on them", "最新のリストに載っていない")
        .reads("PathLength", "3");
    let impostor = Ca::from_spec(
        LeafSpec::authority("TEST Issuing CA", keys::rsa2048(3).public_key()),
        keys::rsa2048(3),
    );
    let authority = CrlSpec { revoked: vec![world.issuing.certificate().clone()], ..clean() };
    let stale = CrlSpec { next_update: Some(UnixTime(NOW.0 - 1)), ..clean() };
    let early = CrlSpec { this_update: UnixTime(NOW.0 + 1), ..clean() };
    let stale_revoked = CrlSpec { next_update: Some(UnixTime(NOW.0 - 1)), ..revoked() };
    let part =
        TestExtension { oid: oid::ISSUING_DISTRIBUTION_POINT.to_vec(), critical: true, value: vec![0x30, 0] };
    let part = CrlSpec { extensions: vec![part], ..clean() };
    let root = || of_root(&clean());
    for (case, (name, crls, en, ja)) in (61..).zip([
        ("Revoked", vec![root(), of_issuing(&revoked())], "revoked", "失効済み"),
        (
            "Revoked",
            vec![root(), of_issuing(&stale_revoked)],
            "revoked on a list out of date",
            "期限切れリスト上で失効済み",
        ),
        (
            "Revoked",
            vec![root(), of_issuing(&clean()), of_issuing(&revoked())],
            "revoked on one of two lists",
            "二つのリストの一方で失効済み",
        ),
        (
            "Revoked",
            vec![of_root(&authority), of_issuing(&clean())],
            "the authority is revoked",
            "認証局が失効済み",
        ),
        ("RevocationUnknown", vec![root(), of_issuing(&stale)], "a list out of date", "期限切れのリスト"),
        ("RevocationUnknown", vec![root(), of_issuing(&early)], "a list of tomorrow", "発効前のリスト"),
        (
            "RevocationUnknown",
            vec![root(), of_issuing(&CrlSpec { next_update: None, ..clean() })],
            "a list without end",
            "次回更新のないリスト",
        ),
        ("RevocationUnknown", vec![root()], "no list of the issuing authority", "発行認証局のリストなし"),
        ("RevocationUnknown", vec![of_issuing(&clean())], "no list of the root", "ルートのリストなし"),
        ("RevocationUnknown", vec![], "no list", "リストなし"),
        (
            "RevocationUnknown",
            vec![root(), encode_base64(&impostor.crl_der(&clean()))],
            "a list of an impostor",
            "なりすましのリスト",
        ),
        (
            "CriticalExtension",
            vec![root(), of_issuing(&part)],
            "a list for part of the certificates",
            "一部の証明書のみのリスト",
        ),
        (
            "Signature",
            vec![root(), of_issuing(&CrlSpec { sha1: true, ..clean() })],
            "a list signed with SHA-1",
            "SHA-1で署名されたリスト",
        ),
    ]) {
        row.context(decided_by(with(crls)));
        row.invalid(case, chain.clone(), fault(name), en, ja);
    }
    row.context(decided_by(usual()));
    row.control(80, chain, "no list, and none required", "リストなし、必須でもない").reads("PathLength", "3");
}

pub(super) fn purposes(row: &mut Row<'_>) {
    use PurposeOfCertificate as To;
    let usual = || anchored(World::new().root.certificate());
    for (case, (purpose, usage, extended, name, en, ja)) in (81..).zip([
        (
            To::TlsServer,
            key_usage::DIGITAL_SIGNATURE,
            vec![],
            "ExtendedKeyUsage",
            "a server without extended key usage",
            "拡張鍵用途のないサーバ",
        ),
        (
            To::TlsClient,
            key_usage::NON_REPUDIATION,
            vec![oid::CLIENT_AUTH],
            "KeyUsage",
            "a client that only binds itself",
            "否認防止のみのクライアント",
        ),
        (
            To::SignDocuments,
            key_usage::DIGITAL_SIGNATURE,
            vec![],
            "KeyUsage",
            "a document signed with an authentication key",
            "認証用の鍵による文書署名",
        ),
        (
            To::WrapKeys,
            key_usage::DIGITAL_SIGNATURE,
            vec![],
            "KeyUsage",
            "keys wrapped for a signing key",
            "署名用の鍵への鍵暗号化",
        ),
        (
            To::SignCertificates,
            key_usage::KEY_CERT_SIGN,
            vec![],
            "BasicConstraints",
            "an authority without basic constraints",
            "基本制約のない認証局",
        ),
    ]) {
        row.context(decided_by(Authority { purpose, ..usual() }));
        let spec = LeafSpec { key_usage: usage, extended_key_usage: extended, ..leaf_spec() };
        row.invalid(case, World::new().chain(&spec), fault(name), en, ja);
    }
}

fn weak_certificates(book: &mut Book) {
    let mut row = row(book, "KEY-12");
    let note = (
        "R:Key",
        "in a certificate the fault is that of the certificate's key",
        "証明書の中では証明書の鍵の欠陥として報告する",
    );
    let roca = LeafSpec { spki: keys::weak_spki(keys::RSA2048_ROCA), ..leaf_spec() };
    row.invalid(
        1,
        World::new().chain(&roca),
        fault("Key"),
        "a card key by a broken generator (ROCA)",
        "欠陥のある生成器によるカード鍵（ROCA）",
    )
    .deviates(note.0, note.1, note.2);
    for (case, (key, en, ja)) in (2..).zip([
        (keys::p256(1), "the leaf's key is on the operator's list", "末端の鍵が運用者の拒否一覧にある"),
        (
            keys::rsa2048(1),
            "the authority's key is on the operator's list",
            "認証局の鍵が運用者の拒否一覧にある",
        ),
        (keys::rsa2048(2), "the root's key is on the operator's list", "ルートの鍵が運用者の拒否一覧にある"),
    ]) {
        let refused_keys = vec![hex(key.public_key())];
        row.context(decided_by(Authority { refused_keys, ..anchored(World::new().root.certificate()) }));
        row.invalid(case, World::new().chain(&leaf_spec()), fault("Key"), en, ja)
            .deviates(note.0, note.1, note.2);
    }
    let refused_keys = vec![hex(keys::p256(3).public_key())];
    row.context(decided_by(Authority { refused_keys, ..anchored(World::new().root.certificate()) }));
    row.control(
        5,
        World::new().chain(&leaf_spec()),
        "another key is on the operator's list",
        "別の鍵が運用者の拒否一覧にある",
    )
    .reads("PathLength", "3");
}

fn weak_keys(book: &mut Book) {
    let mut row = book.row("KEY-12", Kind::PublicKey, Flag::Key);
    let register = |refused: &[&PublicKey], registered: &[&PublicKey]| Group {
        register: Some(Register {
            refused_keys: refused.iter().map(|key| hex(key)).collect(),
            registered: registered.iter().map(|key| encode_base64(key.spki_der())).collect(),
        }),
        ..Group::default()
    };
    let pem = |spki: &[u8]| der::pem("PUBLIC KEY", spki);
    let [one, two, three] = [1, 2, 3].map(keys::rsa2048);
    let [one, two, three] = [&one, &two, &three].map(|key| key.public_key());
    row.context(register(&[two], &[three]));
    row.valid(20, pem(one.spki_der()), "a sound key", "健全な鍵").reads("Kind", "Rsa { bits: 2048 }");
    let reason = Reason::Key;
    row.invalid(
        21,
        pem(&keys::weak_spki(keys::RSA2048_ROCA)),
        reason,
        "a broken generator (CVE-2017-15361)",
        "欠陥のある生成器（CVE-2017-15361）",
    );
    row.invalid(22, pem(two.spki_der()), reason, "on the operator's list", "運用者の拒否一覧にある");
    let (p, q) = (Parts::of(&keys::rsa2048(3)), Parts::of(&keys::rsa2048(1)));
    let shared = spki(&product(&p.primes[0], &q.primes[1]), &[1, 0, 1]);
    row.invalid(
        23,
        pem(&shared),
        reason,
        "a prime in common with a registered key",
        "登録済みの鍵と素因数を共有",
    );
    row.control(24, pem(three.spki_der()), "a key that is registered already", "登録済みの鍵そのもの");
    row.context(register(&[two], &[]));
    row.control(
        25,
        pem(&shared),
        "the same prime, and no such key registered",
        "同じ素因数、該当する登録鍵なし",
    );
}

/// SHA-256 of a key in hexadecimal.
fn hex(key: &PublicKey) -> String {
    key.spki_sha256().iter().map(|octet| format!("{octet:02x}")).collect()
}
