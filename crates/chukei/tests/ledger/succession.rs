//! A log that ends, and the one that goes on.

use std::fs;

use chukei_profile::Scheme;
use chukei_store::Store;

use super::support::Said;
use super::{A, Desk, NUMBER, ORIGIN};

/// A ledger that is set back behind what it has signed is another one to everybody who has seen that.
#[test]
fn what_a_copy_lacks_is_told_and_another_log_goes_on() {
    let desk = Desk::proved();
    let run = |words: &str| desk.run("en", &words.split(' ').collect::<Vec<_>>(), "");
    let told = |said: &Said, code: i32, text: &str| {
        let all = format!("{}{}", said.out, said.err);
        assert!(said.code == code && all.contains(text), "{} {all}", said.code);
    };
    assert_eq!(run("backup --state relay.db --out copy.db").code, 0);
    let restore = |more: &str| {
        for file in Store::files(&desk.0.path.join("relay.db")) {
            let _ = fs::remove_file(format!("{}.replaced", file.display()));
        }
        run(&format!("restore --from copy.db --state relay.db --replace{more}"))
    };
    let publish = format!("publish --state relay.db --origin {ORIGIN} --key log.pem --out public");
    desk.record(1);
    let same = restore("");
    assert!(same.code == 0 && !same.out.contains("already"), "{} {}", same.out, same.err);
    told(&run(&publish), 0, "the checkpoint's size is 21");
    let name = "relay-2.example.test";
    assert_eq!(run(&format!("key --witness --origin {name} --out witness.pem")).code, 0);
    let cosign = |dir: &str, memory: &str, policy: &str| {
        let with = format!("--key witness.pem --name {name} --memory {memory} --out {dir}/cosigned");
        run(&format!("cosign {dir} {with} --policy {policy}"))
    };
    told(&cosign("public", "witness-21", "policy.txt"), 0, "21");
    desk.record(1);
    assert_eq!(desk.prove("later.json", &[], NUMBER).code, 0);
    told(&run(&publish), 0, "the checkpoint's size is 24");
    told(&cosign("public", "witness-24", "policy.txt"), 0, "24");
    told(&restore(""), 0, "A ledger of size 24 was signed already, and this copy, of size 21, lacks");
    // Nothing is signed, whichever way, and what is published is protected by itself.
    told(&run(&publish), 3, "What is in public was signed with size 24");
    told(&run(&publish.replace("public", "elsewhere")), 3, "lacks what was signed already, up to size 24");
    told(&desk.prove("again.json", &[], NUMBER), 3, "chukei ledger succeed --state relay.db");
    // The state of before is gone altogether, and a checkpoint that was published is left.
    for file in Store::files(&desk.0.path.join("relay.db")) {
        let _ = fs::remove_file(file);
    }
    told(&restore(" --published policy.txt"), 2, "policy.txt is no checkpoint");
    told(&restore(""), 0, "No state was there to compare with");
    told(
        &run("fsck relay.db --published public/checkpoint"),
        7,
        "lacks what was signed already, up to size 24",
    );
    told(&run("fsck relay.db --published elsewhere"), 2, "elsewhere");
    let relay = Store::open(&desk.0.path.join("relay.db")).unwrap();
    told(&run("succeed --state relay.db --key log.pem --origin ledger-2"), 3, "in use by another process");
    drop(relay);
    // A copy that was cut off.
    let copy = fs::read(desk.0.path.join("copy.db")).unwrap();
    fs::write(desk.0.path.join("cut.db"), &copy[..copy.len() / 2]).unwrap();
    fs::copy(desk.0.path.join("copy.mappings.db"), desk.0.path.join("cut.mappings.db")).unwrap();
    told(&run("restore --from cut.db --state new.db"), 7, "The copy cut.db cannot be used");
    for file in Store::files(&desk.0.path.join("relay.db")) {
        let _ = fs::remove_file(file);
    }
    told(&restore(" --published public/checkpoint"), 0, "chukei ledger succeed --state relay.db");
    // What is put in its place lacks it as well.
    told(&restore(""), 0, "A ledger of size 24 was signed already, and this copy, of size 21, lacks");

    told(&run("succeed --state relay.db --key log.pem --origin ledger-2"), 2, "ledger-2: the successor");
    let made = run("key --origin ledger-2 --out log-2.pem");
    let next = run("succeed --state relay.db --key log-2.pem --origin ledger-2");
    assert_eq!((next.code, &next.out), (0, &made.out), "{}", next.err);
    fs::write(desk.0.path.join("next.txt"), format!("{}quorum none\n", next.out)).unwrap();
    let prove = |out: &str, since: &str| {
        let (party, scheme) = (A, Scheme::CareInsured.uri());
        let words = format!(
            "prove --state relay.db --key log-2.pem --origin ledger-2 --party {party} --scheme {scheme} --out {out}{since}"
        );
        desk.run("en", &words.split(' ').collect::<Vec<_>>(), NUMBER)
    };
    assert_eq!(prove("next.json", " --since 21").code, 0);
    let verify =
        |seen: &str| run(&format!("verify next.json --policy next.txt --earlier policy.txt --seen {seen}"));
    told(&verify("history.json"), 0, "ledger-2");
    let lost = verify("later.json");
    told(&lost, 7, "of a ledger that has ended");
    told(&lost, 7, "Entry 11 of the earlier proof is not there any more");
    told(&run("verify next.json --policy next.txt"), 7, "--earlier");
    told(&run("fsck relay.db --policy next.txt --earlier policy.txt"), 0, "Sound");
    told(&run("fsck relay.db --policy next.txt"), 7, "--earlier");
    // A witness goes on if what it has signed is there still, and it is told what succeeds what.
    let publish = "publish --state relay.db --origin ledger-2 --out next --key log-2.pem";
    told(&run(publish), 0, "the checkpoint's size");
    told(&cosign("next", "witness-21", "next.txt"), 7, "witness-21");
    told(&cosign("next", "witness-24", "next.txt --earlier policy.txt"), 7, "24");
    told(&cosign("next", "witness-21", "next.txt --earlier policy.txt"), 0, "ledger-2");
    told(&cosign("public", "witness-21", "next.txt --earlier policy.txt"), 7, "public");
    // Two keys while one replaces the other.
    assert_eq!(run("key --origin ledger-2 --out log-3.pem").code, 0);
    desk.record(1);
    let publish = "publish --state relay.db --origin ledger-2 --out new --key log-2.pem --key log-3.pem";
    told(&run(publish), 0, "the checkpoint's size");
    desk.record(1);
    told(&run("publish --state relay.db --origin ledger-2 --out new --key log-3.pem"), 0, "size");
    desk.record(1);
    told(
        &run("publish --state relay.db --origin ledger-2 --out new --key log-2.pem"),
        2,
        "--key OLD --key NEW",
    );
}
