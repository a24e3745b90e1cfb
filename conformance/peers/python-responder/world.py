"""The world folder as one party sees it (chapter 51), metadata and trust (chapter 22), certificates (chapter 13)."""

import base64
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import xmlsec

import names
from names import DS, MD, q
from octets import children, instant, read, text_of
from refusal import Refusal
from signature import certificate_in, check_enveloped

_RSA, _P256, _P384 = "1.2.840.113549.1.1.1", "1.2.840.10045.3.1.7", "1.3.132.0.34"
_EC, _SHA256_RSA = "1.2.840.10045.2.1", "1.2.840.113549.1.1.11"
_BASIC_CONSTRAINTS, _KEY_USAGE, _EXTENDED_KEY_USAGE = "2.5.29.19", "2.5.29.15", "2.5.29.37"
_UNDERSTOOD = {_BASIC_CONSTRAINTS, _KEY_USAGE, _EXTENDED_KEY_USAGE, "2.5.29.17"}


class WorldError(Exception):
    """The folder cannot be used. Said when the product starts, to whoever runs it."""


# DER, as far as certificates need it


def _items(octets):
    """(tag, content, whole) of each element, one after the other."""
    position, found = 0, []
    while position < len(octets):
        tag, length, start = octets[position], octets[position + 1], position + 2
        if length & 0x80:
            size = length & 0x7F
            length, start = int.from_bytes(octets[start : start + size], "big"), start + size
        end = start + length
        if end > len(octets):
            raise ValueError("DER is cut off")
        found.append((tag, octets[start:end], octets[position:end]))
        position = end
    return found


def _oid(content):
    values, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            values.append(value)
            value = 0
    first = min(values[0] // 40, 2)
    return ".".join(map(str, (first, values[0] - 40 * first, *values[1:])))


def _time(tag, content):
    text = content.decode("ascii")
    if tag == 0x17:
        text = ("19" if text[:2] >= "50" else "20") + text
    return instant(f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:]}")


class Certificate:
    """What this product reads of an X.509 certificate."""

    def __init__(self, der):
        self.der = der
        try:
            self._read()
        except (IndexError, ValueError, UnicodeDecodeError) as error:
            raise WorldError(f"a certificate cannot be read: {error}") from None

    def _read(self):
        (_, whole, _), = _items(self.der)
        (_, body, self.signed), (_, algorithm, _), (_, value, _) = _items(whole)
        self.algorithm, self.value = _oid(_items(algorithm)[0][1]), value[1:]
        fields = _items(body)
        if fields[0][0] == 0xA0:
            fields = fields[1:]
        self.issuer, self.subject = fields[2][2], fields[4][2]
        (start, start_text, _), (end, end_text, _) = _items(fields[3][1])
        self.not_before, self.not_after = _time(start, start_text), _time(end, end_text)
        self._read_key(fields[5][1])
        self.extensions = {}
        for tag, content, _ in fields[6:]:
            if tag == 0xA3:
                for _, extension, _ in _items(_items(content)[0][1]):
                    parts = _items(extension)
                    critical = len(parts) == 3 and parts[1][1] != b"\0"
                    self.extensions[_oid(parts[0][1])] = (critical, parts[-1][1])

    def _read_key(self, content):
        (_, algorithm, _), (_, bits, _) = _items(content)
        parameters = _items(algorithm)
        kind = _oid(parameters[0][1])
        self.is_rsa = kind == _RSA
        if self.is_rsa:
            (_, modulus, _), (_, exponent, _) = _items(_items(bits[1:])[0][1])
            length = int.from_bytes(modulus, "big").bit_length()
            public = int.from_bytes(exponent, "big")
            if not 2048 <= length <= 4096 or public < 65537 or public % 2 == 0:
                raise ValueError("key.strength.minimum")
        elif kind != _EC or _oid(parameters[1][1]) not in (_P256, _P384):
            raise ValueError("key.strength.minimum")

    def pem(self):
        return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(self.der) + b"-----END CERTIFICATE-----\n"

    def key(self):
        return xmlsec.Key.from_memory(self.pem(), xmlsec.KeyFormat.CERT_PEM)

    def valid_at(self, now):
        return self.not_before <= now <= self.not_after

    def check_path(self, anchors, signing):
        """One step from the authority: the federation has no other authorities (key.certificate.path)."""
        unknown = {oid for oid, (critical, _) in self.extensions.items() if critical} - _UNDERSTOOD
        is_authority = _items(_items(self.extensions.get(_BASIC_CONSTRAINTS, (False, b"0\0"))[1])[0][1])
        usage = self.extensions.get(_KEY_USAGE)
        wanted = 0x80 if signing else 0x20  # digitalSignature, keyEncipherment
        if unknown or is_authority or (usage and not _items(usage[1])[0][1][1] & wanted):
            raise WorldError("a certificate of the metadata is not one for this use")
        for anchor in anchors:
            if anchor.subject != self.issuer or self.algorithm != _SHA256_RSA:
                continue
            context = xmlsec.SignatureContext()
            context.key = anchor.key()
            try:
                context.verify_binary(self.signed, xmlsec.constants.TransformRsaSha256, self.value)
            except xmlsec.Error:
                continue
            return
        raise WorldError("a certificate of the metadata is not from the federation's authority")


def certificates(pem):
    """The certificates of a PEM file."""
    blocks = pem.split("-----BEGIN CERTIFICATE-----")[1:]
    return [Certificate(base64.b64decode(block.split("-----END")[0])) for block in blocks]


# Metadata


@dataclass
class Party:
    entity: str
    location: str
    valid_until: int
    signing: list = field(default_factory=list)

    def certificate(self, der, now):
        """The registered signing certificate with these octets, if it counts now."""
        if now >= self.valid_until:
            return None
        return next((c for c in self.signing if c.der == der and c.valid_at(now)), None)


def read_metadata(octets, federation, anchors, now):
    """An entity of the federation. Nothing is taken from metadata before its signature has been verified."""
    root = read(octets)
    first = next((child for child in root if isinstance(child.tag, str)), None)
    if root.tag != q(MD, "EntityDescriptor") or first is None or first.tag != q(DS, "Signature"):
        raise WorldError("metadata.signature.federation")
    check_enveloped(root, first, federation)
    inner = children(root, ("ID", "entityID", "validUntil"))
    if len(inner) != 2 or inner[1].tag != q(MD, "AttributeAuthorityDescriptor") or not root.get("entityID"):
        raise WorldError("metadata is not of the form of chapter 22")
    party = Party(root.get("entityID"), "", instant(root.get("validUntil") or ""))
    if now >= party.valid_until:
        raise WorldError("metadata.valid-until")
    for element in children(inner[1], ("protocolSupportEnumeration",)):
        if element.tag == q(MD, "KeyDescriptor"):
            _read_key(element, party, anchors)
        elif element.tag == q(MD, "AttributeService") and element.get("Binding") == names.SOAP_BINDING:
            text_of(element, ("Binding", "Location"))
            party.location = element.get("Location")
        else:
            raise WorldError("metadata is not of the form of chapter 22")
    if urlsplit(party.location).scheme != "https" or not party.signing:
        raise WorldError("metadata is not of the form of chapter 22")
    return party


def _read_key(element, party, anchors):
    (key_info,) = children(element, ("use",))
    certificate, use = Certificate(certificate_in(key_info)), element.get("use")
    if use not in (None, "signing", "encryption"):
        raise WorldError("metadata is not of the form of chapter 22")
    certificate.check_path(anchors, signing=use != "encryption")
    if use != "encryption":
        party.signing.append(certificate)


class World:
    """What one party reads of the folder: everybody's metadata, its own keys, its own numbers and records."""

    def __init__(self, folder, name, now):
        folder = Path(folder)
        try:
            self._load(folder, name, now)
        except (OSError, KeyError, ValueError, TypeError, Refusal) as error:
            raise WorldError(f"{folder}: {type(error).__name__}: {error}") from None

    def _load(self, folder, name, now):
        index = tomllib.loads((folder / "world.toml").read_text("utf-8"))
        entries = {entry["name"]: entry for entry in index["party"]}
        if name not in entries:
            raise WorldError(f"{folder}: there is no party {name}")
        anchors = certificates((folder / "ca/ca.pem").read_text("utf-8"))
        federation = certificates((folder / "federation/cert.pem").read_text("utf-8"))
        self.parties, relays = {}, []
        for entry in entries.values():
            path = folder / "metadata" / f"{entry['name']}.xml"
            if path.exists():
                party = read_metadata(path.read_bytes(), federation, anchors, now)
                if party.entity != entry["entity"]:
                    raise WorldError(f"{path}: metadata of another entity")
                self.parties[party.entity] = party
                if entry["role"] == "relay":
                    relays.append(party)
        (self.relay,) = relays
        self.me = self.parties[entries[name]["entity"]]
        self.ca_file = folder / "ca/ca.pem"
        keys = folder / "keys" / name
        self.sign_key_file, self.sign_certificate_file = keys / "sign.key", keys / "sign.pem"
        (self.certificate,) = certificates(self.sign_certificate_file.read_text("utf-8"))
        self.sign_key = xmlsec.Key.from_file(str(self.sign_key_file), xmlsec.KeyFormat.PEM)
        # Made once: each one reads all authorities of the system.
        self.decrypt_keys = xmlsec.KeysManager()
        self.decrypt_keys.add_key(xmlsec.Key.from_file(str(keys / "decrypt.key"), xmlsec.KeyFormat.PEM))
        self.name = name
        self.people = People(json.loads((folder / "people.json").read_text("utf-8")), name)

    def owner(self, der, now):
        """The party that registered this signing certificate, with the certificate."""
        for party in self.parties.values():
            certificate = party.certificate(der, now)
            if certificate:
                return party, certificate
        return None, None


@dataclass
class Holder:
    """A person's number at this party, and what this party recorded."""

    start: str
    until: str | None
    eligibility: list
    benefits: list


class People:
    """The numbers that one party assigned, and its records. Names are not even read."""

    def __init__(self, document, party):
        self.holders = {}
        for person in document["people"]:
            records = [record for record in person.get("records", ()) if record["party"] == party]
            eligibility = [row for record in records for row in record.get("eligibility", ())]
            benefits = [row for record in records for row in record.get("benefits", ())]
            for number in person["numbers"]:
                if number["party"] == party:
                    key = (names.IDENTIFIER + number["scheme"], number["value"])
                    holder = Holder(number.get("from", ""), number.get("until"), eligibility, benefits)
                    self.holders.setdefault(key, []).append(holder)
        self.schemes = {scheme for scheme, _ in self.holders}

    def find(self, scheme, number, day):
        """Who has the number; if it was given out again, who had it on that day."""
        holders = self.holders.get((scheme, number), [])
        if len(holders) > 1:
            holders = [h for h in holders if h.start <= day and (h.until is None or day < h.until)]
        return holders[0] if holders else None
