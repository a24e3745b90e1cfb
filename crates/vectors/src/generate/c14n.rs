//! `C14N-*` as far as it needs no signature: the canonical form, written out by hand.

use chukei_reason::Reason;

use super::Book;
use crate::schema::{Flag, Kind};

pub(super) fn generate(book: &mut Book) {
    without_form(book);
    prefix_lists(book);
    order(book);
    inheritance(book);
    characters(book);
    default_namespace(book);
    comments(book);
}

fn without_form(book: &mut Book) {
    let refuse = Reason::C14n;
    let mut row = book.row("C14N-01", Kind::C14n, Flag::Canonical);
    let form = "<a xmlns=\"urn:a\"></a>";
    row.valid(0, "<a xmlns=\"urn:a\"/>", "an absolute namespace name", "絶対URIの名前空間名").output(form);
    for (case, (name, en, ja)) in (1..).zip([
        ("1", "a relative namespace name", "相対URIの名前空間名"),
        ("a/b", "a relative path", "相対パス"),
        ("../a:b", "a relative path with a colon", "コロンを含む相対パス"),
        ("#a", "a fragment", "フラグメントのみ"),
        ("//host/a", "a name without scheme", "スキームなし"),
        ("urn:", "a scheme alone", "スキームのみ"),
    ]) {
        row.invalid(case, format!("<a xmlns=\"{name}\"/>"), refuse, en, ja);
    }
    row.invalid(
        10,
        "<r xmlns:x=\"1\"><a xmlns=\"urn:a\"/></r>",
        refuse,
        "on an ancestor, not used",
        "祖先での宣言、不使用",
    )
    .apex("a");

    let mut row = book.row("C14N-02", Kind::C14n, Flag::Canonical);
    row.valid(0, "<r xmlns:p=\"urn:p\"><a/></r>", "a prefix that is declared", "宣言された接頭辞")
        .apex("a")
        .prefix_list("p")
        .output("<a xmlns:p=\"urn:p\"></a>");
    row.invalid(
        1,
        "<r xmlns:p=\"urn:p\"><a/></r>",
        refuse,
        "a prefix that is not declared",
        "宣言のない接頭辞",
    )
    .apex("a")
    .prefix_list("p q");
    for (case, (name, en, ja)) in (2..).zip([
        ("http://example.test\u{80}", "a control character in a namespace name", "名前空間名に制御文字"),
        ("http://example.test/ a", "a space in a namespace name", "名前空間名に空白"),
        ("http://example.test/é", "a letter outside ASCII in a namespace name", "名前空間名に非ASCII文字"),
        ("http://example.test/&quot;", "a quote in a namespace name", "名前空間名に引用符"),
        ("http://example.test/&#xD;", "a carriage return in a namespace name", "名前空間名に復帰文字"),
    ]) {
        row.invalid(case, format!("<r xmlns:p=\"{name}\"/>"), refuse, en, ja);
    }
    let base = "<r xml:base=\"../a\"><a/></r>";
    row.invalid(10, base, Reason::UnexpectedAttribute, "a relative xml:base", "相対的なxml:base").apex("a").deviates(
        "R:C14n",
        "no message of the standard has xml:base, so the document is refused before its form is asked for",
        "本標準の電文にxml:baseはなく、正規形を求める前に拒否する",
    );
}

fn prefix_lists(book: &mut Book) {
    let mut row = book.row("C14N-07", Kind::C14n, Flag::Canonical);
    let input = "<r xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><a xmlns:p=\"urn:p2\"><q:b/>\
                 <c xmlns=\"\"/></a></r>";
    let mut case = |case: u8, list: &str, form: &str, en: &str, ja: &str| {
        let made = if case == 0 { row.valid(case, input, en, ja) } else { row.inert(case, input, en, ja) };
        made.apex("a").prefix_list(list).output(form);
    };
    case(
        0,
        "",
        "<a xmlns=\"urn:d\"><q:b xmlns:q=\"urn:q\"></q:b><c xmlns=\"\"></c></a>",
        "an empty list",
        "空の一覧",
    );
    case(
        1,
        "q",
        "<a xmlns=\"urn:d\" xmlns:q=\"urn:q\"><q:b></q:b><c xmlns=\"\"></c></a>",
        "a prefix that is used below",
        "下位で使う接頭辞",
    );
    case(
        2,
        "p",
        "<a xmlns=\"urn:d\" xmlns:p=\"urn:p2\"><q:b xmlns:q=\"urn:q\"></q:b><c xmlns=\"\"></c></a>",
        "a prefix that is redeclared",
        "再宣言された接頭辞",
    );
    case(
        3,
        "#default",
        "<a xmlns=\"urn:d\"><q:b xmlns:q=\"urn:q\"></q:b><c xmlns=\"\"></c></a>",
        "the default namespace",
        "既定名前空間",
    );
    case(
        4,
        " q\n\tp ",
        "<a xmlns=\"urn:d\" xmlns:p=\"urn:p2\" xmlns:q=\"urn:q\"><q:b></q:b><c xmlns=\"\"></c></a>",
        "two prefixes and white space",
        "接頭辞二つと空白",
    );
    case(
        5,
        "p p p",
        "<a xmlns=\"urn:d\" xmlns:p=\"urn:p2\"><q:b xmlns:q=\"urn:q\"></q:b><c xmlns=\"\"></c></a>",
        "a prefix named three times",
        "同じ接頭辞を三回",
    );
    let refuse = Reason::C14n;
    row.invalid(6, input, refuse, "an unknown prefix", "未知の接頭辞").apex("a").prefix_list("nowhere");
    row.invalid(7, input, refuse, "a wrong word", "誤った語").apex("a").prefix_list("#all");
    row.invalid(8, input, refuse, "the prefix xmlns", "接頭辞xmlns").apex("a").prefix_list("xmlns");
    let many: String = (0..10_000).map(|n| format!("x{} ", n % 7)).collect();
    row.invalid(9, input, refuse, "10,000 unknown prefixes", "未知の接頭辞1万個")
        .apex("a")
        .prefix_list(&many);
}

fn order(book: &mut Book) {
    let mut row = book.row("C14N-08", Kind::C14n, Flag::Canonical);
    let input =
        "<r xmlns:b=\"urn:a\" xmlns:a=\"urn:b\" xmlns=\"urn:c\" b:x=\"1\" a:x=\"2\" z=\"3\" y=\"4\"/>";
    let form =
        "<r xmlns=\"urn:c\" xmlns:a=\"urn:b\" xmlns:b=\"urn:a\" y=\"4\" z=\"3\" b:x=\"1\" a:x=\"2\"></r>";
    row.valid(0, form, "in order", "整列済み").output(form);
    row.inert(
        1,
        input,
        "namespaces by prefix, attributes by namespace and name",
        "名前空間は接頭辞順、属性は名前空間・名前順",
    )
    .output(form);
    // U+FF5A is after U+1F004 as UTF-16, but before it as code points; names take neither, so letters stand
    // for them.
    let wide = "<r \u{FF5A}=\"1\" \u{20000}=\"2\" a=\"3\"/>".replace('\u{FF5A}', "\u{F900}");
    let form = "<r a=\"3\" \u{F900}=\"1\" \u{20000}=\"2\"></r>";
    row.inert(2, wide, "by code point, not by UTF-16 unit", "UTF-16単位でなく符号位置順").output(form);
    let cases = "<r b=\"\" A=\"\" a=\"\" B=\"\" _=\"\"/>";
    row.inert(3, cases, "capitals before small letters", "大文字が小文字より前")
        .output("<r A=\"\" B=\"\" _=\"\" a=\"\" b=\"\"></r>");
    let prefix = "<r xmlns:a=\"urn:a\" a:b=\"1\" ab=\"2\"><c a:b=\"3\"/></r>";
    let form = "<r xmlns:a=\"urn:a\" ab=\"2\" a:b=\"1\"><c a:b=\"3\"></c></r>";
    row.inert(4, prefix, "no namespace first; declared once", "名前空間なしが先、宣言は一度").output(form);
}

fn inheritance(book: &mut Book) {
    let mut row = book.row("C14N-09", Kind::C14n, Flag::Canonical);
    let note = (
        "oracle test only",
        "of the canonical forms the standard has the exclusive one, which takes no xml: attribute from ancestors",
        "本標準は排他的正規形のみを使い、それは祖先のxml:属性を引き継がない",
    );
    row.valid(0, "<r><a xml:lang=\"ja\"/></r>", "its own xml:lang", "自身のxml:lang")
        .apex("a")
        .output("<a xml:lang=\"ja\"></a>");
    row.inert(1, "<r xml:lang=\"ja\"><a/></r>", "an ancestor's xml:lang", "祖先のxml:lang")
        .apex("a")
        .output("<a></a>")
        .deviates(note.0, note.1, note.2);
    row.inert(2, "<r xml:space=\"preserve\"><a> x </a></r>", "an ancestor's xml:space", "祖先のxml:space")
        .apex("a")
        .output("<a> x </a>")
        .deviates(note.0, note.1, note.2);
    let unused = "<r xmlns:p=\"urn:p\" xmlns=\"urn:d\"><p:a/></r>";
    row.control(3, unused, "an ancestor's namespaces, where used", "祖先の名前空間は使う分だけ")
        .apex("a")
        .output("<p:a xmlns:p=\"urn:p\"></p:a>");
}

fn characters(book: &mut Book) {
    let mut row = book.row("C14N-10", Kind::C14n, Flag::Canonical);
    row.valid(0, "<r a=\"x\">y</r>", "plain characters", "通常の文字").output("<r a=\"x\">y</r>");
    let text = "<r>&#xD;&#10;&#9;&lt;&gt;&amp;\"'></r>";
    row.inert(1, text, "in a text", "文字列中").output("<r>&#xD;\n\t&lt;&gt;&amp;\"'&gt;</r>");
    let value = "<r a='&#xD;&#10;&#9;&lt;>&amp;\"&apos;'/>";
    row.inert(2, value, "in a value", "属性値中").output("<r a=\"&#xD;&#xA;&#x9;&lt;>&amp;&quot;'\"></r>");
    row.inert(3, "<r a=\"\r\n\t\">\r\n</r>", "white space as written", "空白文字そのまま")
        .output("<r a=\"  \">\n</r>");
    row.inert(4, "<r><![CDATA[<&>]]></r>", "a CDATA section", "CDATA区間").output("<r>&lt;&amp;&gt;</r>");
    row.inert(5, "<r a=\"港&#x6E2F;\">港&#x6E2F;&#x1F004;</r>", "outside ASCII, as UTF-8", "非ASCIIはUTF-8")
        .output("<r a=\"港港\">港港\u{1F004}</r>");
    row.inert(
        6,
        "<?xml version=\"1.0\"?>\n<r> \n <a/> </r>\n",
        "white space inside the root only",
        "空白はルートの中だけ",
    )
    .output("<r> \n <a></a> </r>");
}

fn default_namespace(book: &mut Book) {
    let mut row = book.row("C14N-11", Kind::C14n, Flag::Canonical);
    let form = "<a xmlns=\"urn:a\"><b xmlns=\"\"><c></c></b></a>";
    row.valid(0, form, "undeclared once", "一度だけ取消し").output(form);
    row.inert(
        1,
        "<a xmlns=\"urn:a\"><b xmlns=\"\"><c xmlns=\"\"/></b></a>",
        "undeclared twice",
        "二度の取消し",
    )
    .output(form);
    row.inert(
        2,
        "<a xmlns=\"\"><b xmlns=\"\"/></a>",
        "undeclared where there is none",
        "宣言がないところでの取消し",
    )
    .output("<a><b></b></a>");
    row.inert(
        3,
        "<a xmlns=\"urn:a\"><b xmlns=\"\"><c/></b></a>",
        "the apex below the undeclaration",
        "取消しの下が頂点",
    )
    .apex("b/c")
    .output("<c></c>");
    let twice = "<p:a xmlns:p=\"urn:a\"><b><p:c xmlns:p=\"urn:a\" xmlns=\"urn:d\"><d/></p:c></b></p:a>";
    let form = "<p:a xmlns:p=\"urn:a\"><b><p:c><d xmlns=\"urn:d\"></d></p:c></b></p:a>";
    row.inert(4, twice, "a superfluous declaration and a late one", "余分な宣言と遅れて効く宣言")
        .output(form);
    let back = "<p:a xmlns:p=\"urn:1\"><p:b xmlns:p=\"urn:2\"><p:c xmlns:p=\"urn:1\"/></p:b><p:d/></p:a>";
    let form =
        "<p:a xmlns:p=\"urn:1\"><p:b xmlns:p=\"urn:2\"><p:c xmlns:p=\"urn:1\"></p:c></p:b><p:d></p:d></p:a>";
    row.inert(5, back, "a prefix redeclared and declared back", "接頭辞の再宣言と復帰").output(form);
}

fn comments(book: &mut Book) {
    let mut row = book.row("C14N-13", Kind::C14n, Flag::Canonical);
    row.valid(0, "<r><a>xy</a></r>", "no comment", "コメントなし").output("<r><a>xy</a></r>");
    let note = (
        "not an input",
        "the form that is signed has no comments; a tool that writes them is no witness for it",
        "署名対象の正規形はコメントを含まない。コメントを書き出す道具は検証に使えない",
    );
    row.inert(1, "<r><!-- 1 --><a>x<!-- 2 -->y</a></r>", "comments inside", "内側のコメント")
        .output("<r><a>xy</a></r>")
        .deviates(note.0, note.1, note.2);
    row.inert(2, "<!-- 1 --><r><a>xy</a></r><!-- 2 -->", "comments outside", "外側のコメント")
        .output("<r><a>xy</a></r>")
        .deviates(note.0, note.1, note.2);
}
