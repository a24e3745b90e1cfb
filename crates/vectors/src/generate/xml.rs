//! `XML-01` … `XML-32`, `XML-38`, `XML-41`: well-formedness, characters, encodings.

use chukei_reason::Reason;

use super::{
    Book,
    message::{NUMBER, about},
};
use crate::schema::{Flag, Input, Kind};

const NAME_ID: &str = "Subject/NameID";

pub(super) fn generate(book: &mut Book) {
    doctype(book);
    processing_instructions(book);
    text_pieces(book);
    white_space(book);
    outside_the_root(book);
    names(book);
    characters(book);
    grammar(book);
    declaration(book);
    encodings(book);
}

fn message(prolog: &str) -> String {
    format!("{prolog}{}", about(NUMBER))
}

fn doctype(book: &mut Book) {
    let refuse = Reason::Doctype;
    let entity = |declared: &str, used: &str| format!("<!DOCTYPE r [{declared}]>{}", about(used));

    let mut row = book.row("XML-01", Kind::XmlParse, Flag::Doctype);
    row.valid(0, message(""), "no document type declaration", "文書型宣言なし").reads(NAME_ID, NUMBER);
    row.invalid(1, message("<!DOCTYPE x>"), refuse, "empty document type declaration", "空の文書型宣言");
    row.invalid(2, message("<!doctype x>"), refuse, "the same in lower case", "同、小文字");
    row.invalid(
        3,
        message("<?xml version=\"1.0\"?>\n<!DOCTYPE x []>\n"),
        refuse,
        "after the XML declaration",
        "XML宣言の後",
    );
    row.invalid(
        4,
        format!("{}<!DOCTYPE x>", about(NUMBER)),
        refuse,
        "after the root element",
        "ルート要素の後",
    );
    row.invalid(5, about("2026<!DOCTYPE x>0001"), refuse, "inside an element", "要素の中");

    let mut row = book.row("XML-02", Kind::XmlParse, Flag::Doctype);
    row.valid(0, about(NUMBER), "no entity", "実体なし").reads(NAME_ID, NUMBER);
    let file = entity(r#"<!ENTITY e SYSTEM "file:///etc/passwd">"#, "&e;");
    row.invalid(1, file, refuse, "external entity that names a file", "ファイルを指す外部実体");
    let public = entity(r#"<!ENTITY e PUBLIC "x" "file:///etc/passwd">"#, "&e;");
    row.invalid(2, public, refuse, "the same with a public identifier", "同、公開識別子付き");

    let mut row = book.row("XML-03", Kind::XmlParse, Flag::Doctype);
    row.valid(0, about(NUMBER), "no entity", "実体なし").reads(NAME_ID, NUMBER);
    let parameter = entity(r#"<!ENTITY % d SYSTEM "http://127.0.0.1:9/">%d;"#, NUMBER);
    row.invalid(1, parameter, refuse, "parameter entity fetched over HTTP", "HTTPで取得されるパラメータ実体");
    let general = entity(r#"<!ENTITY e SYSTEM "http://127.0.0.1:9/">"#, "&e;");
    row.invalid(2, general, refuse, "general entity fetched over HTTP", "HTTPで取得される一般実体");

    let mut row = book.row("XML-04", Kind::XmlParse, Flag::Doctype);
    row.valid(0, message(""), "no external subset", "外部サブセットなし").reads(NAME_ID, NUMBER);
    let system = message(r#"<!DOCTYPE r SYSTEM "http://127.0.0.1:9/r.dtd">"#);
    row.invalid(1, system, refuse, "external subset", "外部サブセット");

    let mut row = book.row("XML-05", Kind::XmlParse, Flag::Doctype);
    row.valid(0, about(NUMBER), "no entity", "実体なし").reads(NAME_ID, NUMBER);
    let mut laughs = String::from(r#"<!ENTITY l0 "ha">"#);
    for level in 1..10 {
        let below = format!("&l{};", level - 1).repeat(10);
        laughs += &format!(r#"<!ENTITY l{level} "{below}">"#);
    }
    row.invalid(
        1,
        entity(&laughs, "&l9;"),
        refuse,
        "ten levels of tenfold entities",
        "10倍の実体を10段重ねる",
    );

    let mut row = book.row("XML-06", Kind::XmlParse, Flag::Doctype);
    row.valid(0, about(NUMBER), "no entity", "実体なし").reads(NAME_ID, NUMBER);
    let long = format!(r#"<!ENTITY a "{}">"#, "a".repeat(5000));
    row.invalid(
        1,
        entity(&long, &"&a;".repeat(5000)),
        refuse,
        "a long entity, often used",
        "長い実体を多数回参照",
    );

    let mut row = book.row("XML-07", Kind::XmlParse, Flag::Doctype);
    row.valid(0, about(NUMBER), "no entity", "実体なし").reads(NAME_ID, NUMBER);
    row.invalid(
        1,
        entity(r#"<!ENTITY a "&a;">"#, "&a;"),
        refuse,
        "an entity within itself",
        "自身を含む実体",
    );
    let parameters = r#"<!ENTITY % a "<!ENTITY &#37; b '%a;'>"> %a; %b;"#;
    row.invalid(
        2,
        entity(parameters, NUMBER),
        refuse,
        "the same with parameter entities",
        "同、パラメータ実体",
    );

    let mut row = book.row("XML-08", Kind::XmlParse, Flag::Doctype);
    row.valid(0, about(NUMBER), "identifier as written", "識別子はそのまま").reads("@ID", "_a");
    let id = format!(r#"<!DOCTYPE r [<!ENTITY i "_a">]>{}"#, about(NUMBER).replace("\"_a\"", "\"&i;\""));
    row.invalid(1, id, refuse, "identifier written as an entity", "識別子を実体で記述");

    let mut row = book.row("XML-09", Kind::XmlParse, Flag::Doctype);
    row.valid(0, message(""), "no defaults", "既定値なし").reads(NAME_ID, NUMBER);
    let attribute = message(r#"<!DOCTYPE r [<!ATTLIST saml:NameID Format CDATA "urn:x">]>"#);
    row.invalid(1, attribute, refuse, "defaulted attribute", "既定値を持つ属性");
    let xmlns =
        message(r#"<!DOCTYPE r [<!ATTLIST Signature xmlns CDATA #FIXED "urn:x" xmlns CDATA "urn:y">]>"#);
    row.invalid(2, xmlns, refuse, "defaulted namespace, twice", "既定値を持つ名前空間宣言、二重");

    let mut row = book.row("XML-10", Kind::XmlParse, Flag::Doctype);
    row.valid(0, message("<!-- x -->"), "a comment before the root element", "ルート要素の前のコメント");
    let mixed = format!("<!DOCTYPE r SYSTEM 'x\"><!--'>{}<!--\"]>-->", about("<![CDATA[-->]]>"));
    row.invalid(
        1,
        mixed,
        refuse,
        "where the declaration ends depends on the reader",
        "宣言の終わりが読み手により異なる",
    );
}

fn processing_instructions(book: &mut Book) {
    let mut row = book.row("XML-12", Kind::XmlParse, Flag::ProcessingInstruction);
    row.valid(0, about("20260001"), "no processing instruction", "処理命令なし").reads(NAME_ID, NUMBER);
    row.invalid(
        1,
        about("2026<?x?>0001"),
        Reason::Pi,
        "processing instruction in a text",
        "文字列中の処理命令",
    );
    row.invalid(2, message("<?x y?>"), Reason::Pi, "before the root element", "ルート要素の前");
    row.invalid(3, format!("{}<?x?>", about(NUMBER)), Reason::Pi, "after the root element", "ルート要素の後");

    let mut row = book.row("XML-13", Kind::XmlParse, Flag::ProcessingInstruction);
    row.valid(0, about(NUMBER), "all text is text", "文字列のみ").reads(NAME_ID, NUMBER);
    let hides = about("<?p 1111?>20260001");
    row.invalid(
        1,
        hides,
        Reason::Pi,
        "an instruction that looks like a part of the text",
        "文字列の一部に見える処理命令",
    );

    let mut row = book.row("XML-41", Kind::XmlParse, Flag::ProcessingInstruction);
    row.valid(0, message("<?xml version=\"1.0\"?>"), "XML declaration only", "XML宣言のみ")
        .reads(NAME_ID, NUMBER);
    let style = message(r#"<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:9/x.xsl"?>"#);
    row.invalid(
        1,
        style,
        Reason::Pi,
        "style sheet before the root element",
        "ルート要素の前のスタイルシート指定",
    );
}

fn text_pieces(book: &mut Book) {
    let mut row = book.row("XML-11", Kind::XmlParse, Flag::TextPieces);
    let whole = "admin@x.example.test";
    row.valid(0, about(whole), "text in one piece", "分割のない文字列").reads(NAME_ID, whole);
    let split = about("admin@x.example<!-- -->.test");
    row.inert(1, split, "a comment splits the text", "コメントが文字列を分割").reads(NAME_ID, whole);
    let start = about("<!---->admin@x.example.test<!-- x -->");
    row.inert(2, start, "comments around the text", "文字列の前後のコメント").reads(NAME_ID, whole);
    let tag = about("admin@x.example<!-- </saml:NameID> -->.test");
    row.inert(3, tag, "a tag inside the comment", "コメント内のタグ").reads(NAME_ID, whole);
    row.invalid(
        4,
        about("admin<!-- -- -->@x.example"),
        Reason::NotWellFormed,
        "`--` in the comment",
        "コメント内の「--」",
    );

    let mut row = book.row("XML-14", Kind::XmlParse, Flag::TextPieces);
    row.valid(0, about("admin"), "text in one piece", "分割のない文字列").reads(NAME_ID, "admin");
    row.inert(1, about("<![CDATA[ad]]>min"), "a CDATA section splits it", "CDATA区間が分割")
        .reads(NAME_ID, "admin");
    row.inert(2, about("ad<![CDATA[]]>min"), "an empty CDATA section", "空のCDATA区間")
        .reads(NAME_ID, "admin");
    row.inert(3, about("a<![CDATA[d]]><![CDATA[m]]>in"), "two in a row", "連続する二区間")
        .reads(NAME_ID, "admin");
    row.inert(4, about("<![CDATA[<b>&amp;]]>"), "markup inside is text", "区間内の記号は文字")
        .reads(NAME_ID, "<b>&amp;");

    let mut row = book.row("XML-15", Kind::XmlParse, Flag::TextPieces);
    row.valid(0, about("admin"), "characters as themselves", "文字そのまま").reads(NAME_ID, "admin");
    row.inert(1, about("&#x61;dmin"), "hexadecimal reference", "16進文字参照").reads(NAME_ID, "admin");
    row.inert(2, about("&#97;d&#0109;in"), "decimal references, leading zero", "10進文字参照、先頭の0")
        .reads(NAME_ID, "admin");
    row.inert(3, about("a&#13;b"), "carriage return by reference stays", "参照による復帰文字は残る")
        .reads(NAME_ID, "a\rb");
    let attribute = about("x").replace("\"_a\"", "\"_a\" Name=\"a&#xA;b\"");
    row.inert(4, attribute, "line feed by reference in an attribute stays", "属性中の参照による改行は残る")
        .reads("@Name", "a\nb");
    row.inert(5, about("&#x1F004;"), "beyond the basic plane", "基本多言語面の外")
        .reads(NAME_ID, "\u{1F004}");
    row.invalid(6, about("&#x;"), Reason::NotWellFormed, "a reference without digits", "数字のない参照");
    row.invalid(7, about("&foo;"), Reason::NotWellFormed, "an entity that is not defined", "未定義の実体");
    row.invalid(8, about("a & b"), Reason::NotWellFormed, "an ampersand by itself", "単独の「&」");
    row.invalid(9, about("&#x61"), Reason::NotWellFormed, "a reference that does not end", "終わらない参照");

    let mut row = book.row("XML-44", Kind::XmlParse, Flag::TextPieces);
    row.valid(0, about("admxin"), "text without references", "参照のない文字列").reads(NAME_ID, "admxin");
    row.inert(1, about("adm&amp;in"), "an entity in the middle", "途中の実体参照").reads(NAME_ID, "adm&in");
    let all = about("&lt;a &amp; b&gt; &apos;&quot;");
    row.inert(2, all, "all five entities", "五つの定義済み実体すべて").reads(NAME_ID, "<a & b> '\"");
    let mix = about("a<!-- x -->&#98;<![CDATA[c]]>&amp;d");
    row.inert(3, mix, "comment, reference, section and entity", "コメント・参照・区間・実体の混在")
        .reads(NAME_ID, "abc&d");
}

fn white_space(book: &mut Book) {
    let mut row = book.row("XML-16", Kind::XmlParse, Flag::Character);
    row.valid(0, about("a\nb"), "line feed", "改行(LF)").reads(NAME_ID, "a\nb");
    row.inert(1, about("a\r\nb"), "CR LF is one line feed", "CR LFは一つの改行").reads(NAME_ID, "a\nb");
    row.inert(2, about("a\rb"), "CR is a line feed", "CRは改行").reads(NAME_ID, "a\nb");
    row.inert(3, about("a\r\r\nb"), "CR, CR LF are two", "CRとCR LFは二つの改行").reads(NAME_ID, "a\n\nb");
    row.inert(4, about("a\n\rb"), "LF, CR are two", "LFとCRは二つの改行").reads(NAME_ID, "a\n\nb");
    row.inert(5, about("<![CDATA[a\r\nb]]>"), "inside a CDATA section too", "CDATA区間内も同じ")
        .reads(NAME_ID, "a\nb");
    row.inert(6, about("a&#13;\nb"), "CR by reference is none", "参照によるCRは対象外")
        .reads(NAME_ID, "a\r\nb");

    let mut row = book.row("XML-17", Kind::XmlParse, Flag::Character);
    let named = |value: &str| about("x").replace("\"_a\"", &format!("\"_a\" Name=\"{value}\""));
    row.valid(0, named("a b"), "a space", "空白").reads("@Name", "a b");
    row.inert(1, named("a\tb"), "a tab becomes a space", "タブは空白になる").reads("@Name", "a b");
    row.inert(2, named("a\nb"), "a line feed becomes a space", "LFは空白になる").reads("@Name", "a b");
    row.inert(3, named("a\r\nb"), "CR LF becomes one space", "CR LFは一つの空白になる").reads("@Name", "a b");
    row.inert(4, named("a&#9;b&#10;c&#13;d"), "by reference all stay", "参照なら残る")
        .reads("@Name", "a\tb\nc\rd");
    row.inert(5, named("  a  b "), "spaces are not collapsed", "空白は詰めない").reads("@Name", "  a  b ");
}

fn outside_the_root(book: &mut Book) {
    let refuse = Reason::NotWellFormed;
    let mut row = book.row("XML-18", Kind::XmlParse, Flag::WellFormed);
    row.valid(
        0,
        "<r/>\n<!-- end -->\n",
        "one root element, white space and a comment after it",
        "ルート要素一つと後続の空白・コメント",
    );
    row.invalid(1, "<r/><r/>", refuse, "two root elements", "ルート要素が二つ");
    row.invalid(2, "<r></r>\n<s>x</s>", refuse, "an element after the root", "ルートの後の要素");
    row.invalid(3, "<r/></r>", refuse, "an end tag after the root", "ルートの後の終了タグ");

    let mut row = book.row("XML-19", Kind::XmlParse, Flag::WellFormed);
    row.valid(0, " \n<r/>\n ", "white space around the root", "ルートの前後の空白");
    for (case, (input, en, ja)) in (1..).zip([
        ("x<r/>", "text before the root", "ルートの前の文字列"),
        ("<r/>x", "text after the root", "ルートの後の文字列"),
        ("<![CDATA[]]><r/>", "a CDATA section before the root", "ルートの前のCDATA区間"),
        ("<r/><![CDATA[x]]>", "a CDATA section after the root", "ルートの後のCDATA区間"),
        ("<r/>&#32;", "a reference after the root", "ルートの後の参照"),
        ("<r/>\u{A0}", "a space that XML does not know", "XMLの空白でない空白"),
    ]) {
        row.invalid(case, input, refuse, en, ja);
    }

    let mut row = book.row("XML-20", Kind::XmlParse, Flag::WellFormed);
    row.valid(0, "<r><a>x</a></r>", "complete", "完全な文書");
    for (case, (input, en, ja)) in (1..).zip([
        ("<r><a>x</a>", "the last end tag is missing", "最後の終了タグがない"),
        ("<r><a>x</a></r", "cut in the last end tag", "最後の終了タグの途中で切断"),
        ("<r><a>x", "cut in a text", "文字列の途中で切断"),
        ("<r a=\"x", "cut in an attribute", "属性の途中で切断"),
        ("<r><!-- x", "cut in a comment", "コメントの途中で切断"),
        ("<r><![CDATA[x</r>", "cut in a CDATA section", "CDATA区間の途中で切断"),
        ("<r><a>x</r>", "an inner end tag is missing", "内側の終了タグがない"),
        ("<r><a>x</r></a>", "end tags in the wrong order", "終了タグの順序違い"),
        ("<r></R>", "an end tag in another case", "終了タグの大文字小文字違い"),
    ]) {
        row.invalid(case, input, refuse, en, ja);
    }

    let mut row = book.row("XML-21", Kind::XmlParse, Flag::WellFormed);
    row.valid(0, "<r/>", "one element", "要素一つ");
    for (case, (input, en, ja)) in (1..).zip([
        ("", "no octet", "0オクテット"),
        ("\n", "a line feed", "改行のみ"),
        (" \t\r\n", "white space", "空白のみ"),
        ("<?xml version=\"1.0\"?>\n", "only the XML declaration", "XML宣言のみ"),
        ("<!-- x -->", "only a comment", "コメントのみ"),
        ("\u{FEFF}", "only a byte order mark", "BOMのみ"),
    ]) {
        row.invalid(case, input, Reason::Empty, en, ja);
    }
}

fn names(book: &mut Book) {
    let mut row = book.row("XML-22", Kind::XmlParse, Flag::WellFormed);
    let refuse = Reason::DuplicateAttribute;
    row.valid(
        0,
        r#"<r xmlns:p="urn:u" xmlns:q="urn:v" p:x="1" q:x="2" x="3"/>"#,
        "three names",
        "三つの異なる名前",
    )
    .reads("@x", "3");
    row.invalid(
        1,
        r#"<r xmlns:p="urn:u" xmlns:q="urn:u" p:x="1" q:x="2"/>"#,
        refuse,
        "equal after expansion",
        "展開名が同一",
    );
    row.invalid(2, r#"<r x="1" x="2"/>"#, refuse, "equal as written", "表記が同一");
    row.invalid(
        3,
        r#"<r xmlns:p="urn:u" xmlns:p="urn:v"/>"#,
        refuse,
        "a prefix declared twice",
        "接頭辞の二重宣言",
    );
    row.invalid(
        4,
        r#"<r xmlns="urn:u" xmlns="urn:u"/>"#,
        refuse,
        "the default namespace declared twice",
        "既定名前空間の二重宣言",
    );

    let mut row = book.row("XML-23", Kind::XmlParse, Flag::Namespace);
    let refuse = Reason::UnboundPrefix;
    row.valid(0, r#"<p:r xmlns:p="urn:u"><p:a p:x=""/></p:r>"#, "declared", "宣言あり");
    row.invalid(1, "<p:r/>", refuse, "undeclared on an element", "要素の未宣言接頭辞");
    row.invalid(2, r#"<r p:x=""/>"#, refuse, "undeclared on an attribute", "属性の未宣言接頭辞");
    row.invalid(
        3,
        r#"<r><a xmlns:p="urn:u"/><p:a/></r>"#,
        refuse,
        "declared only on a sibling",
        "兄弟要素でのみ宣言",
    );
    row.invalid(4, r#"<xmlns:r/>"#, refuse, "the prefix xmlns on an element", "要素に接頭辞xmlns");

    let mut row = book.row("XML-24", Kind::XmlParse, Flag::Namespace);
    let refuse = Reason::Namespace;
    let xml = "http://www.w3.org/XML/1998/namespace";
    let xmlns = "http://www.w3.org/2000/xmlns/";
    row.valid(0, r#"<r xmlns="urn:d" xmlns:p="urn:u"><a xmlns=""/></r>"#, "usual declarations", "通常の宣言");
    row.control(
        1,
        format!(r#"<r xmlns:xml="{xml}"/>"#),
        "xml bound to its own namespace",
        "xmlを本来の名前空間に束縛",
    );
    row.invalid(2, r#"<r xmlns:p=""/>"#, refuse, "a prefix taken back", "接頭辞の取消し");
    row.invalid(
        3,
        r#"<r xmlns:xml="urn:u"/>"#,
        refuse,
        "xml bound to another namespace",
        "xmlを別の名前空間に束縛",
    );
    row.invalid(4, r#"<r xmlns:xmlns="urn:u"/>"#, refuse, "xmlns bound", "xmlnsの束縛");
    row.invalid(
        5,
        format!(r#"<r xmlns="{xml}"/>"#),
        refuse,
        "xml's namespace as default",
        "xmlの名前空間を既定に",
    );
    row.invalid(
        6,
        format!(r#"<r xmlns:p="{xml}"/>"#),
        refuse,
        "another prefix for xml's namespace",
        "xmlの名前空間に別の接頭辞",
    );
    row.invalid(
        7,
        format!(r#"<r xmlns:p="{xmlns}"/>"#),
        refuse,
        "a prefix for xmlns' namespace",
        "xmlnsの名前空間に接頭辞",
    );
    row.invalid(
        8,
        format!(r#"<r xmlns:xmlns="{xmlns}"/>"#),
        refuse,
        "xmlns bound to its own namespace",
        "xmlnsを本来の名前空間に束縛",
    );

    let mut row = book.row("XML-25", Kind::XmlParse, Flag::WellFormed);
    let refuse = Reason::Name;
    row.valid(0, r#"<_é.-1 氏名="x"/>"#, "allowed characters", "許される文字").reads("@氏名", "x");
    for (case, (input, en, ja)) in (1..).zip([
        ("<1a/>", "a digit first", "数字で始まる"),
        (r#"<a:b:c xmlns:a="urn:a"/>"#, "two colons", "コロンが二つ"),
        ("<></>", "no name", "名前なし"),
        (r#"<r -x=""/>"#, "an attribute with a hyphen first", "ハイフンで始まる属性"),
        (r#"<r p:="" xmlns:p="urn:p"/>"#, "no local part", "局所名なし"),
        (r#"<r xmlns:a:b="urn:p"/>"#, "a colon in a declared prefix", "宣言する接頭辞にコロン"),
        ("<a\u{D7}/>", "a character that is not allowed in names", "名前に使えない文字"),
        (r#"<r xmlns:="urn:p"/>"#, "no prefix", "接頭辞なし"),
    ]) {
        row.invalid(case, input, refuse, en, ja);
    }
    row.invalid(20, "<a\0b/>", Reason::Char, "a name with NUL", "NULを含む名前").deviates(
        "R:Name",
        "no document has this character anywhere; that is found before names are looked at",
        "この文字は文書のどこにも許されず、名前を調べる前に見つかる",
    );

    let mut row = book.row("XML-38", Kind::XmlParse, Flag::Namespace);
    row.valid(0, r#"<a x=""/>"#, "names without colon", "コロンのない名前");
    row.invalid(1, r#"<a :x=""/>"#, refuse, "an attribute that begins with a colon", "コロンで始まる属性名");
    row.invalid(2, "<:a/>", refuse, "an element that begins with a colon", "コロンで始まる要素名");
    row.invalid(
        3,
        r#"<a xmlns::x="urn:x"/>"#,
        refuse,
        "a declared prefix that begins with a colon",
        "コロンで始まる宣言",
    );
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
