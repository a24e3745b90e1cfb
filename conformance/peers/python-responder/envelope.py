"""The envelope (chapter 31): checks in the order of the chapter, then opening (chapter 12)."""

import re
import unicodedata
from base64 import b64encode
from dataclasses import dataclass

import xmlsec
from lxml import etree

import names
from message import ON_BLOCKS, TARGET_IDENTITY, check_window
from names import DS, SAML, XENC, XENC11, q
from octets import base64_octets, children, instant, read, text_of
from refusal import DEC, Refusal, not_a_message, not_allowed, not_authentic
from signature import certificate_in, check_enveloped

_ATTRIBUTES = tuple(names.ATTRIBUTE + name for name in ("purpose", "request", "version"))
_OAEP = {q(DS, "DigestMethod"): names.SHA256, q(XENC11, "MGF"): names.MGF1_SHA256}


@dataclass
class Confirmation:
    method: str
    entity: str
    recipient: str
    until: int | None
    certificate: bytes | None


@dataclass
class Envelope:
    identifier: str
    not_on_or_after: int
    holder: str  # entity of the first holder-of-key: the requester
    encrypted: etree._Element


def accept(message, on_behalf_of, world, now, fault=None):
    """Every check up to that of reuse."""
    assertion = _one_assertion(message)
    _check_signature(assertion, world, now, fault)
    inner = _parts(assertion)
    attributes = _attributes(inner["AttributeStatement"])
    if attributes.get(names.ATTRIBUTE + "version") != "1.0" or assertion.get("Version") != "2.0":
        raise not_allowed("TargetIdentityNotValid", "envelope.version.known")
    conditions = inner["Conditions"]
    limits = children(conditions, ("NotBefore", "NotOnOrAfter"))
    if fault != "skips-audience":
        _check_audience(limits, world)
    rest = [limit.tag for limit in limits if limit.tag != q(SAML, "AudienceRestriction")]
    if rest != [q(SAML, "OneTimeUse")] or _any_content(limits, "OneTimeUse"):
        raise not_allowed("TargetIdentityNotValid", "envelope.one-time-use.present")
    encrypted, confirmations = _subject(inner["Subject"])
    presenter = _presenter(confirmations, message, on_behalf_of, world, fault)
    window = [None if text is None else instant(text) for text in map(conditions.get, ("NotBefore", "NotOnOrAfter"))]
    if fault != "ignores-the-window":
        check_window(*window, now, "envelope.window.current", "TargetIdentityNotValid")
        if presenter.until is None or presenter.until <= now:
            raise not_allowed("TargetIdentityNotValid", "envelope.window.current")
    if presenter.recipient != world.me.entity:
        raise not_allowed("TargetIdentityNotValid", "envelope.recipient.self")
    if fault != "skips-holder-of-key":
        _check_holder(presenter, confirmations, message, on_behalf_of, world)
    if attributes.get(names.ATTRIBUTE + "purpose") != message.purpose:
        raise not_allowed("CannotHonourUsageDirective", "envelope.purpose.agrees")
    return Envelope(assertion.get("ID"), window[1] or now, confirmations[0].entity, encrypted)


def _one_assertion(message):
    block = message.blocks.get(TARGET_IDENTITY)
    held = [] if block is None else children(block, ON_BLOCKS)
    if len(held) != 1 or held[0].tag != q(SAML, "Assertion"):
        raise not_allowed("TargetIdentityNotValid", "envelope.present.once")
    return held[0]


def _check_signature(assertion, world, now, fault):
    """By a key of the relay, whoever signed the message."""
    if fault == "verifies-only-the-invoker":
        return
    found = [child for child in assertion if child.tag == q(DS, "Signature")]
    issuer = next((child for child in assertion if isinstance(child.tag, str)), None)
    if len(found) != 1 or issuer is None or issuer.tag != q(SAML, "Issuer") or text_of(issuer) != world.relay.entity:
        raise not_authentic("envelope.signature.relay")
    if now >= world.relay.valid_until:
        raise not_authentic("metadata.valid-until")
    check_enveloped(assertion, found[0], [c for c in world.relay.signing if c.valid_at(now)])


def _parts(assertion):
    """The parts of the assertion by name, which stand in this order."""
    found = children(assertion, ("ID", "Version", "IssueInstant"))
    order = ["Issuer", "Signature", "Subject", "Conditions", "AttributeStatement"]
    by_name = {etree.QName(child).localname: child for child in found}
    wanted = [q(DS if name == "Signature" else SAML, name) for name in order if name != "Signature" or name in by_name]
    if [child.tag for child in found] != wanted or not assertion.get("ID"):
        raise not_a_message("xml.schema.closed")
    instant(assertion.get("IssueInstant", ""))
    return by_name


def _attributes(statement):
    values = {}
    for attribute in children(statement):
        held = children(attribute, ("Name", "NameFormat"))
        name = attribute.get("Name")
        if attribute.tag != q(SAML, "Attribute") or attribute.get("NameFormat") != names.URI_NAME:
            raise not_a_message("xml.schema.closed")
        if name not in _ATTRIBUTES or name in values or [value.tag for value in held] != [q(SAML, "AttributeValue")]:
            raise not_a_message("xml.schema.closed")
        values[name] = text_of(held[0])
    return values


def _check_audience(limits, world):
    restrictions = [limit for limit in limits if limit.tag == q(SAML, "AudienceRestriction")]
    audiences = [audience for restriction in restrictions for audience in children(restriction)]
    one = len(restrictions) == 1 and [audience.tag for audience in audiences] == [q(SAML, "Audience")]
    if not one or text_of(audiences[0]) != world.me.entity:
        raise not_allowed("TargetIdentityNotValid", "envelope.audience.self")


def _any_content(limits, name):
    return any(children(limit) or limit.attrib for limit in limits if limit.tag == q(SAML, name))


def _subject(subject):
    parts = children(subject)
    if not parts or parts[0].tag != q(SAML, "EncryptedID"):
        raise not_a_message("xml.schema.closed")
    if not 2 <= len(parts) <= 3 or any(part.tag != q(SAML, "SubjectConfirmation") for part in parts[1:]):
        raise not_allowed("TargetIdentityNotValid", "envelope.holder.sender")
    return parts[0], [_confirmation(part) for part in parts[1:]]


def _confirmation(element):
    parts = {etree.QName(part).localname: part for part in children(element, ("Method",))}
    if [part.tag for part in parts.values()] != [q(SAML, "NameID"), q(SAML, "SubjectConfirmationData")]:
        raise not_allowed("TargetIdentityNotValid", "envelope.holder.sender")
    name, data = parts["NameID"], parts["SubjectConfirmationData"]
    entity = text_of(name, ("Format",)) if name.get("Format") == names.ENTITY else ""
    shown = children(data, ("Recipient", "NotOnOrAfter"))
    if len(shown) > 1 or any(key_info.tag != q(DS, "KeyInfo") for key_info in shown):
        raise not_a_message("xml.schema.closed")
    until = data.get("NotOnOrAfter")
    certificate = certificate_in(shown[0]) if shown else None
    return Confirmation(element.get("Method"), entity, data.get("Recipient"), until and instant(until), certificate)


def _presenter(confirmations, message, on_behalf_of, world, fault):
    """The confirmation that speaks of who presents: the first, or the relay's where the relay carries the query."""
    if message.sender is not world.relay:
        return confirmations[0]
    listed = [confirmation for confirmation in confirmations[1:] if confirmation.entity == world.relay.entity]
    if fault == "skips-holder-of-key" and not listed:
        return confirmations[0]
    if len(listed) != 1 or on_behalf_of != confirmations[0].entity:
        raise not_allowed("TargetIdentityNotValid", "relayed.present.listed")
    return listed[0]


def _check_holder(presenter, confirmations, message, on_behalf_of, world):
    if any(confirmation.method != names.HOLDER_OF_KEY for confirmation in confirmations):
        raise not_allowed("TargetIdentityNotValid", "envelope.holder.sender")
    if presenter.entity != message.sender.entity or presenter.certificate != message.certificate.der:
        raise not_allowed("TargetIdentityNotValid", "envelope.holder.sender")
    if message.sender is not world.relay and on_behalf_of is not None:
        raise not_allowed("TargetIdentityNotValid", "relayed.present.listed")


# Opening. Whatever fails from here on gets one and the same answer.


def open_number(envelope, world):
    """(scheme, number) of the person."""
    try:
        return _open(envelope.encrypted, world)
    except Refusal as refusal:
        raise Refusal(DEC, refusal.why) from None
    except (xmlsec.Error, ValueError, TypeError, etree.LxmlError) as error:
        raise Refusal(DEC, f"envelope.open.one-answer: {type(error).__name__}") from None


def _open(encrypted_id, world):
    key_value, content_value = _ciphertext(encrypted_id)
    context = xmlsec.EncryptionContext(world.decrypt_keys)
    plaintext = context.decrypt(template(key_value, content_value))
    if len(plaintext) > 64 * 1024 or not plaintext.startswith(b"<"):
        raise Refusal(DEC, "encryption.plaintext.one-element")
    if plaintext.startswith((b"<?", b"<!")):
        raise Refusal(DEC, "encryption.plaintext.one-element")
    name = read(plaintext.rstrip(b" \t\r\n"))
    if name.tag != q(SAML, "NameID") or name.getnext() is not None:
        raise Refusal(DEC, "encryption.plaintext.one-element")
    number = text_of(name, ("Format", "SPNameQualifier", "NameQualifier"))
    if name.get("SPNameQualifier") != world.me.entity or name.get("NameQualifier") != world.relay.entity:
        raise Refusal(DEC, "envelope.name-id.qualifiers")
    if name.get("Format") not in world.people.schemes or not has_form(name.get("Format"), number):
        raise Refusal(DEC, "envelope.name-id.format")
    return name.get("Format"), number


def _ciphertext(encrypted_id):
    """CipherValues of the wrapped key and of the content, of a ciphertext of the one shape."""
    data = _sole(encrypted_id, (), q(XENC, "EncryptedData"))
    method, key_info, cipher = _three(data, ("Type",))
    if data.get("Type") != names.ELEMENT or _algorithm(method) != names.AES256_GCM or children(method, ("Algorithm",)):
        raise Refusal(DEC, "encryption.structure.one-shape")
    if key_info.tag != q(DS, "KeyInfo"):
        raise Refusal(DEC, "encryption.structure.one-shape")
    key = _sole(key_info, (), q(XENC, "EncryptedKey"))
    parts = children(key, ("Recipient",))
    if len(parts) == 3 and parts[1].tag == q(DS, "KeyInfo"):
        certificate_in(parts.pop(1))  # a hint that this product, which has one key, does not need
    if len(parts) != 2 or _algorithm(parts[0]) != names.RSA_OAEP:
        raise Refusal(DEC, "encryption.structure.one-shape")
    settings = children(parts[0], ("Algorithm",))
    if {s.tag: s.get("Algorithm") for s in settings} != _OAEP or len(settings) != 2:
        raise Refusal(DEC, "encryption.structure.one-shape")
    if any(children(setting, ("Algorithm",)) for setting in settings):
        raise Refusal(DEC, "encryption.structure.one-shape")
    wrapped, content = _cipher_value(parts[1]), _cipher_value(cipher)
    if len(content) < 12 + 16:
        raise Refusal(DEC, "encryption.structure.one-shape")
    return wrapped, content


def _sole(element, attributes, name):
    inner = children(element, attributes)
    if [child.tag for child in inner] != [name]:
        raise Refusal(DEC, "encryption.structure.one-shape")
    return inner[0]


def _three(data, attributes):
    inner = children(data, attributes)
    if len(inner) != 3:
        raise Refusal(DEC, "encryption.structure.one-shape")
    return inner


def _algorithm(element):
    return element.get("Algorithm") if element.tag == q(XENC, "EncryptionMethod") else None


def _cipher_value(element):
    if element.tag != q(XENC, "CipherData"):
        raise Refusal(DEC, "encryption.structure.one-shape")
    return base64_octets(text_of(_sole(element, (), q(XENC, "CipherValue"))))


def template(wrapped, content):
    """The same ciphertext as an element of its own, untyped, so that libxmlsec1 returns octets and reads no more."""
    return etree.fromstring(
        f'<xenc:EncryptedData xmlns:xenc="{XENC}" xmlns:ds="{DS}" xmlns:xenc11="{XENC11}">'
        f'<xenc:EncryptionMethod Algorithm="{names.AES256_GCM}"/><ds:KeyInfo><xenc:EncryptedKey>'
        f'<xenc:EncryptionMethod Algorithm="{names.RSA_OAEP}"><ds:DigestMethod Algorithm="{names.SHA256}"/>'
        f'<xenc11:MGF Algorithm="{names.MGF1_SHA256}"/></xenc:EncryptionMethod>'
        f"<xenc:CipherData><xenc:CipherValue>{b64encode(wrapped).decode()}</xenc:CipherValue></xenc:CipherData>"
        f"</xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{b64encode(content).decode()}"
        f"</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
    )


# Forms of the numbers that a medical insurer assigns (chapter 30)


def has_form(scheme, number):
    match scheme.removeprefix(names.IDENTIFIER):
        case "medical-insured":
            control = any(unicodedata.category(character) == "Cc" for character in number)
            return 1 <= len(number) <= 64 and not control and number == number.strip()
        case "late-elderly":
            return bool(re.fullmatch("[0-9]{8}", number)) and number[-1] == _check_digit(number[:-1])
    return False


def _check_digit(digits):
    """M10-21."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        product = int(digit) * (2 if position % 2 == 0 else 1)
        total += product // 10 + product % 10
    return str((10 - total % 10) % 10)
