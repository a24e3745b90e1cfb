//! Prints what one call of each oracle costs, in microseconds: least and median of many.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

#[path = "../tests/support/mod.rs"]
mod support;

use chukei_oracle::{Apex, Opinion, TrustedKey, exclusive_c14n, sign, verify, versions, well_formed, wheel};
use std::hint::black_box;
use std::time::Instant;

fn main() {
    println!("{}", versions());
    for (name, pair, algorithm) in
        [("RSA-2048", support::rsa(), support::RSA_SHA256), ("P-256", support::p256(), support::ECDSA_SHA256)]
    {
        let pair = pair.expect("openssl program");
        let template = support::template(algorithm, 4_000);
        let signed = sign(template.as_bytes(), &pair.private).unwrap();
        let key = TrustedKey::from_spki_pem(&pair.public).unwrap();
        let ids = [("Assertion", "ID")];
        println!("{name}, {} bytes", signed.len());
        measure("verify, key loaded once", || assert_eq!(verify(&signed, &key, &ids), Opinion::Valid));
        measure("verify, key loaded each time", || {
            let key = TrustedKey::from_spki_pem(&pair.public).unwrap();
            assert_eq!(verify(&signed, &key, &ids), Opinion::Valid);
        });
        measure("sign", || drop(black_box(sign(template.as_bytes(), &pair.private).unwrap())));
        measure("exclusive_c14n, root", || {
            drop(black_box(exclusive_c14n(&signed, Apex::Element(0), &[]).unwrap()));
        });
        measure("exclusive_c14n, document", || {
            drop(black_box(exclusive_c14n(&signed, Apex::Document, &[]).unwrap()));
        });
        measure("well_formed", || assert!(well_formed(&signed).unwrap()));
        if let Some(wheel) = wheel::shared() {
            println!("{}", wheel.versions());
            measure("wheel verify", || {
                assert_eq!(wheel.verify(&signed, &pair.public, &ids, 0), Opinion::Valid)
            });
            measure("wheel c14n", || drop(black_box(wheel.c14n(&signed, Apex::Element(0), &[]).unwrap())));
        }
    }
}

fn measure(name: &str, call: impl Fn()) {
    let mut times: Vec<f64> = (0..500)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("  {name:30} {:8.1} {:8.1}", times[0], times[times.len() / 2]);
}
