//! Reading what went over the wire, for judges: loosely, since a judge has to look at wrong messages too.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use chukei_crypto::ContentKey;
use chukei_evidence::{Body, Exchange};
use chukei_reason::Reason;
use chukei_xml::{Document, Element, Name, lexical::DateTime, lexical::decode_base64, ns};

const HEADER: Name = ns::SOAP.name("Header");
const BODY: Name = ns::SOAP.name("Body");
const FAULT: Name = ns::SOAP.name("Fault");
const STATUS: Name = ns::LU.name("Status");
/// `saml:Assertion`.
pub(crate) const ASSERTION: Name = ns::SAML.name("Assertion");

/// A SOAP message that could be read as XML.
pub(crate) struct Message {
    document: Arc<Document>,
}

/// Messages that are remembered by their digest: every judge of a whole run looks at all of them.
pub(crate) const REMEMBERED: usize = 1 << 14;

/// The document in a body, if it is one. A function of the bytes, which is remembered.
pub(crate) fn document(body: &Body) -> Result<Arc<Document>, Reason> {
    thread_local! {
        static READ: RefCell<HashMap<[u8; 32], Result<Arc<Document>, Reason>>> = RefCell::default();
    }
    READ.with_borrow_mut(|read| {
        if read.len() >= REMEMBERED {
            read.clear();
        }
        let parse = || Document::parse(body.bytes()).map(Arc::new).map_err(|error| error.reason());
        read.entry(body.digest()).or_insert_with(parse).clone()
    })
}

impl Message {
    /// The message in a body, when it is well-formed and has an Envelope.
    pub(crate) fn of(body: &Body) -> Option<Self> {
        let document = document(body).ok().filter(|document| document.root().is(ns::SOAP.name("Envelope")));
        document.map(|document| Self { document })
    }

    pub(crate) fn root(&self) -> Element<'_> {
        self.document.root()
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    fn child(&self, name: Name) -> Option<Element<'_>> {
        self.root().elements().find(|child| child.is(name))
    }

    /// Header blocks of this name.
    pub(crate) fn headers(&self, name: Name) -> Vec<Element<'_>> {
        self.child(HEADER).into_iter().flat_map(Element::elements).filter(|block| block.is(name)).collect()
    }

    /// The one header block of this name.
    pub(crate) fn header(&self, name: Name) -> Option<Element<'_>> {
        match self.headers(name).as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// Text of the one header block of this name.
    pub(crate) fn header_text(&self, name: Name) -> Option<&str> {
        text(self.header(name)?)
    }

    /// Body.
    pub(crate) fn body(&self) -> Option<Element<'_>> {
        self.child(BODY)
    }

    /// What stands in Body.
    pub(crate) fn content(&self) -> Option<Element<'_>> {
        self.body()?.elements().next()
    }

    /// Local name of what stands in Body; empty for none.
    pub(crate) fn kind(&self) -> &str {
        self.content().map_or("", Element::local)
    }

    /// The fault in Body.
    pub(crate) fn fault(&self) -> Option<Element<'_>> {
        self.content().filter(|content| content.is(FAULT))
    }

    /// Local part and namespace of `faultcode`.
    pub(crate) fn fault_code(&self) -> Option<(&str, &str)> {
        let code = self.fault()?.elements().find(|child| child.local() == "faultcode")?;
        let (prefix, local) = text(code)?.split_once(':').unwrap_or(("", text(code)?));
        Some((local, scope(code, prefix).unwrap_or_default()))
    }

    /// `code` of the `lu:Status` in the fault's detail.
    pub(crate) fn fault_status(&self) -> Option<&str> {
        let detail = self.fault()?.elements().find(|child| child.local() == "detail")?;
        detail.elements().find(|child| child.is(STATUS))?.attribute("code")
    }

    /// `code` of the first-level status of an answer.
    pub(crate) fn status(&self) -> Option<&str> {
        self.content()?.elements().find(|child| child.is(STATUS))?.attribute("code")
    }

    /// The second-level statuses of an answer: `ref` and `code`.
    pub(crate) fn statuses(&self) -> Vec<(&str, &str)> {
        let first = self.content().and_then(|content| content.elements().find(|child| child.is(STATUS)));
        let inner = first.into_iter().flat_map(Element::elements).filter(|child| child.is(STATUS));
        inner.map(|status| (attribute(status, "ref"), attribute(status, "code"))).collect()
    }

    /// `reqRef` and envelope of each `ims:MappingOutput`.
    pub(crate) fn outputs(&self) -> Vec<(&str, Element<'_>)> {
        let outputs = self.content().into_iter().flat_map(Element::elements);
        outputs
            .filter(|child| child.is(ns::IMS.name("MappingOutput")))
            .filter_map(|output| {
                let envelope = output.descendants().find(|inner| inner.is(ASSERTION))?;
                Some((attribute(output, "reqRef"), envelope))
            })
            .collect()
    }

    /// Envelopes in `sb:TargetIdentity`.
    pub(crate) fn envelopes(&self) -> Vec<Element<'_>> {
        let target = self.header(ns::SB.name("TargetIdentity"));
        target.into_iter().flat_map(Element::elements).filter(|child| child.is(ASSERTION)).collect()
    }

    /// Purpose in `sb:UsageDirective`.
    pub(crate) fn purpose(&self) -> Option<&str> {
        text(self.header(ns::SB.name("UsageDirective"))?.elements().next()?)
    }

    /// `Created` and `Expires`, in seconds since 1970.
    pub(crate) fn timestamp(&self) -> Option<(i64, i64)> {
        let stamp =
            self.header(ns::WSSE.name("Security"))?.elements().find(|c| c.is(ns::WSU.name("Timestamp")))?;
        let time = |local| seconds(text(stamp.elements().find(|c| c.is(ns::WSU.name(local)))?)?);
        Some((time("Created")?, time("Expires")?))
    }

    /// Texts of the `ck:Item`s in what stands in Body.
    pub(crate) fn items(&self) -> Vec<&str> {
        let content = self.content().into_iter().flat_map(Element::elements);
        content.filter(|child| child.is(ns::CK.name("Item"))).filter_map(text).collect()
    }
}

/// Text of an element that holds nothing else.
pub(crate) fn text(element: Element<'_>) -> Option<&str> {
    element.text().ok()
}

/// Value of an attribute; empty for none.
pub(crate) fn attribute<'d>(element: Element<'d>, name: &str) -> &'d str {
    element.attribute(name).unwrap_or_default()
}

/// Seconds since 1970 of an xs:dateTime.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    DateTime::parse(text).map(|time| time.seconds)
}

/// Seconds that Japan is ahead of UTC.
pub(crate) const JAPAN: i64 = 9 * 3600;

/// The day in Japan at a time, as an xs:date.
pub(crate) fn day(at: i64) -> String {
    let japan = DateTime { seconds: at.saturating_add(JAPAN), nanoseconds: 0 }.format();
    japan.get(..10).unwrap_or_default().to_owned()
}

/// The first element of this name inside.
pub(crate) fn inside<'d>(element: Element<'d>, name: Name) -> Option<Element<'d>> {
    element.descendants().find(|inner| inner.is(name))
}

/// Value of an attribute of the envelope after the standard's prefix.
pub(crate) fn stated<'d>(envelope: Element<'d>, name: &str) -> Option<&'d str> {
    let wanted = format!("urn:chukei:1.0:attribute:{name}");
    let mut attributes = envelope.descendants().filter(|inner| inner.is(ns::SAML.name("Attribute")));
    text(attributes.find(|attribute| attribute.attribute("Name") == Some(&wanted))?.elements().next()?)
}

/// What a sealed element holds, opened with a key that the suite has unwrapped.
pub(crate) struct Opened {
    /// Content key.
    pub(crate) key: Vec<u8>,
    /// IV, ciphertext and tag.
    pub(crate) sealed: Vec<u8>,
    /// The octets, padding included.
    pub(crate) plaintext: Vec<u8>,
}

/// Opens the first `xenc:EncryptedData` inside an element.
pub(crate) fn open(exchange: &Exchange<'_>, holder: Element<'_>) -> Option<Opened> {
    let data = inside(holder, ns::XENC.name("EncryptedData"))?;
    let key = inside(data, ns::XENC.name("EncryptedKey"))?;
    let value = |data: Element<'_>| {
        let data = data.elements().find(|child| child.is(ns::XENC.name("CipherData")))?;
        Some(text(data.elements().next()?)?.split_ascii_whitespace().collect::<String>())
    };
    let (_, content_key) = exchange.unwrapped(&value(key)?)?;
    let sealed = decode_base64(&value(data)?)?;
    let plaintext = ContentKey::from_octets(&content_key).ok()?.open(&sealed).ok()?.to_vec();
    Some(Opened { key: content_key, sealed, plaintext })
}

/// The parties of the suite whose keys open something inside an element.
pub(crate) fn openers<'e>(exchange: &Exchange<'e>, holder: Element<'_>) -> Vec<&'e str> {
    let keys = holder.descendants().filter(|inner| inner.is(ns::XENC.name("EncryptedKey")));
    let wrapped = keys.filter_map(|key| text(inside(key, ns::XENC.name("CipherValue"))?));
    wrapped.filter_map(|wrapped| Some(exchange.unwrapped(wrapped)?.0)).collect()
}

/// The namespace that a prefix is bound to at an element.
fn scope<'d>(element: Element<'d>, prefix: &str) -> Option<&'d str> {
    let own = element.own_declarations().find(|(own, _)| *own == prefix).map(|(_, uri)| uri);
    own.or_else(|| scope(element.parent()?, prefix))
}
