//! `XML-01` … `XML-25`, `XML-38`, `XML-41`, `XML-44`: declarations, texts, names, what stands outside the
//! root.

use chukei_reason::Reason;

use super::{
    Book,
    message::{NUMBER, about},
};
use crate::schema::{Flag, Kind};

const NAME_ID: &str = "Subject/NameID";

pub(super) fn generate(book: &mut Book) {
    doctype(book);
    processing_instructions(book);
    text_pieces(book);
    white_space(book);
    outside_the_root(book);
    names(book);
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
