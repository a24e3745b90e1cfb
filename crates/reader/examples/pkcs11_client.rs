//! A client of PKCS #11 that has never heard of our cards: it knows a module, a label and a PIN. `ci/gate-cards` runs it.
//!
//! usage: `pkcs11_client MODULE TOKEN PIN KEY-ID DATA SIGNATURE`: lists, logs in, signs the file DATA with the key (its id in
//! hexadecimal digits) by SHA256-RSA-PKCS, verifies with the public key of the token's certificate, and writes the signature.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a client of tests")]

use std::error::Error;

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass},
    session::UserType,
    types::AuthPin,
};
use openssl::{hash::MessageDigest, sign::Verifier, x509::X509};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, label, pin, id, data, out] = arguments.as_slice() else {
        return Err("usage: MODULE TOKEN PIN KEY-ID DATA SIGNATURE".into());
    };
    let library = Pkcs11::new(module)?;
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let mut found = None;
    for slot in library.get_slots_with_initialized_token()? {
        let token = library.get_token_info(slot)?;
        println!("token: {}", token.label());
        if token.label() == label {
            found = Some(slot);
        }
    }
    let session = library.open_ro_session(found.ok_or("no such token")?)?;
    session.login(UserType::User, Some(&AuthPin::new(pin.as_str().into())))?;

    let id = Attribute::Id(vec![u8::from_str_radix(id, 16)?]);
    let of = |class| session.find_objects(&[Attribute::Class(class), id.clone()]);
    let key = *of(ObjectClass::PRIVATE_KEY)?.first().ok_or("no such key")?;
    let message = std::fs::read(data)?;
    let signature = session.sign(&Mechanism::Sha256RsaPkcs, key, &message)?;

    let certificate = *of(ObjectClass::CERTIFICATE)?.first().ok_or("no certificate of the key")?;
    let value = session.get_attributes(certificate, &[AttributeType::Value])?;
    let Some(Attribute::Value(der)) = value.first() else { return Err("a certificate without value".into()) };
    let public = X509::from_der(der)?.public_key()?;
    let mut verifier = Verifier::new(MessageDigest::sha256(), &public)?;
    println!("verified: {}", verifier.verify_oneshot(&signature, &message)?);
    std::fs::write(out, signature)?;
    Ok(())
}
