"""Tests of the responder over loopback, with a requester and a relay of their own (testkit.py).

CHUKEI_WORLD names a folder made by `chukei world --dir DIR`; it is copied, not changed. ci/gate-foreign does it all.
"""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from lxml import etree

import linkage
import message as messages
import names
import testkit
from message import SECOND, element
from names import CK, LU, SB, SOAP, WSA, q
from octets import canonical, instant
from product import FAULTS
from refusal import Refusal
from testkit import ENTITY, MEDICAL, SAMPLE, Kit, drop_reference
from world import Holder

HERE = Path(__file__).resolve().parent


def setUpModule():
    global KIT, SOUND, CONTROL, FOLDER
    world = os.environ.get("CHUKEI_WORLD")
    if not world:
        raise RuntimeError("CHUKEI_WORLD has to name a world folder; ci/gate-foreign makes one")
    FOLDER = tempfile.TemporaryDirectory()
    KIT = Kit(world, FOLDER.name)
    SOUND, CONTROL = KIT.responder()


def tearDownModule():
    KIT.stop()
    FOLDER.cleanup()


def outcome(status, body):
    """What of an answer is the same each time: status and Fault, or status and the child of Body."""
    root = etree.fromstring(body)
    (child,) = root.find(q(SOAP, "Body"))
    if child.tag == q(SOAP, "Fault"):
        code = child.find(f".//{q(LU, 'Status')}")
        return status, child.findtext("faultcode"), code is not None and code.get("code"), child.findtext("faultstring")
    return status, canonical(child).decode()


def ask(endpoint, **bent):
    """The outcome of a query that is bent in one thing; `post` bends the request around it."""
    around = bent.pop("post", {})
    status, body, _ = KIT.post(endpoint, KIT.query(endpoint, **bent), **around)
    return outcome(status, body)


def replayed(endpoint, **again):
    """The outcome of the second of two queries that share their MessageID or their envelope."""
    envelope = testkit.mint(KIT, time.time_ns())
    held = etree.tostring(envelope)
    first = KIT.query(endpoint, assertions=[envelope])
    status, body, _ = KIT.post(endpoint, first)
    if status != 200:
        raise AssertionError(outcome(status, body))
    second = first if again.get("message") else KIT.query(endpoint, assertions=[etree.fromstring(held)])
    return outcome(*KIT.post(endpoint, second)[:2])


def block(namespace, name, text=None, **attributes):
    return element(namespace, name, text, **attributes)


def must_understand():
    made = block("urn:example:test", "Unknown")
    made.set(q(SOAP, "mustUnderstand"), "1")
    return made


def reply_to(address):
    made = block(WSA, "ReplyTo")
    etree.SubElement(made, q(WSA, "Address")).text = address
    return made


def altered(octets, _sender):
    return octets.replace(b">eligibility<", b">benefits<", 1).replace(b">benefits</ck:Item><ck:Item>benefits<",
                                                                      b">benefits</ck:Item><ck:Item>eligibility<", 1)


def two(endpoint):
    now = time.time_ns()
    return ask(endpoint, assertions=[testkit.mint(KIT, now), testkit.mint(KIT, now)])


def semantic(code, faultcode="soap:Client"):
    return 500, faultcode, code, "The request was refused."


AUTH = (500, "soap:Client", False, "The message was not authenticated.")
DEC = (500, "soap:Client", False, "The identity was not accepted.")
BYTES = (400, "soap:Client", False, "The request is not a message of this service.")
INVALID, IDENTITY = semantic("InvalidRequest"), semantic("TargetIdentityNotValid")

# Name: (what a sound responder answers, how to ask). Every one is a valid query that is wrong in one thing.
REFUSALS = {
    "audience": (IDENTITY, lambda e: ask(e, audience=ENTITY("insurer-c"))),
    "recipient": (IDENTITY, lambda e: ask(e, recipient=ENTITY("insurer-c"))),
    "holder-entity": (IDENTITY, lambda e: ask(e, holder=ENTITY("insurer-d"))),
    "holder-certificate": (IDENTITY, lambda e: ask(e, holder_certificate="insurer-d")),
    "another-presenter": (IDENTITY, lambda e: ask(e, sender="insurer-d", post={"client": "insurer-d"})),
    "bearer": (IDENTITY, lambda e: ask(e, method="urn:oasis:names:tc:SAML:2.0:cm:bearer")),
    "envelope-unsigned": (AUTH, lambda e: ask(e, signer="")),
    "envelope-by-requester": (AUTH, lambda e: ask(e, signer="insurer-a")),
    "envelope-expired": (IDENTITY, lambda e: ask(e, starts=-120, ends=-1)),
    "envelope-ahead": (IDENTITY, lambda e: ask(e, starts=200, ends=400)),
    "envelope-long": (IDENTITY, lambda e: ask(e, starts=0, ends=301)),
    "envelope-version": (IDENTITY, lambda e: ask(e, version="1.1")),
    "envelope-condition": (IDENTITY, lambda e: ask(e, conditions="<saml:OneTimeUse/><saml:ProxyRestriction/>")),
    "envelope-many-uses": (IDENTITY, lambda e: ask(e, conditions="")),
    "envelope-purpose": (
        semantic("CannotHonourUsageDirective"), lambda e: ask(e, purpose=f"{CK}:purpose:eligibility-check")),
    "envelope-twice": (IDENTITY, lambda e: replayed(e)),
    "no-envelope": (IDENTITY, lambda e: ask(e, assertions=[])),
    "two-envelopes": (IDENTITY, two),
    "unknown-attribute": (BYTES, lambda e: ask(e, attributes={"force": "1"})),
    "key-of-another": (DEC, lambda e: ask(e, sealed_for="insurer-c")),
    "name-of-another": (DEC, lambda e: ask(e, sp_qualifier=ENTITY("insurer-c"))),
    "name-from-another": (DEC, lambda e: ask(e, qualifier=ENTITY("insurer-c"))),
    "scheme": (DEC, lambda e: ask(e, scheme=names.IDENTIFIER + "care-insured", number="1234567890")),
    "check-digit": (DEC, lambda e: ask(e, scheme=names.IDENTIFIER + "late-elderly", number="88970919")),
    "white-space": (DEC, lambda e: ask(e, number=SAMPLE + "\u3000")),
    "two-elements": (DEC, lambda e: ask(e, plaintext="<a/><b/>")),
    "prefix-of-outside": (DEC, lambda e: ask(e, plaintext="<saml:NameID>1</saml:NameID>")),
    "message-twice": (semantic("DuplicateMsg"), lambda e: replayed(e, message=True)),
    "message-expired": (semantic("StaleMsg"), lambda e: ask(e, written=-301)),
    "message-ahead": (semantic("StaleMsg"), lambda e: ask(e, written=200)),
    "message-altered": (AUTH, lambda e: ask(e, change=altered)),
    "body-unsigned": (AUTH, lambda e: ask(e, change=drop_reference("body"))),
    "header-unsigned": (AUTH, lambda e: ask(e, change=drop_reference("h5"))),
    "token-unsigned": (AUTH, lambda e: ask(e, change=drop_reference("str"))),
    "header-twice": (AUTH, lambda e: ask(e, blocks=[block(WSA, "To", "urn:a")])),
    "tls-client": (AUTH, lambda e: ask(e, post={"client": "insurer-d"})),
    "stranger": (AUTH, lambda e: ask(e, sender="stranger", post={"client": "stranger"})),
    "must-understand": (
        semantic("InvalidRequest", "soap:MustUnderstand"), lambda e: ask(e, blocks=[must_understand()])),
    "to": (INVALID, lambda e: ask(e, to="https://127.0.0.1:1/linkage")),
    "soap-action": (semantic("ActionNotSupported"), lambda e: ask(e, post={"action": f"{CK}:RelayedQuery"})),
    "relates-to": (semantic("InvalidRefToMsgID"), lambda e: ask(e, relates_to="urn:uuid:1")),
    "reply-to": (INVALID, lambda e: ask(e, blocks=[reply_to("https://127.0.0.1:1/")])),
    "processing-context": (
        semantic("ProcCtxUnwilling"), lambda e: ask(e, blocks=[block(SB, "ProcessingContext", "urn:a")])),
    "purpose": (semantic("CannotHonourUsageDirective"), lambda e: ask(e, message_purpose="urn:a", purpose="urn:a")),
    "item": (INVALID, lambda e: ask(e, items=("eligibility", "name"))),
    "item-twice": (INVALID, lambda e: ask(e, items=("eligibility", "eligibility"))),
    "no-item": (INVALID, lambda e: ask(e, items=())),
    "date": (INVALID, lambda e: ask(e, attributes={"asOf": "2026-02-30"})),
    "on-behalf": (IDENTITY, lambda e: ask(e, attributes={"onBehalfOf": ENTITY("insurer-d")})),
    "relay-not-listed": (
        IDENTITY,
        lambda e: ask(e, sender="relay", attributes={"onBehalfOf": ENTITY("insurer-a")}, post={"client": "relay"})),
}

# Variants that are as valid as the plain query.
ACCEPTED = {
    "plain": lambda e: ask(e),
    "envelope-just-valid": lambda e: ask(e, starts=-290, ends=10),
    "envelope-a-little-ahead": lambda e: ask(e, starts=170, ends=400),
    "message-old": lambda e: ask(e, written=-290),
    "message-a-little-ahead": lambda e: ask(e, written=170),
    "reply-to-anonymous": lambda e: ask(e, blocks=[reply_to(names.ANONYMOUS)]),
    "unknown-header": lambda e: ask(e, blocks=[block("urn:example:test", "Unknown")]),
    "relayed": lambda e: ask(
        e, sender="relay", lists_relay=True, attributes={"onBehalfOf": ENTITY("insurer-a")}, post={"client": "relay"}),
    "listed-and-direct": lambda e: ask(e, lists_relay=True),
}

# What each deviation lets through, and nothing else. The rest of the deviations has tests of its own below.
LETS_THROUGH = {
    "skips-audience": {"audience"},
    "skips-holder-of-key": {
        "holder-entity", "holder-certificate", "another-presenter", "bearer", "on-behalf", "relay-not-listed"},
    "accepts-replay": {"envelope-twice", "message-twice"},
    "verifies-only-the-invoker": {"envelope-unsigned", "envelope-by-requester"},
    "ignores-the-window": {"envelope-expired", "envelope-ahead", "envelope-long", "message-expired", "message-ahead"},
    "accepts-an-unsigned-header": {"header-unsigned"},
}


def told(answer):
    """An outcome without the text of a fault."""
    return answer[:3]


class Refusals(unittest.TestCase):
    def test_each_is_refused_and_its_positive_twin_answered(self):
        plain = ask(SOUND)
        self.assertEqual(plain[0], 200, plain)
        for name, (expected, how) in REFUSALS.items():
            with self.subTest(name):
                notices = len(KIT.relay.notices)
                self.assertEqual(how(SOUND), expected)
                answered = 1 if name.endswith("-twice") and name.split("-")[0] in ("envelope", "message") else 0
                self.assertEqual(len(KIT.relay.notices) - notices, answered, "a refused query was reported")
        for name, how in ACCEPTED.items():
            with self.subTest(name):
                self.assertEqual(how(SOUND), plain)

    def test_groups_have_equal_octets(self):
        bodies = {}
        for name, bent in {
            "auth-1": {"signer": ""}, "auth-2": {"change": altered}, "auth-3": {"post": {"client": "insurer-d"}},
            "dec-1": {"sealed_for": "insurer-c"}, "dec-2": {"plaintext": "<a/><b/>"}, "dec-3": {"qualifier": "urn:a"},
        }.items():
            around = bent.pop("post", {})
            _, body, _ = KIT.post(SOUND, KIT.query(SOUND, **bent), **around)
            bodies.setdefault(name[:4], set()).add(body)
        self.assertEqual([len(group) for group in bodies.values()], [1, 1])


class Deviations(unittest.TestCase):
    def test_each_changes_exactly_its_behaviour(self):
        sound = {name: how(SOUND) for name, (_, how) in REFUSALS.items()}
        plain = ask(SOUND)
        for fault in FAULTS:
            endpoint, _ = KIT.responder(fault)
            through = LETS_THROUGH.get(fault, set())
            for name, (_, how) in REFUSALS.items():
                with self.subTest(fault=fault, probe=name):
                    found = how(endpoint)
                    if fault == "leaks-by-error-text":
                        self.assertEqual(told(found), told(sound[name]))
                        self.assertNotEqual(found, sound[name])
                    elif name in through:
                        self.assertEqual(found, plain)
                    else:
                        self.assertEqual(found, sound[name])
            for name, how in ACCEPTED.items():
                with self.subTest(fault=fault, probe=name):
                    if fault in ("echoes-the-number", "answers-for-another-person"):
                        self.assertEqual(how(endpoint)[0], 200)
                    else:
                        self.assertEqual(how(endpoint), plain)

    def test_echo_log_and_person(self):
        plain = ask(SOUND)
        self.assertNotIn(SAMPLE, plain[1])
        seen = {}
        for fault in ("echoes-the-number", "logs-the-number", "answers-for-another-person"):
            endpoint, control = KIT.responder(fault)
            answer = ask(endpoint)
            logged = any(SAMPLE in line for line in control.product.lines())
            seen[fault] = (SAMPLE in answer[1], logged, answer[1].replace(f' comment="{SAMPLE}"', "") == plain[1])
        self.assertEqual(seen, {
            "echoes-the-number": (True, False, True),
            "logs-the-number": (False, True, True),
            "answers-for-another-person": (False, False, False),
        })
        self.assertFalse(any(SAMPLE in line for line in CONTROL.product.lines()))
        self.assertTrue(any("answered" in line for line in CONTROL.product.lines()))


class Answers(unittest.TestCase):
    def answer(self, **bent):
        status, body = ask(SOUND, **bent)
        self.assertEqual(status, 200, body)
        root = etree.fromstring(body)
        return root[0].get("code"), [dict(child.attrib) | {"": etree.QName(child).localname} for child in root[1:]]

    def test_items_and_days(self):
        eligibility = {
            "": "Eligibility", "scheme": MEDICAL, "insurer": ENTITY("insurer-b"), "from": "2008-04-01",
            "asOf": "2026-06-01", "recordedAt": "2026-01-05T00:00:00Z", "validity": "valid",
        }
        benefit = {
            "": "Benefit", "kind": "high-cost-medical", "from": "2025-08-01", "until": "2026-08-01", "amount": "48200"}
        june = {"attributes": {"asOf": "2026-06-01"}}
        self.assertEqual(self.answer(**june), ("OK", [eligibility, benefit]))
        self.assertEqual(self.answer(**june, items=("benefits",)), ("OK", [benefit]))
        self.assertEqual(self.answer(**june, items=("eligibility",)), ("OK", [eligibility]))
        self.assertEqual(self.answer(attributes={"asOf": "2025-07-31"}, items=("benefits",)), ("NoData", []))
        self.assertEqual(self.answer(attributes={"asOf": "2008-03-31"}), ("NoData", []))

    def test_numbers_are_compared_character_by_character(self):
        other = self.answer(number="港いろは1234", items=("benefits",))
        self.assertEqual(other[1][0]["amount"], "17300")
        self.assertEqual(self.answer(number="港ほへと９９９９９９９"), ("NoData", []))

    def test_periods(self):
        def periods(day, *rows):
            holder = Holder("", None, [dict(zip(("from", "until", "recorded"), row)) for row in rows], [])
            query = linkage.Query(["eligibility"], day, None)
            content, outcome = linkage.answer(query, MEDICAL, holder, KIT.world)
            return outcome, [(child.get("from"), child.get("validity")) for child in content[1:]]

        old, new = ("2010-01-01", "2020-01-01", "2020-02-01"), ("2020-01-01", None, "2020-02-01")
        self.assertEqual(periods("2019-12-31", old, new), ("answered", [("2010-01-01", "valid")]))
        self.assertEqual(periods("2020-01-01", old, new), ("answered", [("2020-01-01", "valid")]))
        self.assertEqual(periods("2020-01-01", old), ("answered", [("2010-01-01", "invalid")]))
        self.assertEqual(periods("2009-12-31", old, new), ("no-data", []))
        both = ("answered", [("2015-01-01", "valid"), ("2020-01-01", "valid")])
        self.assertEqual(periods("2021-01-01", ("2015-01-01", None, "2015-01-01"), old, new), both)
        # Of two that ended on one day, the one that began later.
        longer = ("2005-01-01", "2020-01-01", "2020-02-01")
        last = ("answered", [("2010-01-01", "invalid")])
        self.assertEqual((periods("2020-01-01", old, longer), periods("2020-01-01", longer, old)), (last, last))

    def test_the_answer_is_a_signed_message(self):
        request = KIT.query(SOUND)
        asked = etree.fromstring(request).findtext(f".//{q(WSA, 'MessageID')}")
        status, body, response = KIT.post(SOUND, request)
        self.assertEqual((status, response.headers["Content-Type"]), (200, "text/xml; charset=utf-8"))
        now = time.time_ns()
        answer = messages.authenticate(body, KIT.world, now)
        messages.check_answer(answer, KIT.world.me, asked, f"{CK}:LinkageAnswer", now)
        with self.assertRaises(Refusal):
            messages.check_answer(answer, KIT.world.me, "urn:uuid:another", f"{CK}:LinkageAnswer", now)
        with self.assertRaises(Refusal):
            messages.authenticate(body.replace(b"48200", b"48201"), KIT.world, now)


class Disclosure(unittest.TestCase):
    def tearDown(self):
        KIT.relay.bend = None

    def test_the_notice_agrees_with_the_answer(self):
        for bent, wanted in (({}, "answered"), ({"number": "港ほへと９９９９９９９"}, "no-data")):
            envelope = testkit.mint(KIT, time.time_ns(), **bent)
            name = envelope.get("ID")
            self.assertEqual(ask(SOUND, assertions=[envelope], items=("benefits",))[0], 200)
            content = KIT.relay.notices[-1].content
            self.assertEqual((content.get("envelope"), content.get("requester")), (name, ENTITY("insurer-a")))
            children = [(etree.QName(child).localname, child.text) for child in content]
            self.assertEqual(children, [("Item", "benefits"), ("Purpose", testkit.PURPOSE)])
            self.assertEqual(content.get("outcome"), wanted)
            self.assertLess(abs(instant(content.get("at")) - time.time_ns()), 60 * SECOND)

    def test_no_answer_without_a_valid_receipt(self):
        refused = (500, "soap:Server", False, "The request could not be processed.")
        receipt = KIT.relay.receipt
        bends = {
            "another request": lambda n, now: receipt(n, now, relates_to="urn:uuid:1"),
            "another envelope": lambda n, now: receipt(n, now, envelope="_1"),
            "another signer": lambda n, now: receipt(n, now, signer="insurer-c"),
            "not recorded": lambda n, now: receipt(n, now, code="Forbidden"),
            "old": lambda n, now: receipt(n, now - 301 * SECOND),
            "altered": lambda n, now: receipt(n, now, code="Forbidden").replace(b'"Forbidden"', b'"OK"'),
            "a fault": lambda n, now: Refusal("auth", "").body(),
            "nothing": lambda n, now: b"",
        }
        for name, bend in bends.items():
            with self.subTest(name):
                KIT.relay.bend = bend
                self.assertEqual(ask(SOUND), refused)
        KIT.relay.bend = receipt
        self.assertEqual(ask(SOUND)[0], 200)


class Transport(unittest.TestCase):
    def raw(self, octets, client="insurer-a", version=None):
        url = urlsplit(SOUND.url)
        context = KIT.tls(client)
        if version:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        with socket.create_connection((url.hostname, url.port), timeout=20) as plain:
            with context.wrap_socket(plain, server_hostname=url.hostname) as secure:
                secure.sendall(octets)
                return secure.recv(65536)

    def test_tls(self):
        request = b"GET /linkage HTTP/1.1\r\nHost: a\r\n\r\n"
        self.assertTrue(self.raw(request).startswith(b"HTTP/1.1 405 "))
        self.assertTrue(self.raw(request, version=ssl.TLSVersion.TLSv1_2).startswith(b"HTTP/1.1 405 "))
        for bent in ({"client": None}, {"version": ssl.TLSVersion.TLSv1_1}):
            with self.subTest(bent), self.assertRaises(OSError):
                if self.raw(request, **bent) == b"":
                    raise ConnectionError("closed")

    def test_http(self):
        def status(octets, **around):
            return KIT.post(SOUND, octets, **around)[0]

        self.assertEqual(status(KIT.query(SOUND)), 200)
        self.assertEqual(status(KIT.query(SOUND), Content_Type='Text/XML;charset="UTF-8"'), 200)
        self.assertEqual(status(KIT.query(SOUND), Content_Type="application/soap+xml"), 400)
        self.assertEqual(status(KIT.query(SOUND), Content_Type="text/xml; charset=utf-16"), 400)
        self.assertEqual(status(KIT.query(SOUND), Host="localhost"), 400)
        self.assertEqual(status(KIT.query(SOUND), path="/other"), 404)
        self.assertEqual(status(KIT.query(SOUND), method="PUT"), 405)
        self.assertEqual(status(KIT.query(SOUND), X_Long="a" * 17_000), 431)
        self.assertEqual(status(KIT.query(SOUND), **{f"X-{number}": "a" for number in range(100)}), 431)
        self.assertEqual(status(b"<" * (2 * 1024 * 1024)), 400)
        self.assertEqual(status(None, Content_Length=str(2 * 1024 * 1024 + 1)), 413)

    def test_chunks_and_many_requests_on_one_connection(self):
        url = urlsplit(SOUND.url)
        headers = {"Content-Type": "text/xml", "SOAPAction": f'"{CK}:LinkageQuery"'}
        connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=20, context=KIT.tls("insurer-a"))
        for chunked in (True, False, True):
            query = KIT.query(SOUND)
            body = iter([query[:1000], query[1000:]]) if chunked else query
            connection.request("POST", url.path, body, headers, encode_chunked=chunked)
            response = connection.getresponse()
            self.assertEqual((response.status, bool(response.read())), (200, True))
        connection.close()


class Control(unittest.TestCase):
    def call(self, verb, path, document=None, url=None):
        parts = urlsplit(url or CONTROL.url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        connection.request(verb, parts.path + path, None if document is None else json.dumps(document))
        response = connection.getresponse()
        status, body = response.status, response.read()
        connection.close()
        return status, json.loads(body)

    def test_verbs(self):
        status, identity = self.call("GET", "/identity")
        self.assertEqual((status, identity["verbs"]), (200, ["identity", "reset", "people", "clock", "logs"]))
        for unknown in ("POST /act", "GET /outcome/a", "GET /reset", "POST /a1b2"):
            self.assertEqual(self.call(*unknown.split(" "), {})[0], 501)
        for wrong in ({}, {"now": "1"}, {"now": -1}, {"now": True}, [], {"now": 1, "then": 2}):
            self.assertEqual(self.call("POST", "/clock", wrong)[0], 400)
        for wrong in ({}, [], {"people": [{}]}):
            self.assertEqual(self.call("POST", "/people", wrong)[0], 400)

    def test_people_and_reset(self):
        endpoint, control = KIT.responder()

        def status():
            told = etree.fromstring(KIT.post(endpoint, KIT.query(endpoint))[1])
            return told.find(".//{*}LinkageAnswer/{*}Status").get("code")

        people = json.loads((KIT.folder / "people.json").read_text("utf-8"))
        for person in people["people"]:
            person["records"] = []
        self.assertEqual(status(), "OK")
        self.assertEqual(self.call("POST", "/people", people, control.url), (200, {}))
        self.assertEqual(status(), "NoData")
        self.assertEqual(self.call("POST", "/reset", {}, control.url), (200, {}))
        self.assertEqual(status(), "OK")

    def test_clock_and_reset(self):
        endpoint, control = KIT.responder()
        query = KIT.query(endpoint)
        self.assertEqual(KIT.post(endpoint, query)[0], 200)
        self.assertEqual(outcome(*KIT.post(endpoint, query)[:2]), semantic("DuplicateMsg"))
        later = int(time.time()) + 3600
        self.assertEqual(self.call("POST", "/clock", {"now": later}, control.url), (200, {}))
        self.assertEqual(outcome(*KIT.post(endpoint, query)[:2]), semantic("StaleMsg"))
        self.assertTrue(self.call("GET", "/logs", url=control.url)[1]["lines"])
        self.assertEqual(self.call("POST", "/reset", {}, control.url), (200, {}))
        self.assertEqual(self.call("GET", "/logs", url=control.url), (200, {"lines": []}))
        self.assertEqual(KIT.post(endpoint, query)[0], 200)


class CommandLine(unittest.TestCase):
    def start(self, *arguments):
        command = [sys.executable, str(HERE / "responder.py"), "--world", str(KIT.folder), *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_says_when_it_is_ready_and_ends_on_sigterm(self):
        with self.start("--listen", "127.0.0.1:0", "--control", "127.0.0.1:0") as process:
            ready = json.loads(process.stdout.readline())
            self.assertEqual(sorted(ready), ["control", "endpoint"])
            query = KIT.query(type("Endpoint", (), {"url": ready["endpoint"]}))
            self.assertEqual(KIT.post(type("Endpoint", (), {"url": ready["endpoint"]}), query)[0], 200)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(20), 0)
            self.assertNotIn(SAMPLE, process.stderr.read())

    def test_what_is_wrong_is_said(self):
        for arguments, said in (
            (("--fault", "none-such"), "invalid choice"), (("--control", "0.0.0.0:0"), "loopback"),
            (("--party", "nobody"), "no party nobody"), (("--party", "stranger"), "KeyError"),
        ):
            with self.start(*arguments) as process:
                self.assertNotEqual(process.wait(20), 0)
                self.assertIn(said, process.stderr.read())


if __name__ == "__main__":
    unittest.main()
