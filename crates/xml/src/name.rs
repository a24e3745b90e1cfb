//! Expanded names, with the namespaces of the standard as constants.

use std::fmt;

/// A namespace that the standard uses, by its number in [`ns`]. Readers compare numbers, not strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(pub(crate) u16);

/// An expanded name: namespace and local part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Namespace.
    pub namespace: Namespace,
    /// Local part.
    pub local: &'static str,
}

impl Namespace {
    /// The name `local` in this namespace.
    pub const fn name(self, local: &'static str) -> Name {
        Name { namespace: self, local }
    }

    /// The namespace name.
    pub fn uri(self) -> &'static str {
        ns::TABLE.get(usize::from(self.0)).map(|entry| entry.0).unwrap_or_default()
    }

    /// The prefix that our own messages use.
    pub fn prefix(self) -> &'static str {
        ns::TABLE.get(usize::from(self.0)).map(|entry| entry.1).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.prefix() {
            "" => f.write_str(self.local),
            prefix => write!(f, "{prefix}:{}", self.local),
        }
    }
}

macro_rules! namespaces {
    ($( $(#[$doc:meta])* $name:ident = $number:literal, $uri:literal, $prefix:literal; )*) => {
        /// The namespaces of the standard, each with the prefix that our own messages use.
        pub mod ns {
            use super::Namespace;
            $( $(#[$doc])* pub const $name: Namespace = Namespace($number); )*
            pub(crate) const TABLE: &[(&str, &str)] = &[$(($uri, $prefix)),*];
        }
        #[cfg(test)]
        const NUMBERS: &[u16] = &[$($number),*];
    };
}

namespaces! {
    /// No namespace.
    NONE = 0, "", "";
    /// Reserved by Namespaces in XML 1.0 §3.
    XML = 1, "http://www.w3.org/XML/1998/namespace", "xml";
    /// Reserved by Namespaces in XML 1.0 §3.
    XMLNS = 2, "http://www.w3.org/2000/xmlns/", "xmlns";
    /// XML Signature 1.1 §1.3.
    DS = 3, "http://www.w3.org/2000/09/xmldsig#", "ds";
    /// XML Signature 1.1 §1.3.
    DSIG11 = 4, "http://www.w3.org/2009/xmldsig11#", "dsig11";
    /// Exclusive XML Canonicalization 1.0 §3.
    EXC_C14N = 5, "http://www.w3.org/2001/10/xml-exc-c14n#", "ec";
    /// XML Encryption 1.1 §1.3.
    XENC = 6, "http://www.w3.org/2001/04/xmlenc#", "xenc";
    /// XML Encryption 1.1 §1.3.
    XENC11 = 7, "http://www.w3.org/2009/xmlenc11#", "xenc11";
    /// SAML 2.0 core §1.
    SAML = 8, "urn:oasis:names:tc:SAML:2.0:assertion", "saml";
    /// SAML 2.0 core §1.
    SAMLP = 9, "urn:oasis:names:tc:SAML:2.0:protocol", "samlp";
    /// SAML 2.0 metadata §1.
    MD = 10, "urn:oasis:names:tc:SAML:2.0:metadata", "md";
    /// SOAP 1.1 §3.
    SOAP = 11, "http://schemas.xmlsoap.org/soap/envelope/", "soap";
    /// WS-Addressing 1.0 core §1.
    WSA = 12, "http://www.w3.org/2005/08/addressing", "wsa";
    /// WS-Security 1.1 §2.
    WSSE = 13, "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd", "wsse";
    /// WS-Security 1.1 §2.
    WSU = 14, "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd", "wsu";
    /// WS-Security 1.1 §2.
    WSSE11 = 15, "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd", "wsse11";
    /// Liberty ID-WSF SOAP Binding 2.0 §3.
    SB = 16, "urn:liberty:sb:2006-08", "sb";
    /// Liberty ID-WSF SOAP Binding 2.0 §5.1.
    SBF = 17, "urn:liberty:sb", "sbf";
    /// Liberty ID-WSF 2.0 utility schema.
    LU = 18, "urn:liberty:util:2006-08", "lu";
    /// Liberty ID-WSF Authentication, SSO and Identity Mapping 2.0 §7.
    IMS = 19, "urn:liberty:ims:2006-08", "ims";
    /// Liberty ID-WSF Discovery Service 2.0.
    DI = 20, "urn:liberty:disco:2006-08", "di";
    /// Liberty ID-WSF Security Mechanisms 2.0.
    SEC = 21, "urn:liberty:security:2006-08", "sec";
    /// XML Schema part 1 §2.6.
    XSI = 22, "http://www.w3.org/2001/XMLSchema-instance", "xsi";
    /// XML Schema part 2.
    XS = 23, "http://www.w3.org/2001/XMLSchema", "xs";
    /// What this standard adds.
    CK = 24, "urn:chukei:1.0", "ck";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions() {
        assert!(NUMBERS.iter().copied().eq(0..u16::try_from(ns::TABLE.len()).unwrap()));
        assert_eq!(ns::SAML.uri(), "urn:oasis:names:tc:SAML:2.0:assertion");
        assert_eq!(ns::SAML.name("Issuer").to_string(), "saml:Issuer");
    }
}
