//! `XML-33` … `XML-37`, `XML-39`, `XML-40`, `XML-43`, `XML-45`: what a reader of a message must see.

use std::mem::swap;

use chukei_reason::Reason;

use super::{
    Book,
    message::{Assertion, NUMBER, about, attributes, response, subject},
};
use crate::schema::{Flag, Group, Kind, Reader};

pub(super) fn generate(book: &mut Book) {
    identifiers(book);
    namespaces(book);
    identifier_attributes(book);
    reserved_attributes(book);
    instance_attributes(book);
    cardinalities(book);
    self_closing(book);
}

fn reader(reader: Reader) -> Group {
    Group { reader: Some(reader), ..Group::default() }
}

fn identifiers(book: &mut Book) {
    let mut row = book.row("XML-33", Kind::XmlParse, Flag::Inert);
    let place = "Subject/NameID";
    row.valid(0, about("が1234"), "composed characters", "合成済み文字").reads(place, "が1234");
    for (case, (text, en, ja)) in (1..).zip([
        ("か\u{3099}1234", "decomposed", "分解された文字"),
        ("が１２３４", "full-width digits", "全角数字"),
        ("が12\u{200B}34", "a zero-width space", "幅のない空白"),
        ("\u{202E}が1234", "right-to-left override", "右から左への上書き"),
        ("が1234\u{A0}", "a no-break space at the end", "末尾の改行なし空白"),
        ("が1234 ", "a space at the end", "末尾の空白"),
    ]) {
        row.inert(case, about(text), en, ja).reads(place, text).deviates(
            "R:IdentifierMismatch",
            "reading changes no code point; identifiers are compared, code point by code point, when a message is accepted",
            "読取りは符号位置を変えない。識別子の比較は電文の受理時に符号位置ごとに行う",
        );
    }
}

fn namespaces(book: &mut Book) {
    let evil =
        "<Assertion xmlns=\"urn:evil\" ID=\"_e\"><Subject><NameID>99999999</NameID></Subject></Assertion>";
    let extensions = |inside: &str| format!("<samlp:Extensions>{inside}</samlp:Extensions>");
    let assertion = Assertion::default().xml();

    let mut row = book.row("XML-34", Kind::XmlParse, Flag::Namespace);
    row.context(reader(Reader::Response));
    row.valid(0, response("", &assertion), "one assertion", "アサーション一つ")
        .reads("Assertion.NameID", NUMBER);
    row.inert(
        1,
        response(&extensions(evil), &assertion),
        "a decoy of another namespace in Extensions",
        "Extensions内の別名前空間のおとり",
    )
    .reads("Assertion.NameID", NUMBER);
    let nameless = evil.replace(" xmlns=\"urn:evil\"", " xmlns=\"\"");
    row.inert(
        2,
        response(&extensions(&nameless), &assertion),
        "a decoy of no namespace in Extensions",
        "Extensions内の名前空間なしのおとり",
    )
    .reads("Assertion.NameID", NUMBER);
    let refuse = Reason::Schema;
    row.invalid(
        3,
        response("", &format!("{evil}{assertion}")),
        refuse,
        "a decoy before the assertion",
        "アサーションの前のおとり",
    )
    .deviates(
        "I",
        "outside Extensions and Advice the schema is closed: what has no place is refused, not skipped",
        "ExtensionsとAdviceの外ではスキーマは閉じており、位置のないものは読み飛ばさず拒否する",
    );
    row.invalid(
        4,
        response("", &assertion.replace("saml:Subject>", "Subject>")),
        refuse,
        "Subject in no namespace",
        "名前空間のないSubject",
    );

    let mut row = book.row("XML-37", Kind::XmlParse, Flag::Namespace);
    row.context(reader(Reader::Assertion));
    let other = "urn:oasis:names:tc:SAML:2.0:assertion";
    let with = |subject: String| Assertion { subject, ..Assertion::default() }.xml();
    row.valid(0, with(subject(NUMBER)), "prefixes as usual", "通常の接頭辞").reads("NameID", NUMBER);
    let redefined = subject(NUMBER).replace("<saml:Subject>", "<saml:Subject xmlns:saml=\"urn:evil\">");
    row.invalid(1, with(redefined), Reason::Schema, "saml redefined on Subject", "Subject上でsamlを再定義");
    let inner = subject(NUMBER).replace("<saml:NameID>", "<saml:NameID xmlns:saml=\"urn:evil\">");
    row.invalid(2, with(inner), Reason::Schema, "saml redefined on NameID", "NameID上でsamlを再定義");
    let renamed = subject(NUMBER).replace("saml:", "x:").replacen(
        "<x:Subject",
        &format!("<x:Subject xmlns:x=\"{other}\""),
        1,
    );
    row.control(3, with(renamed), "another prefix for the same namespace", "同じ名前空間に別の接頭辞")
        .reads("NameID", NUMBER);
    let default =
        subject(NUMBER).replace("saml:", "").replacen("<Subject", &format!("<Subject xmlns=\"{other}\""), 1);
    row.control(4, with(default), "no prefix, default namespace", "接頭辞なし、既定名前空間")
        .reads("NameID", NUMBER);

    let mut row = book.row("XML-40", Kind::XmlParse, Flag::Inert);
    row.context(reader(Reader::Response));
    row.valid(0, response("", &assertion), "no inclusion", "取込み指定なし")
        .reads("Assertion.NameID", NUMBER);
    let include = "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\" \
                   parse=\"text\"/>";
    row.inert(
        1,
        response(&extensions(include), &assertion),
        "an inclusion in Extensions stays an element",
        "Extensions内の取込み指定は単なる要素",
    )
    .reads("Assertion.NameID", NUMBER);
    let inside = Assertion { subject: subject(include), ..Assertion::default() }.xml();
    row.invalid(
        2,
        response("", &inside),
        Reason::Schema,
        "an inclusion in NameID is not read as text",
        "NameID内の取込み指定は文字列にならない",
    );
}

fn identifier_attributes(book: &mut Book) {
    let mut row = book.row("XML-35", Kind::XmlParse, Flag::Identifier);
    let refuse = Reason::DuplicateId;
    let two = |first: &str, second: &str| format!("<r xmlns:e=\"urn:evil\" {first}><a {second}/></r>");
    row.valid(0, two("ID=\"_a\"", "ID=\"_b\""), "two identifiers", "異なる二つの識別子").reads("@ID", "_a");
    row.inert(
        1,
        two("ID=\"_a\"", "e:ID=\"_a\""),
        "an attribute of another namespace defines none",
        "別名前空間の属性は識別子でない",
    )
    .reads("@ID", "_a");
    row.inert(2, two("ID=\"_a\"", "iD=\"_a\""), "a spelling that defines none", "識別子でない綴り")
        .reads("@ID", "_a");
    row.invalid(3, two("ID=\"_a\"", "Id=\"_a\""), refuse, "ID and Id", "IDとId");
    row.invalid(4, two("ID=\"_a\"", "id=\"_a\""), refuse, "ID and id", "IDとid");
    row.invalid(5, two("ID=\"_a\"", "AssertionID=\"_a\""), refuse, "ID and AssertionID", "IDとAssertionID");
    row.invalid(6, two("ID=\"_a\"", "ID=\"_a\""), refuse, "ID twice", "IDの重複");
    row.invalid(
        7,
        two("ID=\"_a\"", "ID=\"&#95;a\""),
        refuse,
        "equal after references are replaced",
        "参照を置き換えると同一",
    );
    row.invalid(8, "<r ID=\"_a\" Id=\"_a\"/>", refuse, "both on one element", "同一要素に両方");
}

fn reserved_attributes(book: &mut Book) {
    let mut row = book.row("XML-36", Kind::XmlParse, Flag::Identifier);
    let refuse = Reason::UnexpectedAttribute;
    row.valid(
        0,
        "<r xml:lang=\"ja\" xml:space=\"preserve\" ID=\"_a\"/>",
        "the two reserved attributes in use",
        "使われる予約属性二つ",
    )
    .reads("@ID", "_a");
    for (case, attribute) in (1..).zip(["xml:id", "xml:base", "xml:ID", "xml:x"]) {
        row.invalid(case, format!("<r {attribute}=\"_a\"/>"), refuse, attribute, attribute);
    }
    row.invalid(10, "<r><a xml:id=\"_a\"/></r>", refuse, "deep inside", "内側の要素");
}

fn instance_attributes(book: &mut Book) {
    let mut row = book.row("XML-39", Kind::XmlParse, Flag::Schema);
    row.context(reader(Reader::Assertion));
    let declared = " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
                    xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"";
    let with = |extra: &str, value: &str| {
        Assertion {
            extra: format!("{declared}{extra}"),
            attributes: attributes(value, "eligibility"),
            ..Assertion::default()
        }
        .xml()
    };
    let purpose = "Attribute.purpose";
    row.valid(0, with("", ""), "no type", "型なし").reads(purpose, "eligibility");
    row.inert(1, with("", " xsi:type=\"xs:string\""), "typed as a string", "文字列型")
        .reads(purpose, "eligibility");
    row.invalid(2, with("", " xsi:type=\"xs:QName\""), Reason::Schema, "another type", "別の型");
    row.invalid(
        3,
        with("", " xmlns:xs=\"urn:evil\" xsi:type=\"xs:string\""),
        Reason::Schema,
        "the type's prefix redefined",
        "型の接頭辞を再定義",
    );
    row.invalid(4, with("", " xsi:nil=\"true\""), Reason::Schema, "declared to be nil", "nilの宣言");
    let location =
        " xsi:schemaLocation=\"urn:oasis:names:tc:SAML:2.0:assertion http://127.0.0.1:9/evil.xsd\"";
    row.invalid(
        5,
        with(location, ""),
        Reason::Schema,
        "a schema location; nothing is fetched",
        "スキーマ位置。何も取得しない",
    )
    .deviates(
        "ignored",
        "never followed, and no message of the standard has it: the schema is closed",
        "決して参照されず、本標準の電文にも現れない。スキーマは閉じている",
    );
}

fn cardinalities(book: &mut Book) {
    let mut row = book.row("XML-43", Kind::XmlParse, Flag::Schema);
    row.context(reader(Reader::Assertion));
    let whole = Assertion::default();
    let xml = whole.xml();
    row.valid(0, xml.clone(), "every element once and in order", "各要素が一度ずつ順序どおり")
        .reads("NameID", NUMBER)
        .reads("Audience", "https://insurer-b.example");
    row.control(1, xml.replace("><", ">\n  <"), "white space between elements", "要素間の空白")
        .reads("NameID", NUMBER);
    row.control(2, xml.replace("><", "><!-- x --><"), "comments between elements", "要素間のコメント")
        .reads("NameID", NUMBER);
    let mut case = 3..;
    let mut refuse = |input: String, en: &str, ja: &str| {
        row.invalid(case.next().expect("a case"), input, Reason::Schema, en, ja);
    };
    let mut edit = |en: &str, ja: &str, change: &dyn Fn(&mut Assertion)| {
        let mut changed = whole.clone();
        change(&mut changed);
        refuse(changed.xml(), en, ja);
    };
    edit("no Issuer", "Issuerなし", &|a| a.issuer.clear());
    edit("two Issuer", "Issuerが二つ", &|a| a.issuer = a.issuer.repeat(2));
    edit("no Subject", "Subjectなし", &|a| a.subject.clear());
    edit("two Subject", "Subjectが二つ", &|a| a.subject = a.subject.repeat(2));
    edit("an empty Subject", "空のSubject", &|a| a.subject = "<saml:Subject/>".into());
    edit("two Conditions", "Conditionsが二つ", &|a| a.conditions = a.conditions.repeat(2));
    edit("Subject before Issuer", "SubjectがIssuerより前", &|a| swap(&mut a.issuer, &mut a.subject));
    edit("Conditions before Subject", "ConditionsがSubjectより前", &|a| {
        swap(&mut a.subject, &mut a.conditions);
    });
    edit("statements in the other order", "ステートメントの順序違い", &|a| {
        swap(&mut a.authn, &mut a.attributes);
    });
    let twice =
        "<saml:Attribute Name=\"purpose\"><saml:AttributeValue>y</saml:AttributeValue></saml:Attribute>";
    for (from, to, en, ja) in [
        ("</saml:NameID>", "<saml:b/></saml:NameID>", "an element in NameID", "NameID内の要素"),
        ("</saml:Subject>", "x</saml:Subject>", "text between elements", "要素間の文字列"),
        ("</saml:Subject>", "<x/></saml:Subject>", "an unknown child", "未知の子要素"),
        ("00Z\"><saml:Issuer>", "00Z\" x=\"1\"><saml:Issuer>", "an unknown attribute", "未知の属性"),
        (" ID=\"_a\"", "", "no ID", "IDなし"),
        (" Version=\"2.0\"", "", "no Version", "Versionなし"),
        ("Version=\"2.0\"", "Version=\"1.1\"", "another Version", "別のVersion"),
        ("ID=\"_a\"", "ID=\"1a\"", "an ID that is no NCName", "NCNameでないID"),
        ("ID=\"_a\"", "ID=\"\"", "an empty ID", "空のID"),
        (" NotBefore=\"2026-11-20T00:00:00Z\"", "", "no NotBefore", "NotBeforeなし"),
        ("saml:AudienceRestriction", "saml:Condition", "an unknown condition", "未知の条件"),
        (
            "<saml:Audience>",
            "<saml:Audience>x</saml:Audience><saml:Audience>",
            "two Audience",
            "Audienceが二つ",
        ),
        (
            "<saml:Attribute ",
            "<saml:Attribute OriginalIssuer=\"x\" ",
            "an attribute that the standard leaves out",
            "本標準が採らない属性",
        ),
        (
            "</saml:AttributeStatement>",
            &format!("{twice}</saml:AttributeStatement>"),
            "an Attribute of the same Name",
            "同名のAttribute",
        ),
    ] {
        refuse(xml.replace(from, to), en, ja);
    }
    row.invalid(
        40,
        xml.replace("saml:Assertion", "saml:Assertio"),
        Reason::RootElement,
        "another root element",
        "別のルート要素",
    );
    row.invalid(
        41,
        xml.replace("urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:1.0:assertion"),
        Reason::RootElement,
        "the root element in the namespace of SAML 1",
        "SAML 1の名前空間のルート要素",
    );

    let mut row = book.row("XML-43", Kind::XmlParse, Flag::Schema);
    row.context(reader(Reader::Response));
    let second = xml.replace("\"_a\"", "\"_b\"");
    row.valid(50, response("", &xml), "a response with one assertion", "アサーション一つの応答")
        .reads("Assertion.ID", "_a");
    row.invalid(51, response("", &format!("{xml}{second}")), Reason::AssertionCount, "with two", "二つ");
    row.invalid(52, response("", ""), Reason::AssertionCount, "with none", "なし");
    row.invalid(53, response(&xml, ""), Reason::Schema, "before Status", "Statusより前");
}

fn self_closing(book: &mut Book) {
    let mut row = book.row("XML-45", Kind::C14n, Flag::Canonical);
    let form = "<r><a x=\"1\"></a></r>";
    row.valid(0, form, "start and end tag", "開始タグと終了タグ").output(form);
    row.inert(1, "<r><a x=\"1\"/></r>", "an empty-element tag", "空要素タグ").output(form);
    row.inert(2, "<r><a x='1' /></r >", "with white space", "空白付き").output(form);
    let empty = "<r a=\"1\" xmlns=\"urn:r\"/>";
    row.inert(3, empty, "the root itself", "ルート要素自身").output("<r xmlns=\"urn:r\" a=\"1\"></r>");
}
