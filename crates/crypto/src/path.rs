//! Certificate paths (RFC 5280 §6): from a leaf through the certificates at hand to an anchor, at a given
//! time.

use chukei_reason::CertificateFault as Fault;
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509ExtendedKeyUsage as Eku, X509KeyUsage as Usage, X509StoreContext};

use crate::certificate::is_listed;
use crate::{Certificate, CertificateError, Crl, UnixTime, WeakKeys};

/// Certificates between leaf and anchor. The bridged hierarchies in use have three.
const MAX_INTERMEDIATES: i32 = 4;
/// 112 bits: RSA of 2048 bits, no SHA-1 (OpenSSL's security levels).
const AUTH_LEVEL: i32 = 2;

/// What a certificate is to be relied on for (RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.12).
///
/// | purpose | key usage, one of | extended key usage, one of | basic constraints |
/// |---|---|---|---|
/// | `SignMessages` | `digitalSignature`, `nonRepudiation` | `emailProtection`, `clientAuth` | no CA |
/// | `SignDocuments` | `nonRepudiation` | `emailProtection` | no CA |
/// | `TlsClient` | `digitalSignature` | `clientAuth` | no CA |
/// | `TlsServer` | `digitalSignature` | `serverAuth`, demanded | no CA |
/// | `WrapKeys` | `keyEncipherment` | `emailProtection` | no CA |
/// | `SignCertificates` | `keyCertSign` | any that OpenSSL knows | CA |
///
/// Key usage must be present. Extended key usage may be absent except for a TLS server, and
/// `anyExtendedKeyUsage` stands for each; where a CA above the leaf has one, it must allow the purpose too.
/// `SignMessages` takes `clientAuth`, because the signer of a message is also the TLS client that sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// An institution signs a message or a token.
    SignMessages,
    /// A person signs a document with a card's signature key.
    SignDocuments,
    /// A TLS client, or a challenge answered with a card's authentication key.
    TlsClient,
    /// A TLS server.
    TlsServer,
    /// A recipient of wrapped content keys.
    WrapKeys,
    /// A certification authority.
    SignCertificates,
}

/// What happens to a certificate about which no revocation list at hand says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// It is refused: every certificate below the anchor needs a current list of its issuer.
    Required,
    /// It passes; but where a list of its issuer is at hand, that list must be current.
    IfPresent,
}

/// A leaf that may be relied on, and how that follows. Made only by [`TrustAnchors::validate`].
#[derive(Clone, Debug)]
pub struct CertificatePath {
    certificates: Vec<Certificate>,
    leaf: Certificate,
}

impl CertificatePath {
    /// The certificate that was asked about.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// All certificates, from the leaf to the anchor.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

/// The certification authorities that the operator trusts, with the revocation lists at hand.
#[derive(Clone, Debug)]
pub struct TrustAnchors {
    anchors: Vec<Certificate>,
    crls: Vec<Crl>,
    weak: WeakKeys,
}

impl Purpose {
    /// The table above: key usage must be present in the leaf and hold one of these; extended key usage, where present,
    /// one of those, and the same goes for every CA in the path.
    const fn demand(self) -> (Usage, Eku) {
        let sign = Usage::DIGITAL_SIGNATURE;
        let (usage, extended) = match self {
            Self::SignMessages => (sign.union(Usage::NON_REPUDIATION), Eku::SMIME.union(Eku::SSL_CLIENT)),
            Self::SignDocuments => (Usage::NON_REPUDIATION, Eku::SMIME),
            Self::TlsClient => (sign, Eku::SSL_CLIENT),
            Self::TlsServer => (sign, Eku::SSL_SERVER),
            Self::WrapKeys => (Usage::KEY_ENCIPHERMENT, Eku::SMIME),
            Self::SignCertificates => (Usage::KEY_CERT_SIGN, Eku::all()),
        };
        (usage, extended.union(Eku::ANYEKU))
    }
}

impl TrustAnchors {
    /// Trusts these certification authorities, self-signed or not.
    ///
    /// # Errors
    /// [`Fault::BasicConstraints`] for a certificate that is no authority's, [`Fault::Key`] for one whose key
    /// may not be used: an operator's mistake that would otherwise show only when the first message is
    /// refused.
    pub fn new(anchors: Vec<Certificate>) -> Result<Self, CertificateError> {
        for anchor in &anchors {
            if !anchor.fields().is_ca {
                let detail = "is an anchor, but no certification authority";
                return Err(fault(Fault::BasicConstraints, anchor, detail));
            }
            anchor.public_key().map_err(|error| fault(Fault::Key, anchor, &error.to_string()))?;
        }
        Ok(Self { anchors, crls: Vec::new(), weak: WeakKeys::default() })
    }

    /// Adds revocation lists.
    #[must_use]
    pub fn with_crls(mut self, crls: Vec<Crl>) -> Self {
        self.crls.extend(crls);
        self
    }

    /// Refuses these keys wherever they stand in a path.
    #[must_use]
    pub fn with_weak_keys(mut self, weak: WeakKeys) -> Self {
        self.weak = weak;
        self
    }

    /// Decides whether `leaf` may be relied on for `purpose` at this time.
    ///
    /// Nothing is fetched: `intermediates` and the lists given before are all there is (KEY-05).
    ///
    /// # Errors
    /// [`CertificateError`] with the first fault found: purpose of the leaf, path, keys and algorithms in the
    /// path, revocation.
    pub fn validate(
        &self,
        leaf: &Certificate,
        intermediates: &[Certificate],
        at: UnixTime,
        purpose: Purpose,
        revocation: Revocation,
    ) -> Result<CertificatePath, CertificateError> {
        check_leaf(leaf, purpose)?;
        let certificates = self.build(leaf, intermediates, at)?;
        for (depth, certificate) in certificates.iter().enumerate() {
            let is_anchor = depth + 1 == certificates.len();
            self.check_strength(certificate, is_anchor)?;
            if depth > 0 {
                check_extended(certificate, purpose)?;
            }
        }
        for pair in certificates.windows(2) {
            if let [certificate, issuer] = pair {
                self.check_revocation(certificate, issuer, at, revocation)?;
            }
        }
        Ok(CertificatePath { certificates, leaf: leaf.clone() })
    }

    /// OpenSSL builds and verifies the path: names, signatures, times, constraints, critical extensions.
    fn build(
        &self,
        leaf: &Certificate,
        intermediates: &[Certificate],
        at: UnixTime,
    ) -> Result<Vec<Certificate>, CertificateError> {
        let mut context = X509StoreContext::new().map_err(library)?;
        let outcome = context.init(
            &*self.store(at).map_err(library)?,
            leaf.x509(),
            &*stack(intermediates)?,
            |context| {
                if context.verify_cert()? {
                    let chain =
                        context.chain().into_iter().flatten().map(ToOwned::to_owned).collect::<Vec<X509>>();
                    return Ok(Ok(chain));
                }
                let error = context.error();
                Ok(Err((error.as_raw(), error.error_string(), context.current_cert().map(ToOwned::to_owned))))
            },
        );
        let known = || intermediates.iter().chain(&self.anchors).chain([leaf]);
        match outcome.map_err(library)? {
            Ok(chain) => chain
                .iter()
                .map(|x509| known().find(|certificate| *certificate.x509() == **x509).cloned())
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| {
                    fault(Fault::UnknownIssuer, leaf, "has a path of certificates that nobody gave")
                }),
            Err((code, text, current)) => {
                let at_fault =
                    known().find(|known| current.as_ref().is_some_and(|current| *known.x509() == **current));
                let at_fault = at_fault.unwrap_or(leaf);
                Err(fault(library_fault(code, at_fault), at_fault, text))
            }
        }
    }

    /// The library keeps the time in the store, so the store is made for each decision; that costs 1 µs an
    /// anchor.
    fn store(&self, at: UnixTime) -> Result<X509Store, ErrorStack> {
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_time(at.0);
        parameters.set_depth(MAX_INTERMEDIATES);
        parameters.set_auth_level(AUTH_LEVEL);
        // STRICT: what RFC 5280 §4.2 demands of a CA's extensions. PARTIAL_CHAIN: an anchor need not be
        // self-signed. POLICY_CHECK: a policy constraint in a certificate is obeyed, not skipped.
        parameters.set_flags(
            X509VerifyFlags::X509_STRICT | X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::POLICY_CHECK,
        )?;
        let mut store = X509StoreBuilder::new()?;
        for anchor in &self.anchors {
            store.add_cert(anchor.x509().to_owned())?;
        }
        store.set_param(&parameters)?;
        Ok(store.build())
    }

    /// Keys of the whole path; algorithms of the signatures that count (nobody relies on the anchor's own).
    fn check_strength(&self, certificate: &Certificate, is_anchor: bool) -> Result<(), CertificateError> {
        let key = certificate.public_key().and_then(|key| self.weak.check(&key));
        key.map_err(|error| fault(Fault::Key, certificate, &error.to_string()))?;
        if !is_anchor && !is_listed(&certificate.fields().signature_algorithm) {
            return Err(fault(Fault::Signature, certificate, "is signed with an algorithm outside the list"));
        }
        Ok(())
    }

    fn check_revocation(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        at: UnixTime,
        revocation: Revocation,
    ) -> Result<(), CertificateError> {
        let mut verdict = None;
        for answer in self.crls.iter().filter_map(|crl| crl.check(certificate, issuer, at)) {
            match answer {
                Err(error) if error.fault == Fault::Revoked => return Err(error),
                Ok(()) => verdict = Some(Ok(())),
                stale => verdict = verdict.or(Some(stale)),
            }
        }
        match (verdict, revocation) {
            (Some(verdict), _) => verdict,
            (None, Revocation::IfPresent) => Ok(()),
            (None, Revocation::Required) => {
                let detail = "has an issuer without a revocation list at hand";
                Err(fault(Fault::RevocationUnknown, certificate, detail))
            }
        }
    }
}

fn check_leaf(leaf: &Certificate, purpose: Purpose) -> Result<(), CertificateError> {
    // RFC 5280 §4.2.1.9
    if leaf.fields().is_ca != (purpose == Purpose::SignCertificates) {
        let is = if leaf.fields().is_ca { "is a" } else { "is no" };
        return Err(fault(Fault::BasicConstraints, leaf, &format!("{is} certification authority's")));
    }
    // RFC 5280 §4.2.1.3
    let (demanded, _) = purpose.demand();
    if !leaf.x509().key_usage().is_some_and(|usage| usage.intersects(demanded)) {
        return Err(fault(Fault::KeyUsage, leaf, "has no key usage for the purpose"));
    }
    // RFC 5280 §4.2.1.12
    if purpose == Purpose::TlsServer && leaf.x509().extended_key_usage().is_none() {
        return Err(fault(Fault::ExtendedKeyUsage, leaf, "has no extended key usage"));
    }
    check_extended(leaf, purpose)
}

fn check_extended(certificate: &Certificate, purpose: Purpose) -> Result<(), CertificateError> {
    let (_, demanded) = purpose.demand();
    if certificate.x509().extended_key_usage().is_some_and(|usage| !usage.intersects(demanded)) {
        return Err(fault(Fault::ExtendedKeyUsage, certificate, "has no extended key usage for the purpose"));
    }
    Ok(())
}

/// Our name for the library's verdict (`X509_V_ERR_*` in `x509_vfy.h`).
fn library_fault(code: i32, certificate: &Certificate) -> Fault {
    match code {
        // One code of the library for "no authority" and for "an authority that may not sign certificates".
        79 if certificate.fields().is_ca => Fault::KeyUsage,
        4 | 7 | 68 | 76 | 77 | 78 => Fault::Signature,
        9 => Fault::NotYetValid,
        10 => Fault::Expired,
        6 | 24 | 66 | 67 | 94 => Fault::Key,
        22 | 25 | 38 | 80 => Fault::PathLength,
        26 | 32 | 39 | 81 | 82 | 92 => Fault::KeyUsage,
        34 | 40 | 43 => Fault::CriticalExtension,
        37 | 79 | 89 => Fault::BasicConstraints,
        47..=49 | 51..=53 => Fault::NameConstraints,
        13 | 14 | 41 | 42 | 45 | 46 | 83..=88 | 90 | 91 | 93 => Fault::Encoding,
        _ => Fault::UnknownIssuer,
    }
}

fn stack(certificates: &[Certificate]) -> Result<Stack<X509>, CertificateError> {
    let mut stack = Stack::new().map_err(library)?;
    for certificate in certificates {
        stack.push(certificate.x509().to_owned()).map_err(library)?;
    }
    Ok(stack)
}

fn fault(fault: Fault, certificate: &Certificate, detail: &str) -> CertificateError {
    CertificateError::new(fault, format!("{} {detail}", certificate.subject()))
}

/// The library failed before it had a verdict: nothing is trusted.
fn library(errors: ErrorStack) -> CertificateError {
    CertificateError::new(Fault::UnknownIssuer, format!("OpenSSL failed: {errors}"))
}
