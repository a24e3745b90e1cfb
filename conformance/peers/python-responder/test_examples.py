"""The conversation in spec/examples, as this responder reads it and would have continued it.

The keys with which insurer-b signs are not among the examples; those of the folder that CHUKEI_WORLD names stand in.
"""

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

import envelope as envelopes
import linkage
import message as messages
from octets import canonical, instant
from product import KINDS
from refusal import Refusal
from testkit import ENTITY, MEDICAL, SAMPLE
from world import World

EXAMPLES = Path(__file__).resolve().parents[3] / "spec/examples"
NOW = instant("2026-06-01T03:00:00Z")
ROLES = {"relay": "relay", "insurer-a": "requester", "insurer-b": "responder", "portal": "portal"}
SAMPLE_PERSON = {
    "numbers": [{"party": "insurer-b", "scheme": "medical-insured", "value": SAMPLE, "from": "2008-04-01"}],
    "records": [{
        "party": "insurer-b",
        "eligibility": [{"from": "2008-04-01", "recorded": "2026-01-05"}],
        "benefits": [
            {"kind": "high-cost-medical", "from": "2025-08-01", "until": "2026-08-01", "amount": 48200}],
    }],
}


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.environ.get("CHUKEI_WORLD"):
            raise RuntimeError("CHUKEI_WORLD has to name a world folder; ci/gate-foreign makes one")
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        folder = Path(temporary.name) / "world"
        shutil.copytree(EXAMPLES / "world", folder)
        party = '[[party]]\nname = "{}"\nentity = "{}"\nrole = "{}"\n'.format
        index = "".join(party(name, ENTITY(name), role) for name, role in ROLES.items())
        (folder / "world.toml").write_text(index, "utf-8")
        (folder / "people.json").write_text(json.dumps({"people": [SAMPLE_PERSON]}), "utf-8")
        for name in ("sign.key", "sign.pem"):
            shutil.copy(Path(os.environ["CHUKEI_WORLD"]) / "keys/insurer-b" / name, folder / "keys/insurer-b")
        cls.world = World(folder, "insurer-b", NOW)

    def read(self, name):
        return messages.authenticate((EXAMPLES / name).read_bytes(), self.world, NOW)

    def test_the_query_is_answered_as_in_the_example(self):
        request = self.read("3-linkage-query.xml")
        location, action = self.world.me.location, f'"{linkage.QUERY}"'
        messages.check_request(request, action, request.certificate.der, location, KINDS, NOW)
        query = linkage.read_query(request.content, NOW)
        envelope = envelopes.accept(request, query.on_behalf_of, self.world, NOW)
        self.assertEqual(envelopes.open_number(envelope, self.world), (MEDICAL, SAMPLE))
        holder = self.world.people.find(MEDICAL, SAMPLE, linkage.today(NOW))
        content, outcome = linkage.answer(query, MEDICAL, holder, self.world)
        self.assertEqual(canonical(content), canonical(self.read("6-linkage-answer.xml").content))
        notice = linkage.notice(query, envelope, request.purpose, outcome, NOW)
        self.assertEqual(canonical(notice), canonical(self.read("4-disclosure-notice.xml").content))
        with self.assertRaises(Refusal):
            envelopes.accept(request, query.on_behalf_of, self.world, NOW + messages.WINDOW)

    def test_the_receipt_is_one_for_the_notice(self):
        notice, octets = self.read("4-disclosure-notice.xml"), (EXAMPLES / "5-disclosure-receipt.xml").read_bytes()
        envelope = envelopes.Envelope(notice.content.get("envelope"), NOW, ENTITY("insurer-a"), None)
        linkage.check_receipt(octets, self.world, notice.text(messages.MESSAGE_ID), envelope, NOW)
        with self.assertRaises(Refusal):
            linkage.check_receipt(octets, self.world, "urn:uuid:another", envelope, NOW)


if __name__ == "__main__":
    unittest.main()
