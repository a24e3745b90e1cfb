//! Every ground for refusing bytes that a stranger sent, and what the stranger may be told.
//!
//! A [`Reason`] is precise and stays inside: logs, evidence, vectors and verdicts speak it. A peer is only
//! ever shown an [`Answer`], which is coarse. The table from one to the other is [`Reason::answer`]; it has
//! no wildcard arm, so a new reason does not compile until somebody has decided what a peer may learn from it.
//!
//! Two groups of reasons share one answer each, byte for byte, because the difference between their members is
//! an oracle: [`Answer::Auth`] (who said it) and [`Answer::Dec`] (what the ciphertext hides).

#![forbid(unsafe_code)]

use std::fmt;

/// A list of grounds for refusal, each with its answer and the id of the sentence in `spec/` that demands the refusal; then
/// those that a list of their own tells apart.
macro_rules! grounds {
    ($(#[$doc:meta])* $name:ident {
        $( $(#[$ground_doc:meta])* $ground:ident => $answer:ident, $sentence:literal; )*
        $( -- $( $(#[$list_doc:meta])* $list:ident($of:ident); )* )?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$ground_doc])* $ground, )*
            $( $( $(#[$list_doc])* $list($of), )* )?
        }

        impl $name {
            /// All but those that a list of their own tells apart.
            pub const PLAIN: &'static [Self] = &[$( Self::$ground ),*];

            /// What a peer may be told.
            #[must_use]
            pub const fn answer(self) -> Answer {
                match self {
                    $( Self::$ground => Answer::$answer, )*
                    $( $( Self::$list(which) => which.answer(), )* )?
                }
            }

            /// Id of the sentence in `spec/` that demands the refusal.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $( Self::$ground => $sentence, )*
                    $( $( Self::$list(which) => which.sentence(), )* )?
                }
            }
        }
    };
}

grounds! {
    /// Why bytes were refused. The names are those that vectors, verdicts and logs use.
    Reason {
        /// `wsa:Action`, the SOAPAction of the transport and the kind of Body do not agree.
        Action => Semantic, "message.action.agrees";
        /// An algorithm outside the closed list, or a parameter of one.
        Algorithm => Auth, "signature.algorithm.closed";
        /// Not exactly one assertion where one is expected.
        AssertionCount => Auth, "signature.position.one-assertion";
        /// The envelope is for another audience.
        Audience => Semantic, "envelope.audience.self";
        /// Base64 that is not the canonical spelling of its octets.
        Base64 => Auth, "xml.base64.canonical";
        /// Not exactly one element in Body, or of a kind that is not taken here.
        Body => Semantic, "message.body.one-child";
        /// The element has no canonical form, so nothing about it can be signed.
        C14n => Bytes, "signature.canonical.exists";
        /// A character that XML 1.0 does not allow.
        Char => Bytes, "xml.char.allowed";
        /// The envelope lacks a condition that it must have, or has one that we do not know.
        Condition => Semantic, "envelope.one-time-use.present";
        /// An answer to nothing that we asked.
        Correlation => Semantic, "message.relates-to.answered";
        /// The signature is sound, but does not cover a part that must be covered.
        Coverage => Auth, "signature.coverage.all-parts";
        /// A date and time outside the one lexical form.
        DateTime => Semantic, "xml.datetime.form";
        /// A ciphertext that does not open with our key. Carries no detail on purpose.
        Decrypt => Dec, "encryption.open.one-answer";
        /// The digest of the canonical bytes is not the one that was signed.
        Digest => Auth, "signature.digest.match";
        /// The relay did not receipt the disclosure, so nothing may be disclosed.
        Disclosure => Internal, "linkage.disclosure.required";
        /// A document type declaration.
        Doctype => Bytes, "xml.doctype.forbidden";
        /// Two attributes of one element with the same expanded name.
        DuplicateAttribute => Bytes, "xml.attribute.unique";
        /// A header block, Timestamp or Security that stands twice.
        DuplicateHeader => Auth, "message.header.once";
        /// Two elements with the same identifier.
        DuplicateId => Auth, "xml.id.unique";
        /// No element at all.
        Empty => Bytes, "xml.document.one-root";
        /// Not UTF-8, or declared to be something else.
        Encoding => Bytes, "xml.encoding.utf8";
        /// The envelope was presented before.
        EnvelopeReplay => Semantic, "envelope.use.once";
        /// The envelope is not valid now, or for longer than it may be.
        EnvelopeWindow => Semantic, "envelope.window.current";
        /// `sbf:Framework` is missing or has another version.
        Framework => Semantic, "message.framework.version";
        /// The envelope was made for another holder than the one who presents it.
        HolderOfKey => Semantic, "envelope.holder.sender";
        /// Not the HTTP request that the standard has.
        Http => Bytes, "transport.method.post";
        /// A number without the form of its scheme.
        Identifier => Semantic, "mapping.input.form";
        /// Our own mistake; never the peer's.
        Internal => Internal, "answer.internal.server-fault";
        /// No trusted key of the claimed signer fits.
        Key => Auth, "key.trust.metadata-only";
        /// Key information of a form that would have us fetch, derive or follow something.
        KeyInfo => Auth, "key.info.hint-only";
        /// The relay is asked to map to itself.
        Loop => Semantic, "mapping.loop.none";
        /// No mapping input, too many, or two of one name.
        MappingInput => Semantic, "mapping.input.count";
        /// `wsa:MessageID` is missing or of another form.
        MessageId => Semantic, "message.id.form";
        /// A header block that must be understood and is not.
        MustUnderstand => Semantic, "message.header.understood";
        /// Not a Name, or not an NCName where one is demanded.
        Name => Bytes, "xml.name.form";
        /// The number in the envelope is qualified for somebody else.
        NameId => Dec, "envelope.name-id.qualifiers";
        /// The number in the envelope is of a scheme that is not ours, or lacks its form.
        NameIdFormat => Dec, "envelope.name-id.format";
        /// A namespace declaration that Namespaces in XML forbids.
        Namespace => Bytes, "xml.namespace.declaration";
        /// No agreement or role allows the sender to ask this.
        NotAuthorised => Semantic, "mapping.agreement.pair";
        /// Tags, attributes, text or markup outside the grammar of XML 1.0.
        NotWellFormed => Bytes, "xml.document.well-formed";
        /// Signed and encrypted in the order that the standard does not use.
        Order => Auth, "encryption.order.encrypt-then-sign";
        /// The party asked answered with a fault or an unsuccessful status.
        PeerFault => Semantic, "requester.answer.fault";
        /// A processing instruction.
        Pi => Bytes, "xml.pi.forbidden";
        /// The ciphertext opened, but what it held is not what the standard puts there.
        Plaintext => Dec, "encryption.plaintext.one-element";
        /// A processing context, such as a dry run.
        ProcessingContext => Semantic, "message.processing-context.none";
        /// No usage directive with a purpose that we know, or several.
        Purpose => Semantic, "message.usage-directive.purpose";
        /// The envelope was made for another purpose than the message states.
        PurposeMismatch => Semantic, "envelope.purpose.agrees";
        /// No item, too many, an unknown one, or one twice.
        Query => Semantic, "linkage.query.form";
        /// The envelope is confirmed for another recipient.
        Recipient => Semantic, "envelope.recipient.self";
        /// The reference does not point at the element that carries the signature.
        ReferenceTarget => Auth, "signature.reference.parent";
        /// The reference is not `#` and an NCName.
        ReferenceUri => Auth, "signature.reference.fragment";
        /// The sender used this MessageID before.
        Replay => Semantic, "message.id.once";
        /// `wsa:ReplyTo` or `wsa:FaultTo` names a place of its own.
        ReplyTo => Semantic, "message.reply-to.anonymous";
        /// The outermost element is another one than expected.
        RootElement => Semantic, "signature.position.root";
        /// An element or attribute that the schema does not have at this place.
        Schema => Semantic, "xml.schema.closed";
        /// `sb:Sender` is missing or not the one who signed.
        Sender => Auth, "message.sender.is-signer";
        /// The signature value was not made by the key over these bytes.
        Signature => Auth, "signature.value.verifies";
        /// A signature at a place where the schema has none.
        SignaturePosition => Auth, "signature.position.schema";
        /// Not a SOAP 1.1 Envelope with one Header and one Body.
        Soap => Semantic, "message.soap.shape";
        /// A Signature, EncryptedData or EncryptedKey of another shape than the standard's one.
        Structure => Auth, "signature.structure.one-shape";
        /// Not exactly one envelope in `sb:TargetIdentity`.
        TargetIdentity => Semantic, "envelope.present.once";
        /// No TLS with a client certificate of a trusted authority.
        Tls => Bytes, "transport.tls.client";
        /// The TLS client is not the sender of the message.
        TlsClient => Auth, "message.sender.is-tls-client";
        /// `wsa:To` is not our endpoint.
        To => Semantic, "message.to.is-receiver";
        /// Not exactly one X.509 token of the signer, or a token of another kind.
        Token => Auth, "message.token.certificate";
        /// Transforms other than enveloped-signature and exclusive canonicalisation, or in another order.
        Transform => Auth, "signature.transform.closed";
        /// A prefix without a declaration.
        UnboundPrefix => Bytes, "xml.prefix.bound";
        /// A reserved attribute (`xml:id`, `xml:base`, …) that no profiled message has.
        UnexpectedAttribute => Bytes, "xml.attribute.reserved";
        /// An envelope or an item that was not asked for.
        Unrequested => Semantic, "requester.envelope.check";
        /// No signature where one is required.
        Unsigned => Auth, "signature.presence.required";
        /// The envelope is of a version that we do not know.
        Version => Semantic, "envelope.version.known";
        /// The Timestamp is missing, not current, or longer than it may be.
        Window => Semantic, "message.timestamp.window";
        /// An XML declaration other than the allowed one, or not at the start.
        XmlDecl => Bytes, "xml.declaration.form";
        --
        /// More of something than one message may have; which, is said by the [`LimitKind`].
        Limit(LimitKind);
        /// The certificate was read, but may not be relied on; why, is said by the [`CertificateFault`].
        Certificate(CertificateFault);
    }
}

grounds! {
    /// What there was too much of.
    LimitKind {
        /// Attributes on one element.
        Attributes => Bytes, "limit.attributes";
        /// Octets in the whole message.
        Bytes => TooLarge, "limit.bytes";
        /// Elements inside elements.
        Depth => Bytes, "limit.depth";
        /// Encryption inside encryption.
        EncDepth => Dec, "limit.encryption-depth";
        /// Different prefixes, or namespace names, in the whole message.
        Namespaces => Bytes, "limit.namespaces";
        /// Elements, texts, attributes and declarations in the whole message.
        Nodes => Bytes, "limit.nodes";
        /// Private- or public-key operations for one message.
        Operations => Auth, "limit.operations";
        /// References of one signature.
        References => Auth, "limit.references";
        /// Octets in one name, value or text.
        Token => Bytes, "limit.token";
    }
}

grounds! {
    /// Why a certificate may not be relied on (RFC 5280 §6; what each purpose demands is in `chukei-crypto`).
    CertificateFault {
        /// A CA certificate at the leaf, or a leaf used as CA.
        BasicConstraints => Auth, "key.certificate.path";
        /// A critical extension that we do not know.
        CriticalExtension => Auth, "key.certificate.path";
        /// Not DER, or more than the 16 KiB that we read.
        Encoding => Auth, "key.certificate.path";
        /// Its `notAfter` has passed.
        Expired => Auth, "key.certificate.path";
        /// Extended key usage does not name the purpose.
        ExtendedKeyUsage => Auth, "key.certificate.path";
        /// Its key is too short, has a bad exponent or is on a list of weak keys.
        Key => Auth, "key.certificate.path";
        /// Key usage does not allow the purpose.
        KeyUsage => Auth, "key.certificate.path";
        /// A name outside the constraints of a CA above it.
        NameConstraints => Auth, "key.certificate.path";
        /// Its `notBefore` is still to come.
        NotYetValid => Auth, "key.certificate.path";
        /// The path is longer than allowed.
        PathLength => Auth, "key.certificate.path";
        /// On the revocation list.
        Revoked => Auth, "key.certificate.path";
        /// No current revocation list of its issuer is at hand.
        RevocationUnknown => Auth, "key.certificate.path";
        /// A signature in the path does not verify, or uses a refused algorithm.
        Signature => Auth, "key.certificate.path";
        /// No path to a trust anchor.
        UnknownIssuer => Auth, "key.certificate.path";
    }
}

impl Reason {
    /// Every reason, limits and certificate faults spelled out: what vectors have to cover.
    pub fn all() -> impl Iterator<Item = Self> {
        let limits = LimitKind::PLAIN.iter().map(|kind| Self::Limit(*kind));
        let certificates = CertificateFault::PLAIN.iter().map(|fault| Self::Certificate(*fault));
        Self::PLAIN.iter().copied().chain(limits).chain(certificates)
    }

    /// The reason of this name (`Doctype`, `Limit(Depth)`, `Certificate(Expired)`), as vectors spell it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|reason| reason.to_string() == name)
    }
}

/// The name as vectors spell it.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What a peer is told. Everything that one variant stands for is answered with equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Answer {
    /// "Who said this" failed: signature, trust, coverage, sender.
    Auth,
    /// The bytes are no message: HTTP 400, SOAP `Client`, no SAML reply.
    Bytes,
    /// A ciphertext or what was in it: one answer for everything between "ciphertext seen" and "inner content accepted".
    Dec,
    /// Our own fault: HTTP 500, SOAP `Server`, SAML `Responder`.
    Internal,
    /// Signed and readable, but not what the standard allows: SOAP `Client`, SAML `Requester`.
    Semantic,
    /// HTTP 413.
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        let mut names: Vec<String> = Reason::all().map(|reason| reason.to_string()).collect();
        let count = names.len();
        assert!(names.iter().all(|name| Reason::from_name(name).is_some_and(|r| r.to_string() == *name)));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(Reason::from_name("Nonsense"), None);
    }

    #[test]
    fn what_a_ciphertext_hides_has_one_answer() {
        for reason in [Reason::Decrypt, Reason::Plaintext, Reason::Limit(LimitKind::EncDepth)] {
            assert_eq!(reason.answer(), Answer::Dec);
        }
        // Positive case: another group is told apart.
        assert_ne!(Reason::Doctype.answer(), Answer::Dec);
    }
}
