"""A requester and a relay, as small as a test of the responder needs them. They can do everything a little wrong."""

import base64
import functools
import hashlib
import http.client
import shutil
import ssl
import threading
import time
import tomllib
import uuid
from argparse import Namespace
from pathlib import Path
from urllib.parse import urlsplit

import xmlsec
from lxml import etree

import envelope as envelopes
import message as messages
import names
from message import SECOND, Author, compose, element, xml_time
from names import CK, DS, LU, MD, SAML, SB, q
from octets import canonical
from responder import start
from signature import sign
from transport import Server, server_tls
from world import World, certificates

ENTITY = "https://{}.example.test/".format
PURPOSE = "urn:chukei:1.0:purpose:combined-high-cost"
SAMPLE = "港いろは１２３４"
MEDICAL = names.IDENTIFIER + "medical-insured"


class Party:
    """One of the others, with all its keys: what a test may do in its name."""

    def __init__(self, folder, name):
        keys = Path(folder) / "keys" / name
        self.entity, self.key_file, self.certificate_file = ENTITY(name), keys / "sign.key", keys / "sign.pem"
        self.key = xmlsec.Key.from_file(str(self.key_file), xmlsec.KeyFormat.PEM)
        (self.certificate,) = certificates(self.certificate_file.read_text("utf-8"))
        self.decrypt_certificate = keys / "decrypt.pem"
        self.author = Author(self.entity, self.certificate.der, self.key)


def sign_enveloped(parent, after, key):
    """Puts a signature over `parent` behind its child number `after`."""
    form = canonical(parent)
    signature = etree.Element(q(DS, "Signature"), nsmap={"ds": DS})
    info = etree.SubElement(signature, q(DS, "SignedInfo"))
    etree.SubElement(info, q(DS, "CanonicalizationMethod"), Algorithm=names.EXCLUSIVE)
    etree.SubElement(info, q(DS, "SignatureMethod"), Algorithm=names.RSA_SHA256)
    reference = etree.SubElement(info, q(DS, "Reference"), URI="#" + parent.get("ID"))
    transforms = etree.SubElement(reference, q(DS, "Transforms"))
    for algorithm in (names.ENVELOPED, names.EXCLUSIVE):
        etree.SubElement(transforms, q(DS, "Transform"), Algorithm=algorithm)
    etree.SubElement(reference, q(DS, "DigestMethod"), Algorithm=names.SHA256)
    digest = hashlib.sha256(form).digest()
    etree.SubElement(reference, q(DS, "DigestValue")).text = base64.b64encode(digest).decode()
    etree.SubElement(signature, q(DS, "SignatureValue"))
    parent.insert(after + 1, signature)
    signature[1].text = sign(info, key)


@functools.cache
def keys_of(certificate):
    """Made once: each one reads all authorities of the system."""
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_file(str(certificate), xmlsec.KeyFormat.CERT_PEM))
    return manager


def seal(plaintext, certificate):
    context = xmlsec.EncryptionContext(keys_of(certificate))
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, 256, xmlsec.constants.KeyDataTypeSession)
    plaintext = plaintext.encode()
    plaintext = plaintext.ljust(-(-len(plaintext) // 512) * 512)
    sealed = context.encrypt_binary(envelopes.template(b"", b""), plaintext)
    sealed.set("Type", names.ELEMENT)
    return etree.tostring(sealed).decode()


def mint(kit, now, **bent):
    """An envelope of the relay for the sample person, presented by A to B; each keyword bends one thing."""
    holder, target = kit.party("insurer-a"), ENTITY("insurer-b")
    scheme, number = bent.get("scheme", MEDICAL), bent.get("number", SAMPLE)
    plaintext = bent.get("plaintext") or (
        f'<saml:NameID xmlns:saml="{SAML}" Format="{scheme}" SPNameQualifier="{bent.get("sp_qualifier", target)}" '
        f'NameQualifier="{bent.get("qualifier", ENTITY("relay"))}">{number}</saml:NameID>'
    )
    sealed = seal(plaintext, kit.party(bent.get("sealed_for", "insurer-b")).decrypt_certificate)
    start, end = now + bent.get("starts", 0) * SECOND, now + bent.get("ends", 300) * SECOND
    method = bent.get("method", names.HOLDER_OF_KEY)

    def confirmation(entity, certificate):
        return (
            f'<saml:SubjectConfirmation Method="{method}"><saml:NameID Format="{names.ENTITY}">{entity}</saml:NameID>'
            f'<saml:SubjectConfirmationData Recipient="{bent.get("recipient", target)}" NotOnOrAfter="{xml_time(end)}">'
            f'<ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>'
            f"{base64.b64encode(certificate.der).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
            f"</saml:SubjectConfirmationData></saml:SubjectConfirmation>"
        )

    certificate = kit.party(bent.get("holder_certificate", "insurer-a")).certificate
    confirmations = confirmation(bent.get("holder", holder.entity), certificate)
    if bent.get("lists_relay"):
        confirmations += confirmation(ENTITY("relay"), kit.party("relay").certificate)
    values = {"purpose": bent.get("purpose", PURPOSE), "request": "urn:uuid:1#1", "version": bent.get("version", "1.0")}
    attributes = "".join(
        f'<saml:Attribute Name="{names.ATTRIBUTE}{name}" NameFormat="{names.URI_NAME}">'
        f"<saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"
        for name, value in values.items()
    )
    assertion = etree.fromstring(
        f'<saml:Assertion xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0" IssueInstant="{xml_time(now)}">'
        f"<saml:Issuer>{ENTITY('relay')}</saml:Issuer>"
        f"<saml:Subject><saml:EncryptedID>{sealed}</saml:EncryptedID>{confirmations}</saml:Subject>"
        f'<saml:Conditions NotBefore="{xml_time(start)}" NotOnOrAfter="{xml_time(end)}"><saml:AudienceRestriction>'
        f"<saml:Audience>{bent.get('audience', target)}</saml:Audience></saml:AudienceRestriction>"
        f"{bent.get('conditions', '<saml:OneTimeUse/>')}</saml:Conditions>"
        f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"
    )
    if bent.get("signer", "relay"):
        sign_enveloped(assertion, 0, kit.party(bent.get("signer", "relay")).key)
    return assertion


class Relay(Server):
    """Receipts every notice; `bend(notice, now)` may return other octets, or None for a closed connection."""

    def __init__(self, world_folder, kit):
        super().__init__(("127.0.0.1", 0), server_tls(World(world_folder, "relay", time.time_ns())))
        self.kit, self.notices, self.bend = kit, [], None
        self.url = f"https://127.0.0.1:{self.server_address[1]}/relay"

    def early(self, *_):
        return None

    def refuse(self, refusal):
        return refusal.status, refusal.body(), self.kind

    def respond(self, _method, _target, fields, body, client):
        world, now = self.kit.world, time.time_ns()
        notice = messages.authenticate(body, world, now)
        self.notices.append(notice)
        if client != notice.certificate.der or fields["soapaction"] != [f'"{notice.kind}"']:
            raise ValueError("the notice is not from who says so")
        octets = self.bend(notice, now) if self.bend else self.receipt(notice, now)
        return 200, octets, self.kind

    def receipt(self, notice, now, **bent):
        name = bent.get("envelope", notice.content.get("envelope"))
        content = element(CK, "DisclosureReceipt", envelope=name)
        etree.SubElement(content, q(LU, "Status"), code=bent.get("code", "OK"))
        signer = self.kit.party(bent.get("signer", "relay")).author
        request = bent.get("relates_to", notice.text(messages.MESSAGE_ID))
        return compose(signer, content, now, names.ANONYMOUS, relates_to=request)[0]


class Kit:
    """A copy of the world in which the relay of the test runs, and responders started in it."""

    def __init__(self, world, folder):
        self.folder = Path(folder) / "world"
        shutil.copytree(world, self.folder)
        self._parties, self._running = {}, []
        self.relay = Relay(self.folder, self)
        self._serve(self.relay)
        self._move_relay()
        self.world = World(self.folder, "insurer-b", time.time_ns())
        index = tomllib.loads((self.folder / "world.toml").read_text("utf-8"))
        self.names = [entry["name"] for entry in index["party"]]

    def party(self, name):
        if name not in self._parties:
            self._parties[name] = Party(self.folder, name)
        return self._parties[name]

    def _serve(self, server):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self._running.append(server)

    def _move_relay(self):
        path = self.folder / "metadata/relay.xml"
        root = etree.fromstring(path.read_bytes())
        root.remove(root.find(q(DS, "Signature")))
        root.find(f".//{q(MD, 'AttributeService')}").set("Location", self.relay.url)
        key = xmlsec.Key.from_file(str(self.folder / "federation/key.pem"), xmlsec.KeyFormat.PEM)
        sign_enveloped(root, -1, key)
        path.write_bytes(etree.tostring(root))

    def responder(self, fault=None):
        loopback = ("127.0.0.1", 0)
        arguments = Namespace(world=self.folder, party="insurer-b", listen=loopback, control=loopback, fault=fault)
        endpoint, control = start(arguments)
        self._running += [endpoint, control]
        return endpoint, control

    def stop(self):
        for server in self._running:
            server.shutdown()
            server.server_close()

    # Requests

    def query(self, endpoint, now=None, **bent):
        """The octets of a query of A for the sample person; each keyword bends one thing, also of the envelope."""
        now = now or time.time_ns()
        sender = self.party(bent.get("sender", "insurer-a"))
        content = element(CK, "LinkageQuery", **bent.get("attributes", {}))
        for item in bent.get("items", ("eligibility", "benefits")):
            etree.SubElement(content, q(CK, "Item")).text = item
        directive = element(SB, "UsageDirective", ref="body")
        etree.SubElement(directive, q(CK, "Purpose")).text = bent.get("message_purpose", PURPOSE)
        identity = element(SB, "TargetIdentity")
        held = bent["assertions"] if "assertions" in bent else [mint(self, now, **bent)]
        identity.extend(held)
        extra = [directive, identity, *bent.get("blocks", ())]
        to = bent.get("to", endpoint.url)
        written = now + bent.get("written", 0) * SECOND
        octets, _ = compose(sender.author, content, written, to, bent.get("relates_to"), extra=extra)
        return bent["change"](octets, sender) if "change" in bent else octets

    def post(
        self, endpoint, octets, client="insurer-a", action=f"{CK}:LinkageQuery", path=None, method="POST", **fields
    ):
        """(status, body, HTTP response) of a request of this party."""
        url = urlsplit(endpoint.url)
        connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=20, context=self.tls(client))
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        try:
            connection.request(method, path or url.path, octets, headers)
            response = connection.getresponse()
            return response.status, response.read(), response
        finally:
            connection.close()

    def tls(self, client):
        context = ssl.create_default_context(cafile=self.folder / "ca/ca.pem")
        if client:
            party = self.party(client)
            context.load_cert_chain(party.certificate_file, party.key_file)
        return context


def change_signed(edit):
    """A change of the tree after which SignedInfo is signed anew, while every digest stays as it was."""

    def change(octets, sender):
        root = etree.fromstring(octets)
        edit(root)
        signature = root.find(f".//{q(names.WSSE, 'Security')}/{q(DS, 'Signature')}")
        signature[1].text = sign(signature[0], sender.key)
        return etree.tostring(root)

    return change


def drop_reference(identifier):
    """Leaves one part out of the signature."""

    def edit(root):
        found = "//*[local-name()='Security']//*[local-name()='Reference'][@URI=$uri]"
        (reference,) = root.xpath(found, uri="#" + identifier)
        reference.getparent().remove(reference)

    return change_signed(edit)
