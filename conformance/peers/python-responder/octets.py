"""Octets to a tree (chapters 10 and 14), closed reading of elements, lexical forms, and exclusive canonicalisation."""

import base64
import binascii
import calendar
import re
from xml.sax.saxutils import escape

from lxml import etree

from names import STANDARD, WSU, XML, q
from refusal import not_a_message

MAX_BYTES = 2 * 1024 * 1024
MAX_CANONICAL = 8 * 1024 * 1024
MAX_DEPTH, MAX_NODES, MAX_ATTRIBUTES, MAX_NAMESPACES = 64, 131_072, 64, 64
MAX_NAME, MAX_NAMESPACE_NAME, MAX_VALUE, MAX_TEXT = 1024, 256, 64 * 1024, 512 * 1024
IDS = ("ID", "Id", "id", "AssertionID", q(WSU, "Id"))

_DECLARATION = re.compile(
    r"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')"""
    r"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"(?P<a>[A-Za-z0-9._\-]+)"|'(?P<b>[A-Za-z0-9._\-]+)'))?"""
    r"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"no"|'no'))?[ \t\r\n]*\?>"""
)
_PROLOG = re.compile(r"(?:[ \t\r\n]+|<!--.*?-->)*", re.DOTALL)
# Exact on well-formed documents only, and used only on those.
_TOKEN = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|</[^>]*+>|[^<]++|"""
    r"""<(?P<name>[^\s/>]++)(?P<rest>(?:[^"'>]++|"[^"]*+"|'[^']*+')*+)>""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([^\s=/]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
                       r"(?:#(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)?")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def read(octets):
    """The root element of a document that chapters 10 and 14 allow. It is parsed once and never again."""
    if len(octets) > MAX_BYTES:
        raise not_a_message("limit.bytes")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise not_a_message("xml.encoding.utf8") from None
    text = text.removeprefix("\ufeff")
    if "\ufeff" in text:
        raise not_a_message("xml.char.allowed")
    start = 0
    if re.match(r"<\?xml[ \t\r\n]", text):
        declaration = _DECLARATION.match(text)
        if not declaration:
            raise not_a_message("xml.declaration.form")
        if (declaration["a"] or declaration["b"] or "UTF-8").upper() != "UTF-8":
            raise not_a_message("xml.encoding.utf8")
        start = declaration.end()
    start = _PROLOG.match(text, start).end()
    if text.startswith("<!DOCTYPE", start):
        raise not_a_message("xml.doctype.forbidden")
    if text.startswith("<?", start):
        raise not_a_message("xml.pi.forbidden")
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError:
        raise not_a_message("xml.document.well-formed") from None
    _check_tree(root, _check_tags(text, start))
    return root


def _check_tags(text, start):
    """What lxml does not show: declarations as they are written, even where they repeat one in scope."""
    prefixes, names, declarations, position = set(), set(), 0, start
    while position < len(text):
        token = _TOKEN.match(text, position)
        if not token:
            raise not_a_message("xml.document.well-formed")
        position = token.end()
        if token["name"] is None:
            continue
        if len(token["name"].encode()) > MAX_NAME:
            raise not_a_message("limit.token")
        found = _ATTRIBUTE.findall(token["rest"])
        if len(found) > MAX_ATTRIBUTES:
            raise not_a_message("limit.attributes")
        for name, double, single in found:
            if len(name.encode()) > MAX_NAME:
                raise not_a_message("limit.token")
            if name != "xmlns" and not name.startswith("xmlns:"):
                continue
            declarations += 1
            # In an attribute `<` cannot stand, so this is the value of a fragment that has just been found well-formed.
            uri = etree.fromstring(f'<a b="{double}{single}"/>').get("b") if "&" in double + single else double + single
            if uri and not _ABSOLUTE.fullmatch(uri):
                raise not_a_message("xml.namespace.absolute")
            if len(uri.encode()) > MAX_NAMESPACE_NAME:
                raise not_a_message("limit.token")
            if uri not in STANDARD:
                names.add(uri)
                prefixes.add(name[6:])
    if len(names) > MAX_NAMESPACES or len(prefixes) > MAX_NAMESPACES:
        raise not_a_message("limit.namespaces")
    return declarations


def _check_tree(root, nodes):
    identifiers = set()
    for outside in (*root.itersiblings(preceding=True), *root.itersiblings()):
        if outside.tag is not etree.Comment:
            raise not_a_message("xml.pi.forbidden")
    depth, run = 0, 0
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event == "pi":
            raise not_a_message("xml.pi.forbidden")
        if event == "start":
            if not isinstance(element.tag, str):
                raise not_a_message("xml.document.well-formed")
            depth += 1
            nodes += 1 + len(element.attrib)
            if depth > MAX_DEPTH:
                raise not_a_message("limit.depth")
            _check_attributes(element, identifiers)
            run = 0
        text = element.text if event == "start" else element.tail
        if event == "end":
            depth -= 1
            run = 0
        if text:
            nodes += run == 0
            run += len(text.encode())
            if run > MAX_TEXT:
                raise not_a_message("limit.token")
            if "\ufeff" in text:
                raise not_a_message("xml.char.allowed")
        if nodes > MAX_NODES:
            raise not_a_message("limit.nodes")


def _check_attributes(element, identifiers):
    for name, value in element.attrib.items():
        if "\ufeff" in value:
            raise not_a_message("xml.char.allowed")
        if len(value.encode()) > MAX_VALUE:
            raise not_a_message("limit.token")
        if name.startswith(f"{{{XML}}}") and name not in (q(XML, "lang"), q(XML, "space")):
            raise not_a_message("xml.attribute.reserved")
        if name in IDS:
            if value in identifiers:
                raise not_a_message("xml.id.unique")
            identifiers.add(value)


# Closed reading (xml.schema.closed): what the caller does not name must not be there.


def _closed(element, attributes):
    if any(name not in attributes for name in element.attrib):
        raise not_a_message("xml.schema.closed")


def children(element, attributes=()):
    """The child elements of an element that holds nothing else."""
    _closed(element, attributes)
    found = []
    if (element.text or "").strip(" \t\r\n"):
        raise not_a_message("xml.schema.closed")
    for child in element:
        if (child.tail or "").strip(" \t\r\n"):
            raise not_a_message("xml.schema.closed")
        if isinstance(child.tag, str):
            found.append(child)
    return found


def text_of(element, attributes=()):
    """The text of an element without children, as one whole: comments divide nothing."""
    _closed(element, attributes)
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str):
            raise not_a_message("xml.schema.closed")
        parts.append(child.tail or "")
    return "".join(parts)


def is_absolute_iri(text):
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s#<>\"{}|\\^`\x00-\x20\x7f]+", text))


def base64_octets(text):
    """Octets of canonical base64; XML white space in between is allowed."""
    compact = re.sub(r"[ \t\r\n]", "", text)
    try:
        octets = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise not_a_message("xml.base64.canonical") from None
    if base64.b64encode(octets).decode() != compact:
        raise not_a_message("xml.base64.canonical")
    return octets


def instant(text):
    """Nanoseconds since 1970."""
    match = _TIME.fullmatch(text)
    if not match:
        raise not_a_message("xml.datetime.form")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    in_range = year >= 1868 and 1 <= month <= 12 and hour <= 23 and minute <= 59 and second <= 59
    if not in_range or not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise not_a_message("xml.datetime.form")
    return calendar.timegm((year, month, day, hour, minute, second)) * 10**9 + int((match[7] or "").ljust(9, "0"))


# Exclusive XML Canonicalization 1.0 without comments. Written out because lxml forgets, for an element inside a
# document, the declarations of its ancestors, on which a PrefixList may depend.


def canonical(apex, prefix_list=(), without=None, default=False):
    """Canonical form of the subtree, less the element `without`. `default` is the rule of WSS STR-Transform: the
    outermost element always declares the default namespace, as empty if it has none."""
    out = []
    _render(apex, {}, prefix_list, without, out, default)
    return "".join(out).encode()


def _render(element, rendered, prefix_list, without, out, default):
    scope = element.nsmap
    name = etree.QName(element)
    used = {element.prefix: name.namespace or ""}
    attributes = []
    for position, (key, value) in enumerate(element.attrib.items(), start=1):
        attribute = etree.QName(key)
        written = attribute.localname
        if attribute.namespace:
            prefix = "xml" if attribute.namespace == XML else _prefix(element, attribute.namespace, scope, position)
            written = f"{prefix}:{written}"
            if prefix != "xml":
                used[prefix] = attribute.namespace
        attributes.append((attribute.namespace or "", attribute.localname, written, value))
    for prefix in prefix_list:
        used.setdefault(prefix, scope.get(prefix, ""))
    inner = dict(rendered)
    tag = f"{element.prefix}:{name.localname}" if element.prefix else name.localname
    out.append(f"<{tag}")
    for prefix, uri in sorted(used.items(), key=lambda item: item[0] or ""):
        if rendered.get(prefix, "") != uri:
            out.append(f' xmlns{":" + prefix if prefix else ""}="{_attribute(uri)}"')
            inner[prefix] = uri
        elif default and prefix is None:
            out.append(' xmlns=""')
    if default and None not in used:
        # The default namespace sorts before every prefix, and the first piece is the tag.
        out.insert(1, ' xmlns=""')
    for _, _, written, value in sorted(attributes, key=lambda item: item[:2]):
        out.append(f' {written}="{_attribute(value)}"')
    out.append(">")
    out.append(_text(element.text))
    for child in element:
        if isinstance(child.tag, str) and child is not without:
            _render(child, inner, prefix_list, without, out, False)
        out.append(_text(child.tail))
    out.append(f"</{tag}>")


def _prefix(element, namespace, scope, position):
    candidates = [prefix for prefix, uri in scope.items() if uri == namespace and prefix]
    if len(candidates) == 1:
        return candidates[0]
    return element.xpath("name(@*[$position])", position=position).partition(":")[0]


def _text(text):
    return escape(text).replace("\r", "&#xD;") if text else ""


def _attribute(value):
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return value.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")
