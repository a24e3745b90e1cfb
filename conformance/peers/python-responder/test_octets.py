"""Tests of reading octets as XML, of lexical forms and of canonical forms. They need no world."""

import unittest

from lxml import etree

from message import SECOND
from octets import base64_octets, canonical, instant, read
from refusal import Refusal


def attributes(number):
    return b"<a" + b"".join(b' b%d=""' % n for n in range(number)) + b"/>"


class Octets(unittest.TestCase):
    def test_what_is_refused_as_octets(self):
        for octets, twin in (
            (b"<!DOCTYPE a><a/>", b"<!-- <!DOCTYPE a> --><a/>"),
            (b"<a><?b?></a>", b"<a><!--b--></a>"),
            (b"<a/><?b?>", b"<a/><!--b-->"),
            (b'<?xml version="1.1"?><a/>', b'<?xml version="1.0"?><a/>'),
            (b'<?xml version="1.0" encoding="latin1"?><a/>', b'<?xml version="1.0" encoding="utf-8"?><a/>'),
            (b'<?xml version="1.0" standalone="yes"?><a/>', b'<?xml version="1.0" standalone="no"?><a/>'),
            ("<a>\ufeff</a>".encode(), "\ufeff<a/>".encode()),
            (b"<a>&#xFEFF;</a>", b"<a>&#xFEFE;</a>"),
            (b"<a>\xff</a>", "<a>ÿ</a>".encode()),
            (b'<a xmlns="b"/>', b'<a xmlns="b:c"/>'),
            (b'<a xmlns="b:&#x20;c"/>', b'<a xmlns="b:&#x63;"/>'),
            (b'<a xml:base="b:c"/>', b'<a xml:lang="ja"/>'),
            (b'<a ID="b"><c id="b"/></a>', b'<a ID="b"><c id="d"/></a>'),
            (b"<a>" * 65 + b"</a>" * 65, b"<a>" * 64 + b"</a>" * 64),
            (attributes(65), attributes(64)),
            (b"<a>" + b"<b/>" * 131_072 + b"</a>", b"<a>" + b"<b/>" * 131_071 + b"</a>"),
            (b"<a>" + b"b" * (512 * 1024 + 1) + b"</a>", b"<a>" + b"b" * 512 * 1024 + b"</a>"),
            (b'<a b="' + b"b" * (64 * 1024 + 1) + b'"/>', b'<a b="' + b"b" * 64 * 1024 + b'"/>'),
            (b"<a><b></a>", b"<a><b/></a>"),
        ):
            with self.subTest(octets[:60]):
                read(twin)
                with self.assertRaises(Refusal) as raised:
                    read(octets)
                self.assertEqual(raised.exception.group, "bytes")

    def test_lexical_forms(self):
        self.assertEqual(base64_octets(" QU\nI= "), b"AB")
        self.assertEqual(instant("2026-01-01T00:00:00.5Z") - instant("2026-01-01T00:00:00Z"), SECOND // 2)
        for wrong in ("QUI", "QUJ=", "QUI==", "QU-_"):
            self.assertRaises(Refusal, base64_octets, wrong)
        wrong_times = ("2026-01-01T00:00:00", "2026-13-01T00:00:00Z",
                       "2026-02-30T00:00:00Z", "2026-01-01T00:00:00+00:00", "2026-01-01T24:00:00Z")
        for wrong in wrong_times:
            self.assertRaises(Refusal, instant, wrong)

    def test_canonical_form_is_that_of_libxml2(self):
        for text in (
            '<r xmlns="u:d" xmlns:p="u:p" xmlns:q="u:q"><p:x b="&#9;&lt;&quot;" q:a="1" a="2" q:b="é">'
            '<y xmlns="">t<!--c-->&amp;&#13;'
            '</y><z/><p:w xmlns:p="u:other" p:v=""/></p:x></r>',
            '<a xmlns:p="u:a" xmlns:q="u:a" q:x="1" p:y="2"><b xml:lang="ja"> \n</b><![CDATA[<]]></a>',
        ):
            root = read(text.encode())
            for apex in root.iter(etree.Element):
                form = etree.tostring(apex, method="c14n", exclusive=True, with_comments=False, with_tail=False)
                self.assertEqual(canonical(apex), form)
            options = {"exclusive": True, "with_comments": False, "inclusive_ns_prefixes": ["q", "p"]}
            self.assertEqual(canonical(root, ["q", "p"]), etree.tostring(root, method="c14n", **options))

    def test_what_libxml2_is_not_asked_for(self):
        root = read(b'<r xmlns="u:d" xmlns:q="u:q" xmlns:t="u:t"><t:x><y/></t:x></r>')
        self.assertEqual(canonical(root[0], ["q"]), b'<t:x xmlns:q="u:q" xmlns:t="u:t"><y xmlns="u:d"></y></t:x>')
        self.assertEqual(canonical(root[0], [None]), b'<t:x xmlns="u:d" xmlns:t="u:t"><y></y></t:x>')
        self.assertEqual(canonical(root[0], default=True), b'<t:x xmlns="" xmlns:t="u:t"><y xmlns="u:d"></y></t:x>')
        self.assertEqual(canonical(root[0][0], default=True), b'<y xmlns="u:d"></y>')


if __name__ == "__main__":
    unittest.main()
