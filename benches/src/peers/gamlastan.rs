//! gamlastan 0.9.1, which brings bergshamra 0.9.2.

use chukei_bench_side::{Keys, Operation, Run, SEAL_TEMPLATE, Scheme};
use gamlastan::crypto::keys::loader;
use gamlastan::crypto::{KeysManager, SamlDecryptor, SamlEncryptor, SamlSigner, SamlVerifier};

pub fn operation(operation: Operation, scheme: Scheme, keys: &Keys) -> Option<Run> {
    let manager = |private: bool| {
        let key = if private {
            loader::load_pem_auto(&keys.private_pem, None)
        } else {
            loader::load_spki_pem(&keys.public_pem)
        };
        let mut manager = KeysManager::new();
        manager.add_key(key.expect("the key is sound"));
        manager
    };
    match (operation, scheme) {
        (Operation::Verify, _) => {
            let verifier = SamlVerifier::new(manager(false));
            Some(Box::new(move |document| match verifier.verify_enveloped(text(document)?) {
                Ok(result) if result.is_valid() => Ok(Vec::new()),
                Ok(_) => Err("invalid".to_owned()),
                Err(error) => Err(error.to_string()),
            }))
        }
        (Operation::Sign, _) => {
            let signer = SamlSigner::new(manager(true));
            Some(Box::new(move |template| {
                signer
                    .sign_enveloped(text(template)?)
                    .map(String::into_bytes)
                    .map_err(|error| error.to_string())
            }))
        }
        (Operation::Seal, Scheme::Rsa) => {
            let encryptor = SamlEncryptor::new(manager(false));
            Some(Box::new(move |plaintext| {
                encryptor
                    .encrypt(SEAL_TEMPLATE, plaintext)
                    .map(String::into_bytes)
                    .map_err(|error| error.to_string())
            }))
        }
        (Operation::Open, Scheme::Rsa) => {
            let decryptor = SamlDecryptor::new(manager(true));
            Some(Box::new(move |sealed| {
                decryptor.decrypt_to_bytes(text(sealed)?).map_err(|error| error.to_string())
            }))
        }
        (Operation::Seal | Operation::Open, Scheme::P256) => None,
    }
}

fn text(document: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(document).map_err(|error| error.to_string())
}
