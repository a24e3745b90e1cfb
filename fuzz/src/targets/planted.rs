//! A planted mistake behind six octets that are compared one by one: found with coverage within some ten
//! thousand executions, and without it practically never. Shows that the instrumentation works and that
//! findings are reported.

/// Runs the target.
///
/// # Panics
/// When the input begins with the six octets.
pub fn run(data: &[u8]) {
    let mut known = 0;
    for (octet, expected) in data.iter().zip(b"planta") {
        if octet != expected {
            break;
        }
        known += 1;
        match known {
            1 => step(1),
            2 => step(2),
            3 => step(3),
            4 => step(4),
            5 => step(5),
            _ => panic!("the planted mistake"),
        }
    }
}

#[inline(never)]
fn step(number: u32) {
    std::hint::black_box(number);
}
