"""Names of chapter 20 and the algorithms of chapters 11 and 12."""

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
SBF = "urn:liberty:sb"
SB = "urn:liberty:sb:2006-08"
LU = "urn:liberty:util:2006-08"
IMS = "urn:liberty:ims:2006-08"
SEC = "urn:liberty:security:2006-08"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
EC = "http://www.w3.org/2001/10/xml-exc-c14n#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
CK = "urn:chukei:1.0"
XML = "http://www.w3.org/XML/1998/namespace"

STANDARD = frozenset({SOAP, WSA, WSSE, WSU, SBF, SB, LU, IMS, SEC, SAML, SAMLP, MD, DS, EC, XENC, XENC11, CK, XML})
PREFIXES = {
    "soap": SOAP, "wsa": WSA, "wsse": WSSE, "wsu": WSU, "sbf": SBF,
    "sb": SB, "lu": LU, "saml": SAML, "ds": DS, "ck": CK,
}

ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
REPLY = "http://www.w3.org/2005/08/addressing/reply"
ACTOR_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_SOAP_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0"
STR_TRANSFORM = _SOAP_SECURITY + "#STR-Transform"
BASE64_BINARY = _SOAP_SECURITY + "#Base64Binary"
X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

ELEMENT = "http://www.w3.org/2001/04/xmlenc#Element"
AES256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
RSA_OAEP = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
MGF1_SHA256 = "http://www.w3.org/2009/xmlenc11#mgf1sha256"

HOLDER_OF_KEY = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
URI_NAME = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
SOAP_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"

ATTRIBUTE = CK + ":attribute:"
IDENTIFIER = CK + ":identifier:"
PURPOSES = frozenset(
    f"{CK}:purpose:{name}" for name in ("combined-high-cost", "eligibility-check", "benefit-adjustment", "history")
)


def q(namespace, local):
    """The name as lxml writes it."""
    return f"{{{namespace}}}{local}"
