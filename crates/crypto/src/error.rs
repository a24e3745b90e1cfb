//! What can go wrong, precise for us. What a peer may be told is decided by [`Reason::answer`].

use std::fmt;

use chukei_reason::{CertificateFault, Reason};
use openssl::error::ErrorStack;

/// An operation of this crate failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// The key cannot be used with this algorithm.
    Algorithm,
    /// A key may not be used.
    Key(KeyError),
    /// More octets than one operation takes.
    Length,
    /// The library failed at something that it should do; our fault or the machine's, never the peer's.
    Library(String),
    /// A key returned something that is no signature.
    OwnSignature,
}

macro_rules! key_errors {
    ($( $(#[$doc:meta])* $name:ident: $text:literal; )*) => {
        /// A key may not be used. Every variant has the reason [`Reason::Key`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum KeyError {
            $( $(#[$doc])* $name, )*
            /// An RSA modulus outside 2048 to 4096 bits.
            Size {
                /// Bits of the modulus.
                bits: u32,
            },
        }

        impl fmt::Display for KeyError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $( Self::$name => f.write_str($text), )*
                    Self::Size { bits } => {
                        write!(f, "the RSA modulus has {bits} bits instead of 2048 to 4096")
                    }
                }
            }
        }
    };
}

key_errors! {
    /// On the operator's list of weak keys.
    Blocked: "the key is on the list of weak keys";
    /// The private key does not belong to its public key, or contradicts itself.
    Contradiction: "the private key contradicts itself or its public key";
    /// Not DER or PEM of the one form that we read, or not its one spelling.
    Encoding: "the key is not in the one form that is read";
    /// The RSA exponent is even, below 65537 or above 2³² (NIST SP 800-56B §6.4.1.2 sets the lower bound).
    Exponent: "the RSA exponent is not odd and between 65537 and 2^32";
    /// Neither `rsaEncryption` nor an elliptic curve that we name.
    Kind: "the key is neither RSA nor on P-256 or P-384";
    /// A certificate beside it cannot be read.
    Certificate: "a certificate of the file cannot be read";
    /// The passphrase does not open it.
    Passphrase: "the passphrase does not open the key";
    /// The point is not on its curve, or is the point at infinity.
    Point: "the point is not on its curve";
    /// The modulus has the mark of the generator of CVE-2017-15361 (ROCA).
    Roca: "the RSA modulus was made by a broken generator (CVE-2017-15361)";
    /// The modulus has a prime factor below 168.
    SmallFactor: "the RSA modulus has a small factor";
}

/// A signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// The key is not one for this algorithm.
    KeyMismatch,
    /// The key did not make this signature over this digest.
    Signature,
}

/// A ciphertext did not open. A unit on purpose: any detail would be an oracle (ENC-01, ENC-09).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecryptError;

/// A certificate or revocation list may not be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError {
    /// Why.
    pub fault: CertificateFault,
    /// Which certificate of the path and what exactly, for the operator's log. Holds text that the
    /// certificate's subject chose.
    pub detail: String,
}

impl CertificateError {
    pub(crate) fn new(fault: CertificateFault, detail: impl Into<String>) -> Self {
        Self { fault, detail: detail.into() }
    }

    /// The ground for refusal that vectors, verdicts and logs name.
    pub const fn reason(&self) -> Reason {
        Reason::Certificate(self.fault)
    }
}

macro_rules! from {
    ($( $from:ty => $to:ty: $make:expr; )*) => { $(
        impl From<$from> for $to {
            fn from(error: $from) -> Self {
                $make(error)
            }
        }
    )* };
}

from! {
    ErrorStack => CryptoError: |errors: ErrorStack| Self::Library(errors.to_string());
    KeyError => CryptoError: Self::Key;
    ErrorStack => DecryptError: |_| Self;
    ErrorStack => VerifyError: |_| Self::Signature; // fail closed: what could not be computed was not verified
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm => f.write_str("the key cannot be used with this algorithm"),
            Self::Key(error) => error.fmt(f),
            Self::Length => f.write_str("more octets than one operation takes"),
            Self::Library(detail) => write!(f, "OpenSSL failed: {detail}"),
            Self::OwnSignature => f.write_str("the signing device returned a signature that does not verify"),
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyMismatch => "the key is not one for this algorithm",
            Self::Signature => "the key did not make this signature",
        })
    }
}

impl fmt::Display for DecryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ciphertext does not open")
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.fault, self.detail)
    }
}

impl std::error::Error for CryptoError {}
impl std::error::Error for KeyError {}
impl std::error::Error for VerifyError {}
impl std::error::Error for DecryptError {}
impl std::error::Error for CertificateError {}
