"""Signatures (chapter 11): one shape, checked before a key is used; SignatureValue before any digest; and signing.

libxmlsec1 does the arithmetic on octets that this module canonicalised; it never sees a document.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

import xmlsec
from lxml import etree

import names
from names import DS, EC, WSSE, WSU, q
from octets import MAX_CANONICAL, base64_octets, canonical, children, text_of
from refusal import Refusal, not_a_message, not_authentic

MAX_REFERENCES, MAX_PREFIXES = 32, 16
METHODS = {
    names.RSA_SHA256: xmlsec.constants.TransformRsaSha256,
    names.ECDSA_SHA256: xmlsec.constants.TransformEcdsaSha256,
}
_FRAGMENT = re.compile(r"#[^\W\d][\w.\-\u00B7]*")


@dataclass
class Reference:
    uri: str
    transform: str  # "enveloped", "plain" or "token"
    prefixes: tuple
    digest: bytes


@dataclass
class Shape:
    signed_info: etree._Element
    prefixes: tuple
    method: str
    references: list
    value: bytes
    key_info: etree._Element | None


def _expect(element, name, attributes=()):
    """The child elements of a part of a signature, which has this name, these attributes and no text or comment."""
    if element.tag != name or set(element.attrib) != set(attributes):
        raise not_authentic("signature.structure.one-shape")
    pieces = [element.text, *(child.tail for child in element)]
    if any((piece or "").strip(" \t\r\n") for piece in pieces) or any(not isinstance(c.tag, str) for c in element):
        raise not_authentic("signature.structure.one-shape")
    return list(element)


def _leaf(element, name):
    if element.tag != name or element.attrib or len(element):
        raise not_authentic("signature.structure.one-shape")
    return base64_octets(element.text or "")


def _prefixes(inner):
    """InclusiveNamespaces, if that is what there is."""
    if not inner:
        return ()
    if len(inner) != 1 or _expect(inner[0], q(EC, "InclusiveNamespaces"), ("PrefixList",)):
        raise not_authentic("signature.transform.closed")
    found = tuple(inner[0].get("PrefixList").split())
    if len(found) > MAX_PREFIXES:
        raise not_authentic("signature.canonical.exists")
    return tuple(None if prefix == "#default" else prefix for prefix in found)


def _algorithm(element, name, allowed):
    inner = _expect(element, name, ("Algorithm",))
    if element.get("Algorithm") not in allowed:
        raise not_authentic("signature.algorithm.closed")
    return inner


def shape(signature):
    """Structure and algorithms of a ds:Signature; no key has been used yet."""
    if any(not isinstance(inner.tag, str) for inner in signature.iter()):
        raise not_authentic("signature.structure.one-shape")
    parts = _expect(signature, q(DS, "Signature"))
    if not 2 <= len(parts) <= 3:
        raise not_authentic("signature.structure.one-shape")
    info = _expect(parts[0], q(DS, "SignedInfo"))
    if len(info) < 3:
        raise not_authentic("signature.structure.one-shape")
    prefixes = _prefixes(_algorithm(info[0], q(DS, "CanonicalizationMethod"), (names.EXCLUSIVE,)))
    if _algorithm(info[1], q(DS, "SignatureMethod"), METHODS):
        raise not_authentic("signature.structure.one-shape")
    if len(info) - 2 > MAX_REFERENCES:
        raise not_authentic("limit.references")
    key_info = parts[2] if len(parts) == 3 else None
    if key_info is not None and key_info.tag != q(DS, "KeyInfo"):
        raise not_authentic("signature.structure.one-shape")
    references = [_reference(element) for element in info[2:]]
    value = _leaf(parts[1], q(DS, "SignatureValue"))
    return Shape(parts[0], prefixes, info[1].get("Algorithm"), references, value, key_info)


def _reference(element):
    parts = _expect(element, q(DS, "Reference"), ("URI",))
    if not _FRAGMENT.fullmatch(element.get("URI")):
        raise not_authentic("signature.reference.fragment")
    if len(parts) != 3:
        raise not_authentic("signature.structure.one-shape")
    transforms = _expect(parts[0], q(DS, "Transforms"))
    if any(t.tag != q(DS, "Transform") or set(t.attrib) != {"Algorithm"} for t in transforms):
        raise not_authentic("signature.structure.one-shape")
    chain = [transform.get("Algorithm") for transform in transforms]
    inner = [_expect(transform, q(DS, "Transform"), ("Algorithm",)) for transform in transforms]
    if chain == [names.ENVELOPED, names.EXCLUSIVE] and not inner[0]:
        kind, prefixes = "enveloped", _prefixes(inner[1])
    elif chain == [names.EXCLUSIVE]:
        kind, prefixes = "plain", _prefixes(inner[0])
    elif chain == [names.STR_TRANSFORM] and len(inner[0]) == 1:
        parameters = _expect(inner[0][0], q(WSSE, "TransformationParameters"))
        if len(parameters) != 1:
            raise not_authentic("signature.transform.closed")
        method = _algorithm(parameters[0], q(DS, "CanonicalizationMethod"), (names.EXCLUSIVE,))
        kind, prefixes = "token", _prefixes(method)
    else:
        raise not_authentic("signature.transform.closed")
    if _algorithm(parts[1], q(DS, "DigestMethod"), (names.SHA256,)):
        raise not_authentic("signature.structure.one-shape")
    return Reference(element.get("URI")[1:], kind, prefixes, _leaf(parts[2], q(DS, "DigestValue")))


def check_value(found, certificate):
    """SignatureValue with the key of a registered certificate."""
    context = xmlsec.SignatureContext()
    context.key = certificate.key()
    if certificate.is_rsa != (found.method == names.RSA_SHA256):
        raise not_authentic("signature.value.verifies")
    try:
        context.verify_binary(_canonical(found.signed_info, found.prefixes), METHODS[found.method], found.value)
    except xmlsec.Error:
        raise not_authentic("signature.value.verifies") from None


def _canonical(element, prefixes, **options):
    scope = element.nsmap
    if any(prefix not in scope and prefix not in (None, "xml") for prefix in prefixes):
        raise not_authentic("signature.canonical.exists")
    return canonical(element, [prefix for prefix in prefixes if prefix != "xml"], **options)


class Digests:
    """Digests of one message, whose canonical forms together have a limit."""

    def __init__(self):
        self.octets = 0

    def check(self, reference, element, **options):
        form = _canonical(element, reference.prefixes, **options)
        self.octets += len(form)
        if self.octets > MAX_CANONICAL:
            raise not_a_message("limit.bytes")
        if hashlib.sha256(form).digest() != reference.digest:
            raise not_authentic("signature.digest.match")


def signatures_of(root):
    return list(root.iter(q(DS, "Signature")))


def check_enveloped(parent, signature, certificates):
    """An enveloped signature over `parent` by the key of one of these certificates; returns that certificate."""
    found = shape(signature)
    if len(found.references) != 1 or found.references[0].transform != "enveloped":
        raise not_authentic("signature.transform.closed")
    reference = found.references[0]
    if not parent.get("ID") or reference.uri != parent.get("ID"):
        raise not_authentic("signature.reference.parent")
    candidates = [c for c in certificates if c.is_rsa == (found.method == names.RSA_SHA256)]
    if found.key_info is not None:
        shown = certificate_in(found.key_info)
        candidates = [certificate for certificate in candidates if certificate.der == shown]
    for certificate in candidates:
        try:
            check_value(found, certificate)
        except Refusal:
            continue
        Digests().check(reference, parent, without=signature)
        return certificate
    raise not_authentic("signature.value.verifies")


def certificate_in(key_info):
    """The one certificate of ds:KeyInfo/ds:X509Data; a KeyInfo that wants something followed is refused."""
    data = children(key_info)
    if len(data) != 1 or data[0].tag != q(DS, "X509Data"):
        raise not_authentic("key.info.hint-only")
    shown = children(data[0])
    if len(shown) != 1 or shown[0].tag != q(DS, "X509Certificate"):
        raise not_authentic("key.info.hint-only")
    return base64_octets(text_of(shown[0]))


# Signing


def _algorithm_element(parent, name, algorithm):
    return etree.SubElement(parent, q(DS, name), Algorithm=algorithm)


def sign_message(security, token, parts, key, is_rsa):
    """Appends to wsse:Security the signature over these parts, by their wsu:Id, and by STR-Transform the token."""
    signature = etree.SubElement(security, q(DS, "Signature"))
    info = etree.SubElement(signature, q(DS, "SignedInfo"))
    _algorithm_element(info, "CanonicalizationMethod", names.EXCLUSIVE)
    method = names.RSA_SHA256 if is_rsa else names.ECDSA_SHA256
    _algorithm_element(info, "SignatureMethod", method)
    for part in parts:
        _digest(info, part.get(q(WSU, "Id")), names.EXCLUSIVE, canonical(part))
    transform = _digest(info, "str", names.STR_TRANSFORM, canonical(token, default=True))
    parameters = etree.SubElement(transform, q(WSSE, "TransformationParameters"))
    _algorithm_element(parameters, "CanonicalizationMethod", names.EXCLUSIVE)
    value = etree.SubElement(signature, q(DS, "SignatureValue"))
    key_info = etree.SubElement(signature, q(DS, "KeyInfo"))
    reference = etree.SubElement(key_info, q(WSSE, "SecurityTokenReference"), {q(WSU, "Id"): "str"})
    etree.SubElement(reference, q(WSSE, "Reference"), URI="#" + token.get(q(WSU, "Id")), ValueType=names.X509V3)
    value.text = sign(info, key, method)


def _digest(info, identifier, algorithm, form):
    reference = etree.SubElement(info, q(DS, "Reference"), URI="#" + identifier)
    transforms = etree.SubElement(reference, q(DS, "Transforms"))
    transform = _algorithm_element(transforms, "Transform", algorithm)
    _algorithm_element(reference, "DigestMethod", names.SHA256)
    digest = etree.SubElement(reference, q(DS, "DigestValue"))
    digest.text = base64.b64encode(hashlib.sha256(form).digest()).decode()
    return transform


def sign(signed_info, key, method=names.RSA_SHA256):
    context = xmlsec.SignatureContext()
    context.key = key
    return base64.b64encode(context.sign_binary(canonical(signed_info), METHODS[method])).decode()
