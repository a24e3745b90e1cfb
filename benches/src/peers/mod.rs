//! The other libraries. Each is shown to accept what is valid and to refuse two tampered twins before it is timed.

mod bergshamra;
mod gamlastan;
mod libxmlsec1;
mod xml_sec;

use std::path::Path;

use chukei_bench_side::remote::Remote;
use chukei_bench_side::{Keys, Local, Operation, Scheme, Side};

/// Names in reports, in the order of the columns.
pub const NAMES: [&str; 6] =
    ["libxmlsec1", "bergshamra-rustcrypto", "bergshamra-aws-lc", "xml-sec", "gamlastan", "samael"];

/// Every peer that has the operation. `second_process` is the program with those that cannot be linked into this one.
pub fn all(
    second_process: &Path,
    operation: Operation,
    scheme: Scheme,
    keys: &Keys,
    inputs: &[Vec<u8>],
) -> Vec<Box<dyn Side>> {
    let peer = |name: &str| -> Option<Box<dyn Side>> {
        let run = match name {
            "libxmlsec1" => libxmlsec1::operation(operation, keys),
            "bergshamra-rustcrypto" => bergshamra::operation(operation, scheme, keys),
            "xml-sec" => xml_sec::operation(operation, scheme, keys),
            "gamlastan" => gamlastan::operation(operation, scheme, keys),
            _ => {
                let remote = Remote::start(second_process, name, operation, scheme, keys, inputs);
                let remote = remote.unwrap_or_else(|error| panic!("{}: {error}", second_process.display()));
                return remote.map(|remote| Box::new(remote) as Box<dyn Side>);
            }
        };
        run.map(|run| Box::new(Local::new(name, inputs, run)) as Box<dyn Side>)
    };
    NAMES.into_iter().filter_map(peer).collect()
}

/// A second look at what somebody has signed.
pub fn accepted_by_libxmlsec1(keys: &Keys, document: &[u8]) -> Result<(), String> {
    let mut verify = libxmlsec1::operation(Operation::Verify, keys).expect("it verifies");
    verify(document).map(|_| ()).map_err(|error| format!("not accepted by libxmlsec1: {error}"))
}
