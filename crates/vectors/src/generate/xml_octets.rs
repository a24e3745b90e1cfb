//! `XML-26` … `XML-32`: characters, grammar, XML declaration, encodings.

use chukei_reason::Reason;

use super::{Book, message::about};
use crate::schema::{Flag, Input, Kind};

const NAME_ID: &str = "Subject/NameID";

pub(super) fn generate(book: &mut Book) {
    characters(book);
    grammar(book);
    declaration(book);
    encodings(book);
}

fn characters(book: &mut Book) {
    let mut row = book.row("XML-26", Kind::XmlParse, Flag::Character);
    let good = "\t\n 港\u{7F}\u{85}\u{E000}\u{FFFD}\u{10FFFF}";
    row.valid(0, about(good), "allowed characters", "許される文字").reads(NAME_ID, good);
    for (case, (text, en, ja)) in (1..).zip([
        ("\0", "NUL", "NUL"),
        ("\u{1}", "U+0001", "U+0001"),
        ("\u{8}", "U+0008", "U+0008"),
        ("\u{1F}", "U+001F", "U+001F"),
        ("\u{FFFE}", "U+FFFE", "U+FFFE"),
        ("\u{FFFF}", "U+FFFF", "U+FFFF"),
        ("&#x1;", "U+0001 by reference", "参照によるU+0001"),
        ("&#xFFFF;", "U+FFFF by reference", "参照によるU+FFFF"),
        ("&#0;", "NUL by reference", "参照によるNUL"),
        ("&#xD800;", "half a pair by reference", "参照によるサロゲート"),
        ("&#x110000;", "beyond Unicode", "Unicodeの範囲外"),
        ("&#99999999999;", "far beyond Unicode", "Unicodeを大きく超える値"),
    ]) {
        row.invalid(case, about(text), Reason::Char, en, ja);
    }
    row.invalid(20, "<r a=\"\u{B}\"/>", Reason::Char, "in an attribute", "属性の中");
    row.invalid(21, "<r><!-- \u{C} --></r>", Reason::Char, "in a comment", "コメントの中");
}

fn grammar(book: &mut Book) {
    let refuse = Reason::NotWellFormed;
    let mut row = book.row("XML-27", Kind::XmlParse, Flag::WellFormed);
    row.valid(
        0,
        "<r a=\"&lt;\" b='>\"'>]] ><!-- - --></r>",
        "the same characters where they are allowed",
        "許される位置の同じ文字",
    )
    .reads("@a", "<");
    for (case, (input, en, ja)) in (1..).zip([
        ("<r a=\"<\"/>", "`<` in an attribute", "属性中の「<」"),
        ("<r>]]></r>", "`]]>` in a text", "文字列中の「]]>」"),
        ("<r a=\"1\"b=\"2\"/>", "no space between attributes", "属性の間に空白がない"),
        ("<r><!-- a -- b --></r>", "`--` in a comment", "コメント中の「--」"),
        ("<r><!-- a ---></r>", "`--->` at the end of a comment", "コメント末尾の「--->」"),
        ("<r a/>", "an attribute without value", "値のない属性"),
        ("<r a=1/>", "an attribute without quotes", "引用符のない属性"),
        ("<r a=\"1'/>", "two kinds of quotes", "引用符の不一致"),
        ("<r></ r>", "a space before an end tag's name", "終了タグの名前の前の空白"),
        ("<r></r x>", "more in an end tag", "終了タグ内の余分な文字"),
        ("<r></r a=\"1\">", "an attribute in an end tag", "終了タグ内の属性"),
        ("<r><![cdata[x]]></r>", "a CDATA section in lower case", "小文字のCDATA区間"),
        ("<r>&;</r>", "an empty reference", "空の参照"),
        ("<r>&#X61;</r>", "a reference with a capital X", "大文字Xの参照"),
        ("<r>&#x-1;</r>", "a negative reference", "負の参照"),
        ("<r>&#+9;</r>", "a reference with a sign", "符号付きの参照"),
        ("<r><!ELEMENT a ANY></r>", "a declaration inside an element", "要素内の宣言"),
    ]) {
        row.invalid(case, input, refuse, en, ja);
    }
    row.invalid(30, "<r>< a/></r>", Reason::Name, "a space before a name", "名前の前の空白");
    row.invalid(31, "<r / >", Reason::Name, "a space in an empty tag's end", "空要素タグ末尾の空白");
    row.control(40, "<r a = \"1\" \n ></r\t>", "white space where it is allowed", "許される位置の空白")
        .reads("@a", "1");
}

fn declaration(book: &mut Book) {
    let mut row = book.row("XML-28", Kind::XmlParse, Flag::WellFormed);
    let refuse = Reason::XmlDecl;
    row.valid(
        0,
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><r/>",
        "complete declaration",
        "完全な宣言",
    );
    row.control(1, "<?xml version='1.0'?><r/>", "only the version", "版のみ");
    row.control(2, "<r/>", "none", "宣言なし");
    row.control(
        3,
        "<?xml\tversion = \"1.0\"\nencoding='utf-8' ?>\n<r/>",
        "with white space and lower case",
        "空白と小文字",
    );
    for (case, (input, en, ja)) in (4..).zip([
        ("\n<?xml version=\"1.0\"?><r/>", "after a line feed", "改行の後"),
        ("<!-- --><?xml version=\"1.0\"?><r/>", "after a comment", "コメントの後"),
        ("<?xml version=\"1.0\"?><?xml version=\"1.0\"?><r/>", "twice", "二重"),
        ("<r><?xml version=\"1.0\"?></r>", "inside the root", "ルートの中"),
        ("<r/><?xml version=\"1.0\"?>", "after the root", "ルートの後"),
        ("<?xml version=\"1.1\"?><r/>", "version 1.1", "版1.1"),
        ("<?xml version=\"9.9\"?><r/>", "version 9.9", "版9.9"),
        ("<?xml version=\"1.0\" standalone=\"yes\"?><r/>", "standalone", "standalone=yes"),
        ("<?xml encoding=\"UTF-8\"?><r/>", "no version", "版なし"),
        ("<?xml encoding=\"UTF-8\" version=\"1.0\"?><r/>", "wrong order", "順序違い"),
        ("<?xml version=\"1.0\" x=\"y\"?><r/>", "an unknown part", "未知の項目"),
        ("<?xml version=1.0?><r/>", "no quotes", "引用符なし"),
        (
            "<?xml version=\"1.0\"encoding=\"UTF-8\"?><r/>",
            "no space between the parts",
            "項目の間に空白がない",
        ),
        ("<?XML version=\"1.0\"?><r/>", "in capitals", "大文字"),
        ("<?xml?><r/>", "empty", "空の宣言"),
        ("<?XmL x?><r/>", "a processing instruction of the reserved name", "予約名の処理命令"),
    ]) {
        row.invalid(case, input, refuse, en, ja);
    }
}

fn encodings(book: &mut Book) {
    let refuse = Reason::Encoding;
    let mut row = book.row("XML-29", Kind::XmlParse, Flag::Character);
    let declared = |name: &str| format!("<?xml version=\"1.0\" encoding=\"{name}\"?><r/>");
    row.valid(0, declared("UTF-8"), "declared as what it is", "正しい符号化宣言");
    for (case, name) in (1..).zip([
        "UTF-7",
        "UTF-16",
        "ISO-8859-1",
        "ebcdic-us",
        "Shift_JIS",
        "UTF-32",
        "US-ASCII",
        "utf8",
        "",
    ]) {
        row.invalid(
            case,
            declared(name),
            refuse,
            &format!("declared as \"{name}\""),
            &format!("宣言が「{name}」"),
        );
    }

    let mut row = book.row("XML-30", Kind::XmlParse, Flag::Character);
    let text = "<r>港</r>";
    row.valid(0, text, "UTF-8", "UTF-8").reads(".", "港");
    row.control(1, format!("\u{FEFF}{text}"), "UTF-8 with byte order mark", "BOM付きUTF-8").reads(".", "港");
    let wide = |bom: bool, octets: fn(u16) -> [u8; 2]| -> Vec<u8> {
        bom.then_some(0xFEFF).into_iter().chain(text.encode_utf16()).flat_map(octets).collect()
    };
    row.invalid(2, wide(true, u16::to_le_bytes), refuse, "UTF-16LE with mark", "BOM付きUTF-16LE");
    row.invalid(3, wide(true, u16::to_be_bytes), refuse, "UTF-16BE with mark", "BOM付きUTF-16BE");
    row.invalid(4, wide(false, u16::to_le_bytes), refuse, "UTF-16LE without mark", "BOMなしUTF-16LE");
    row.invalid(5, wide(false, u16::to_be_bytes), refuse, "UTF-16BE without mark", "BOMなしUTF-16BE");
    let wider = |bom: bool, octets: fn(u32) -> [u8; 4]| -> Vec<u8> {
        bom.then_some('\u{FEFF}').into_iter().chain(text.chars()).map(u32::from).flat_map(octets).collect()
    };
    row.invalid(6, wider(true, u32::to_le_bytes), refuse, "UTF-32LE with mark", "BOM付きUTF-32LE");
    row.invalid(7, wider(true, u32::to_be_bytes), refuse, "UTF-32BE with mark", "BOM付きUTF-32BE");
    row.invalid(8, wider(false, u32::to_le_bytes), refuse, "UTF-32LE without mark", "BOMなしUTF-32LE");
    row.invalid(9, wider(false, u32::to_be_bytes), refuse, "UTF-32BE without mark", "BOMなしUTF-32BE");

    let mut row = book.row("XML-31", Kind::XmlParse, Flag::Character);
    row.valid(0, "<r>é</r>", "UTF-8 of the shortest form", "最短形のUTF-8").reads(".", "é");
    let around = |octets: &[u8]| -> Input { [b"<r>", octets, b"</r>"].concat().into() };
    for (case, (octets, en, ja)) in (1..).zip([
        (&b"\xC0\xBC"[..], "`<` in two octets", "2オクテットの「<」"),
        (b"\xE0\x80\xBC", "`<` in three octets", "3オクテットの「<」"),
        (b"\xC0\x80", "NUL in two octets", "2オクテットのNUL"),
        (b"\xED\xA0\x80", "half a surrogate pair", "サロゲートの片方"),
        (b"\xED\xA0\xBC\xED\xB0\x84", "a surrogate pair in six octets", "6オクテットのサロゲート対"),
        (b"\xF8\x88\x80\x80\x80", "a form of five octets", "5オクテット形式"),
        (b"\xF4\x90\x80\x80", "beyond U+10FFFF", "U+10FFFF超"),
        (b"\x80", "a continuation alone", "継続オクテットのみ"),
        (b"\xE3\x81", "cut in the middle", "途中で切断"),
        (b"\xFF", "an octet that UTF-8 never has", "UTF-8にないオクテット"),
    ]) {
        row.invalid(case, around(octets), refuse, en, ja);
    }
    row.invalid(20, b"<r/>\xE3\x81".to_vec(), refuse, "cut at the end of the message", "電文末尾で切断");

    let mut row = book.row("XML-32", Kind::XmlParse, Flag::Character);
    row.valid(0, "\u{FEFF}<r>x</r>", "one mark at the start", "先頭のBOM一つ").reads(".", "x");
    row.invalid(1, "\u{FEFF}\u{FEFF}<r/>", Reason::Char, "two marks", "BOM二つ");
    row.invalid(2, "<r>\u{FEFF}x</r>", Reason::Char, "a mark in a text", "文字列中のBOM");
    row.invalid(3, "<r a=\"\u{FEFF}\"/>", Reason::Char, "a mark in an attribute", "属性中のBOM");
    row.invalid(4, "<r>&#xFEFF;</r>", Reason::Char, "a mark by reference", "参照によるBOM").deviates(
        "R:Char for the raw mark only",
        "XML 1.0 allows the reference; the standard refuses it, as nobody sees the character",
        "XML 1.0は参照を許すが、見えない文字なので本標準は拒否する",
    );
}
