//! xml-sec 0.4.1 with its default policies.

use chukei_bench_side::{Keys, Operation, Run, Scheme};
use rsa::{RsaPrivateKey, RsaPublicKey};
use xml_sec::rsa_encoding::{RsaPrivateKeyEncoding as _, RsaPublicKeyEncoding as _};
use xml_sec::xmldsig::{
    DsigStatus, EcdsaP256SigningKey, RsaSigningKey, SignContext, SignatureAlgorithm, SigningKey,
    VerificationKey, VerifyContext,
};
use xml_sec::xmlenc::{
    DataEncryptionAlgorithm, DecryptContext, DecryptedContent, EncryptedDataBuilder, EncryptedDataType,
    PrivateKeyDecryptor,
};

pub fn operation(operation: Operation, scheme: Scheme, keys: &Keys) -> Option<Run> {
    let private_pem = std::str::from_utf8(&keys.private_pem).expect("PEM is text");
    // Contexts borrow what they work with, and a run owns its context: what is leaked is one key per run.
    match (operation, scheme) {
        (Operation::Verify, _) => {
            let algorithm = match scheme {
                Scheme::Rsa => SignatureAlgorithm::RsaSha256,
                Scheme::P256 => SignatureAlgorithm::EcdsaSha256,
            };
            let public_key_bytes = keys.public_der.clone();
            let key = VerificationKey { algorithm, public_key_bytes, certificate_der: None, name: None };
            let context = VerifyContext::new().key(Box::leak(Box::new(key)));
            Some(Box::new(move |document| {
                let result = context.verify(text(document)?).map_err(|error| error.to_string())?;
                if result.status == DsigStatus::Valid {
                    Ok(Vec::new())
                } else {
                    Err(format!("{:?}", result.status))
                }
            }))
        }
        (Operation::Sign, _) => {
            let key: Box<dyn SigningKey> = match scheme {
                Scheme::Rsa => {
                    Box::new(RsaSigningKey::from_pkcs8_pem(private_pem).expect("the key is sound"))
                }
                Scheme::P256 => {
                    Box::new(EcdsaP256SigningKey::from_pkcs8_pem(private_pem).expect("the key is sound"))
                }
            };
            let context = SignContext::new(Box::leak(key));
            Some(Box::new(move |template| {
                let signed = context.sign_template(text(template)?);
                signed.map(String::into_bytes).map_err(|error| error.to_string())
            }))
        }
        (Operation::Seal, Scheme::Rsa) => {
            let public_pem = std::str::from_utf8(&keys.public_pem).expect("PEM is text");
            let key = RsaPublicKey::from_public_key_pem(public_pem).expect("the key is sound");
            let builder = EncryptedDataBuilder::new(DataEncryptionAlgorithm::Aes256Gcm)
                .encryption_type(EncryptedDataType::Element)
                .recipient_rsa_oaep(key);
            Some(Box::new(move |plaintext| {
                let sealed = builder.encrypt_xml(text(plaintext)?);
                sealed
                    .map(|sealed| sealed.encrypted_data_xml.clone().into_bytes())
                    .map_err(|error| error.to_string())
            }))
        }
        (Operation::Open, Scheme::Rsa) => {
            let key = RsaPrivateKey::from_pkcs8_pem(private_pem).expect("the key is sound");
            let context = DecryptContext::new(Box::leak(Box::new(PrivateKeyDecryptor::new(key))));
            Some(Box::new(move |sealed| match context.decrypt(text(sealed)?) {
                Ok(DecryptedContent::Xml(plaintext)) => Ok(plaintext.into_bytes()),
                Ok(DecryptedContent::Bytes(plaintext)) => Ok(plaintext),
                Err(error) => Err(error.to_string()),
            }))
        }
        (Operation::Seal | Operation::Open, Scheme::P256) => None,
    }
}

fn text(document: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(document).map_err(|error| error.to_string())
}
