"""Linkage (chapter 32) and the notice of disclosure (chapter 33): what this insurer says about a person."""

import re
import time
from dataclasses import dataclass
from datetime import date

from lxml import etree

import message as messages
from message import SECOND
from names import CK, LU, q
from octets import children, text_of
from refusal import INTERNAL, Refusal, not_allowed

QUERY, ANSWER = f"{CK}:LinkageQuery", f"{CK}:LinkageAnswer"
NOTICE, RECEIPT = f"{CK}:DisclosureNotice", f"{CK}:DisclosureReceipt"
ITEMS = ("eligibility", "benefits")
_JAPAN = 9 * 3600


@dataclass
class Query:
    items: list
    as_of: str
    on_behalf_of: str | None


def read_query(content, now):
    """r[linkage.query.form]"""
    items = []
    for item in children(content, ("asOf", "onBehalfOf")):
        text = text_of(item) if item.tag == q(CK, "Item") else None
        if text not in ITEMS or text in items:
            raise not_allowed("InvalidRequest", "linkage.query.form")
        items.append(text)
    if not items:
        raise not_allowed("InvalidRequest", "linkage.query.form")
    as_of = content.get("asOf", today(now))
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", as_of) or as_of < "1868":
            raise ValueError
        date.fromisoformat(as_of)
    except ValueError:
        raise not_allowed("InvalidRequest", "the asOf of a query is a date") from None
    return Query(items, as_of, content.get("onBehalfOf"))


def today(now):
    """Days are those of Japan Standard Time."""
    return time.strftime("%Y-%m-%d", time.gmtime(now // SECOND + _JAPAN))


def answer(query, scheme, holder, world):
    """The child of Body of the answer, and its outcome for the notice. `holder` is None for a number nobody has."""
    eligibility = _eligibility(holder, query.as_of) if holder and "eligibility" in query.items else []
    benefits = holder.benefits if holder and "benefits" in query.items else []
    benefits = [benefit for benefit in benefits if benefit["from"] <= query.as_of]
    content = messages.element(CK, "LinkageAnswer")
    found = bool(eligibility or benefits)
    etree.SubElement(content, q(LU, "Status"), code="OK" if found else "NoData")
    for period, validity in eligibility:
        attributes = {"scheme": scheme, "insurer": world.me.entity, **_period(period), "asOf": query.as_of}
        attributes |= {"recordedAt": period["recorded"] + "T00:00:00Z", "validity": validity}
        etree.SubElement(content, q(CK, "Eligibility"), attributes)
    for benefit in benefits:
        attributes = {"kind": benefit["kind"], **_period(benefit)}
        if benefit.get("amount") is not None:
            attributes["amount"] = str(benefit["amount"])
        etree.SubElement(content, q(CK, "Benefit"), attributes)
    return content, "answered" if found else "no-data"


def _period(row):
    until = row.get("until")
    return {"from": row["from"]} | ({"until": until} if until else {})


def _eligibility(holder, day):
    """The periods that hold the day, or the last before it; each with its validity."""
    begun = [period for period in holder.eligibility if period["from"] <= day]
    holding = [period for period in begun if not period.get("until") or day < period["until"]]
    if not holding:
        ended = sorted(begun, key=lambda period: (period["until"], period["from"]))
        return [(period, "invalid") for period in ended[-1:]]
    return [(period, "valid") for period in holding]


def notice(query, envelope, purpose, outcome, now):
    """The child of Body of the notice."""
    attributes = {"envelope": envelope.identifier, "requester": envelope.holder, "at": messages.xml_time(now)}
    content = messages.element(CK, "DisclosureNotice", **attributes, outcome=outcome)
    for item in query.items:
        etree.SubElement(content, q(CK, "Item")).text = item
    etree.SubElement(content, q(CK, "Purpose")).text = purpose
    return content


def check_receipt(octets, world, request_id, envelope, now):
    """r[linkage.disclosure.required]: a receipt counts only if the relay signed it for this notice."""
    try:
        receipt = messages.authenticate(octets, world, now)
        messages.check_answer(receipt, world.relay, request_id, RECEIPT, now)
        inner = children(receipt.content, ("envelope",))
        about = receipt.content.get("envelope")
        if about != envelope.identifier or [child.tag for child in inner] != [q(LU, "Status")]:
            raise Refusal(INTERNAL, "a receipt for something else")
        if inner[0].get("code") != "OK" or children(inner[0], ("code", "comment")):
            raise Refusal(INTERNAL, "the relay did not record the disclosure")
    except Refusal as refusal:
        raise Refusal(INTERNAL, f"no valid receipt: {refusal.why}") from None
