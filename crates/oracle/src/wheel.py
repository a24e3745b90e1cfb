"""Answers requests about XML signatures and encryption, one per line: a verb and its arguments in hex.

An answer is one line: valid | invalid | ok HEX | error HEX | unsupported HEX.
Nothing is read but the request.
"""

import sys

import xmlsec
from lxml import etree

DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
XENC = "{http://www.w3.org/2001/04/xmlenc#}"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
IDS = "* ID\n* Id\n* id\n* {%s}Id" % WSU


class Unsupported(Exception):
    pass


class LoadNothing(etree.Resolver):
    def resolve(self, system_url, public_id, context):
        return self.resolve_empty(context)


def parse(xml):
    parser = etree.XMLParser(no_network=True, load_dtd=False, attribute_defaults=True, strip_cdata=False)
    parser.resolvers.add(LoadNothing())
    return etree.fromstring(xml, parser)


def parse_enclosed(xml):
    root = parse(xml)
    for element in root.iter(f"{DSIG}Reference", f"{DSIG}RetrievalMethod", f"{XENC}CipherReference"):
        uri = element.get("URI", "")
        if uri and not uri.startswith("#"):
            raise Unsupported("reference outside of the document")
    if any(element.get("Algorithm") == XSLT for element in root.iter(f"{DSIG}Transform")):
        raise Unsupported(XSLT)
    return root


KEYS = {}
MANAGERS = {}  # each reads the system's certificates, which takes 16 ms


def load_key(pem):
    if pem not in KEYS:
        if b"ENCRYPTED" in pem:
            raise ValueError("a key with a password is not loaded")
        certificate = b"BEGIN CERTIFICATE" in pem
        form = xmlsec.KeyFormat.CERT_PEM if certificate else xmlsec.KeyFormat.PEM
        KEYS[pem] = xmlsec.Key.from_memory(pem, form)
    return KEYS[pem]


def nth(root, name, number):
    found = list(root.iter(name))
    if number >= len(found):
        raise ValueError(f"no {name} number {number}")
    return found[number]


def context_for(root, key, ids):
    context = xmlsec.SignatureContext()
    context.key = load_key(key)
    for line in ids.splitlines():
        element_name, attribute = line.split(" ", 1)
        name = etree.QName(attribute)
        for element in root.iter("{*}*"):
            if element_name in ("*", etree.QName(element).localname) and element.get(attribute) is not None:
                context.register_id(element, name.localname, name.namespace)
    return context


def verify(xml, key, ids, number):
    root = parse_enclosed(xml)
    context = context_for(root, key, ids.decode())
    signature = nth(root, f"{DSIG}Signature", int(number))
    try:
        context.verify(signature)
    except xmlsec.VerificationError:
        return "invalid"
    return "valid"


def sign(template, key):
    root = parse_enclosed(template)
    context_for(root, key, IDS).sign(nth(root, f"{DSIG}Signature", 0))
    return whole(root)


def encrypt(template, plaintext, key):
    root = parse_enclosed(template)
    if key not in MANAGERS:
        MANAGERS[key] = xmlsec.KeysManager()
        MANAGERS[key].add_key(load_key(key))
    context = xmlsec.EncryptionContext(MANAGERS[key])
    data = nth(root, f"{XENC}EncryptedData", 0)
    method = data.find(f"{XENC}EncryptionMethod").get("Algorithm")
    bits = next((bits for bits in (128, 192, 256) if f"aes{bits}" in method), None)
    if bits is None:
        raise Unsupported(method)
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, bits, xmlsec.KeyDataType.SESSION)
    context.encrypt_binary(data, plaintext)
    return whole(root)


def decrypt(xml, key):
    """The octets: without Type they are not parsed. Any EncryptedKey beside or within may give the key."""
    root = parse_enclosed(xml)
    data = nth(root, f"{XENC}EncryptedData", 0)
    data.attrib.pop("Type", None)
    scope = data if data.getparent() is None else data.getparent()
    failure = ValueError("no EncryptedKey")
    for encrypted_key in list(scope.iter(f"{XENC}EncryptedKey")):
        try:
            to_key = xmlsec.EncryptionContext()
            to_key.key = load_key(key)
            content_key = to_key.decrypt(encrypted_key)
            to_data = xmlsec.EncryptionContext()
            to_data.key = xmlsec.Key.from_binary_data(xmlsec.KeyData.AES, content_key)
            return to_data.decrypt(data)
        except xmlsec.Error as error:
            failure = error
    raise failure


def c14n(xml, apex, inclusive):
    root = parse(xml)
    kind, _, value = apex.decode().partition(" ")
    prefixes = inclusive.decode().split()
    if kind == "document":
        return canonical(root.getroottree(), prefixes)
    elements = root.iter("{*}*")
    if kind == "element":
        found = [element for number, element in enumerate(elements) if number == int(value)]
    else:
        is_id = lambda item: etree.QName(item[0]).localname in ("ID", "Id", "id") and item[1] == value
        found = [element for element in elements if any(map(is_id, element.attrib.items()))]
    if not found:
        raise ValueError(f"no {kind} {value}")
    # Read again with every namespace in scope declared on it: lxml loses those that only a prefix list names.
    return canonical(parse(etree.tostring(found[0], with_tail=False, encoding="UTF-8")).getroottree(), prefixes)


def canonical(tree, prefixes):
    exclusive = {"method": "c14n", "exclusive": True, "with_comments": False}
    return etree.tostring(tree, inclusive_ns_prefixes=prefixes, **exclusive)


def whole(root):
    return etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True)


def versions():
    dotted = lambda version: ".".join(map(str, version))
    libxmlsec1, libxml2 = dotted(xmlsec.get_libxmlsec_version()), dotted(etree.LIBXML_VERSION)
    return f"xmlsec {xmlsec.__version__}, libxmlsec1 {libxmlsec1}, libxml2 {libxml2}".encode()


VERBS = {f.__name__: f for f in (verify, sign, encrypt, decrypt, c14n, versions)}


def answer(line):
    verb, *arguments = line.split(" ")
    try:
        # A dash before the hex keeps empty arguments apart.
        result = VERBS[verb](*(bytes.fromhex(argument[1:]) for argument in arguments))
    except Unsupported as error:
        return "unsupported " + str(error).encode().hex()
    except Exception as error:  # whatever a hostile document causes is an opinion, not the end
        return "error " + f"{type(error).__name__}: {error}".encode("utf-8", "replace").hex()
    return result if isinstance(result, str) else "ok " + result.hex()


xmlsec.cleanup_callbacks()
# lxml drops a listed prefix that no document has as a name yet. As a tag to wait for, "#default" becomes one.
interning = etree.XMLPullParser(events=("end",), tag="#default")
interning.feed(b"<a/>")
interning.close()
for request in sys.stdin:
    print(answer(request.rstrip("\n")), flush=True)
