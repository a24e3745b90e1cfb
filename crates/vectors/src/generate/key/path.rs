//! Certificates that may not be relied on (row KEY-06).

use chukei_crypto::{
    Certificate, UnixTime,
    test_pki::{Ca, LeafSpec, NOW, TestExtension, key_usage, keys, oid},
};
use chukei_reason::Reason;
use chukei_xml::lexical::{DateTime, encode_base64};

use super::status::{purposes, revocation};
use crate::{
    context::{Authority, PurposeOfCertificate},
    generate::{Book, Row, der},
    schema::{Flag, Group, Kind},
};

pub(super) fn generate(book: &mut Book) {
    let mut row = row(book, "KEY-06");
    leaves(&mut row);
    authorities(&mut row);
    ends(&mut row);
    encodings(&mut row);
    revocation(&mut row);
    purposes(&mut row);
}

/// Root, and issuing authority below it. Made anew for each vector, so that each has the same serial numbers.
pub(super) struct World {
    pub(super) root: Ca,
    pub(super) issuing: Ca,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(issuing_spec())
    }

    fn with(spec: LeafSpec) -> Self {
        let root = root();
        let issuing = root.subordinate(spec, keys::rsa2048(1));
        Self { root, issuing }
    }

    /// A leaf by the issuing authority, and that.
    pub(super) fn chain(&self, spec: &LeafSpec) -> String {
        der::certificates(&[&self.issuing.issue_der(spec), self.issuing.certificate().der()])
    }
}

/// The trust anchor.
fn root() -> Ca {
    let key = keys::rsa2048(2);
    Ca::from_spec(LeafSpec::authority("TEST Root", key.public_key()), key)
}

fn issuing_spec() -> LeafSpec {
    LeafSpec::authority("TEST Issuing CA", keys::rsa2048(1).public_key())
}

pub(super) fn leaf_spec() -> LeafSpec {
    LeafSpec::new("TEST Insurer A", keys::p256(1).public_key())
}

pub(super) fn anchored(anchor: &Certificate) -> Authority {
    Authority {
        anchors: vec![encode_base64(anchor.der())],
        crls: Vec::new(),
        refused_keys: Vec::new(),
        at: DateTime { seconds: NOW.0, nanoseconds: 0 }.format(),
        purpose: PurposeOfCertificate::SignMessages,
        revocation_required: false,
    }
}

pub(super) fn decided_by(authority: Authority) -> Group {
    Group { authority: Some(authority), ..Group::default() }
}

fn usual() -> Group {
    decided_by(anchored(World::new().root.certificate()))
}

pub(super) fn row<'b>(book: &'b mut Book, id: &str) -> Row<'b> {
    let mut row = book.row(id, Kind::CertificatePath, Flag::Certificate);
    row.context(usual());
    row.valid(0, World::new().chain(&leaf_spec()), "leaf and issuing authority", "末端と発行認証局")
        .reads("Subject", "CN=TEST Insurer A,O=Chukei TEST,C=JP")
        .reads("PathLength", "3");
    row
}

pub(super) fn fault(name: &str) -> Reason {
    Reason::from_name(&format!("Certificate({name})")).unwrap_or_else(|| panic!("no fault {name}"))
}

fn unknown(critical: bool) -> TestExtension {
    TestExtension { oid: oid::UNKNOWN.to_vec(), critical, value: vec![5, 0] }
}

fn leaves(row: &mut Row<'_>) {
    let authority = LeafSpec {
        is_ca: true,
        key_usage: key_usage::DIGITAL_SIGNATURE | key_usage::KEY_CERT_SIGN,
        ..leaf_spec()
    };
    let weak = |pem| LeafSpec { spki: keys::weak_spki(pem), ..leaf_spec() };
    for (case, (name, spec, en, ja)) in (1..).zip([
        (
            "Expired",
            LeafSpec { not_after: UnixTime(NOW.0 - 1), ..leaf_spec() },
            "expired a second ago",
            "1秒前に期限切れ",
        ),
        (
            "NotYetValid",
            LeafSpec { not_before: UnixTime(NOW.0 + 1), ..leaf_spec() },
            "valid in a second",
            "1秒後に有効",
        ),
        ("BasicConstraints", authority, "an authority as leaf", "認証局証明書が末端"),
        ("KeyUsage", LeafSpec { key_usage: 0, ..leaf_spec() }, "no key usage", "鍵用途なし"),
        (
            "KeyUsage",
            LeafSpec { key_usage: key_usage::KEY_ENCIPHERMENT, ..leaf_spec() },
            "for wrapping keys",
            "鍵暗号化用",
        ),
        (
            "ExtendedKeyUsage",
            LeafSpec { extended_key_usage: vec![oid::SERVER_AUTH], ..leaf_spec() },
            "for TLS servers",
            "TLSサーバ用",
        ),
        (
            "ExtendedKeyUsage",
            LeafSpec { extended_key_usage: vec![oid::UNKNOWN], ..leaf_spec() },
            "for an unknown purpose",
            "未知の用途用",
        ),
        (
            "CriticalExtension",
            LeafSpec { extensions: vec![unknown(true)], ..leaf_spec() },
            "an unknown critical extension",
            "未知の重要拡張",
        ),
        ("Signature", LeafSpec { sha1: true, ..leaf_spec() }, "signed with SHA-1", "SHA-1で署名"),
        ("Key", weak(keys::RSA1024), "an RSA key of 1024 bits", "1024ビットRSA鍵"),
        ("Key", weak(keys::RSA2048_EXPONENT_3), "an RSA key with exponent three", "指数3のRSA鍵"),
    ]) {
        row.invalid(case, World::new().chain(&spec), fault(name), en, ja);
    }
    for (case, (spec, en, ja)) in (90..).zip([
        (
            LeafSpec { not_before: NOW, not_after: UnixTime(NOW.0 + 1), ..leaf_spec() },
            "valid for this second",
            "この1秒だけ有効",
        ),
        (
            LeafSpec { not_after: UnixTime(2_600_000_000), ..leaf_spec() },
            "valid beyond 2049",
            "2049年を越えて有効",
        ),
        (
            LeafSpec { extensions: vec![unknown(false)], ..leaf_spec() },
            "an unknown extension that is not critical",
            "重要でない未知の拡張",
        ),
        (
            LeafSpec { extended_key_usage: vec![oid::SERVER_AUTH, oid::CLIENT_AUTH], ..leaf_spec() },
            "for TLS servers and clients",
            "TLSサーバ・クライアント両用",
        ),
        (
            LeafSpec { key_usage: key_usage::NON_REPUDIATION, ..leaf_spec() },
            "for signatures that bind",
            "否認防止用",
        ),
    ]) {
        row.control(case, World::new().chain(&spec), en, ja).reads("PathLength", "3");
    }
}

fn authorities(row: &mut Row<'_>) {
    for (case, (name, spec, en, ja)) in (20..).zip([
        (
            "Expired",
            LeafSpec { not_after: UnixTime(NOW.0 - 1), ..issuing_spec() },
            "expired authority",
            "期限切れの認証局",
        ),
        (
            "NotYetValid",
            LeafSpec { not_before: UnixTime(NOW.0 + 1), ..issuing_spec() },
            "authority not yet valid",
            "有効期間前の認証局",
        ),
        (
            "BasicConstraints",
            LeafSpec { is_ca: false, ..issuing_spec() },
            "authority without basic constraints",
            "基本制約のない認証局",
        ),
        (
            "KeyUsage",
            LeafSpec { key_usage: key_usage::CRL_SIGN, ..issuing_spec() },
            "authority that signs lists alone",
            "失効リスト署名専用の認証局",
        ),
        (
            "KeyUsage",
            LeafSpec { key_usage: 0, ..issuing_spec() },
            "authority without key usage",
            "鍵用途のない認証局",
        ),
        (
            "ExtendedKeyUsage",
            LeafSpec { extended_key_usage: vec![oid::TIME_STAMPING], ..issuing_spec() },
            "authority for time stamps",
            "タイムスタンプ用の認証局",
        ),
        (
            "CriticalExtension",
            LeafSpec { extensions: vec![unknown(true)], ..issuing_spec() },
            "authority with an unknown critical extension",
            "未知の重要拡張を持つ認証局",
        ),
        (
            "Signature",
            LeafSpec { sha1: true, ..issuing_spec() },
            "authority signed with SHA-1",
            "SHA-1で署名された認証局",
        ),
    ]) {
        row.invalid(case, World::with(spec).chain(&leaf_spec()), fault(name), en, ja);
    }
    // Below an authority that may not have one below it.
    let below = |world: &World| {
        let spec = LeafSpec::authority("TEST Sub CA", keys::rsa2048(3).public_key());
        let below = world.issuing.subordinate(spec, keys::rsa2048(3));
        let leaf = below.issue_der(&leaf_spec());
        der::certificates(&[&leaf, below.certificate().der(), world.issuing.certificate().der()])
    };
    row.control(30, below(&World::new()), "one more authority", "認証局がもう一段").reads("PathLength", "4");
    let limited = World::with(LeafSpec { path_length: Some(0), ..issuing_spec() });
    row.invalid(
        31,
        below(&limited),
        fault("PathLength"),
        "one more authority than allowed",
        "許された段数を一つ超過",
    );
    for (case, count, en, ja) in
        [(32, 4, "four authorities", "認証局四段"), (33, 5, "five authorities", "認証局五段")]
    {
        let mut authorities: Vec<Ca> = Vec::new();
        let root = root();
        for depth in 0..count {
            let key = keys::p256(1 + depth % 3);
            let spec = LeafSpec::authority(&format!("TEST CA {depth}"), key.public_key());
            let next = authorities.last().unwrap_or(&root).subordinate(spec, key);
            authorities.push(next);
        }
        let leaf = authorities.last().expect("authorities").issue_der(&leaf_spec());
        let chain = authorities.iter().map(|ca| ca.certificate().der());
        let chain = der::certificates(&[leaf.as_slice()].into_iter().chain(chain).collect::<Vec<_>>());
        if count == 4 {
            row.control(case, chain, en, ja).reads("PathLength", "6").random();
        } else {
            row.invalid(case, chain, fault("PathLength"), en, ja).random();
        }
    }
    let named = |name: &str| {
        let world = World::with(LeafSpec { permitted_dns: Some("a.example".into()), ..issuing_spec() });
        world.chain(&LeafSpec { dns_name: Some(name.to_owned()), ..leaf_spec() })
    };
    row.control(34, named("relay.a.example"), "a name within the constraints", "名前制約内の名前")
        .reads("PathLength", "3");
    row.invalid(
        35,
        named("b.example"),
        fault("NameConstraints"),
        "a name outside the constraints",
        "名前制約外の名前",
    );
    row.invalid(
        36,
        named("nota.example"),
        fault("NameConstraints"),
        "a name that ends like the constraint",
        "末尾だけ制約と一致する名前",
    );
    // A leaf that signs certificates.
    let world = World::new();
    let rogue = LeafSpec::new("TEST leaf as CA", keys::rsa2048(3).public_key());
    let rogue = world.issuing.subordinate(rogue, keys::rsa2048(3));
    let leaf = rogue.issue_der(&leaf_spec());
    let chain = der::certificates(&[&leaf, rogue.certificate().der(), world.issuing.certificate().der()]);
    row.invalid(37, chain, fault("BasicConstraints"), "issued by a leaf", "末端証明書による発行");
}

fn ends(row: &mut Row<'_>) {
    let other = |name: &str| {
        Ca::from_spec(LeafSpec::authority(name, keys::rsa2048(3).public_key()), keys::rsa2048(3))
    };
    let under = |ca: &Ca| der::certificates(&[&ca.issue_der(&leaf_spec()), ca.certificate().der()]);
    let world = World::new();
    let leaf = world.issuing.issue_der(&leaf_spec());
    let mut forged = leaf.clone();
    *forged.last_mut().expect("octets") ^= 1;
    let issuing = world.issuing.certificate().der();
    let own = LeafSpec::new("TEST Insurer A", keys::rsa2048(3).public_key());
    let own = Ca::from_spec(own, keys::rsa2048(3));
    for (case, (name, chain, en, ja)) in (40..).zip([
        ("UnknownIssuer", under(&other("TEST Other CA")), "another root", "別のルート"),
        ("UnknownIssuer", under(&other("TEST Root")), "another root of the same name", "同名の別のルート"),
        ("UnknownIssuer", der::certificates(&[own.certificate().der()]), "self-signed", "自己署名"),
        (
            "UnknownIssuer",
            der::certificates(&[&leaf]),
            "the issuing authority is missing",
            "発行認証局証明書の欠落",
        ),
        (
            "Signature",
            der::certificates(&[&forged, issuing]),
            "the last octet changed",
            "末尾オクテットの改変",
        ),
        (
            "BasicConstraints",
            der::certificates(&[issuing, &leaf]),
            "the authority first",
            "認証局証明書が先頭",
        ),
    ]) {
        row.invalid(case, chain, fault(name), en, ja);
    }
    let spare = other("TEST Other CA");
    let chain = der::certificates(&[&leaf, spare.certificate().der(), issuing]);
    row.control(46, chain, "a certificate that does not help", "無関係な証明書の混入")
        .reads("PathLength", "3");
}

fn encodings(row: &mut Row<'_>) {
    let world = World::new();
    let leaf = world.issuing.issue_der(&leaf_spec());
    let encoding = fault("Encoding");
    let twice = LeafSpec { extensions: vec![unknown(false), unknown(false)], ..leaf_spec() };
    let twice = World::new().issuing.issue_der(&twice);
    for (case, (octets, en, ja)) in (50..).zip([
        (leaf[..leaf.len() - 1].to_vec(), "truncated", "途中で切断"),
        ([&leaf[..], &[0]].concat(), "an octet behind it", "後ろに1オクテット"),
        (keys::p256(1).public_key().spki_der().to_vec(), "a public key", "公開鍵"),
        (vec![0x30, 0], "empty", "空の構造"),
        (twice, "an extension twice", "同じ拡張が二つ"),
    ]) {
        row.invalid(case, der::certificates(&[&octets]), encoding, en, ja);
    }
    let large = TestExtension { oid: oid::UNKNOWN.to_vec(), critical: false, value: vec![0; 17_000] };
    let large = World::new().issuing.issue_der(&LeafSpec { extensions: vec![large], ..leaf_spec() });
    row.invalid(55, der::repeating(&der::certificates(&[&large])), encoding, "more than 16 KiB", "16 KiB超");
    row.invalid(56, "", encoding, "nothing", "空");
    let other_label = der::pem("TRUSTED CERTIFICATE", &leaf);
    row.invalid(57, other_label, encoding, "another PEM label", "PEMラベル違い");
}
