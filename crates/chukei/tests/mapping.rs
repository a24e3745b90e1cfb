//! `chukei mapping` as an operator uses it. People and numbers are invented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;

use support::{Folder, Said};

const REGISTRY: &str = r#"
[[source]]
name = "kamogawa-city"
role = "municipality"
town = "122238"

[[source]]
name = "insurer-x"
role = "provider"

[[insurer]]
number = "138016"
entity = "https://insurer-x.example.test/"
source = "insurer-x"

[[party]]
code = "town"
source = "kamogawa-city"
"#;
const PLAN: &str = "C,整理番号,基礎年金番号,医療保険被保険者記号番号,介護保険被保険者番号,その他の番号,管理バージョン番号,有効期間（開始）,有効期間（終了）,氏名";
const CHANGE: &str = "C,異動区分,番号種別,付番者,番号,新番号種別,新付番者,新番号,異動日,管理バージョン番号";

/// A folder with what the tests need.
struct Desk(Folder);

impl Desk {
    fn new() -> Self {
        let desk = Self(Folder::new());
        desk.put("registry.toml", REGISTRY.as_bytes());
        let made = desk.run("en", &["register", "--state", "relay.db", "registry.toml"], "");
        assert_eq!(
            (made.code, made.out.as_str()),
            (0, "2 sources and 2 parties are known.\n"),
            "{}",
            made.err
        );
        desk
    }

    fn put(&self, name: &str, octets: &[u8]) {
        fs::write(self.0.path.join(name), octets).unwrap();
    }

    /// Writes a file with its trailer, and gives its digest.
    fn file(&self, name: &str, head: &str, rows: &[&str]) -> String {
        let count = rows.iter().filter(|row| row.starts_with("D,")).count();
        let body: String = std::iter::once(&head).chain(rows).map(|line| format!("{line}\r\n")).collect();
        let digest = chukei_crypto::sha256(body.as_bytes()).map(|octet| format!("{octet:02x}")).concat();
        self.put(name, format!("{body}T,{count},{digest}\r\n").as_bytes());
        digest
    }

    fn run(&self, lang: &str, words: &[&str], stdin: &str) -> Said {
        self.0.chukei(lang, "mapping", words, stdin)
    }

    fn import(&self, lang: &str, words: &[&str]) -> Said {
        self.run(lang, &[&["import", "--state", "relay.db"], words].concat(), "")
    }

    fn about(&self, what: &str, number: &str, more: &[&str]) -> Said {
        let words = [what, "--state", "relay.db", "--party", "town", "--kind", "reference"];
        self.run("en", &[&words, more].concat(), &format!("{number}\n"))
    }
}

const FIRST: &str = "H,chukei-import,1,UTF-8,kamogawa-city,122238,1,plan,";
const ROWS: [&str; 6] = [
    "P,整理,town",
    "P,年金,town",
    "P,医療保険,138016",
    PLAN,
    "D,1,０９８７－６５４３２１,港いろは１２３４,,,1,2009-04-01,,TEST 太郎",
    "D,2,,港いろは５６７８,,,1,2009-04-01,,TEST 花\u{e000}",
];

#[test]
fn files_are_tried_applied_shown_and_explained() {
    let desk = Desk::new();
    desk.file("first.csv", FIRST, &ROWS);
    let tried = desk.import("en", &["--dry-run", "first.csv"]);
    assert_eq!(tried.code, 0, "{}", tried.err);
    assert!(
        tried.out.contains("first.csv: 2 changes; 2 persons would be new; 5 rows would be new"),
        "{}",
        tried.out
    );
    assert!(tried.out.contains("first.csv:6:5: The number was written in full-width"), "{}", tried.out);
    assert!(tried.out.contains("first.csv:7:31: A character that is not portable"), "{}", tried.out);
    assert_eq!(desk.about("show", "1", &[]).code, 2, "nothing was changed");
    let applied = desk.import("ja", &["first.csv"]);
    assert!(applied.code == 0 && applied.out.contains("新しい人 2 人"), "{} {}", applied.out, applied.err);

    let leaver = "H,chukei-import,1,UTF-8,insurer-x,,1,change,";
    desk.file(
        "leave.csv",
        leaver,
        &[CHANGE, "D,脱退,medical-insured,138016,港いろは１２３４,,,,2010-04-01,1"],
    );
    let left = desk.import("en", &["leave.csv"]);
    assert_eq!(left.code, 0, "{}", left.err);
    assert!(
        left.out.contains("leave.csv:3: The person is in no medical insurance from 2010-04-01 on."),
        "{}",
        left.out
    );
    let unplaced = |day: &str| desk.run("en", &["unplaced", "--state", "relay.db", "--at", day], "").out;
    assert!(unplaced("2010-03-31").contains("0 persons"));
    assert!(
        unplaced("2010-04-01").contains("town reference 1\n1 person is in no medical insurance"),
        "{}",
        unplaced("2010-04-01")
    );

    let shown = desk.about("show", "1", &["--at", "2010-03-31"]).out;
    assert!(
        shown.contains("basic pension number (town): 0987-654321, 2009-04-01 to further notice"),
        "{shown}"
    );
    assert!(shown.contains("(00138016): 港いろは１２３４, 2009-04-01 to 2010-03-31"), "{shown}");
    assert!(!desk.about("show", "1", &["--at", "2010-04-01"]).out.contains("港"));
    // What one party may know is its own number.
    let own = desk.about("show", "1", &["--at", "2010-03-31", "--only", "138016"]).out;
    assert!(own.contains("港いろは１２３４") && !own.contains("0987"), "{own}");
    // As the pilots' reports write it.
    let form = |name: &str| desk.about("show", "1", &["--at", "2010-03-31", "--form", name]).out;
    let mhlw = "\"整理番号\",\"基礎年金番号\",\"医療保険被保険者記号番号\",\"介護保険被保険者番号\",\"その他の番号\"\n\
                \"1\",\"0987-654321\",\"港いろは１２３４\",\"\",\"\"\n";
    assert_eq!(form("mhlw"), mhlw);
    let kamogawa = "\"個人識別ID\",\"グループID\",\"サービス別ID\"\n\
                    \"\",\"00138016\",\"港いろは１２３４\"\n\"\",\"town\",\"0987-654321\"\n";
    assert_eq!(form("kamogawa"), kamogawa);
    let nabari = form("nabari");
    let rows: Vec<Vec<&str>> = nabari.lines().map(|line| line.split(',').collect()).collect();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.len() == 15), "{nabari}");
    assert_eq!(
        (rows[0][6], rows[0][14]),
        ("\"被用者保険：被保険者証番号\"", "\"有効期間（終了）\""),
        "as files have them"
    );
    let number = ["\"\"", "\"港いろは１２３４\""];
    assert!(
        rows[1][5] == number[0] && rows[1][8] == number[1],
        "the insurer is one of National Health Insurance: {nabari}"
    );
    assert_eq!(rows[1][11..], ["\"0987-654321\"", "\"2\"", "\"2009-04-01\"", "\"2010-03-31\""]);
    let history = desk.about("history", "1", &[]).out;
    assert!(
        history.contains("kamogawa-city: all numbers, version 1 (file 1, line 6; 0 rows replaced)"),
        "{history}"
    );
    assert!(history.contains("insurer-x: left, version 1 (file 1, line 3; 1 rows replaced)"), "{history}");
    // No name went anywhere.
    for file in fs::read_dir(&desk.0.path).unwrap().map(|file| file.unwrap().path()) {
        if file.file_name().unwrap().to_string_lossy().starts_with("relay") {
            assert!(
                !String::from_utf8_lossy(&fs::read(&file).unwrap()).contains("TEST"),
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn a_file_that_is_lost_repeated_cut_or_foreign_is_refused_in_both_languages() {
    let desk = Desk::new();
    let digest = desk.file("first.csv", FIRST, &ROWS);
    let next = |sequence: u32, digest: &str| {
        format!("H,chukei-import,1,UTF-8,kamogawa-city,122238,{sequence},change,{digest}")
    };
    let row = "D,停止,reference,town,1,,,,2009-05-01,2";
    desk.file("third.csv", &next(3, &digest), &[CHANGE, row]);
    desk.file("second.csv", &next(2, &digest), &[CHANGE, row]);
    desk.file("other.csv", &next(2, &"0".repeat(64)), &[CHANGE, row]);
    desk.file("town.csv", &next(2, &digest).replace("122238", "131016"), &[CHANGE, row]);
    desk.file(
        "jump.csv",
        &next(2, &digest),
        &[CHANGE, &row.replace("01,2", "01,9"), &row.replace("town,1", "town,7")],
    );
    desk.file("who.csv", &next(2, &digest).replace("kamogawa-city", "nobody"), &[CHANGE, row]);
    let whole = fs::read(desk.0.path.join("second.csv")).unwrap();
    desk.put("cut.csv", &whole[..whole.len() - 20]);
    assert_eq!(desk.import("en", &["first.csv"]).code, 0);
    for (file, code, ja, en) in [
        (
            "first.csv",
            2,
            "first.csv:1:1: ファイル 2 が来るべきところに 1 が来ました。既に来たものです。",
            "it has come before",
        ),
        ("third.csv", 2, "欠けたものがあります", "third.csv:1:1: File 3 came where 2 is due: one is lost."),
        ("other.csv", 2, "順序違いか差し替え", "The file before this one was another one"),
        ("town.csv", 2, "他の市町村のファイル", "town.csv:1:1: The file is another town's."),
        ("cut.csv", 2, "途中で切れています", "cut.csv:4:1: The file is cut short"),
        (
            "jump.csv",
            2,
            "jump.csv:3: 版 2 が来るべきところに版 9 が来ました",
            "jump.csv:4: The key leads to nobody.",
        ),
        ("who.csv", 3, "送り手 nobody は登録されていません", "nobody is not registered"),
        ("absent.csv", 2, "absent.csv", "absent.csv"),
    ] {
        for (lang, words) in [("ja", ja), ("en", en)] {
            let said = desk.import(lang, &[file]);
            let all = said.out + &said.err;
            assert!(said.code == code && all.contains(words), "{file} {lang}: {} {all}", said.code);
        }
    }
    let both = desk.import("en", &["--dry-run", "second.csv", "third.csv"]);
    assert!(both.code == 2 && both.err.contains("one file"), "{}", both.err);
    // The file that is due goes in, after all of that.
    assert_eq!(desk.import("en", &["second.csv"]).code, 0);
    let shown = desk.about("show", "1", &["--at", "2009-05-01"]).out;
    assert!(shown.contains("suspended from 2009-05-01"), "{shown}");
}

const PERSON: &str = "D,NUMBER,,,,,1,2009-04-01,,";

#[test]
fn a_fault_names_what_it_is_about_and_where() {
    let desk = Desk::new();
    let all = |said: Said| said.out + &said.err;
    // Declared, and not registered: told where it is declared, once.
    let rows: Vec<String> = (1..4).map(|n| format!("D,{n},098765432{n},,,,1,2009-04-01,,")).collect();
    let rows: Vec<&str> =
        ["P,整理,town", "P,年金,pension", PLAN].into_iter().chain(rows.iter().map(String::as_str)).collect();
    desk.file("party.csv", FIRST, &rows);
    for (lang, told) in
        [("en", "The party pension is not registered."), ("ja", "付番者 pension は登録されていません。")]
    {
        let said = desk.import(lang, &["party.csv"]);
        let told = format!("party.csv:3:6: {told}");
        assert!(said.code == 2 && said.out.lines().count() == 1 && said.out.contains(&told), "{}", all(said));
    }
    // Two persons: kind and party of the number, and never the number.
    let digest = desk.file("first.csv", FIRST, &ROWS);
    assert_eq!(desk.import("en", &["first.csv"]).code, 0);
    let head = FIRST.replace(",1,plan,", &format!(",2,plan,{digest}"));
    desk.file(
        "two.csv",
        &head,
        &["P,整理,town", "P,医療保険,138016", PLAN, "D,2,,港いろは１２３４,,,2,2009-04-01,,"],
    );
    for (lang, told) in [
        ("en", "(medical insurance symbol and number, 00138016)"),
        ("ja", "（医療保険被保険者記号番号、付番者 00138016）"),
    ] {
        let said = desk.import(lang, &["two.csv"]);
        assert!(
            said.code == 2 && said.out.starts_with("two.csv:5: ") && said.out.contains(told),
            "{}",
            all(said)
        );
        assert!(!said.out.contains("１２３４"), "{}", said.out);
    }
    // What was not counted to its end is not said to be.
    let many: Vec<String> = (0..150).map(|n| format!("D,{n},,港いろは１２３４,,,9,2009-04-01,,")).collect();
    let rows: Vec<&str> = ["P,整理,town", "P,医療保険,138016", PLAN]
        .into_iter()
        .chain(many.iter().map(String::as_str))
        .collect();
    desk.file("many.csv", &head, &rows);
    assert!(
        all(desk.import("en", &["many.csv"]))
            .contains("many.csv is refused as a whole: at least 100 faults.")
    );
    assert!(all(desk.import("ja", &["many.csv"])).contains("誤り 100 件以上"));
    assert!(all(desk.import("en", &["two.csv"])).contains("two.csv is refused as a whole: 1 fault."));
    // The header's field, and what is allowed.
    let with_end = format!("{}\r\n", head.replace(",plan,", ",plann,"));
    desk.put("layout.csv", with_end.as_bytes());
    assert!(
        all(desk.import("en", &["layout.csv"]))
            .contains("layout.csv:1:48: There is no such layout; it is nabari,")
    );
    assert!(
        all(desk.import("ja", &["layout.csv"])).contains("layout.csv:1:48: そのような形式はありません。")
    );
}

#[test]
fn of_several_files_it_is_said_which_were_applied() {
    let desk = Desk::new();
    desk.file("good.csv", FIRST, &ROWS);
    desk.file("bad.csv", FIRST, &ROWS);
    desk.file("next.csv", FIRST, &ROWS);
    let said = desk.import("en", &["good.csv", "bad.csv", "next.csv"]);
    assert_eq!(said.code, 2);
    assert!(said.out.contains("Applied before that: good.csv\nNot tried: next.csv\n"), "{}", said.out);
    assert!(
        said.err.contains("bad.csv is refused as a whole: 1 fault. Nothing of it was applied."),
        "{}",
        said.err
    );
    let said = desk.import("ja", &["bad.csv"]);
    assert!(said.code == 2 && !said.out.contains("その前"), "{}", said.out);
}

/// Whose numbers have ended can still be found.
#[test]
fn who_has_no_number_any_more_is_found_by_the_last() {
    let desk = Desk::new();
    let ended =
        PERSON.replace("NUMBER,,,", "9,,港いろは１２３４,").replace("2009-04-01,,", "2009-04-01,2010-03-31,");
    desk.file("first.csv", FIRST, &["P,整理,town", "P,医療保険,138016", PLAN, &ended]);
    let said = desk.import("en", &["first.csv"]);
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    let unplaced = |lang| desk.run(lang, &["unplaced", "--state", "relay.db", "--at", "2011-04-01"], "").out;
    assert!(
        unplaced("en").starts_with("Person 1: town reference 9 (last on 2010-03-31)\n"),
        "{}",
        unplaced("en")
    );
    assert!(unplaced("ja").contains("town reference 9（最後の日 2010-03-31）"), "{}", unplaced("ja"));
    let shown = desk.about("show", "9", &["--at", "2011-04-01"]);
    assert_eq!(shown.out, "The person has no number on 2011-04-01. Another day has some: --at 2010-03-31\n");
    assert!(desk.about("show", "9", &["--at", "2010-03-31"]).out.contains("港いろは１２３４"));
    let none = desk.about("show", "9", &["--at", "2011-04-01", "--only", "other"]);
    assert_eq!(none.out, "The person has no number on 2011-04-01.\n");
}

#[test]
fn what_is_refused_leaves_no_state_behind() {
    let desk = Desk::new();
    let (from, to) = ("source = \"insurer-x\"", "source = \"nobody\"");
    desk.put("wrong.toml", REGISTRY.replacen(from, to, 1).as_bytes());
    let said = desk.run("en", &["register", "--state", "new.db", "wrong.toml"], "");
    assert!(said.code == 2 && said.err.contains("wrong.toml: the party \"00138016\""), "{}", said.err);
    assert!(!desk.0.path.join("new.db").exists() && !desk.0.path.join("new.mappings.db").exists());
    for (lang, told) in [("en", "new.db is not there."), ("ja", "new.db がありません。")] {
        let said = desk.run(lang, &["import", "--state", "new.db", "wrong.toml"], "");
        let is_told = said.err.contains(told) && said.err.contains("chukei mapping register");
        assert!(said.code == 2 && is_told, "{}", said.err);
    }
    assert_eq!(desk.run("en", &["register", "--state", "new.db", "registry.toml"], "").code, 0);
    assert!(desk.0.path.join("new.db").exists());
}

#[test]
fn a_registry_is_checked() {
    let desk = Desk::new();
    for (from, to) in [
        ("municipality", "mayor"),
        ("122238", "122239"),
        ("138016", "138017"),
        ("source = \"insurer-x\"", "source = \"nobody\""),
        ("role = \"provider\"", "rule = \"provider\""),
        ("name = \"insurer-x\"", "name = \"kamogawa-city\""),
    ] {
        desk.put("wrong.toml", REGISTRY.replacen(from, to, 1).as_bytes());
        let said = desk.run("en", &["register", "--state", "relay.db", "wrong.toml"], "");
        assert!(said.code == 2 && said.err.contains("wrong.toml:"), "{to}: {} {}", said.code, said.err);
    }
    assert_eq!(desk.import("en", &["registry.toml"]).code, 2);
    assert_eq!(desk.run("en", &["import", "--state", "absent.db", "registry.toml"], "").code, 2);
    assert!(!desk.0.path.join("absent.db").exists());
}
