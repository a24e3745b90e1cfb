"""Messages (chapter 20): the checks of a receiver, in their order, and writing a signed message."""

import base64
import time
import uuid
from dataclasses import dataclass

from lxml import etree

import names
from names import CK, DS, PREFIXES, SB, SBF, SOAP, WSA, WSSE, WSU, q
from octets import base64_octets, children, instant, is_absolute_iri, read, text_of
from refusal import Refusal, not_a_message, not_allowed, not_authentic
from signature import Digests, check_value, shape, sign_message, signatures_of

SECOND = 10**9
SKEW, WINDOW = 180 * SECOND, 300 * SECOND
MAX_MESSAGE_ID = 256

FRAMEWORK, SENDER = q(SBF, "Framework"), q(SB, "Sender")
MESSAGE_ID, RELATES_TO, TO, ACTION = (q(WSA, name) for name in ("MessageID", "RelatesTo", "To", "Action"))
REPLY_TO, FAULT_TO = q(WSA, "ReplyTo"), q(WSA, "FaultTo")
TARGET_IDENTITY, USAGE_DIRECTIVE = q(SB, "TargetIdentity"), q(SB, "UsageDirective")
SECURITY, PROCESSING_CONTEXT = q(WSSE, "Security"), q(SB, "ProcessingContext")
RECEIPTS, WITHHOLDING = q(CK, "Receipts"), q(CK, "Withholding")
BLOCKS = frozenset({
    FRAMEWORK, SENDER, MESSAGE_ID, RELATES_TO, TO, ACTION, REPLY_TO, FAULT_TO, TARGET_IDENTITY, USAGE_DIRECTIVE,
    RECEIPTS, WITHHOLDING,
})
STR, TOKEN, TIMESTAMP = q(WSSE, "SecurityTokenReference"), q(WSSE, "BinarySecurityToken"), q(WSU, "Timestamp")
WSU_ID = q(WSU, "Id")
ON_BLOCKS = (WSU_ID, q(SOAP, "mustUnderstand"), q(SOAP, "actor"))


@dataclass
class Message:
    """A message whose signature has been verified. It holds only what the signature covers."""

    sender: object  # Party
    certificate: object  # its certificate, whose key signed
    content: etree._Element  # the child of Body
    body_id: str
    blocks: dict
    created: int | None
    expires: int | None
    purpose: str | None = None
    message_id: str = ""

    @property
    def kind(self):
        name = etree.QName(self.content)
        return f"{name.namespace or ''}:{name.localname}"

    def text(self, name, attributes=()):
        """The text of a header block, or None without it."""
        block = self.blocks.get(name)
        return None if block is None else text_of(block, (*ON_BLOCKS, *attributes))


def authenticate(octets, world, now, fault=None):
    """Steps 1 to 3 of the order of checks. `fault` is the deviation that this product runs with, if any."""
    root = read(octets)
    header, body = _envelope(root)
    blocks = _blocks(header)
    security = blocks.pop(SECURITY, None)
    if security is None:
        raise not_authentic("signature.presence.required")
    if security.get(q(SOAP, "actor")) is not None:
        raise not_authentic("message.security.for-receiver")
    inner = {}
    for child in children(security, ON_BLOCKS):
        if child.tag not in (TIMESTAMP, TOKEN, STR, q(DS, "Signature")) or (child.tag in inner and child.tag != STR):
            raise not_authentic("message.token.certificate")
        inner[child.tag] = child
    token, signature, timestamp = inner.get(TOKEN), inner.get(q(DS, "Signature")), inner.get(TIMESTAMP)
    if token is None:
        raise not_authentic("message.token.certificate")
    if signature is None:
        raise not_authentic("signature.presence.required")
    _check_other_signatures(root, signature)
    sender, certificate = world.owner(_token_octets(token), now)
    if sender is None:
        raise not_authentic("key.trust.metadata-only")
    covered = _verify(signature, certificate, header, body, token, timestamp)
    required = [body, token, *blocks.values(), *([timestamp] if timestamp is not None else [])]
    if fault == "accepts-an-unsigned-header":
        required = [body, token]
    if any(element.get(WSU_ID) not in covered for element in required):
        raise not_authentic("message.signature.covers")
    if SENDER not in blocks or blocks[SENDER].get("providerID") != sender.entity:
        raise not_authentic("message.sender.is-signer")
    created, expires = _timestamp(timestamp)
    content = children(body, (WSU_ID,))
    if len(content) != 1:
        raise not_allowed("ActionNotSupported", "message.body.one-child")
    return Message(sender, certificate, content[0], body.get(WSU_ID), blocks, created, expires)


def _envelope(root):
    if root.tag != q(SOAP, "Envelope"):
        raise not_a_message("message.soap.shape")
    parts = children(root)
    if [part.tag for part in parts] != [q(SOAP, "Header"), q(SOAP, "Body")]:
        raise not_a_message("message.soap.shape")
    return parts


def _blocks(header):
    """Step 2: header blocks of the standard by name; what nobody has to understand is left unread."""
    blocks = {}
    found = children(header)
    for block in found:
        ours = block.tag in BLOCKS or block.tag in (SECURITY, PROCESSING_CONTEXT)
        required = block.get(q(SOAP, "mustUnderstand"), "").strip(" \t\r\n") in ("1", "true")
        if not ours and required and block.get(q(SOAP, "actor"), "") in ("", names.ACTOR_NEXT):
            refusal = not_allowed("InvalidRequest", "message.header.understood")
            refusal.faultcode = "soap:MustUnderstand"
            raise refusal
    for block in found:
        if block.tag in BLOCKS or block.tag in (SECURITY, PROCESSING_CONTEXT):
            if block.tag in blocks:
                raise not_authentic("message.header.once")
            blocks[block.tag] = block
    return blocks


def _check_other_signatures(root, signature):
    """Signatures beside that of the message: only that of an assertion in sb:TargetIdentity has a place."""
    for other in (other for other in signatures_of(root) if other is not signature):
        assertion = other.getparent()
        before = [sibling.tag for sibling in other.itersiblings(preceding=True) if isinstance(sibling.tag, str)]
        if assertion.tag != q(names.SAML, "Assertion") or assertion.getparent().tag != TARGET_IDENTITY:
            raise not_authentic("signature.position.schema")
        if before != [q(names.SAML, "Issuer")]:
            raise not_authentic("signature.position.schema")


def _token_octets(token):
    text = text_of(token, (WSU_ID, "ValueType", "EncodingType"))
    if token.get("ValueType") != names.X509V3 or token.get("EncodingType") != names.BASE64_BINARY:
        raise not_authentic("message.token.certificate")
    return base64_octets(text)


def _verify(signature, certificate, header, body, token, timestamp):
    """The value, then the digests; returns the wsu:Ids of what is covered."""
    found = shape(signature)
    pointers = [element for element in signature.getparent() if element.tag == STR]
    if found.key_info is not None:
        inner = children(found.key_info)
        if len(inner) != 1 or inner[0].tag != STR:
            raise not_authentic("key.info.hint-only")
        pointers.append(inner[0])
    for pointer in pointers:
        _check_pointer(pointer, token)
    parts = {}
    for part in [body, token, *header, *([timestamp] if timestamp is not None else [])]:
        if isinstance(part.tag, str) and part.get(WSU_ID):
            parts[part.get(WSU_ID)] = part
    pointed = {pointer.get(WSU_ID) for pointer in pointers if pointer.get(WSU_ID)}
    for reference in found.references:
        fits = reference.uri in (pointed if reference.transform == "token" else parts)
        if reference.transform == "enveloped" or not fits:
            raise not_authentic("signature.reference.parent")
    check_value(found, certificate)
    digests, covered = Digests(), set()
    for reference in found.references:
        if reference.transform == "token":
            digests.check(reference, token, default=True)
            covered.add(token.get(WSU_ID))
        else:
            digests.check(reference, parts[reference.uri])
            covered.add(reference.uri)
    return covered - {None}


def _check_pointer(pointer, token):
    inner = children(pointer, (WSU_ID,))
    if len(inner) != 1 or inner[0].tag != q(WSSE, "Reference") or children(inner[0], ("URI", "ValueType")):
        raise not_authentic("key.info.hint-only")
    if not token.get(WSU_ID) or inner[0].get("URI") != "#" + token.get(WSU_ID):
        raise not_authentic("key.info.hint-only")
    if inner[0].get("ValueType", names.X509V3) != names.X509V3:
        raise not_authentic("key.info.hint-only")


def _timestamp(timestamp):
    if timestamp is None:
        return None, None
    inner = children(timestamp, (WSU_ID,))
    values = {child.tag: text_of(child) for child in inner}
    if len(values) != len(inner) or set(values) - {q(WSU, "Created"), q(WSU, "Expires")}:
        raise not_a_message("xml.schema.closed")
    times = [values.get(q(WSU, name)) for name in ("Created", "Expires")]
    return [None if text is None else instant(text) for text in times]


def check_window(created, expires, now, why, code):
    """Both instants, at most five minutes apart, the first at most three minutes ahead, the second not reached."""
    if created is None or expires is None or created > now + SKEW or expires <= now:
        raise not_allowed(code, why)
    if expires <= created or expires - created > WINDOW:
        raise not_allowed(code, why)


def check_request(message, soap_action, tls_certificate, endpoint, kinds, now, fault=None):
    """Steps 4 to 6. `kinds` says which kinds this product takes, and whether they are about a person."""
    if message.kind not in kinds:
        raise not_allowed("ActionNotSupported", "message.body.one-child")
    if tls_certificate is None or message.sender.certificate(tls_certificate, now) is None:
        raise not_authentic("message.sender.is-tls-client")
    _check_framework(message)
    if message.text(TO) != endpoint:
        raise not_allowed("InvalidRequest", "message.to.is-receiver")
    if message.text(ACTION) != message.kind or soap_action != f'"{message.kind}"':
        raise not_allowed("ActionNotSupported", "message.action.agrees")
    _check_id(message)
    if fault != "ignores-the-window":
        check_window(message.created, message.expires, now, "message.timestamp.window", "StaleMsg")
    for name in (REPLY_TO, FAULT_TO):
        if name in message.blocks:
            inner = children(message.blocks[name], ON_BLOCKS)
            if [child.tag for child in inner] != [q(WSA, "Address")] or text_of(inner[0]) != names.ANONYMOUS:
                raise not_allowed("InvalidRequest", "message.reply-to.anonymous")
    if RELATES_TO in message.blocks:
        raise not_allowed("InvalidRefToMsgID", "a request answers nothing")
    if PROCESSING_CONTEXT in message.blocks:
        raise not_allowed("ProcCtxUnwilling", "message.processing-context.none")
    if kinds[message.kind]:
        message.purpose = _purpose(message)
    if RECEIPTS in message.blocks or (USAGE_DIRECTIVE in message.blocks and not kinds[message.kind]):
        raise not_allowed("InvalidRequest", "message.header.place")


def _check_framework(message):
    block = message.blocks.get(FRAMEWORK)
    # The profile attribute of the Basic profile means nothing where it stands.
    ignored = [] if block is None else [name for name in block.attrib if etree.QName(name).localname == "profile"]
    if block is None or block.get("version") != "2.0":
        refusal = not_allowed("FrameworkVersionMismatch", "message.framework.version")
        refusal.faultcode = "sbf:FrameworkVersionMismatch"
        raise refusal
    empty = {FRAMEWORK: ("version", *ignored), SENDER: ("providerID",)}
    if any(children(message.blocks[name], (*ON_BLOCKS, *attributes)) for name, attributes in empty.items()):
        raise not_a_message("xml.schema.closed")


def _check_id(message):
    message.message_id = message.text(MESSAGE_ID) or ""
    if not is_absolute_iri(message.message_id) or len(message.message_id) > MAX_MESSAGE_ID:
        raise not_allowed("InvalidRequest", "message.id.form")


def _purpose(message):
    block = message.blocks.get(USAGE_DIRECTIVE)
    refusal = not_allowed("CannotHonourUsageDirective", "message.usage-directive.purpose")
    if block is None or block.get("ref") != message.body_id:
        raise refusal
    inner = children(block, (*ON_BLOCKS, "ref"))
    if [child.tag for child in inner] != [q(CK, "Purpose")] or text_of(inner[0]) not in names.PURPOSES:
        raise refusal
    return text_of(inner[0])


def check_answer(message, from_party, request_id, kind, now):
    """An answer to a request of ours: who signed it, what it answers, and what a message has to be anyway."""
    if message.sender.entity != from_party.entity or message.kind != kind:
        raise not_authentic("not an answer of the party asked")
    _check_framework(message)
    relation = message.blocks[RELATES_TO].get("RelationshipType", names.REPLY) if RELATES_TO in message.blocks else ""
    if message.text(RELATES_TO, ("RelationshipType",)) != request_id or relation != names.REPLY:
        raise not_allowed("InvalidRefToMsgID", "message.relates-to.answered")
    if message.text(TO) != names.ANONYMOUS or message.text(ACTION) != kind:
        raise not_allowed("ActionNotSupported", "message.action.agrees")
    _check_id(message)
    check_window(message.created, message.expires, now, "message.timestamp.window", "StaleMsg")
    if set(message.blocks) - {FRAMEWORK, SENDER, MESSAGE_ID, RELATES_TO, TO, ACTION, RECEIPTS}:
        raise Refusal("semantic", "header blocks that answers do not have")


# Writing


def xml_time(nanoseconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(nanoseconds // SECOND))


def element(namespace, name, text=None, **attributes):
    made = etree.Element(q(namespace, name), attributes, nsmap=PREFIXES)
    made.text = text
    return made


@dataclass
class Author:
    """Who signs: an entity, its certificate (DER) and private key."""

    entity: str
    certificate: bytes
    key: object
    is_rsa: bool = True


def compose(author, content, now, to, relates_to=None, extra=()):
    """A signed message and its MessageID. `content` is the child of Body, `extra` are further header blocks."""
    envelope = etree.Element(q(SOAP, "Envelope"), nsmap=PREFIXES)
    header, body = etree.SubElement(envelope, q(SOAP, "Header")), etree.SubElement(envelope, q(SOAP, "Body"))
    body.set(WSU_ID, "body")
    body.append(content)
    message_id = f"urn:uuid:{uuid.uuid4()}"
    name = etree.QName(content)
    blocks = [element(SBF, "Framework", version="2.0"), element(SB, "Sender", providerID=author.entity)]
    blocks.append(element(WSA, "MessageID", message_id))
    if relates_to:
        blocks.append(element(WSA, "RelatesTo", relates_to))
    blocks += [element(WSA, "To", to), element(WSA, "Action", f"{name.namespace}:{name.localname}"), *extra]
    for position, block in enumerate(blocks):
        block.set(WSU_ID, f"h{position}")
        header.append(block)
    security = etree.SubElement(header, SECURITY, {q(SOAP, "mustUnderstand"): "1"})
    timestamp = etree.SubElement(security, TIMESTAMP, {WSU_ID: "timestamp"})
    etree.SubElement(timestamp, q(WSU, "Created")).text = xml_time(now)
    etree.SubElement(timestamp, q(WSU, "Expires")).text = xml_time(now + WINDOW)
    kinds = {"ValueType": names.X509V3, "EncodingType": names.BASE64_BINARY}
    token = etree.SubElement(security, TOKEN, {WSU_ID: "token", **kinds})
    token.text = base64.b64encode(author.certificate).decode()
    sign_message(security, token, [*blocks, body, timestamp], author.key, author.is_rsa)
    return etree.tostring(envelope), message_id
