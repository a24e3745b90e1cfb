//! bergshamra 0.11.1 with its defaults for SAML: trusted keys only, strict positions.

use bergshamra::keys::loader;
use bergshamra::{DsigContext, EncContext, Key, KeysManager};
use chukei_bench_side::{Keys, Operation, Run, SEAL_TEMPLATE, Scheme};

pub fn operation(operation: Operation, scheme: Scheme, keys: &Keys) -> Option<Run> {
    let load = |private: bool| -> Key {
        let key = if private {
            loader::load_pem_auto(&keys.private_pem, None)
        } else {
            loader::load_spki_pem(&keys.public_pem)
        };
        key.expect("the key is sound")
    };
    let manager = |private| {
        let mut manager = KeysManager::new();
        manager.add_key(load(private));
        manager
    };
    match (operation, scheme) {
        (Operation::Verify, _) => {
            let context = DsigContext::new(manager(false));
            Some(Box::new(move |document| match bergshamra::verify(&context, text(document)?) {
                Ok(result) if result.is_valid() => Ok(Vec::new()),
                Ok(_) => Err("invalid".to_owned()),
                Err(error) => Err(error.to_string()),
            }))
        }
        (Operation::Sign, _) => {
            let context = DsigContext::new(manager(true));
            Some(Box::new(move |template| {
                bergshamra::sign(&context, text(template)?)
                    .map(String::into_bytes)
                    .map_err(|error| error.to_string())
            }))
        }
        (Operation::Seal, Scheme::Rsa) => {
            let context = EncContext::new(manager(false));
            Some(Box::new(move |plaintext| {
                let sealed = bergshamra::encrypt(&context, SEAL_TEMPLATE, plaintext);
                sealed.map(String::into_bytes).map_err(|error| error.to_string())
            }))
        }
        (Operation::Open, Scheme::Rsa) => {
            let context = EncContext::new(manager(true));
            Some(Box::new(move |sealed| {
                bergshamra::decrypt_to_bytes(&context, text(sealed)?).map_err(|error| error.to_string())
            }))
        }
        (Operation::Seal | Operation::Open, Scheme::P256) => None,
    }
}

fn text(document: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(document).map_err(|error| error.to_string())
}
