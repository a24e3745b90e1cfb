"""Test control (chapter 50): identity, reset, people, clock and logs. Everything else is answered with 501."""

import json
import sys
import lxml.etree

from transport import Server

BUILD = f"python {sys.version_info.major}.{sys.version_info.minor}, lxml {lxml.etree.__version__}"
VERBS = ["identity", "reset", "people", "clock", "logs"]


class Control(Server):
    """On the loopback interface only, and only when it is asked for."""

    kind = "application/json"

    def __init__(self, address, product):
        super().__init__(address, None)
        self.product = product
        host, port = self.server_address[:2]
        self.url = f"http://{host}:{port}/v1"

    def refuse_with(self, status):
        return status, b"{}", self.kind

    def refuse(self, refusal):
        return self.refuse_with(refusal.status)

    def early(self, _method, _target, _fields):
        return None

    def respond(self, method, target, _fields, body, _client):
        status, answer = self._verb(f"{method} {target}", body)
        return status, json.dumps(answer, ensure_ascii=False).encode(), self.kind

    def _verb(self, verb, body):
        match verb:
            case "GET /v1/identity":
                name = "python-responder"
                return 200, {"product": name, "build": BUILD, "verbs": VERBS, "acts": []}
            case "POST /v1/reset":
                self.product.reset()
                return 200, {}
            case "POST /v1/people":
                return self._people(body)
            case "POST /v1/clock":
                return self._clock(body)
            case "GET /v1/logs":
                return 200, {"lines": self.product.lines()}
        return 501, {}

    def _people(self, body):
        try:
            self.product.set_people(json.loads(body))
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return 400, {}
        return 200, {}

    def _clock(self, body):
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return 400, {}
        if not isinstance(document, dict) or set(document) != {"now"}:
            return 400, {}
        now = document["now"]
        if now is not None and (type(now) is not int or not 0 <= now < 2**33):
            return 400, {}
        self.product.set_clock(now)
        return 200, {}
