//! The closed lists (XML Signature 1.1 §6, XML Encryption 1.1 §5, RFC 9231).
//!
//! A URI is compared octet by octet: no trimming, no case folding (ALG-05).

macro_rules! closed_list {
    ($(
        $(#[$doc:meta])*
        $name:ident { $( $(#[$variant_doc:meta])* $variant:ident = $uri:literal, )* }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )*
        }

        impl $name {
            /// Every algorithm of the list.
            pub const ALL: &'static [Self] = &[$( Self::$variant ),*];

            /// The identifier that stands in messages.
            pub const fn uri(self) -> &'static str {
                match self {
                    $( Self::$variant => $uri, )*
                }
            }

            /// The algorithm of exactly this identifier; `None` for every other text.
            pub fn from_uri(uri: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|algorithm| algorithm.uri() == uri)
            }
        }
    )* };
}

closed_list! {
    /// How a message is signed: `ds:SignatureMethod`.
    SignatureAlgorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 9231 §2.3.2).
        RsaSha256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        /// ECDSA over P-256 with SHA-256 (RFC 9231 §2.3.6).
        EcdsaSha256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and 32 octets of salt (RFC 9231 §2.3.10).
        RsaPssSha256 = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
    }
    /// How canonical bytes are digested: `ds:DigestMethod`.
    DigestAlgorithm {
        /// SHA-256 (XML Encryption 1.1 §5.8.2).
        Sha256 = "http://www.w3.org/2001/04/xmlenc#sha256",
    }
    /// How a content key is wrapped for its recipient: `xenc:EncryptionMethod` of an `EncryptedKey`.
    KeyTransport {
        /// RSA-OAEP with SHA-256, MGF1 with SHA-256 and no label (XML Encryption 1.1 §5.5.2).
        RsaOaepSha256 = "http://www.w3.org/2009/xmlenc11#rsa-oaep",
    }
    /// How content is encrypted: `xenc:EncryptionMethod` of an `EncryptedData`.
    ContentCipher {
        /// AES-256 in Galois/Counter Mode, 96 bits of IV, 128 bits of tag (XML Encryption 1.1 §5.2.4).
        Aes256Gcm = "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    }
}

impl KeyTransport {
    /// The one digest, as it stands in `ds:DigestMethod` inside `xenc:EncryptionMethod`.
    pub const DIGEST_URI: &'static str = DigestAlgorithm::Sha256.uri();
    /// The one mask generation function, as it stands in `xenc11:MGF`. Its default in the standard is
    /// MGF1 with SHA-1, so it is always written and always demanded.
    pub const MGF_URI: &'static str = "http://www.w3.org/2009/xmlenc11#mgf1sha256";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ALG-05, ENC-04: another spelling of a listed identifier is another identifier.
    #[test]
    fn identifiers_are_compared_octet_by_octet() {
        for algorithm in SignatureAlgorithm::ALL {
            let uri = algorithm.uri();
            for other in
                [uri.to_uppercase(), format!("{uri} "), format!(" {uri}"), uri.replace("http:", "https:")]
            {
                assert_eq!(SignatureAlgorithm::from_uri(&other), None, "{other:?}");
            }
            // Positive case
            assert_eq!(SignatureAlgorithm::from_uri(uri), Some(*algorithm));
        }
    }

    /// ALG-02, ALG-03, ENC-01, ENC-03, ENC-25: what is not on a list has no value.
    #[test]
    fn old_algorithms_have_no_value() {
        for uri in [
            "",
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            "http://www.w3.org/2000/09/xmldsig#sha1",
            "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
            "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
            "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
            "http://www.w3.org/2009/xmlenc11#ECDH-ES",
        ] {
            assert_eq!(SignatureAlgorithm::from_uri(uri), None);
            assert_eq!(DigestAlgorithm::from_uri(uri), None);
            assert_eq!(KeyTransport::from_uri(uri), None);
            assert_eq!(ContentCipher::from_uri(uri), None);
        }
        // Positive case
        assert!(DigestAlgorithm::from_uri(DigestAlgorithm::Sha256.uri()).is_some());
        assert!(KeyTransport::from_uri(KeyTransport::RsaOaepSha256.uri()).is_some());
        assert!(ContentCipher::from_uri(ContentCipher::Aes256Gcm.uri()).is_some());
    }
}
