//! `DOS-*`: more of something than one message may have. Inputs of 1 MiB, unless a smaller one says it all;
//! twins have just as much as is allowed.

use chukei_reason::{LimitKind, Reason};

use super::{
    Book, Row,
    message::{Assertion, NUMBER},
};
use crate::schema::{Flag, Group, Input, Kind, LexicalType, Part, Reader};

const MIB: u32 = 1 << 20;

pub(super) fn generate(book: &mut Book) {
    nesting(book);
    counts(book);
    lengths(book);
    lexical(book);
    conditions(book);
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn repeat(text: &str, count: u32) -> Part {
    Part::Repeat { repeat: (text.to_owned(), count) }
}

fn number(before: &str, after: &str, count: u32) -> Part {
    Part::Number { number: (before.to_owned(), after.to_owned(), count) }
}

fn limit(kind: LimitKind) -> Reason {
    Reason::Limit(kind)
}

fn open<'b>(book: &'b mut Book, row: &str) -> Row<'b> {
    book.row(row, Kind::XmlParse, Flag::Limit)
}

fn nesting(book: &mut Book) {
    let nested = |count: u32| vec![repeat("<a>", count), repeat("</a>", count)];
    let mut row = open(book, "DOS-01");
    row.valid(0, nested(64), "64 elements deep", "深さ64");
    row.invalid(1, nested(65), limit(LimitKind::Depth), "65 deep", "深さ65");
    row.invalid(2, nested(MIB / 7), limit(LimitKind::Depth), "1 MiB of nesting", "1 MiBの入れ子");
    row.invalid(3, nested(1_000_000), limit(LimitKind::Bytes), "a million deep", "深さ100万").deviates(
        "L:Depth",
        "7 MB are more than a message may have; nothing of it is parsed",
        "7 MBは一電文の上限を超えるため、構文解析に至らない",
    );

    let mut row = open(book, "DOS-02");
    row.valid(0, nested(64), "64 elements deep and closed", "深さ64、閉じている");
    row.invalid(
        1,
        vec![repeat("<a>", MIB / 3)],
        limit(LimitKind::Depth),
        "1 MiB of start tags",
        "1 MiBの開始タグ",
    );
    row.invalid(
        2,
        vec![repeat("<a>", 64)],
        Reason::NotWellFormed,
        "as deep as allowed, never closed",
        "許される深さで閉じない",
    );
}

fn counts(book: &mut Book) {
    let mut row = open(book, "DOS-03");
    let siblings = |count: u32| vec![text("<r>"), repeat("<a/>", count), text("</r>")];
    row.valid(0, siblings((1 << 17) - 1), "2^17 elements", "要素2^17個");
    row.invalid(1, siblings(1 << 17), limit(LimitKind::Nodes), "one more", "もう一個");
    row.invalid(2, siblings(MIB / 4), limit(LimitKind::Nodes), "1 MiB of elements", "1 MiBの要素");
    row.invalid(
        3,
        vec![text("<r>"), repeat("x<a/>", MIB / 5), text("</r>")],
        limit(LimitKind::Nodes),
        "1 MiB of elements and texts",
        "1 MiBの要素と文字列",
    );
    row.invalid(4, siblings(1_000_000), limit(LimitKind::Bytes), "a million elements", "要素100万個")
        .deviates(
            "L:Nodes",
            "4 MB are more than a message may have; nothing of it is parsed",
            "4 MBは一電文の上限を超えるため、構文解析に至らない",
        );

    let mut row = open(book, "DOS-04");
    let attributes = |count: u32| vec![text("<r"), number(" a", "=\"\"", count), text("/>")];
    row.valid(0, attributes(64), "64 attributes", "属性64個");
    row.invalid(1, attributes(65), limit(LimitKind::Attributes), "65 attributes", "属性65個");
    row.invalid(2, attributes(100_000), limit(LimitKind::Attributes), "1 MiB of attributes", "1 MiBの属性");
    let doubled = vec![text("<r"), repeat(" a=\"\"", MIB / 5), text("/>")];
    row.invalid(3, doubled, limit(LimitKind::Attributes), "1 MiB of the same attribute", "1 MiBの同一属性");
    let declared = vec![text("<r"), number(" xmlns:n", "=\"urn:n\"", 50_000), text("/>")];
    row.invalid(
        4,
        declared,
        limit(LimitKind::Namespaces),
        "1 MiB of declarations on one element",
        "一要素に1 MiBの名前空間宣言",
    )
    .also(&["DOS-05"]);

    let mut row = open(book, "DOS-05");
    let spread = |each: &str, count: u32| vec![text("<r>"), number(each, "\"/>", count), text("</r>")];
    row.valid(0, spread("<a xmlns=\"urn:n", 64), "64 namespaces", "名前空間64個");
    row.invalid(
        1,
        spread("<a xmlns=\"urn:n", 65),
        limit(LimitKind::Namespaces),
        "65 namespaces",
        "名前空間65個",
    );
    row.invalid(
        2,
        spread("<a xmlns=\"urn:n", 40_000),
        limit(LimitKind::Namespaces),
        "1 MiB of namespaces, one on each element",
        "1 MiBの名前空間、各要素に一つ",
    );
    let prefixes = |count: u32| vec![text("<r>"), number("<a xmlns:p", "=\"urn:n\"/>", count), text("</r>")];
    row.valid(3, prefixes(64), "64 prefixes", "接頭辞64個");
    row.invalid(4, prefixes(65), limit(LimitKind::Namespaces), "65 prefixes", "接頭辞65個");
    row.invalid(5, prefixes(40_000), limit(LimitKind::Namespaces), "1 MiB of prefixes", "1 MiBの接頭辞");
    // The most work per octet that the limits leave: every name compared with 60 prefixes, each declared
    // anew.
    let outer: String = (0..30).map(|n| format!(" xmlns:p{n}=\"urn:n{n}\"")).collect();
    let rest: String = (30..60).map(|n| format!(" xmlns:p{n}=\"urn:n{n}\"")).collect();
    let uses = vec![
        text(&format!("<r{outer}><s{rest}>")),
        repeat("<p59:a p58:x=\"\"/>", MIB / 18),
        text("</s></r>"),
    ];
    row.control(
        6,
        uses,
        "60 declarations and 1 MiB of elements that use them",
        "宣言60個とそれを使う1 MiBの要素",
    );
    let again = vec![
        text("<r>"),
        repeat("<a xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" p:x=\"\" q:x=\"\"/>", 26_000),
        text("</r>"),
    ];
    row.control(7, again, "the same declarations on 26,000 elements", "同じ宣言を2万6千要素に");

    let mut row = open(book, "DOS-07");
    let colliding = |words: [&str; 2], times: u32| {
        let words = words.map(str::to_owned).to_vec();
        vec![text("<r"), Part::Product { product: (" ".into(), words, times, "=\"\"".into()) }, text("/>")]
    };
    row.valid(0, colliding(["az", "by"], 6), "64 names", "名前64個");
    row.inert(
        1,
        colliding(["Ez", "FY"], 6),
        "64 names of equal DJBX33A hash",
        "DJBX33Aハッシュが等しい名前64個",
    );
    row.inert(
        2,
        colliding(["Aa", "BB"], 6),
        "64 names of equal DJBX31A hash",
        "DJBX31Aハッシュが等しい名前64個",
    );
    row.invalid(
        3,
        colliding(["Ez", "FY"], 14),
        limit(LimitKind::Attributes),
        "16,384 names of equal DJBX33A hash",
        "DJBX33Aハッシュが等しい名前16,384個",
    );
    row.invalid(
        4,
        colliding(["Aa", "BB"], 14),
        limit(LimitKind::Attributes),
        "16,384 names of equal DJBX31A hash",
        "DJBX31Aハッシュが等しい名前16,384個",
    );
}

fn lengths(book: &mut Book) {
    let token = limit(LimitKind::Token);
    let mut row = open(book, "DOS-06");
    let name = |length: u32| vec![text("<"), repeat("a", length), text("/>")];
    row.valid(0, name(1 << 10), "a name of 1 KiB", "1 KiBの名前");
    row.invalid(1, name((1 << 10) + 1), token, "one octet more", "1オクテット超過");
    row.invalid(2, name(MIB), token, "a name of 1 MiB", "1 MiBの名前");
    let value = |length: u32| vec![text("<r a=\""), repeat("a", length), text("\"/>")];
    row.valid(3, value(1 << 16), "a value of 64 KiB", "64 KiBの属性値");
    row.invalid(4, value((1 << 16) + 1), token, "one octet more", "1オクテット超過");
    row.invalid(5, value(MIB), token, "a value of 1 MiB", "1 MiBの属性値");
    row.invalid(
        6,
        vec![text("<r a=\""), repeat("&amp;", MIB / 5), text("\"/>")],
        token,
        "1 MiB of references in a value",
        "属性値に1 MiBの参照",
    );
    let namespace = |length: u32| vec![text("<r xmlns=\"urn:"), repeat("a", length - 4), text("\"/>")];
    row.valid(20, namespace(1 << 8), "a namespace name of 256 octets", "256オクテットの名前空間名");
    row.invalid(21, namespace((1 << 8) + 1), token, "one octet more", "1オクテット超過");
    let content = |length: u32| vec![text("<r>"), repeat("a", length), text("</r>")];
    row.valid(7, content(1 << 19), "a text of 512 KiB", "512 KiBの文字列");
    row.invalid(8, content((1 << 19) + 1), token, "one octet more", "1オクテット超過");
    row.invalid(9, content(MIB), token, "a text of 1 MiB", "1 MiBの文字列");
    let pieces = |piece: &str, count: u32| vec![text("<r>"), repeat(piece, count), text("</r>")];
    row.valid(
        10,
        pieces("x<!---->", MIB / 8),
        "1 MiB of comments in one text",
        "一つの文字列に1 MiBのコメント",
    );
    row.control(11, pieces("&amp;", MIB / 5), "1 MiB of references in one text", "一つの文字列に1 MiBの参照");
    row.control(
        12,
        pieces("<![CDATA[x]]>", MIB / 13),
        "1 MiB of CDATA sections in one text",
        "一つの文字列に1 MiBのCDATA区間",
    );
    row.control(
        13,
        pieces("&#x6E2F;<!---->", MIB / 15),
        "1 MiB of references and comments",
        "1 MiBの参照とコメント",
    );
    row.invalid(14, pieces("x<!-- -->y", MIB / 3), limit(LimitKind::Bytes), "more than 2 MiB", "2 MiB超");
    row.control(15, pieces("\r\n", MIB / 2), "1 MiB of line ends", "1 MiBの改行");
    row.control(
        16,
        vec![text("<r>"), repeat("<!---->", MIB / 7), text("</r>")],
        "1 MiB of comments",
        "1 MiBのコメント",
    );
    row.invalid(17, vec![repeat("<", MIB)], Reason::NotWellFormed, "1 MiB of `<`", "1 MiBの「<」");
    row.invalid(
        18,
        vec![text("<r>"), repeat("&", MIB), text("</r>")],
        Reason::NotWellFormed,
        "1 MiB of `&`",
        "1 MiBの「&」",
    );
    row.invalid(
        19,
        vec![text("<!--"), repeat("-", MIB)],
        Reason::NotWellFormed,
        "1 MiB of an open comment",
        "1 MiBの閉じないコメント",
    );

    let base64 = |lead: &str, piece: &str, count: u32| {
        let tag = format!("<ds:SignatureValue xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{lead}");
        vec![text(&tag), repeat(piece, count), text("</ds:SignatureValue>")]
    };
    let mut row = open(book, "DOS-08");
    row.valid(0, base64("", "AAAA", 1 << 17), "512 KiB of base64", "512 KiBのbase64");
    row.invalid(1, base64("", "AAAA", (1 << 17) + 1), token, "four octets more", "4オクテット超過");
    row.invalid(2, base64("", "AAAA", MIB / 4), token, "1 MiB of base64", "1 MiBのbase64");
    row.invalid(
        3,
        base64("", "AAAA", 5 * MIB / 4),
        limit(LimitKind::Bytes),
        "5 MiB of base64",
        "5 MiBのbase64",
    )
    .deviates(
        "L:Token",
        "more than a message may have; nothing of it is parsed",
        "一電文の上限を超えるため、構文解析に至らない",
    );

    let mut row = open(book, "DOS-09");
    row.valid(
        0,
        base64("AAAA", "\n", (1 << 19) - 4),
        "as many line ends as a text may have",
        "文字列の上限までの改行",
    );
    row.invalid(1, base64("AAAA", "\n", 1_000_000), token, "a million line ends", "改行100万個");
    row.invalid(2, base64("AAAA", "\r\n", MIB / 2), token, "1 MiB of CR LF", "1 MiBのCR LF");
}

fn lexical(book: &mut Book) {
    let mut row = book.row("DOS-24", Kind::Lexical, Flag::Limit);
    row.context(Group { lexical_type: Some(LexicalType::DateTime), ..Group::default() });
    let refuse = Reason::DateTime;
    let time = "2026-11-20T23:59:59";
    row.valid(0, format!("{time}.123456789Z"), "nine digits of a second", "秒の小数9桁")
        .output(format!("{time}.123Z"));
    row.valid(1, format!("{time}Z"), "whole seconds", "整数秒").output(format!("{time}Z"));
    let digits: Input = vec![text(time), text("."), repeat("1", 100_000), text("Z")].into();
    row.invalid(2, digits, refuse, "100,000 digits of a second", "秒の小数10万桁");
    for (case, (value, en, ja)) in (3..).zip([
        ("99999999999-01-01T00:00:00Z", "a year of eleven digits", "11桁の年"),
        ("-0001-01-01T00:00:00Z", "a year before 1", "紀元前の年"),
        ("0000-01-01T00:00:00Z", "the year 0", "0年"),
        ("2026-11-20T24:00:00Z", "24 o'clock", "24時"),
        ("2026-12-31T23:59:60Z", "a leap second", "閏秒"),
        ("2026-02-29T00:00:00Z", "a day that does not exist", "存在しない日"),
        ("2026-11-20T00:00:00+09:00", "an offset", "時差付き"),
        ("2026-11-20T00:00:00", "no time zone", "時間帯なし"),
        ("2026-11-20T00:00:00.Z", "a point without digits", "小数点のみ"),
        ("2026-11-20 00:00:00Z", "a space for the T", "Tの代わりに空白"),
        ("２０２６-11-20T00:00:00Z", "full-width digits", "全角数字"),
        ("2026-11-20T00:00:00z", "a small z", "小文字のz"),
        ("", "nothing", "空"),
    ]) {
        row.invalid(case, value, refuse, en, ja);
    }
    row.invalid(20, " \n2026-11-20T23:59:59Z\t", refuse, "white space around", "前後の空白");
    row.invalid(21, "1867-12-31T23:59:59Z", refuse, "a year before 1868", "1868年より前の年");
    row.control(22, "1868-01-01T00:00:00Z", "the first moment", "最初の時刻")
        .output("1868-01-01T00:00:00Z".to_owned());
}

fn conditions(book: &mut Book) {
    let mut row = open(book, "DOS-25");
    row.context(Group { reader: Some(Reader::Assertion), ..Group::default() });
    let audience = "<saml:Audience>https://insurer-b.example</saml:Audience>";
    let attribute = "<saml:Attribute Name=\"purpose\"><saml:AttributeValue>eligibility</saml:AttributeValue>\
                     </saml:Attribute>";
    let xml = Assertion::default().xml();
    let many = |part: &str, count: u32| -> Input {
        let (before, after) = xml.split_once(part).expect("a part of the message");
        vec![text(before), repeat(part, count), text(after)].into()
    };
    row.valid(0, xml.clone(), "one of each", "各一つ").reads("NameID", NUMBER);
    row.invalid(1, many(audience, 10_000), Reason::Schema, "10,000 audiences", "Audience 1万個").deviates(
        "L:Nodes",
        "a message may have as many elements, but the standard has one Audience",
        "要素数の上限内だが、本標準のAudienceは一つ",
    );
    row.invalid(
        2,
        many(attribute, 10_000),
        Reason::Schema,
        "10,000 attributes of one name",
        "同名の属性1万個",
    )
    .deviates(
        "L:Nodes",
        "a message may have as many elements, but each Attribute once",
        "要素数の上限内だが、同名のAttributeは一つ",
    );
    let (before, after) = xml.split_once(audience).expect("a part of the message");
    let flood = vec![text(before), repeat("<saml:Audience/>x", 70_000), text(after)];
    row.invalid(
        3,
        flood,
        limit(LimitKind::Nodes),
        "70,000 audiences and texts between them",
        "Audience 7万個とその間の文字列",
    );
}
