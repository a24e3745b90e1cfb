"""The gateway itself: from the octets of a request to those of its answer. It knows nothing of sockets."""

import threading
import time

import envelope as envelopes
import linkage
import message as messages
from message import Author, compose
from names import ANONYMOUS
from refusal import INTERNAL, Refusal
from world import People

FAULTS = (
    "skips-audience",
    "skips-holder-of-key",
    "accepts-replay",
    "verifies-only-the-invoker",
    "ignores-the-window",
    "echoes-the-number",
    "logs-the-number",
    "answers-for-another-person",
    "leaks-by-error-text",
    "accepts-an-unsigned-header",
)
KINDS = {linkage.QUERY: True}  # this product takes nothing else, and it is about a person


class Memory:
    """What was used, until when it has to be remembered. Asking and remembering are one step."""

    def __init__(self):
        self._lock, self._until = threading.Lock(), {}

    def first_use(self, key, until, now):
        with self._lock:
            if self._until.get(key, now) > now:
                return False
            if len(self._until) % 1024 == 0:
                self._until = {known: end for known, end in self._until.items() if end > now}
            self._until[key] = until
            return True

    def clear(self):
        with self._lock:
            self._until.clear()


class Product:
    """`relay_call(octets, action)` sends a message to the relay and returns the octets of a 200, or raises OSError."""

    def __init__(self, world, endpoint, relay_call, fault=None, sink=None):
        self.world, self.endpoint, self.fault = world, endpoint, fault
        self._relay_call, self._sink = relay_call, sink
        self._author = Author(world.me.entity, world.certificate.der, world.sign_key, world.certificate.is_rsa)
        self._used_messages, self._used_envelopes = Memory(), Memory()
        self._fixed_time, self._lines = None, []
        self._people = world.people

    # The people, the clock, the log and the reset of test control

    def set_people(self, document):
        self.world.people = People(document, self.world.name)

    def now(self):
        """Nanoseconds since 1970."""
        return time.time_ns() if self._fixed_time is None else self._fixed_time

    def set_clock(self, seconds):
        self._fixed_time = None if seconds is None else seconds * messages.SECOND

    def log(self, line):
        """No line holds anything that a peer wrote: entity identifiers come from metadata, reasons from this code."""
        line = f"{messages.xml_time(self.now())} {line}"
        self._lines.append(line)
        if self._sink:
            self._sink(line)

    def lines(self):
        return list(self._lines)

    def reset(self):
        self._used_messages.clear()
        self._used_envelopes.clear()
        self._fixed_time, self._lines = None, []
        self.world.people = self._people

    # Requests

    def handle(self, octets, soap_action, tls_certificate):
        """(HTTP status, body) for the body of a POST to the endpoint."""
        try:
            return 200, self._answer(octets, soap_action, tls_certificate)
        except Refusal as refusal:
            return self.refuse(refusal)
        except Exception as error:  # a mistake of this product must not look like one of the peer
            return self.refuse(Refusal(INTERNAL, f"{type(error).__name__} in this product"))

    def refuse(self, refusal):
        self.log(f"refused {refusal.group} {refusal.why}")
        return refusal.status, refusal.body(leak=self.fault == "leaks-by-error-text")

    def _answer(self, octets, soap_action, tls_certificate):
        now, world = self.now(), self.world
        request = messages.authenticate(octets, world, now, self.fault)
        messages.check_request(request, soap_action, tls_certificate, self.endpoint, KINDS, now, self.fault)
        key, until = (request.sender.entity, request.message_id), max(request.expires or 0, now + messages.WINDOW)
        if not self._used_messages.first_use(key, until, now) and self.fault != "accepts-replay":
            raise _duplicate()
        query = linkage.read_query(request.content, now)
        envelope = envelopes.accept(request, query.on_behalf_of, world, now, self.fault)
        until = max(envelope.not_on_or_after, now + messages.WINDOW)
        first = self._used_envelopes.first_use(envelope.identifier, until, now)
        if not first and self.fault != "accepts-replay":
            raise Refusal("semantic", "envelope.use.once", "TargetIdentityNotValid")
        scheme, number = envelopes.open_number(envelope, world)
        content, outcome = linkage.answer(query, scheme, self._holder(scheme, number, now), world)
        if self.fault == "echoes-the-number":
            content[0].set("comment", number)
        self._disclose(query, envelope, request.purpose, outcome)
        octets, _ = compose(self._author, content, self.now(), ANONYMOUS, relates_to=request.message_id)
        about = f" about {number}" if self.fault == "logs-the-number" else ""
        self.log(f"{outcome} {' '.join(query.items)} to {request.sender.entity}{about}")
        return octets

    def _holder(self, scheme, number, now):
        holder = self.world.people.find(scheme, number, linkage.today(now))
        if holder and holder.eligibility and self.fault == "answers-for-another-person":
            others = [found[0] for key, found in self.world.people.holders.items() if key != (scheme, number)]
            return next(other for other in others if other.eligibility)
        return holder

    def _disclose(self, query, envelope, purpose, outcome):
        """Returns only with the relay's receipt."""
        now, relay = self.now(), self.world.relay
        content = linkage.notice(query, envelope, purpose, outcome, now)
        octets, message_id = compose(self._author, content, now, relay.location)
        try:
            received = self._relay_call(octets, linkage.NOTICE)
        except OSError as error:
            raise Refusal(INTERNAL, f"no receipt: {type(error).__name__}") from None
        linkage.check_receipt(received, self.world, message_id, envelope, self.now())


def _duplicate():
    return Refusal("semantic", "message.id.once", "DuplicateMsg")
