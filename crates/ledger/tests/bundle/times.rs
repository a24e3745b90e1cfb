//! Times that an operator may choose: until when contents are withheld and kept, and when a map was made.

use chukei_ledger::chain::{KEPT, LONGEST_WITHHOLDING};
use chukei_ledger::{Finding, Seen};

use super::{Book, T, close, judged, seen_before};

const DAY: i64 = 86_400;

/// When a content may be destroyed is for the relay to say, but not whatever it likes.
#[test]
fn an_entry_that_is_not_kept_for_seven_years_is_found() {
    let brief = vec![Finding::KeptBriefly { number: 2 }];
    let judged_with = |withheld_until, keep_until, is_closed: bool| {
        let mut book = Book::default();
        book.record(1, "granted", 0);
        book.record_until(1, "granted", withheld_until, keep_until);
        book.commit(T + 1000);
        book.sign();
        let mut bundle = book.bundle(1);
        if is_closed {
            close(&mut bundle, 1);
        }
        judged(&bundle).map(|shown| (shown.entries, shown.destroyed))
    };
    // The entry is of T + 1.
    assert_eq!(judged_with(0, T + KEPT, false), Err(brief.clone()));
    assert_eq!(judged_with(0, T + 1 + KEPT, false), Ok((2, 0)));
    assert_eq!(judged_with(0, i64::MIN, false), Err(brief.clone()));
    // Destroyed at once, or when it would be shown.
    assert_eq!(judged_with(0, 0, true), Err(brief.clone()));
    assert_eq!(judged_with(T + 2000, T + 2000, true), Err(brief.clone()));
    assert_eq!(judged_with(T + 2000, T + 2000 + KEPT, true), Ok((2, 0)));
    assert_eq!(judged_with(T + 2000, T + 1999 + KEPT, true), Err(brief));

    // Destroyed, and its time is over: no sooner than the entries before it and the proofs of before it allow.
    let destroyed = |keep_until| {
        let mut book = Book::default();
        book.record(1, "granted", 0);
        book.commit(T + 2 * DAY);
        book.sign();
        let earlier = book.bundle(1);
        book.record_until(1, "granted", 0, keep_until);
        book.commit(T + 2 * KEPT);
        book.sign();
        let mut bundle = book.bundle(1);
        close(&mut bundle, 1);
        let seen = [Seen::Bundle(Box::new(earlier))];
        [judged(&bundle), seen_before(&bundle, &seen)].map(|shown| shown.map(|shown| shown.destroyed))
    };
    let brief = || Err(vec![Finding::KeptBriefly { number: 2 }]);
    assert_eq!(destroyed(T - DAY - 1 + KEPT)[0], brief());
    assert_eq!(destroyed(T - DAY + KEPT), [Ok(1), brief()]);
    assert_eq!(destroyed(T + DAY - 1 + KEPT), [Ok(1), brief()]);
    assert_eq!(destroyed(T + DAY + KEPT), [Ok(1), Ok(1)]);
}

#[test]
fn an_entry_that_is_withheld_for_more_than_three_years_is_found() {
    let judged_until = |until| {
        let mut book = Book::default();
        book.record(1, "granted", until);
        book.commit(T + 1000);
        book.sign();
        let mut bundle = book.bundle(1);
        close(&mut bundle, 0);
        judged(&bundle).map(|shown| shown.withheld)
    };
    let last = T + 1000 + LONGEST_WITHHOLDING + 300;
    assert_eq!(judged_until(last), Ok(1));
    assert_eq!(judged_until(last + 1), Err(vec![Finding::WithheldLong { number: 1 }]));
    assert_eq!(judged_until(253_370_764_800), Err(vec![Finding::WithheldLong { number: 1 }]));
}

/// By the time of the map it is judged what is withheld still.
#[test]
fn an_entry_that_is_due_by_what_others_tell_is_found() {
    // A map of long ago, beside entries of T + 1 and T + 2.
    let judged_until = |until| {
        let mut book = Book::default();
        book.record(1, "granted", until);
        (0..2).for_each(|_| book.record(1, "granted", 0));
        book.commit(T - 10_000);
        book.sign();
        let mut bundle = book.bundle(1);
        close(&mut bundle, 0);
        judged(&bundle).map(|shown| shown.withheld)
    };
    assert_eq!(judged_until(T + 2 - 300), Err(vec![Finding::Due { number: 1 }]));
    assert_eq!(judged_until(T + 3 - 300), Ok(1), "clocks differ a little");

    // By a map that is older, what was shown is withheld once more.
    let mut book = Book::default();
    book.record(1, "granted", T + 500);
    book.commit(T + 1000);
    book.sign();
    let earlier = [Seen::Bundle(Box::new(book.bundle(1)))];
    book.commit(T + 400);
    book.sign();
    let mut bundle = book.bundle(1);
    assert!(seen_before(&bundle, &earlier).is_ok());
    close(&mut bundle, 0);
    assert!(judged(&bundle).is_ok());
    assert_eq!(seen_before(&bundle, &earlier), Err(vec![Finding::Withdrawn { number: 1 }]));
    // Positive twin: its time is over.
    book.commit(T + 500 + KEPT);
    book.sign();
    let mut bundle = book.bundle(1);
    close(&mut bundle, 0);
    assert!(seen_before(&bundle, &earlier).is_ok());
}
