"""Foreign PC/SC software around our cards: pcscd as a plain user, cards in its readers, clients that use them."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import gatelib

LOGS = gatelib.ROOT / "target/cards"
MODULE = "opensc-pkcs11.so"
SECONDS = 40
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
AUTHENTICATION, SIGNATURE = "JPKI (User Authentication PIN)", "JPKI (Digital Signature PIN)"
ENTRY = 'FRIENDLYNAME "{name}"\nDEVICENAME {device}\nLIBPATH {library}\nCHANNELID {channel}\n\n'


class Fault(Exception):
    pass


def want(what, run, code=0, says=""):
    """What a program printed, if it ended with `code` (None: with any but 0) and said what matches `says`."""
    told = run.stdout + run.stderr
    if (run.returncode == 0) if code is None else (run.returncode != code):
        raise Fault(f"{what}: exit code {run.returncode}: {told.strip()[-300:]}")
    if not re.search(says, told):
        raise Fault(f"{what}: does not say {says!r}: {told.strip()[-300:]}")
    return told


class Place:
    """A folder that the plain user owns, programs copied into it, and what runs there."""

    def __init__(self, chukei, driver, client=None):
        self.folder = Path(tempfile.mkdtemp(prefix="chukei-cards-"))
        self.chukei = str(shutil.copy(chukei, self.folder / "chukei"))
        self.driver = str(shutil.copy(driver, self.folder / "driver.so"))
        self.client = client and str(shutil.copy(client, self.folder / "client"))
        (self.folder / "home").mkdir()
        for path in [self.folder, self.folder / "home"]:
            path.chmod(0o755)
            if NOBODY:
                os.chown(path, NOBODY["user"], NOBODY["group"])

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, **more):
        return {**os.environ, "HOME": str(self.folder / "home"), "LC_ALL": "C.UTF-8", **more}

    def run(self, *command, typed="", seconds=SECONDS, **environment):
        """Runs a program without a terminal, with `typed` as its input."""
        command = [str(word) for word in command]
        streams = {"input": typed, "capture_output": True, "text": True, "errors": "replace"}
        where = {"env": self.environment(**environment), "cwd": self.folder, "start_new_session": True, **NOBODY}
        try:
            return subprocess.run(command, timeout=seconds, **streams, **where)
        except subprocess.TimeoutExpired:
            raise Fault(f"{' '.join(command)[-200:]}: hangs for {seconds} s") from None

    def start(self, log, command, **more):
        how = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **more}
        with open(log, "wb") as file:
            where = {"env": self.environment(), "cwd": self.folder, **NOBODY}
            return subprocess.Popen(command, stdout=file, **how, **where)

    def issue(self, kind, *options):
        folder = self.folder / re.sub(r"[^\w+-]", "", "-".join([kind, *map(str, options)]))
        now = int(time.time()) - 3600
        shutil.rmtree(folder, ignore_errors=True)  # a card that is there is not written over
        command = [self.chukei, "card", "issue", "--type", kind, "--out", folder, "--issued", now]
        want(f"issuing {kind}", self.run(*command, *options))
        return folder


    def public(self, certificate):
        """A file with the public key of a certificate."""
        path = self.folder / "home/public"
        path.write_text(want("openssl x509", self.run("openssl", "x509", "-in", certificate, "-noout", "-pubkey")))
        return path

    def verifies(self, certificate, made, data, digest="sha256"):
        """Whether OpenSSL verifies a signature; one that it verifies over other data is a fault."""
        other = self.folder / "home/other"
        other.write_bytes(data.read_bytes() + b"!")
        verify = ["openssl", "dgst", f"-{digest}", "-verify", self.public(certificate), "-signature", made]
        verified = made.exists() and self.run(*verify, data).returncode == 0
        if verified and self.run(*verify, other).returncode == 0:
            raise Fault("a signature verifies over other data")
        return verified


def stop(process):
    """Ends what we started, by its id. Its exit code."""
    process.terminate()
    try:
        return process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "none, it had to be killed"


def until(what, holds, seconds=10):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise Fault(f"{what} does not happen within {seconds} s")
        time.sleep(0.005)


class Pcscd:
    """pcscd with readers of our driver. Its socket is made here and handed over, so it stands where we like."""

    def __init__(self, place, namespaces, names=("Patient", "Operator")):
        self.place, self.sockets = place, {name: place.folder / f"{name}.sock" for name in names}
        entries = [
            ENTRY.format(name=f"Chukei {name}", device=f"/dev/null:{path}", library=place.driver, channel=channel)
            for channel, (name, path) in enumerate(self.sockets.items())
        ]
        conf = place.folder / "conf"
        conf.mkdir(exist_ok=True)
        (conf / "readers").write_text("".join(entries))
        self.socket = place.folder / "pcscd.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.socket))
            if NOBODY:
                os.chown(self.socket, NOBODY["user"], NOBODY["group"])
            listener.listen(16)
            daemon = f"exec pcscd --foreground --config {conf} $(pcscd --help | grep -o -- --disable-polkit || true)"
            if namespaces:
                daemon = f"exec unshare -U -r -m bash -c 'mount -t tmpfs tmpfs /run && mkdir /run/pcscd && {daemon}'"
            handed = f"exec 3<&{listener.fileno()}; export LISTEN_FDS=1 LISTEN_PID=$$; {daemon}"
            self._process = place.start(LOGS / "pcscd.log", ["bash", "-c", handed], pass_fds=[listener.fileno()])

    def __enter__(self):
        is_open = lambda: all(path.exists() for path in self.sockets.values())
        until("that pcscd opens its readers", lambda: self._process.poll() is not None or is_open())
        if self._process.poll() is not None:
            raise Fault(f"pcscd does not start: {(LOGS / 'pcscd.log').read_text(errors='replace').strip()[-300:]}")
        return self

    def __exit__(self, kind, *_):
        code = stop(self._process)
        self.socket.unlink(missing_ok=True)
        if kind is None and code != 0:
            raise Fault(f"pcscd ends with {code}")


class Card:
    """A card of ours in a reader, and clients that use it."""

    def __init__(self, pcscd, name, folder, reader="Patient"):
        self.pcscd, self.place, self.folder, self.reader = pcscd, pcscd.place, folder, f"Chukei {reader}"
        self.trace, self._control = self.place.folder / f"{name}.trace", self.place.folder / f"{name}.control"
        self.trace.unlink(missing_ok=True)
        command = [self.place.chukei, "--quiet", "mock", "card", "--image", str(folder / "card.toml")]
        command += ["--reader", str(pcscd.sockets[reader]), "--socket", str(self._control), "--trace", str(self.trace)]
        self._process = self.place.start(LOGS / f"{name}.log", command)

    def __enter__(self):
        self.until_powered(1)
        return self

    def __exit__(self, *_):
        stop(self._process)
        shutil.copy(self.trace, LOGS) if self.trace.exists() else None

    def powered(self):
        return self.trace.read_text().count("# power on") if self.trace.exists() else 0

    def until_powered(self, times):
        until("that pcscd gives the card power", lambda: self.powered() >= times)

    def tell(self, line):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(self._control))
            stream.sendall(f"{line}\n".encode())
            answer = stream.makefile().readline().strip()
        if not answer.startswith("ok"):
            raise Fault(f"{line}: {answer}")
        return answer

    def use(self, *command, **more):
        return self.place.run(*command, **more, PCSCLITE_CSOCK_NAME=str(self.pcscd.socket))

    def listed(self):
        """Whether the reader is listed with a card in it."""
        told = want("listing readers", self.use("opensc-tool", "-l"), says=self.reader)
        return bool(re.search(rf"Yes\s.*{self.reader}", told))

    def pkcs11(self, *options):
        return self.use("pkcs11-tool", "--module", MODULE, *options)

    def sign(self, token, pin, key, mechanism="SHA256-RSA-PKCS"):
        """The run that signs, and whether OpenSSL verifies what it made."""
        data, made = self.place.folder / "home/data", self.place.folder / "home/made"
        data.write_bytes(b"access application")
        made.unlink(missing_ok=True)
        by = ["--token-label", token] if token else []
        run = self.pkcs11(*by, "--login", "--pin", pin, "--sign", "-m", mechanism, "--id", key, "-i", data, "-o", made)
        certificate = self.folder / ("signature.pem" if token == SIGNATURE else "authentication.pem")
        return run, self.place.verifies(certificate, made, data, "sha1" if mechanism.startswith("SHA1") else "sha256")

    def signs(self, what, *how):
        run, verified = self.sign(*how)
        want(what, run)
        if not verified:
            raise Fault(f"{what}: the signature does not verify")

    def certificate(self, number, name, *pin):
        """A certificate that is read is the one that was issued."""
        told = want(f"reading certificate {number}", self.use("pkcs15-tool", "--read-certificate", number, *pin))
        if (self.folder / f"{name}.pem").read_text().strip() not in told:
            raise Fault(f"certificate {number} is not the one that was issued")

    def answers(self, *commands):
        """Data and status words of bare commands."""
        sent = [word for command in commands for word in ("-s", command)]
        told = want("opensc-tool -s", self.use("opensc-tool", "-c", "default", *sent))
        parts = re.findall(r"Received \(SW1=0x(..), SW2=0x(..)\):?\n((?:(?:[0-9A-F]{2} ){1,16}.*\n)*)", told)
        octets = re.compile(r"(?:[0-9A-F]{2} ?){1,16}")  # of a row; its characters follow
        data = lambda rows: bytes.fromhex("".join(octets.match(row[:48])[0] for row in rows.splitlines()))
        return [(data(rows), high + low) for high, low, rows in parts]
