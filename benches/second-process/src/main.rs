//! Peers that cannot be linked into the same program as the others, each started in a process of its own:
//! bergshamra with its aws-lc provider (a build has one provider), samael (wants another version of libxml).

#[path = "../../src/peers/bergshamra.rs"]
mod bergshamra;
mod samael;

fn main() -> std::io::Result<()> {
    chukei_bench_side::remote::serve(|name, operation, scheme, keys| match name {
        "samael" => samael::operation(operation, keys),
        _ => bergshamra::operation(operation, scheme, keys),
    })
}
