//! What the rows of a file are: one of the pilots' three data models, or changes (R-027 … … ).
//!
//! Columns have the seeds' names. Names and addresses may stand in any file; they are looked at for 外字 and go nowhere.

use std::collections::BTreeMap;

use chukei_crypto::UnixTime;
use chukei_profile::{Date, Scheme};
use chukei_relay::changes::{Action, Assigned, Change, OPEN, midnight};
use chukei_relay::numbers::{Level, Number, NumberKind, Wrong, party_code};

use crate::fields::Row;
use crate::report::{Cause, Finding};
use crate::text::is_gaiji;

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The 15 columns of Nabari: one row, one person.
    Nabari,
    /// 個人識別ID to pairs of グループID and サービス別ID of Kamogawa: rows of one person stand together.
    Kamogawa,
    /// The row of the basic plan.
    Plan,
    /// Changes: 加入, 脱退, 停止, 再開, 更新.
    Change,
}

/// Columns that a row may have for people: they decide nothing and are given to nobody.
const FREE: [&str; 7] = ["氏名", "氏名カナ", "生年月日", "性別", "住所", "続柄", "備考"];

const VERSION: &str = "管理バージョン番号";
const FROM: &str = "有効期間（開始）";
const UNTIL: &str = "有効期間（終了）";

/// Who assigned the numbers of a group of columns, and which kind they are where that is not given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parties(pub(crate) BTreeMap<String, (String, Option<NumberKind>)>);

/// Which cell each column is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    known: BTreeMap<&'static str, usize>,
    free: Vec<usize>,
    count: usize,
}

/// Rows on their way to changes.
pub(crate) struct Reading {
    layout: Layout,
    columns: Columns,
    parties: Parties,
    level: Level,
    /// Days that have been read: few of them stand in a file of millions.
    days: BTreeMap<String, UnixTime>,
    /// A person of whom more rows may come.
    waiting: Option<Change>,
    /// What was taken, and should be looked at.
    pub(crate) notes: Vec<Finding>,
}

impl Layout {
    /// Its name in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nabari => "nabari",
            Self::Kamogawa => "kamogawa",
            Self::Plan => "plan",
            Self::Change => "change",
        }
    }

    /// The layout of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Nabari, Self::Kamogawa, Self::Plan, Self::Change]
            .into_iter()
            .find(|layout| layout.name() == name)
    }

    /// Its columns, all of which a file has, and those that it may have beside them.
    #[must_use]
    pub const fn columns(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Nabari => (
                &[
                    "SAML固有ID(UserID)",
                    "電子証明書シリアル番号",
                    "電子証明書発行者",
                    "住民番号",
                    "世帯番号",
                    "被保険者記号番号",
                    "被用者保険：被保険者証番号",
                    "管理番号",
                    "国民健康保険：被保険者証番号",
                    "公費区分",
                    "受給者番号",
                    "基礎年金番号",
                    VERSION,
                    FROM,
                    UNTIL,
                ],
                &["被用者保険：保険者番号", "国民健康保険：保険者番号"],
            ),
            Self::Kamogawa => {
                (&["個人識別ID", "グループID", "サービス別ID", VERSION, FROM, UNTIL], &["社会保障番号（仮）"])
            }
            Self::Plan => (
                &[
                    "整理番号",
                    "基礎年金番号",
                    "医療保険被保険者記号番号",
                    "介護保険被保険者番号",
                    "その他の番号",
                    VERSION,
                    FROM,
                    UNTIL,
                ],
                &["医療保険：保険者番号", "介護保険：保険者番号", "保健医療番号（仮称）"],
            ),
            Self::Change => (
                &[
                    "異動区分",
                    "番号種別",
                    "付番者",
                    "番号",
                    "新番号種別",
                    "新付番者",
                    "新番号",
                    "異動日",
                    VERSION,
                ],
                &[],
            ),
        }
    }
}

impl Columns {
    /// Reads the names of columns, which follow the first cell.
    pub(crate) fn read(layout: Layout, row: &Row<'_>) -> Result<Self, Finding> {
        let (due, more) = layout.columns();
        let mut columns = Self { count: row.cells.len(), ..Self::default() };
        for (at, cell) in row.cells.iter().enumerate().skip(1) {
            if FREE.contains(&cell.text.as_ref()) {
                columns.free.push(at);
                continue;
            }
            let name = due.iter().chain(more).find(|name| **name == cell.text);
            let is_new = name.is_some_and(|name| columns.known.insert(name, at).is_none());
            if !is_new {
                return Err(row.finding(at, Cause::Column));
            }
        }
        if due.iter().all(|name| columns.known.contains_key(name)) {
            Ok(columns)
        } else {
            Err(row.finding(0, Cause::Missing))
        }
    }
}

impl Reading {
    pub(crate) fn new(layout: Layout, columns: Columns, parties: Parties, level: Level) -> Self {
        let (days, waiting, notes) = (BTreeMap::new(), None, Vec::new());
        Self { layout, columns, parties, level, days, waiting, notes }
    }

    /// Takes the columns of each row of a file that names them there.
    pub(crate) fn renamed(&mut self, columns: Columns) {
        self.columns = columns;
    }

    /// The layout.
    pub(crate) const fn layout(&self) -> Layout {
        self.layout
    }

    /// A change that a row makes, or completes.
    pub(crate) fn row(&mut self, row: &Row<'_>) -> Result<Option<Change>, Finding> {
        let (due, found) = (self.columns.count, row.cells.len());
        if due != found {
            return Err(row.finding(
                due.min(found),
                Cause::Fields { due: due.saturating_sub(1), found: found.saturating_sub(1) },
            ));
        }
        for at in &self.columns.free {
            if row.text(*at).is_some_and(|text| text.contains(is_gaiji)) {
                self.notes.push(row.finding(*at, Cause::Gaiji));
            }
        }
        match self.layout {
            Layout::Nabari => self.nabari(row).map(Some),
            Layout::Kamogawa => self.kamogawa(row),
            Layout::Plan => self.plan(row).map(Some),
            Layout::Change => self.change(row).map(Some),
        }
    }

    /// The last change.
    pub(crate) fn finish(&mut self) -> Option<Result<Change, Finding>> {
        self.waiting.take().map(Ok)
    }

    fn nabari(&mut self, row: &Row<'_>) -> Result<Change, Finding> {
        use NumberKind::{
            Certificate, EmployeeCard, EmployeeControl, Household, PublicCost, Resident, UserId,
        };
        const MEDICAL: NumberKind = NumberKind::Scheme(Scheme::MedicalInsured);
        const EMPLOYEE: (&str, Option<&str>) = ("被用者保険", Some("被用者保険：保険者番号"));
        const NATIONAL: (&str, Option<&str>) = ("国民健康保険", Some("国民健康保険：保険者番号"));
        let mut numbers = Vec::with_capacity(10);
        // The key is the first of these that is there.
        for (name, kind) in [("住民番号", Resident), ("SAML固有ID(UserID)", UserId)] {
            numbers.extend(self.assigned(row, name, kind, ("住民", None))?);
        }
        if let Some(number) = self.number(row, "電子証明書シリアル番号", Certificate)? {
            let party = self.text(row, "電子証明書発行者")?.to_owned();
            numbers.push(Assigned { party, number });
        } else {
            self.nothing(row, "電子証明書発行者")?;
        }
        let is_keyed = !numbers.is_empty();
        for (name, kind, group) in [
            ("世帯番号", Household, ("住民", None)),
            ("被保険者記号番号", MEDICAL, EMPLOYEE),
            ("被用者保険：被保険者証番号", EmployeeCard, EMPLOYEE),
            ("管理番号", EmployeeControl, EMPLOYEE),
            ("国民健康保険：被保険者証番号", MEDICAL, NATIONAL),
            ("基礎年金番号", NumberKind::Scheme(Scheme::BasicPension), ("年金", None)),
        ] {
            numbers.extend(self.assigned(row, name, kind, group)?);
        }
        let at = self.at("受給者番号");
        if let (Some(class), Some(number)) = (row.text(self.at("公費区分")), row.text(at)) {
            let joined = format!("{class}:{number}");
            let number = self.read(row, at, PublicCost, &joined)?;
            let party = self.party(row, at, ("公費", None))?;
            numbers.push(Assigned { party, number });
        } else {
            self.nothing(row, "公費区分")?;
            self.nothing(row, "受給者番号")?;
        }
        if !is_keyed {
            return Err(row.finding(self.at("住民番号"), Cause::Empty));
        }
        self.state(row, numbers)
    }

    fn plan(&mut self, row: &Row<'_>) -> Result<Change, Finding> {
        let mut numbers = Vec::with_capacity(6);
        for (name, kind, group) in [
            ("整理番号", NumberKind::Reference, ("整理", None)),
            ("保健医療番号（仮称）", NumberKind::Visible, ("整理", None)),
            ("基礎年金番号", NumberKind::Scheme(Scheme::BasicPension), ("年金", None)),
            (
                "医療保険被保険者記号番号",
                NumberKind::Scheme(Scheme::MedicalInsured),
                ("医療保険", Some("医療保険：保険者番号")),
            ),
            (
                "介護保険被保険者番号",
                NumberKind::Scheme(Scheme::CareInsured),
                ("介護保険", Some("介護保険：保険者番号")),
            ),
            ("その他の番号", NumberKind::Other, ("その他", None)),
        ] {
            numbers.extend(self.assigned(row, name, kind, group)?);
        }
        if row.text(self.at("整理番号")).is_none() {
            return Err(row.finding(self.at("整理番号"), Cause::Empty));
        }
        self.state(row, numbers)
    }

    /// Rows of one person stand together and say the same of version and time.
    fn kamogawa(&mut self, row: &Row<'_>) -> Result<Option<Change>, Finding> {
        let id = self.assigned(row, "個人識別ID", NumberKind::Scheme(Scheme::Kamogawa), ("個人", None))?;
        let id = id.ok_or_else(|| row.finding(self.at("個人識別ID"), Cause::Empty))?;
        let visible = self.assigned(row, "社会保障番号（仮）", NumberKind::Visible, ("個人", None))?;
        let group = self.text(row, "グループID")?;
        let declared = self.parties.0.get(group);
        let (party, kind) =
            declared.cloned().ok_or_else(|| row.finding(self.at("グループID"), Cause::Party))?;
        let number = self.number(row, "サービス別ID", kind.unwrap_or(NumberKind::Service))?;
        let number = number.ok_or_else(|| row.finding(self.at("サービス別ID"), Cause::Empty))?;
        let mut numbers = vec![id];
        numbers.extend(visible);
        numbers.push(Assigned { party, number });
        let mut change = self.state(row, numbers)?;
        if self.waiting.as_ref().is_none_or(|waiting| waiting.key != change.key) {
            return Ok(self.waiting.replace(change));
        }
        let Some(mut waiting) = self.waiting.take() else { return Ok(None) };
        let (
            Action::State { numbers, from, until },
            Action::State { numbers: more, from: begin, until: end },
        ) = (&mut waiting.action, &mut change.action)
        else {
            return Err(row.finding(0, Cause::Inconsistent));
        };
        let is_same = (waiting.version, *from, *until) == (change.version, *begin, *end);
        if !is_same {
            return Err(row.finding(self.at(VERSION), Cause::Inconsistent));
        }
        for one in more.drain(1..) {
            if !numbers.contains(&one) {
                numbers.push(one);
            } else if one.number.kind() != NumberKind::Visible {
                return Err(row.finding(self.at("サービス別ID"), Cause::Inconsistent));
            }
        }
        self.waiting = Some(waiting);
        Ok(None)
    }

    fn change(&mut self, row: &Row<'_>) -> Result<Change, Finding> {
        let key = self.any_number(row, ["番号種別", "付番者", "番号"])?;
        let day = self.at("異動日");
        let at = self.day(row, day)?.ok_or_else(|| row.finding(day, Cause::Empty))?;
        let what = self.text(row, "異動区分")?;
        let with_number = matches!(what, "加入" | "更新");
        let action = match what {
            "加入" => Action::Join {
                number: self.any_number(row, ["新番号種別", "新付番者", "新番号"])?,
                from: at,
            },
            "更新" => Action::Rekey {
                number: self.any_number(row, ["新番号種別", "新付番者", "新番号"])?,
                at,
            },
            "脱退" => Action::Leave { at },
            "停止" => Action::Suspend { at },
            "再開" => Action::Resume { at },
            _ => return Err(row.finding(self.at("異動区分"), Cause::Action)),
        };
        if !with_number {
            for name in ["新番号種別", "新付番者", "新番号"] {
                self.nothing(row, name)?;
            }
        }
        Ok(Change { line: row.line, key, version: self.version(row)?, action })
    }

    /// All numbers of a person, in an interval of days. The last day counts.
    fn state(&mut self, row: &Row<'_>, numbers: Vec<Assigned>) -> Result<Change, Finding> {
        let (from_at, until_at) = (self.at(FROM), self.at(UNTIL));
        let from = self.day(row, from_at)?.ok_or_else(|| row.finding(from_at, Cause::Empty))?;
        let until = match self.day(row, until_at)? {
            None => OPEN,
            Some(last) => UnixTime(last.0.saturating_add(86_400)),
        };
        if until <= from {
            return Err(row.finding(until_at, Cause::Interval));
        }
        let key = numbers.first().cloned().ok_or_else(|| row.finding(0, Cause::Empty))?;
        let version = self.version(row)?;
        Ok(Change { line: row.line, key, version, action: Action::State { numbers, from, until } })
    }

    /// The cell of a column; one that is not there is beyond the row's end.
    fn at(&self, name: &str) -> usize {
        self.columns.known.get(name).copied().unwrap_or(usize::MAX)
    }

    fn text<'r>(&self, row: &'r Row<'_>, name: &str) -> Result<&'r str, Finding> {
        let at = self.at(name);
        row.text(at).ok_or_else(|| row.finding(at, Cause::Empty))
    }

    fn nothing(&self, row: &Row<'_>, name: &str) -> Result<(), Finding> {
        let at = self.at(name);
        if row.text(at).is_none() { Ok(()) } else { Err(row.finding(at, Cause::Filled)) }
    }

    fn version(&self, row: &Row<'_>) -> Result<i64, Finding> {
        let text = self.text(row, VERSION)?;
        let is_digits = text.len() <= 18 && text.bytes().all(|octet| octet.is_ascii_digit());
        let version = text.parse().ok().filter(|version| is_digits && *version > 0);
        version.ok_or_else(|| row.finding(self.at(VERSION), Cause::Version))
    }

    /// A number of the party that a column of the row names, or that is declared for the group.
    fn assigned(
        &mut self,
        row: &Row<'_>,
        name: &str,
        kind: NumberKind,
        group: (&str, Option<&str>),
    ) -> Result<Option<Assigned>, Finding> {
        let Some(number) = self.number(row, name, kind)? else { return Ok(None) };
        let party = self.party(row, self.at(name), group)?;
        Ok(Some(Assigned { party, number }))
    }

    fn party(
        &self,
        row: &Row<'_>,
        at: usize,
        (group, column): (&str, Option<&str>),
    ) -> Result<String, Finding> {
        if let Some(code) = column.and_then(|name| row.text(self.at(name))) {
            return Ok(party_code(code));
        }
        let declared = self.parties.0.get(group).map(|(code, _)| code.clone());
        declared.ok_or_else(|| row.finding(at, Cause::Party))
    }

    /// A number with its kind and party in columns of its own.
    fn any_number(&mut self, row: &Row<'_>, [kind, party, number]: [&str; 3]) -> Result<Assigned, Finding> {
        let is_kind = NumberKind::from_name(self.text(row, kind)?);
        let kind = is_kind.ok_or_else(|| row.finding(self.at(kind), Cause::Kind))?;
        let party = party_code(self.text(row, party)?);
        let found = self.number(row, number, kind)?;
        let number = found.ok_or_else(|| row.finding(self.at(number), Cause::Empty))?;
        Ok(Assigned { party, number })
    }

    fn number(&mut self, row: &Row<'_>, name: &str, kind: NumberKind) -> Result<Option<Number>, Finding> {
        let at = self.at(name);
        row.text(at).map(|text| self.read(row, at, kind, text)).transpose()
    }

    fn read(&mut self, row: &Row<'_>, at: usize, kind: NumberKind, text: &str) -> Result<Number, Finding> {
        if text.contains(is_gaiji) {
            return Err(row.finding(at, Cause::NumberCharacter));
        }
        let (number, doubts) = Number::read(kind, text, self.level).map_err(|wrong| {
            row.finding(at, if wrong == Wrong::CheckDigit { Cause::CheckDigit } else { Cause::Form })
        })?;
        for (is, cause) in [
            (doubts.folded, Cause::Folded),
            (doubts.check_digit, Cause::Doubtful),
            (doubts.short, Cause::Short),
        ] {
            if is {
                self.notes.push(row.finding(at, cause));
            }
        }
        Ok(number)
    }

    /// The first second of a day: `YYYY-MM-DD`, `YYYYMMDD` or `YYYY/MM/DD`, also in full-width digits. Nothing, or
    /// `99999999`, is no day.
    fn day(&mut self, row: &Row<'_>, at: usize) -> Result<Option<UnixTime>, Finding> {
        let Some(text) = row.text(at).filter(|text| *text != "99999999") else { return Ok(None) };
        if let Some(known) = self.days.get(text) {
            return Ok(Some(*known));
        }
        let begin = day(text).and_then(|day| midnight(&day)).ok_or_else(|| row.finding(at, Cause::Date))?;
        // A file with more days than centuries have is one of mistakes, and remembers nothing more.
        if self.days.len() < 100_000 {
            self.days.insert(text.to_owned(), begin);
        }
        Ok(Some(begin))
    }
}

fn day(text: &str) -> Option<Date> {
    let narrow = |c: char| match c {
        '０'..='９' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        '／' => '/',
        '－' | '−' => '-',
        other => other,
    };
    let narrow: String = text.chars().map(narrow).collect();
    let dashed = match narrow.len() {
        8 => format!("{}-{}-{}", narrow.get(..4)?, narrow.get(4..6)?, narrow.get(6..)?),
        _ => narrow.replace('/', "-"),
    };
    Date::parse(&dashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_in_several_ways() {
        for same in [
            "2009-04-01",
            "20090401",
            "2009/04/01",
            "２００９年".replace('年', "-04-01").as_str(),
            "２００９０４０１",
        ] {
            assert_eq!(day(same).unwrap().as_str(), "2009-04-01", "{same}");
        }
        for wrong in
            ["", "2009-4-1", "20090431", "平成21年4月1日", "2009-04-01T00:00:00", "200904", "99999998"]
        {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nabari_has_fifteen_columns() {
        assert_eq!(Layout::Nabari.columns().0.len(), 15);
        for layout in [Layout::Nabari, Layout::Kamogawa, Layout::Plan, Layout::Change] {
            assert_eq!(Layout::from_name(layout.name()), Some(layout));
        }
    }
}
