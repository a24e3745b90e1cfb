//! Files as registers write them, and as accidents leave them. People and numbers are invented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use chukei_import::{Cause, Encoding, Expected, File, Finding, Layout};
use chukei_relay::changes::{Action, Change, OPEN};
use chukei_relay::numbers::Level;

const TOWN: &str = "122238";

fn hex(octets: &[u8]) -> String {
    chukei_crypto::sha256(octets).map(|octet| format!("{octet:02x}")).concat()
}

/// A file of these lines, with the trailer that is due.
fn sealed(body: &[u8]) -> Vec<u8> {
    let rows = body.split(|octet| *octet == b'\n').filter(|line| line.starts_with(b"D,")).count();
    let mut file = body.to_vec();
    file.extend(format!("T,{rows},{}\r\n", hex(body)).bytes());
    file
}

fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

fn header(encoding: &str, layout: &str, sequence: i64) -> String {
    format!("H,chukei-import,1,{encoding},kamogawa-city,{TOWN},{sequence},{layout},")
}

const NABARI: &str = "C,SAML固有ID(UserID),電子証明書シリアル番号,電子証明書発行者,住民番号,世帯番号,被保険者記号番号,\
    被用者保険：被保険者証番号,管理番号,国民健康保険：被保険者証番号,公費区分,受給者番号,基礎年金番号,管理バージョン番号,\
    有効期間（開始）,有効期間（終了）,氏名,氏名カナ";
const ROW: &str = "D,u-1,00A1,CN=TEST CA,0001,h-1,港いろは１２３４,c-1,m-1,国１,12,1234566,０９８７－６５４３２１,1,\
    20090401,2010-03-31,TEST 渡邉 太郎,テスト ワタナベ";

fn nabari_with(encoding: &str, row: &str) -> String {
    text(&[
        &header(encoding, "nabari", 1),
        "P,住民,town",
        "P,被用者保険,06139992",
        "P,国民健康保険,138016",
        "P,公費,town",
        "P,年金,pension",
        NABARI,
        row,
    ])
}

fn nabari(row: &str) -> String {
    nabari_with("UTF-8", row)
}

fn open(body: &str) -> Result<File, Finding> {
    File::open(sealed(body.as_bytes()))
}

fn read(body: &str, level: Level) -> Result<Vec<Change>, Finding> {
    open(body)?.changes(level).collect()
}

fn at(line: u64, column: u64, cause: Cause) -> Finding {
    Finding { line, column, cause }
}

fn numbers(change: &Change) -> Vec<(String, &'static str, String)> {
    let Action::State { numbers, .. } = &change.action else { panic!() };
    let brief = |of: &chukei_relay::changes::Assigned| {
        (of.party.clone(), of.number.kind().name(), of.number.expose().to_owned())
    };
    numbers.iter().map(brief).collect()
}

#[test]
fn the_row_of_nabari_is_read_whole_and_names_go_nowhere() {
    let file = open(&nabari(ROW)).unwrap();
    assert_eq!(
        (file.rows(), file.header().layout, file.header().encoding),
        (1, Layout::Nabari, Encoding::Utf8)
    );
    let changes: Vec<Change> = file.changes(Level::Strict).collect::<Result<_, _>>().unwrap();
    let due = [
        ("town", "resident-number", "0001"),
        ("town", "user-id", "u-1"),
        ("CN=TEST CA", "certificate", "a1"),
        ("town", "household", "h-1"),
        ("06139992", "medical-insured", "港いろは１２３４"),
        ("06139992", "employee-card", "c-1"),
        ("06139992", "employee-control", "m-1"),
        ("00138016", "medical-insured", "国１"),
        ("pension", "basic-pension", "0987654321"),
        ("town", "public-cost", "12:1234566"),
    ];
    let due: Vec<_> = due.map(|(party, kind, number)| (party.to_owned(), kind, number.to_owned())).into();
    assert_eq!(numbers(&changes[0]), due);
    let Action::State { from, until, .. } = changes[0].action else { panic!() };
    // Half-open in the store; the last day in the file counts.
    assert_eq!(chukei_relay::changes::day(from).as_deref(), Some("2009-04-01"));
    assert_eq!(chukei_relay::changes::day(until).as_deref(), Some("2010-04-01"));
    assert_eq!((changes[0].line, changes[0].version), (8, 1));
    assert_eq!(file.notes().0, [at(8, 63, Cause::Folded)]);
    assert!(!format!("{changes:?}").contains("太郎"));
    // Another name, the same numbers: the same change.
    let renamed = read(&nabari(&ROW.replace("渡邉 太郎", "山田 花子")), Level::Strict).unwrap();
    assert_eq!(renamed, changes);
}

#[test]
fn shift_jis_says_the_same_and_names_with_gaiji_are_flagged() {
    let utf8 = nabari(ROW);
    let octets = shift_jis(&nabari_with("Shift_JIS", ROW));
    let file = File::open(sealed(&octets)).unwrap();
    let same: Vec<Change> = file.changes(Level::Strict).collect::<Result<_, _>>().unwrap();
    assert_eq!(same, read(&utf8, Level::Strict).unwrap());
    assert_eq!(file.notes().0, [at(8, 63, Cause::Folded)], "columns are characters, not octets");

    // 外字 of a register: in a name it is flagged, in a number refused.
    let gaiji = |from: &str| {
        let (mut marked, from) = (shift_jis(&nabari_with("Shift_JIS", ROW)), shift_jis(from));
        let place = marked.windows(from.len()).position(|window| window == from).unwrap();
        marked.splice(place..place + from.len(), [0xf0, 0x40]);
        File::open(sealed(&marked)).unwrap()
    };
    let named = gaiji("邉");
    assert_eq!(named.changes(Level::Strict).filter(Result::is_ok).count(), 1);
    assert!(named.notes().0.contains(&at(8, 97, Cause::Gaiji)), "{:?}", named.notes());
    let numbered = gaiji("ろ").changes(Level::Strict).next().unwrap().unwrap_err();
    assert_eq!(numbered, at(8, 32, Cause::NumberCharacter));
    // Octets that are no text.
    let mut broken = octets.clone();
    let last = broken.len() - 3;
    broken[last] = 0xfd;
    let broken = File::open(sealed(&broken)).unwrap().changes(Level::Strict).next().unwrap();
    assert_eq!(broken.unwrap_err().cause, Cause::Encoding);
}

fn shift_jis(text: &str) -> Vec<u8> {
    let (octets, _, lossy) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!lossy);
    octets.into_owned()
}

#[test]
fn rows_of_kamogawa_that_stand_together_are_one_person() {
    let id = "1234".repeat(11);
    let row = |id: &str, group: &str, number: &str| format!("D,{id},{group},{number},1,20090401,,V-1");
    let body = |rows: &[String]| {
        let head = header("UTF-8", "kamogawa", 1);
        let mut lines = vec![
            head.as_str(),
            "P,個人,town",
            "P,G1,138016,medical-insured",
            "P,PLANET,planet",
            "C,個人識別ID,グループID,サービス別ID,管理バージョン番号,有効期間（開始）,有効期間（終了）,社会保障番号（仮）",
        ];
        lines.extend(rows.iter().map(String::as_str));
        text(&lines)
    };
    let other = "9".repeat(44);
    let rows =
        [row(&id, "G1", "港１"), row(&id, "PLANET", "P-7"), row(&other, "PLANET", "P-8").replace("V-1", "")];
    let changes = read(&body(&rows), Level::Strict).unwrap();
    assert_eq!(changes.len(), 2);
    let due = [
        ("town", "kamogawa", id.as_str()),
        ("town", "visible", "V-1"),
        ("00138016", "medical-insured", "港１"),
        ("planet", "service", "P-7"),
    ];
    let due: Vec<_> = due.map(|(party, kind, number)| (party.to_owned(), kind, number.to_owned())).into();
    assert_eq!(numbers(&changes[0]), due);
    assert_eq!(numbers(&changes[1]).len(), 2);

    let wrong = |rows: &[String]| read(&body(rows), Level::Strict).unwrap_err();
    assert_eq!(wrong(&[row(&id, "G2", "1")]), at(6, 48, Cause::Party));
    assert_eq!(wrong(&[row(&id, "G1", "1"), row(&id, "G1", "1")]).cause, Cause::Inconsistent);
    assert_eq!(
        wrong(&[row(&id, "G1", "1"), row(&id, "PLANET", "1").replace(",1,2009", ",2,2009")]).cause,
        Cause::Inconsistent
    );
    // 44 digits, no more and no fewer, and never in full-width.
    assert_eq!(wrong(&[row(&"1".repeat(43), "G1", "1")]), at(6, 3, Cause::Form));
    assert_eq!(wrong(&[row(&"１".repeat(44), "G1", "1")]), at(6, 3, Cause::Form));
}

#[test]
fn the_row_of_the_basic_plan_is_read_at_both_levels() {
    let body = text(&[
        &header("UTF-8", "plan", 1),
        "P,整理,relay",
        "P,年金,pension",
        "P,医療保険,06139992",
        "P,介護保険,122238",
        "P,その他,town",
        "C,整理番号,基礎年金番号,医療保険被保険者記号番号,介護保険被保険者番号,その他の番号,管理バージョン番号,有効期間（開始）,有効期間（終了）,医療保険：保険者番号",
        "D,1,０９８７－６５４３２１,港いろは１２３４,１２３４－５６７８９,x:1,1,２００９０４０１,99999999,138016",
    ]);
    assert_eq!(read(&body, Level::Strict), Err(at(8, 26, Cause::Form)));
    let file = open(&body).unwrap();
    let change = file.changes(Level::Lenient).next().unwrap().unwrap();
    assert_eq!(
        file.notes().0.iter().map(|note| note.cause).collect::<Vec<_>>(),
        [Cause::Folded, Cause::Folded, Cause::Short]
    );
    assert!(numbers(&change).contains(&("00138016".into(), "medical-insured", "港いろは１２３４".into())));
    let Action::State { until, .. } = change.action else { panic!() };
    assert_eq!(until, OPEN);
}

const CHANGE: &str = "C,異動区分,番号種別,付番者,番号,新番号種別,新付番者,新番号,異動日,管理バージョン番号";

fn change_file(rows: &[&str]) -> String {
    let head = header("UTF-8", "change", 2);
    text(&[&[head.as_str(), CHANGE], rows].concat())
}

#[test]
fn changes_are_read_each_with_what_it_needs() {
    let body = change_file(&[
        "D,加入,visible,town,V-1,medical-insured,138016,\"港,\"\"１\",2009-04-01,1",
        "D,脱退,medical-insured,06139992,港１,,,,2009-04-01,2",
        "D,停止,certificate,CN=TEST CA,A1,,,,2009-04-02,3",
        "D,再開,certificate,CN=TEST CA,a1,,,,2009-04-03,4",
        "D,更新,certificate,CN=TEST CA,a1,certificate,CN=TEST CA,b2,2009-04-04,5",
    ]);
    let changes = read(&body, Level::Strict).unwrap();
    let names: Vec<_> = changes.iter().map(|change| (change.action.name(), change.version)).collect();
    assert_eq!(names, [("join", 1), ("leave", 2), ("suspend", 3), ("resume", 4), ("rekey", 5)]);
    let Action::Join { number, .. } = &changes[0].action else { panic!() };
    assert_eq!((number.party.as_str(), number.number.expose()), ("00138016", "港,\"１"));

    let wrong = |row: &str| read(&change_file(&[row]), Level::Strict).unwrap_err();
    let good = "D,停止,certificate,CN=TEST CA,a1,,,,2009-04-02,3";
    for (from, to, column, cause) in [
        ("停止", "消去", 3, Cause::Action),
        ("停止", "", 3, Cause::Empty),
        ("certificate", "name", 6, Cause::Kind),
        (",a1,", ",zz,", 29, Cause::Form),
        (",a1,", ",,", 29, Cause::Empty),
        (",,,,2009", ",,x,,2009", 33, Cause::Filled),
        ("2009-04-02", "2009-02-30", 35, Cause::Date),
        ("2009-04-02", "", 35, Cause::Empty),
        (",3", ",0", 46, Cause::Version),
        (",3", ",-1", 46, Cause::Version),
        (",3", ",+1", 46, Cause::Version),
        (",3", "", 1, Cause::Fields { due: 9, found: 8 }),
        (",3", ",3,4", 48, Cause::Fields { due: 9, found: 10 }),
        ("a1", "a\"1", 30, Cause::Quote),
        ("a1", "a\t1", 30, Cause::Control),
    ] {
        assert_eq!(wrong(&good.replacen(from, to, 1)), at(3, column, cause), "{from:?} {to:?}");
    }
    assert!(read(&change_file(&[good]), Level::Strict).is_ok());
    assert_eq!(wrong("D,加入,visible,town,V-1,,,,2009-04-01,1").cause, Cause::Empty);
}

#[test]
fn a_number_with_a_wrong_check_digit_is_an_error_or_flagged() {
    let row = "D,加入,visible,town,V-1,late-elderly,39131008,33120016,2009-04-01,1";
    let body = change_file(&[row]);
    assert_eq!(read(&body, Level::Strict), Err(at(3, 45, Cause::CheckDigit)));
    let file = open(&body).unwrap();
    assert_eq!(file.changes(Level::Lenient).filter(Result::is_ok).count(), 1);
    assert_eq!(file.notes().0, [at(3, 45, Cause::Doubtful)]);
    assert!(read(&body.replace("33120016", "33120015"), Level::Strict).is_ok());
}

#[test]
fn what_was_done_to_a_file_is_seen() {
    let body = change_file(&[
        "D,停止,certificate,CN=TEST CA,a1,,,,2009-04-02,3",
        "D,再開,certificate,CN=TEST CA,a1,,,,2009-04-03,4",
    ]);
    let whole = String::from_utf8(sealed(body.as_bytes())).unwrap();
    let refused = |file: &str| File::open(file.as_bytes().to_vec()).unwrap_err();
    File::open(whole.clone().into_bytes()).unwrap();
    // Truncated anywhere: there is no place to cut a file so that the rest is taken for a whole one. Only its very last
    // line end may be missing.
    for end in 0..whole.trim_end().len() {
        let mut end = end;
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        assert!(File::open(whole.as_bytes()[..end].to_vec()).is_err(), "cut at {end}");
    }
    File::open(whole.trim_end().as_bytes().to_vec()).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let without = |left_out: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, line)| *line);
        text(&kept.collect::<Vec<_>>())
    };
    assert_eq!(refused(&without(4)), at(4, 1, Cause::Truncated));
    assert_eq!(refused(&without(2)), at(4, 3, Cause::Count { said: 2, found: 1 }));
    assert_eq!(refused(&whole.replace("2009-04-02", "2009-04-01")).cause, Cause::Digest);
    assert_eq!(refused(&text(&[lines[0], lines[1], lines[3], lines[2], lines[4]])).cause, Cause::Digest);
    assert_eq!(refused(&format!("{whole}D,x\r\n")), at(6, 1, Cause::After));
    assert_eq!(refused(&whole.replace("D,再開", "X,再開")), at(4, 1, Cause::Line));
    for header in ["H,other,1", "X,chukei-import,1", "\"H,chukei-import,1"] {
        assert_eq!(refused(&whole.replace("H,chukei-import,1", header)), at(1, 1, Cause::Header));
    }
    for (from, to, column, cause) in [
        ("import,1", "import,2", 17, Cause::HeaderVersion),
        ("UTF-8", "EUC-JP", 19, Cause::HeaderEncoding),
        ("UTF-8", "SJIS", 19, Cause::HeaderEncoding),
        (",kamogawa-city,", ",,", 25, Cause::HeaderSource),
        (",kamogawa-city,", ",鴨川市,", 25, Cause::HeaderText),
        (TOWN, "122239", 39, Cause::HeaderTown),
        (",2,change", ",0,change", 46, Cause::HeaderSequence),
        (",2,change", ",x,change", 46, Cause::HeaderSequence),
        ("change,", "changes,", 48, Cause::HeaderLayout),
        ("change,", "change,00", 55, Cause::HeaderPrevious),
        ("change,", "change", 1, Cause::HeaderFields { due: 9, found: 8 }),
    ] {
        assert_eq!(refused(&whole.replacen(from, to, 1)), at(1, column, cause), "{to}");
    }
}

/// Wherever it was cut, it is said to be cut: not to be in another encoding, or no file of this format.
#[test]
fn a_cut_is_called_a_cut() {
    let whole = sealed(nabari(ROW).as_bytes());
    let frame = whole.windows(4).position(|octets| octets == b"\r\nD,").unwrap();
    for end in 0..whole.len() - 2 {
        let Finding { line, cause, .. } = File::open(whole[..end].to_vec()).unwrap_err();
        let begun = whole[..end].iter().filter(|octet| **octet == b'\n').count() as u64;
        assert_eq!(cause, Cause::Truncated, "cut at {end}");
        // Where the frame ends, rows may be missing.
        assert!(end > frame || line == begun.max(1) || line == begun + 1, "cut at {end}: {line}");
    }
    File::open(whole).unwrap();
    let other = File::open(b"name,town".to_vec()).unwrap_err();
    assert_eq!(other, at(1, 1, Cause::Header), "what never was a file of this format");
}

#[test]
fn a_file_that_is_not_due_is_named_as_what_it_is() {
    let first = open(&change_file(&["D,停止,certificate,CN=TEST CA,a1,,,,2009-04-02,3"])).unwrap();
    let expected = Expected { source: "kamogawa-city", town: Some(TOWN), sequence: 2, previous: None };
    assert_eq!(first.check(&expected), []);
    let causes =
        |expected: Expected<'_>| first.check(&expected).iter().map(|found| found.cause).collect::<Vec<_>>();
    assert_eq!(causes(Expected { sequence: 3, ..expected }), [Cause::Repeated { due: 3, found: 2 }]);
    assert_eq!(causes(Expected { sequence: 1, ..expected }), [Cause::Lost { due: 1, found: 2 }]);
    assert_eq!(causes(Expected { previous: Some([1; 32]), ..expected }), [Cause::Chain]);
    assert_eq!(causes(Expected { town: Some("131016"), ..expected }), [Cause::Town]);
    assert_eq!(
        causes(Expected { source: "motoyama-town", town: None, ..expected }),
        [Cause::Source, Cause::Town]
    );
}

#[test]
fn columns_are_those_of_the_layout() {
    let wrong = |from: &str, to: &str| open(&nabari(ROW).replacen(from, to, 1)).unwrap_err();
    assert_eq!(wrong(",管理番号", ",資格").cause, Cause::Column);
    assert_eq!(wrong(",管理番号", ",住民番号").cause, Cause::Column);
    assert_eq!(wrong(",管理番号", ""), at(7, 1, Cause::Missing));
    assert_eq!(wrong("P,公費,town", "P,公費"), at(5, 1, Cause::Line));
    assert_eq!(wrong("P,公費,town", "P,公費,"), at(5, 6, Cause::Empty));
    assert_eq!(wrong("P,公費,town", "P,住民,town"), at(5, 3, Cause::DeclaredTwice));
    assert_eq!(wrong("P,公費,town", "P,公費,town,eligibility"), at(5, 11, Cause::Kind));
    // The code as the registry has it.
    let file = open(&nabari(ROW)).unwrap();
    assert_eq!((file.declares("00138016"), file.declares("other")), (Some((4, 10)), None));
    // A number whose party nobody declares.
    let undeclared = nabari(ROW).replacen("P,年金,pension\r\n", "", 1);
    assert_eq!(read(&undeclared, Level::Strict), Err(at(7, 63, Cause::Party)));
    // A row that nothing identifies.
    let nobody = ROW.replace("D,u-1,00A1,CN=TEST CA,0001,", "D,,,,,");
    assert_eq!(read(&nabari(&nobody), Level::Strict), Err(at(8, 6, Cause::Empty)));
    assert_eq!(
        read(&nabari(&ROW.replace("2010-03-31", "2009-03-31")), Level::Strict).unwrap_err().cause,
        Cause::Interval
    );
    assert!(read(&nabari(&ROW.replace("2010-03-31", "2009-04-01")), Level::Strict).is_ok());
}

fn xml(rows: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Import xmlns=\"urn:chukei:1.0\" version=\"1\" source=\"kameda-hospital\" \
         sequence=\"1\" layout=\"change\">\n{rows}"
    );
    let count = rows.matches("<Row>").count();
    format!("{body}<Trailer count=\"{count}\" digest=\"{}\"/>\n</Import>\n", hex(body.as_bytes()))
        .into_bytes()
}

const XML_ROW: &str = "<Row><F n=\"異動区分\">加入</F><F n=\"番号種別\">visible</F><F n=\"付番者\">town</F><F n=\"番号\">V-1</F>\
    <F n=\"新番号種別\">service</F><F n=\"新付番者\">planet</F><F n=\"新番号\">P-1</F><F n=\"異動日\">2009-04-01</F>\
    <F n=\"管理バージョン番号\">1</F><F n=\"氏名\">TEST 花子</F></Row>\n";

#[test]
fn the_same_in_xml() {
    let file = File::open(xml(XML_ROW)).unwrap();
    let changes: Vec<Change> = file.changes(Level::Strict).collect::<Result<_, _>>().unwrap();
    assert_eq!((changes.len(), changes[0].line, changes[0].action.name()), (1, 3, "join"));
    let expected = Expected { source: "kameda-hospital", town: None, sequence: 1, previous: None };
    assert_eq!(file.check(&expected), []);
    let wrong = |from: &str, to: &str| {
        let rows = XML_ROW.replacen(from, to, 1);
        let found = File::open(xml(&rows))
            .and_then(|file| file.changes(Level::Strict).collect::<Result<Vec<_>, _>>());
        let Finding { line, cause, .. } = found.unwrap_err();
        assert_eq!(line, 3);
        cause
    };
    assert_eq!(wrong("加入", "消去"), Cause::Action);
    assert_eq!(wrong("<F n=\"異動日\">2009-04-01</F>", ""), Cause::Empty);
    assert_eq!(wrong("n=\"氏名\"", "n=\"資格\""), Cause::Column);
    assert_eq!(wrong("n=\"氏名\"", "n=\"番号\""), Cause::Column);
    assert_eq!(wrong("<F n=\"氏名\"", "<F m=\"氏名\""), Cause::Xml);
    assert_eq!(wrong("</Row>", "x</Row>"), Cause::Xml);
    let whole = String::from_utf8(xml(XML_ROW)).unwrap();
    let refused =
        |from: &str, to: &str| File::open(whole.replacen(from, to, 1).into_bytes()).unwrap_err().cause;
    assert_eq!(refused("2009-04-01", "2009-04-02"), Cause::Digest);
    assert_eq!(refused("count=\"1\"", "count=\"2\""), Cause::Count { said: 2, found: 1 });
    assert_eq!(refused("<Trailer", "<Row/><Trailer"), Cause::Count { said: 1, found: 2 });
    assert_eq!(refused("/>\n</Import>", "/><Row/></Import>"), Cause::After);
    assert_eq!(refused("sequence=\"1\"", "sequence=\"x\""), Cause::HeaderSequence);
    assert_eq!(refused("layout=\"change\"", "layout=\"chnge\""), Cause::HeaderLayout);
    assert_eq!(refused("version=\"1\" ", "version=\"2\" "), Cause::HeaderVersion);
    assert_eq!(refused("</Import>", ""), Cause::Xml);
    assert_eq!(refused("<Row>", "<!DOCTYPE x><Row>"), Cause::Xml);
}

proptest::proptest! {
    /// Whatever comes, there is an answer.
    #[test]
    fn no_octets_are_too_strange(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..200), cut in 0_usize..2000, change in proptest::num::u8::ANY) {
        let _ = File::open(octets.clone());
        let mut file = nabari(ROW).into_bytes();
        let place = cut % file.len();
        file[place] = change;
        file.splice(place..place, octets);
        if let Ok(file) = File::open(sealed(&file)) {
            let _ = file.changes(Level::Lenient).count();
        }
    }
}
