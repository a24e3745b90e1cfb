//! Fresh keys for one run, in every spelling that some library asks for.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Name};

use chukei_bench_side::{Keys, Scheme};

/// A private key and its spellings.
pub struct KeyPair {
    pub scheme: Scheme,
    pub private: PKey<Private>,
    pub keys: Keys,
}

impl KeyPair {
    pub fn generate(scheme: Scheme) -> Self {
        let private = match scheme {
            Scheme::Rsa => PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
            Scheme::P256 => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
                PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
            }
        };
        let keys = Keys {
            private_pem: private.private_key_to_pem_pkcs8().unwrap(),
            private_der: private.private_key_to_der().unwrap(),
            public_pem: private.public_key_to_pem().unwrap(),
            public_der: private.public_key_to_der().unwrap(),
            certificate_der: certificate(&private).to_der().unwrap(),
        };
        Self { scheme, private, keys }
    }
}

fn certificate(key: &PKey<Private>) -> X509 {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "Chukei TEST signer").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}
