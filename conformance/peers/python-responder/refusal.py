"""Refusals and their answers (chapter 20, 拒否 / Refusals): decided by the group, and in `semantic` by the code."""

from xml.sax.saxutils import escape

BYTES, TOO_LARGE, AUTH, DEC, SEMANTIC, INTERNAL = "bytes", "too-large", "auth", "dec", "semantic", "internal"

_STATUS = {BYTES: 400, TOO_LARGE: 413, AUTH: 500, DEC: 500, SEMANTIC: 500, INTERNAL: 500}
_TEXT = {
    BYTES: "The request is not a message of this service.",
    TOO_LARGE: "The request is too large.",
    AUTH: "The message was not authenticated.",
    DEC: "The identity was not accepted.",
    SEMANTIC: "The request was refused.",
    INTERNAL: "The request could not be processed.",
}


class Refusal(Exception):
    """Why a message is refused. `why` is for the log of this product, never for the peer."""

    def __init__(self, group, why, code="InvalidRequest", faultcode="soap:Client"):
        super().__init__(why)
        self.group, self.why, self.code, self.faultcode = group, why, code, faultcode

    @property
    def status(self):
        return _STATUS[self.group]

    def body(self, leak=False):
        """The fault. `leak` is the deviation `leaks-by-error-text`: it tells the peer the precise reason."""
        faultcode = "soap:Server" if self.group == INTERNAL else self.faultcode
        text = f"{_TEXT[self.group]} ({self.why})" if leak else _TEXT[self.group]
        detail = ""
        if self.group == SEMANTIC:
            detail = f'<detail><lu:Status xmlns:lu="urn:liberty:util:2006-08" code="{self.code}"/></detail>'
        declared = ' xmlns:sbf="urn:liberty:sb"' if faultcode.startswith("sbf:") else ""
        return (
            '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
            f"<faultcode{declared}>{faultcode}</faultcode><faultstring>{escape(text)}</faultstring>{detail}"
            "</soap:Fault></soap:Body></soap:Envelope>"
        ).encode()


def not_a_message(why):
    return Refusal(BYTES, why)


def not_authentic(why):
    return Refusal(AUTH, why)


def not_allowed(code, why):
    return Refusal(SEMANTIC, why, code)
