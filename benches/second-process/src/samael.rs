//! samael 0.0.22: libxmlsec1 behind Rust. Its interface takes the certificate or key as bytes at each call.

use chukei_bench_side::{Keys, Operation, Run};
use samael::crypto::{CertificateDer, Crypto, CryptoProvider};

pub fn operation(operation: Operation, keys: &Keys) -> Option<Run> {
    match operation {
        Operation::Verify => {
            let certificate = CertificateDer::from(keys.certificate_der.clone());
            Some(Box::new(move |document| {
                let verified = Crypto::verify_signed_xml(document, &certificate, Some("ID"));
                verified.map(|()| Vec::new()).map_err(|error| error.to_string())
            }))
        }
        Operation::Sign => {
            let key = keys.private_der.clone();
            Some(Box::new(move |template| {
                Crypto::sign_xml(template, &key).map(String::into_bytes).map_err(|error| error.to_string())
            }))
        }
        // It opens assertions with AES-128 and an OAEP that the standard does not allow, and seals nothing.
        Operation::Seal | Operation::Open => None,
    }
}
