//! What the worst inputs cost: memory and counted work, never time. A program of its own, so that nothing
//! else allocates.

use std::sync::{Mutex, MutexGuard};

use chukei_vectors::{run, store};
use chukei_xml::{Budget, Document, Limits};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Tests measure one after the other.
static TURN: Mutex<()> = Mutex::new(());

const MIB: usize = 1 << 20;

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Most octets in use while `work` runs, beyond those in use before.
fn memory(work: impl FnOnce()) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    work();
    MEMORY.peak_usage().saturating_sub(before)
}

#[test]
fn the_worst_inputs_stay_within_bounds() {
    let _turn = turn();
    let (mut count, mut most) = (0, (0, String::new()));
    for (id, entry) in store::read().iter().filter(|(id, _)| id.starts_with("DOS-")) {
        let input = entry.vector.input.bytes().unwrap();
        let size = input.len();
        let mut spent = None;
        let used = memory(|| spent = Some(run::run_on(entry, input).spent));
        let spent = spent.unwrap();
        assert!(used < 16 * MIB * size.div_ceil(MIB).max(1), "{id}: {used} octets for an input of {size}");
        // 128 prefixes are compared for a name of at least four octets; everything else is less.
        assert!(spent.steps <= 64 * size as u64 + 4096, "{id}: {} steps for an input of {size}", spent.steps);
        assert!(spent.nodes <= Limits::message().nodes + 1, "{id}: {} nodes", spent.nodes);
        assert!(
            spent.operations <= Limits::message().operations + 1,
            "{id}: {} key operations",
            spent.operations
        );
        count += 1;
        most = most.max((used, id.clone()));
    }
    assert!(count > 60, "only {count} vectors were measured");
    println!("{count} vectors, at most {} KiB ({})", most.0 / 1024, most.1);
}

#[test]
fn memory_is_really_counted() {
    let _turn = turn();
    let hoard = |octets: usize| move || drop(std::hint::black_box(vec![1u8; octets]));
    // What another test's thread lays down at its end counts against it: less than a MiB.
    assert!(memory(hoard(17 * MIB)) >= 16 * MIB);
    // Positive case: little stays little.
    assert!(memory(hoard(1024)) < MIB);
}

/// DOS-27: the tree is one arena, so that nothing that is done with a deep one needs a stack.
#[test]
fn deep_trees_need_no_stack() {
    let _turn = turn();
    let limits = Limits { depth: usize::MAX, bytes: usize::MAX, nodes: usize::MAX, ..Limits::message() };
    let depth = 200_000;
    let deep = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let small_stack = std::thread::Builder::new().stack_size(128 * 1024);
    let thread = small_stack.spawn(move || {
        let parse = |limits| Document::parse_within(deep.as_str(), &mut Budget::new(limits));
        assert!(parse(Limits::message()).is_err(), "too deep for a message");
        // Positive case: with other limits the same bytes are read, cloned, compared, written, shown and
        // dropped.
        let document = parse(limits).unwrap();
        let clone = document.clone();
        assert!(clone == document);
        assert_eq!(document.write(), deep.as_bytes());
        assert_eq!(document.canonical(document.root()).to_vec(), deep.as_bytes());
        assert_eq!(document.root().descendants().count(), depth);
        assert!(!format!("{document:?}").is_empty());
        drop((document, clone));
    });
    thread.unwrap().join().unwrap();
}
