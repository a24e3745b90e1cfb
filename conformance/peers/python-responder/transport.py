"""HTTP/1.1 over mutual TLS (chapter 21): the server with its limits, and the client that calls the relay."""

import re
import socket
import socketserver
import ssl
import time
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from octets import MAX_BYTES
from refusal import BYTES, TOO_LARGE, Refusal

MAX_HEADER, MAX_FIELDS = 16 * 1024, 100
HEADER_SECONDS, BODY_SECONDS, IDLE_SECONDS, CALL_SECONDS = 10, 30, 60, 10
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
}


def server_tls(world):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(world.ca_file)
    context.load_cert_chain(world.sign_certificate_file, world.sign_key_file)
    return context


class RelayClient:
    """Calls the relay at the Location of its metadata, and nobody else."""

    def __init__(self, world, now):
        self._world, self._now = world, now
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_verify_locations(world.ca_file)
        self._tls.load_cert_chain(world.sign_certificate_file, world.sign_key_file)

    def __call__(self, octets, action):
        url = urlsplit(self._world.relay.location)
        connection = HTTPSConnection(url.hostname, url.port or 443, timeout=CALL_SECONDS, context=self._tls)
        try:
            connection.connect()
            shown = connection.sock.getpeercert(binary_form=True)
            if self._world.relay.certificate(shown, self._now()) is None:
                raise ConnectionError("the server is not the relay")
            headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
            connection.request("POST", url.path, octets, headers)
            answer = connection.getresponse()
            body = answer.read(MAX_BYTES + 1)
            kind = answer.headers.get_content_type()
        except HTTPException as error:
            raise ConnectionError(f"no HTTP answer: {type(error).__name__}") from None
        finally:
            connection.close()
        if answer.status != 200 or kind != "text/xml" or len(body) > MAX_BYTES:
            raise ConnectionError("the relay did not accept the message")
        return body


class Closed(Exception):
    """The connection ends without an answer."""


class Stop(Exception):
    """An answer after which the connection ends, because it may stand in the middle of a request."""

    def __init__(self, status, body, kind):
        self.answer = (status, body, kind)


class Connection(socketserver.BaseRequestHandler):
    """One connection. What a request means is the business of `server.respond`."""

    def handle(self):
        try:
            self._client = self._handshake()
            self._buffer = b""
            while self._one_request():
                pass
        except (Closed, OSError):
            pass
        else:
            self._farewell()
        finally:
            self.request.close()

    def _handshake(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.server.tls is None:
            return None
        self.request.settimeout(HEADER_SECONDS)
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        return self.request.getpeercert(binary_form=True)

    def _more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Closed
        self.request.settimeout(left)
        received = self.request.recv(65536)
        if not received:
            raise Closed
        self._buffer += received

    def _one_request(self):
        deadline = time.monotonic() + (IDLE_SECONDS if not self._buffer else HEADER_SECONDS)
        try:
            while not self._buffer:
                self._more(deadline)
            method, target, fields = self._header(time.monotonic() + HEADER_SECONDS)
            early = self.server.early(method, target, fields)
            if early:
                raise Stop(*early)
            body = self._body(fields, time.monotonic() + BODY_SECONDS)
        except Refusal as refusal:
            self._end(self.server.refuse(refusal))
            return False
        except Stop as stop:
            self._end(stop.answer)
            return False
        self._send(*self.server.respond(method, target, fields, body, self._client), close=False)
        return fields.get("connection", [""])[0].lower() != "close"

    def _header(self, deadline):
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEADER:
                raise Stop(*self.server.refuse_with(431))
            self._more(deadline)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if len(head) > MAX_HEADER:
            raise Stop(*self.server.refuse_with(431))
        start, *lines = head.decode("latin-1").split("\r\n")
        if len(lines) > MAX_FIELDS:
            raise Stop(*self.server.refuse_with(431))
        parts = start.split(" ")
        if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0") or not _TOKEN.fullmatch(parts[0]):
            raise Refusal(BYTES, "not HTTP/1.1")
        fields = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not _TOKEN.fullmatch(name) or re.search(r"[\x00\r\n]", value):
                raise Refusal(BYTES, "not a header field")
            fields.setdefault(name.lower(), []).append(value.strip(" \t"))
        if len(fields.get("host", ())) != 1:
            raise Refusal(BYTES, "Host is missing or doubled")
        return parts[0], parts[1], fields

    def _body(self, fields, deadline):
        lengths, encodings = fields.get("content-length", []), fields.get("transfer-encoding", [])
        if encodings:
            if lengths or [encoding.lower() for encoding in encodings] != ["chunked"]:
                raise Refusal(BYTES, "two framings")
            self._continue(fields)
            return self._chunks(deadline)
        if not lengths:
            return b""
        if len(lengths) != 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
            raise Refusal(BYTES, "Content-Length is not a length")
        if int(lengths[0]) > MAX_BYTES:
            raise Refusal(TOO_LARGE, "transport.body.limit")
        self._continue(fields)
        return self._take(int(lengths[0]), deadline)

    def _continue(self, fields):
        if fields.get("expect", [""])[0].lower() == "100-continue":
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _take(self, length, deadline):
        while len(self._buffer) < length:
            self._more(deadline)
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _line(self, deadline):
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > 1024:
                raise Refusal(BYTES, "not a chunk")
            self._more(deadline)
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _chunks(self, deadline):
        body = b""
        while True:
            size = re.fullmatch(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?", self._line(deadline))
            if not size:
                raise Refusal(BYTES, "not a chunk")
            length = int(size[1], 16)
            if len(body) + length > MAX_BYTES:
                raise Refusal(TOO_LARGE, "transport.body.limit")
            if length == 0:
                break
            body += self._take(length, deadline)
            if self._line(deadline):
                raise Refusal(BYTES, "not a chunk")
        for _ in range(MAX_FIELDS + 1):
            if not self._line(deadline):
                return body
        raise Refusal(BYTES, "too many trailer fields")

    def _send(self, status, body, kind, close):
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        if status == 405:
            head += "Allow: POST\r\n"
        head += "Connection: close\r\n\r\n" if close else "\r\n"
        self.request.settimeout(BODY_SECONDS)
        self.request.sendall(head.encode() + body)

    def _end(self, answer):
        """Answers and closes. What still comes in is dropped for a moment, lest the answer be lost to a reset."""
        self._send(*answer, close=True)
        self._farewell()
        try:
            self.request.shutdown(socket.SHUT_WR)  # of the socket below TLS; from here on octets are only dropped
            self.request.settimeout(0.2)
            dropped, deadline = 0, time.monotonic() + 1
            while dropped < MAX_HEADER * 16 and time.monotonic() < deadline:
                received = len(self.request.recv(65536))
                if not received:
                    break
                dropped += received
        except OSError:
            pass

    def _farewell(self):
        """Says that the TLS connection ends, and does not wait for the peer to say so too."""
        if self.server.tls is None:
            return
        try:
            self.request.settimeout(0)
            self.request.unwrap()
        except (OSError, ValueError, AttributeError):
            pass


class Server(socketserver.ThreadingTCPServer):
    """Listens from the moment it is made."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 128
    kind = "text/xml; charset=utf-8"

    def __init__(self, address, tls):
        self.tls = tls
        super().__init__(address, Connection)

    def refuse_with(self, status):
        """The fault of the group bytes, with a status of chapter 21."""
        return status, Refusal(BYTES, "").body(), self.kind

    def handle_error(self, request, client_address):
        """A connection that fails ends; its reason may hold what a peer wrote and is not printed."""


class Endpoint(Server):
    """The one place where messages for this party go."""

    def __init__(self, address, world, endpoint=None):
        super().__init__(address, server_tls(world))
        path = urlsplit(world.me.location).path
        host, port = self.server_address[:2]
        self.url = endpoint or f"https://{host}:{port}{path}"
        self.product = None

    def early(self, method, target, fields):
        """What can be refused before the body is read."""
        path, _, query = target.partition("?")
        if path != urlsplit(self.url).path or query:
            return self.refuse_with(404)
        if method != "POST":
            return self.refuse_with(405)
        if fields["host"][0] != urlsplit(self.url).netloc:
            raise Refusal(BYTES, "Host of another endpoint")
        if "content-encoding" in fields:
            raise Refusal(BYTES, "transport.encoding.none")
        if not _is_text_xml(fields.get("content-type", [])):
            raise Refusal(BYTES, "transport.content-type")
        return None

    def refuse(self, refusal):
        return (*self.product.refuse(refusal), self.kind)

    def respond(self, _method, _target, fields, body, client):
        actions = fields.get("soapaction", [])
        action = actions[0] if len(actions) == 1 else None
        return (*self.product.handle(body, action, client), self.kind)


def _is_text_xml(values):
    if len(values) != 1:
        return False
    kind, *parameters = (part.strip(" \t") for part in values[0].split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() != "utf-8":
            return False
    return kind.lower() == "text/xml"
