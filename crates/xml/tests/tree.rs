//! What readers and writers see of the tree.

use chukei_reason::{LimitKind, Reason};
use chukei_xml::{Budget, Document, Limits, Node, Writer, lexical, ns};

fn reason(xml: &str) -> Option<Reason> {
    Document::parse(xml).err().map(|error| error.reason())
}

#[test]
fn text_is_one_piece_across_comments_sections_and_references() {
    let document = Document::parse("<a>adm&amp;in@<!-- x -->corp<![CDATA[<.>]]>&#x65E5;</a>").unwrap();
    assert_eq!(document.root().text().unwrap(), "adm&in@corp<.>日");
    assert!(document.root().has_comment());
    assert!(!Document::parse("<a>t</a><!-- outside -->").unwrap().root().has_comment());
}

#[test]
fn canonical_form_and_writing() {
    let xml = "<?xml version=\"1.0\"?>\r\n<a:r xmlns:a='urn:a' xmlns='urn:d' z='1' a:b='x&#10;y' b=\"a\tb\"><b/>\
               t&amp;x<!-- c --><![CDATA[<z>]]>&#x3042;<c xmlns=''/></a:r>\n";
    let document = Document::parse(xml).unwrap();
    let written = "<a:r xmlns:a=\"urn:a\" xmlns=\"urn:d\" b=\"a b\" z=\"1\" a:b=\"x&#xA;y\"><b></b>\
                   t&amp;x&lt;z&gt;あ<c xmlns=\"\"></c></a:r>";
    assert_eq!(String::from_utf8(document.write()).unwrap(), written);
    assert_eq!(Document::parse(document.write()).unwrap(), document);
    let canonical = "<a:r xmlns:a=\"urn:a\" b=\"a b\" z=\"1\" a:b=\"x&#xA;y\"><b xmlns=\"urn:d\"></b>\
                     t&amp;x&lt;z&gt;あ<c></c></a:r>";
    assert_eq!(String::from_utf8(document.canonical(document.root()).to_vec()).unwrap(), canonical);
}

#[test]
fn inclusive_prefixes_are_declared_as_inclusive_canonicalisation_does() {
    let document = Document::parse("<a xmlns:p='urn:p' xmlns:q='urn:q'><b><q:c/></b></a>").unwrap();
    let b = document.root().elements().next().unwrap();
    let form =
        |list: &str| document.canonical(b).inclusive(list).map(|c| String::from_utf8(c.to_vec()).unwrap());
    assert_eq!(form("").unwrap(), "<b><q:c xmlns:q=\"urn:q\"></q:c></b>");
    assert_eq!(form("p").unwrap(), "<b xmlns:p=\"urn:p\"><q:c xmlns:q=\"urn:q\"></q:c></b>");
    assert_eq!(form("q p").unwrap(), "<b xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><q:c></q:c></b>");
    assert_eq!(form("nowhere").unwrap_err().reason(), Reason::C14n);
}

#[test]
fn a_writer_declares_what_is_used_and_refuses_what_xml_does() {
    let document = Writer::build(|w| {
        w.open(ns::SAMLP.name("Response")).attribute("ID", "_1\"<\n");
        w.element(ns::SAML.name("Issuer"), "urn:a>&").element(ns::SAML.name("Issuer"), "").close();
    });
    let document = document.unwrap();
    assert_eq!(Document::parse(document.write()).unwrap(), document);
    assert_eq!(document.write(), document.canonical(document.root()).to_vec());

    let copy = Writer::build(|w| {
        w.open(ns::SOAP.name("Body")).graft(document.root()).close();
    });
    let copy = copy.unwrap();
    let inner = copy.root().elements().next().unwrap();
    assert_eq!(copy.canonical(inner).to_vec(), document.canonical(document.root()).to_vec());

    let bad = |content: fn(&mut Writer<'_>)| Writer::build(content).unwrap_err().reason();
    assert_eq!(
        bad(|w| {
            w.open(ns::SAML.name("a")).text("\u{1}").close();
        }),
        Reason::Char
    );
    assert_eq!(
        bad(|w| {
            w.open(ns::SAML.name("a b")).close();
        }),
        Reason::Name
    );
    assert_eq!(
        bad(|w| {
            w.open(ns::SAML.name("a"));
        }),
        Reason::NotWellFormed
    );
    assert_eq!(
        bad(|w| {
            w.open_as("xmlns", "urn:p", "a").close();
        }),
        Reason::Namespace
    );
    assert_eq!(
        bad(|w| {
            w.open_as("p", "", "a").close();
        }),
        Reason::UnboundPrefix
    );
    assert_eq!(
        bad(|w| {
            w.open_as("saml", "urn:p", "a").declare(ns::SAML).close();
        }),
        Reason::Namespace
    );
    assert_eq!(
        bad(|w| {
            w.text("x").element(ns::SAML.name("a"), "y");
        }),
        Reason::NotWellFormed
    );
    assert_eq!(
        bad(|w| {
            w.open(ns::NONE.name("a")).attribute("x", "").attribute("x", "").close();
        }),
        Reason::DuplicateAttribute
    );
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }

    #[expect(clippy::indexing_slicing, reason = "below the length")]
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// An element with attributes in any order, declarations behind them, texts in pieces, and elements of the same kind.
fn scribble(w: &mut Writer<'_>, dice: &mut Dice, depth: usize, ids: &mut usize) {
    let spaces = [ns::NONE, ns::SAML, ns::WSU, ns::DS, ns::XSI];
    let values =
        ["", "x", "港いろは１２３４", "a&b<c>\"d'", "\t\n", "１６バイトより長い値 and more than that", "\r"];
    match dice.below(4) {
        0 => w.open_as("", dice.pick(&["urn:a", "urn:b", "urn:oasis:names:tc:SAML:2.0:assertion"]), "own"),
        1 => w.open_as(dice.pick(&["p", "q"]), dice.pick(&["urn:a", "urn:b"]), "own"),
        _ => w.open(dice.pick(&spaces).name(dice.pick(&["a", "Signature", "Id"]))),
    };
    let mut left = vec!["Name", "b", "ID", "名"];
    while !left.is_empty() && dice.below(4) > 0 {
        let local = left.swap_remove(dice.below(left.len()));
        *ids += 1;
        let id = format!("_{ids}");
        w.attribute(local, if local == "ID" { &id } else { dice.pick(&values) });
    }
    let mut left = vec![ns::WSU.name("Id"), ns::XSI.name("type"), ns::SAML.name("x")];
    while !left.is_empty() && dice.below(3) > 0 {
        let name = left.swap_remove(dice.below(left.len()));
        *ids += 1;
        w.attribute_in(name, &format!("_{ids}{}", dice.pick(&values)));
        if dice.below(3) == 0 {
            w.declare(ns::XS);
        }
    }
    while dice.below(3) > 0 {
        w.text(dice.pick(&values)).text(dice.pick(&values));
        if depth < 5 {
            scribble(w, dice, depth + 1, ids);
        }
    }
    w.close();
}

#[test]
fn what_is_written_reads_as_it_was_meant() {
    let mut written = 0;
    for seed in 0..300 {
        let built = Writer::build(|w| scribble(w, &mut Dice(seed), 0, &mut 0));
        let Ok(document) = built else {
            // A prefix that means two things on one element; everything else may be written.
            assert_eq!(built.unwrap_err().reason(), Reason::Namespace);
            continue;
        };
        written += 1;
        let bytes = document.write();
        let read = Document::parse(bytes.as_slice()).unwrap();
        assert_eq!(String::from_utf8(read.write()).unwrap(), String::from_utf8(bytes).unwrap());
        assert!(document.root().descendants().count() == read.root().descendants().count());
        for (ours, theirs) in document.root().descendants().zip(read.root().descendants()) {
            assert_eq!(ours.id(), theirs.id());
            assert_eq!(ours.position(), theirs.position());
            assert!(
                ours.attributes()
                    .map(|a| (a.namespace(), a.qualified(), a.value()))
                    .eq(theirs.attributes().map(|a| (a.namespace(), a.qualified(), a.value())))
            );
            let id = |name: &str| ours.attribute(name).or(ours.attribute_in(ns::WSU.name("Id")));
            let found =
                |document: &Document| id("ID").and_then(|id| document.by_id(id)).map(|element| element.id());
            assert_eq!(found(&document), found(&read));
            let mut texts = ours.nodes().zip(theirs.nodes());
            assert!(texts.all(|pair| match pair {
                (Node::Text(ours), Node::Text(theirs)) => ours == theirs,
                (Node::Element(ours), Node::Element(theirs)) => ours.id() == theirs.id(),
                _ => false,
            }));
            let (ours, theirs) = (document.canonical(ours), read.canonical(theirs));
            assert_eq!(ours.to_vec(), theirs.to_vec());
            assert_eq!(ours.clone().all_inclusive().to_vec(), theirs.clone().all_inclusive().to_vec());
            let part = document.root().descendants().last().unwrap().id();
            let forms = [ours, theirs].map(|form| form.with_apex_default().omit(part).to_vec());
            assert_eq!(forms[0], forms[1]);
        }
        let graft = Writer::build(|w| {
            w.open(ns::SOAP.name("Body")).graft(read.root()).close();
        });
        let graft = graft.unwrap();
        let inner = graft.root().elements().next().unwrap();
        assert_eq!(graft.canonical(inner).to_vec(), document.canonical(document.root()).to_vec());
    }
    assert!(written > 100, "only {written} documents");
}

#[test]
fn identifiers_are_unique_over_every_attribute_that_defines_one() {
    let wsu = ns::WSU.uri();
    for ids in ["ID='x'><b ID='x'", "ID='x'><b Id='x'", "id='x'><b AssertionID='x'"] {
        assert_eq!(reason(&format!("<a {ids}/></a>")), Some(Reason::DuplicateId), "{ids}");
    }
    let two = |value: &str| format!("<a xmlns:u='{wsu}' ID='x' u:Id='{value}'/>");
    assert_eq!(reason(&two("x")), Some(Reason::DuplicateId));
    // Positive cases: another value; another namespace, which defines no identifier.
    assert_eq!(reason(&two("y")), None);
    let foreign = Document::parse("<a xmlns:e='urn:e' ID='x'><b e:ID='x'/></a>").unwrap();
    assert_eq!(foreign.by_id("x").unwrap().local(), "a");
    assert_eq!(foreign.root().lookalike_ids("x"), 2);
}

#[test]
fn work_grows_with_size_and_not_faster() {
    // Each input joins many pieces or compares many names; steps per octet must not depend on length.
    let inputs: [fn(usize) -> String; 4] = [
        |n| format!("<a>{}</a>", "x<!---->".repeat(n)),
        |n| format!("<a>{}</a>", "&amp;".repeat(n)),
        |n| format!("<a>{}</a>", "<![CDATA[x]]>".repeat(n)),
        |n| format!("<a xmlns:p='urn:p'>{}</a>", "<p:b p:x='' xmlns:q='urn:q' q:y=''/>".repeat(n)),
    ];
    for input in inputs {
        let steps = |n: usize| {
            let mut budget = Budget::default();
            Document::parse_within(input(n), &mut budget).unwrap();
            budget.spent().steps
        };
        let (small, large) = (steps(1000), steps(8000));
        assert!(large <= small * 9, "{small} → {large}: {}", input(1));
    }
}

#[test]
fn the_prefix_xmlns_is_nobodys() {
    assert_eq!(reason("<a xmlns:xmlns='urn:x'/>"), Some(Reason::Namespace));
    assert_eq!(reason("<xmlns:a/>"), Some(Reason::UnboundPrefix));
    assert_eq!(reason("<a xmlns:xmln='urn:x'/>"), None);
}

#[test]
fn lines_are_counted_however_they_end() {
    for (xml, line) in
        [("<a>\rb\x01</a>", 2), ("<a>\r\nb\x01</a>", 2), ("<a>\r\rb\n\x01</a>", 4), ("<a>\r</b>", 2)]
    {
        assert_eq!(Document::parse(xml).unwrap_err().position().line, line, "{xml:?}");
    }
}

#[test]
fn limits_have_a_value_that_passes_and_one_that_does_not() {
    let limits = Limits { depth: 3, ..Limits::message() };
    let parse = |xml: &str| Document::parse_within(xml, &mut Budget::new(limits)).err().map(|e| e.reason());
    assert_eq!(parse("<a><a><a/></a></a>"), None);
    assert_eq!(parse("<a><a><a><a/></a></a></a>"), Some(Reason::Limit(LimitKind::Depth)));
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    let error = Document::parse("<a>\r\n  <b></c></a>").unwrap_err();
    assert_eq!(
        error.to_string(),
        "NotWellFormed at line 2, column 6 (octets 10..14): expected the end tag of the innermost open element"
    );
}

#[test]
fn base64_has_one_spelling() {
    for (text, octets) in [("", &b""[..]), ("AA==", b"\0"), ("AAE=", b"\0\x01"), ("A A\nEC", b"\0\x01\x02")] {
        assert_eq!(lexical::decode_base64(text).as_deref(), Some(octets), "{text}");
        assert_eq!(lexical::decode_base64(&lexical::encode_base64(octets)).as_deref(), Some(octets));
    }
    for text in ["A", "AA", "AA=", "AA===", "AB==", "AAF=", "AA==AA==", "=AAA", "A-_A", "AAE=\u{A0}"] {
        assert_eq!(lexical::decode_base64(text), None, "{text}");
    }
}

/// Around every edge of the groups that are encoded together, against RFC 4648 §4 digit by digit.
#[test]
fn base64_of_any_length_is_what_the_alphabet_says() {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let octets: Vec<u8> = (0..200_u32).map(|n| (n * 151 + 7).to_le_bytes()[0]).collect();
    for length in 0..octets.len() {
        let octets = &octets[..length];
        let bit = |at: usize| octets.get(at / 8).map_or(0, |octet| usize::from(*octet >> (7 - at % 8) & 1));
        let digit = |at: usize| alphabet[(0..6).fold(0, |six, next| six * 2 + bit(6 * at + next))];
        let digits: String = (0..(length * 8).div_ceil(6)).map(digit).collect();
        let expected = format!("{digits:=<width$}", width = digits.len().next_multiple_of(4));
        assert_eq!(lexical::encode_base64(octets), expected);
        assert_eq!(lexical::decode_base64(&expected).as_deref(), Some(octets));
    }
}

#[test]
fn a_placeholder_takes_octets_of_its_length_and_base64_joins_text() {
    let mut place = None;
    let document = Writer::build(|w| {
        place = Some(
            w.open(ns::NONE.name("a")).text("x&").base64(b"yes").open(ns::NONE.name("b")).placeholder(2),
        );
        w.close().close();
    });
    let (mut document, place) = (document.unwrap(), place.unwrap());
    for octets in [&b""[..], b"1234", b"123456"] {
        assert_eq!(document.fill(place, octets).unwrap_err().reason(), Reason::Internal);
    }
    // Positive case
    document.fill(place, b"no").unwrap();
    assert_eq!(document.write(), b"<a>x&amp;eWVz<b>bm8=</b></a>");
    assert_eq!(document, Document::parse(document.write()).unwrap());
    assert_eq!(document.into_bytes(), b"<a>x&amp;eWVz<b>bm8=</b></a>");
}

#[test]
fn date_times_have_one_form() {
    let parse = lexical::DateTime::parse;
    for text in [
        "1868-01-01T00:00:00Z",
        "1969-12-31T23:59:59.500Z",
        "1970-01-01T00:00:00Z",
        "2026-11-20T23:59:59.123Z",
        "2000-02-29T12:00:00Z",
        "9999-12-31T00:00:00Z",
    ] {
        assert_eq!(parse(text).unwrap().format(), text);
    }
    assert_eq!(parse("2026-11-20T00:00:00Z").unwrap().seconds, 1_795_132_800);
    let bad = [
        "",
        "2026-11-20",
        "2026-11-20T00:00:00",
        "2026-11-20T00:00:00+09:00",
        "2026-02-29T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T23:59:60Z",
        "99999999999-01-01T00:00:00Z",
        "2026-11-20T00:00:00.Z",
        "2026-11-20T00:00:00.1234567890Z",
        "0000-01-01T00:00:00Z",
        "1867-12-31T23:59:59Z",
        "２026-11-20T00:00:00Z",
    ];
    for text in bad {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn numbers_have_one_form() {
    for (text, number) in [("0", 0), ("7", 7), ("999999999999999999", lexical::LARGEST_NUMBER)] {
        assert_eq!(lexical::parse_number(text), Some(number));
    }
    for bad in ["", "+5", "-0", "00", "007", " 5", "5 ", "５", "0x5", "5.0", "1000000000000000000"] {
        assert_eq!(lexical::parse_number(bad), None, "{bad}");
    }
}

#[test]
fn only_days_of_the_calendar_are_read() {
    for year in [1867, 1868, 1969, 1970, 1999, 2000, 2023, 2024, 2100, 2400, 9999] {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, day) in (0..100).flat_map(|month: usize| (0..100).map(move |day| (month, day))) {
            let text = format!("{year}-{month:02}-{day:02}T00:00:00Z");
            let length = month.checked_sub(1).and_then(|month| lengths.get(month)).copied().unwrap_or(0);
            let exists = year >= 1868 && (1..=length).contains(&day);
            let read = lexical::DateTime::parse(&text);
            assert_eq!(read.map(lexical::DateTime::format), exists.then(|| text.clone()), "{text}");
        }
    }
}
