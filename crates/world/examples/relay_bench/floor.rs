//! What a mapping costs at the least: its cryptography alone, with keys that are ready. Beside it a figure of this machine
//! means something on another one.

use std::time::{Duration, Instant};

use chukei_crypto::{ContentKey, KeyTransport, PrivateKey, PublicKey, SignatureAlgorithm, Signer, sha256};
use chukei_world::World;

use crate::{crowd, processor_time};

/// As much as an encrypted number has.
const SEALED: usize = 512;

/// Microseconds of processor time for a mapping's cryptography, on all cores at once as the relay works: one verification,
/// the signatures of envelope and answer, and the encryption of a number for its responder. Neither TLS nor digests are
/// in it.
pub(crate) fn microseconds(world: &World, rsa: bool, long: Duration) -> f64 {
    let key = |name: &str| -> PrivateKey {
        let keys = world.keys(name).unwrap();
        if rsa { keys.sign.0 } else { keys.p256.unwrap().0 }
    };
    let algorithm = if rsa { SignatureAlgorithm::RsaSha256 } else { SignatureAlgorithm::EcdsaSha256 };
    let requester = key(crowd::REQUESTER).signer(algorithm).unwrap();
    let relay = key("relay").signer(algorithm).unwrap();
    let target = world.keys(crowd::TARGET).unwrap().decrypt.0;
    let digest = sha256(b"a message");
    let signed = requester.sign(&digest).unwrap();
    let mapping = |responder: &PublicKey| {
        requester.public_key().verify(algorithm, &digest, &signed).unwrap();
        relay.sign(&digest).unwrap();
        relay.sign(&digest).unwrap();
        let content = ContentKey::generate().unwrap();
        responder.wrap(KeyTransport::RsaOaepSha256, &content).unwrap();
        content.seal(&[b'x'; SEALED]).unwrap();
    };
    let cores = std::thread::available_parallelism().unwrap().get();
    let before = processor_time("self");
    let made: usize = std::thread::scope(|scope| {
        let work = || {
            let begin = Instant::now();
            let mut made = 0;
            while begin.elapsed() < long {
                mapping(target.public_key());
                made += 1;
            }
            made
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    (processor_time("self") - before) * 1e6 / made as f64
}
