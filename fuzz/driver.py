"""Builds the fuzz targets with coverage instrumentation, on stable Rust, and runs libFuzzer."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
ROOT = FUZZ.parent
FINDINGS = FUZZ / "findings"
# What `cargo fuzz` sets; all of it is stable. The explicit --target keeps build scripts uninstrumented.
FLAGS = "-Cpasses=sancov-module -Ccodegen-units=1 " + " ".join(
    f"-Cllvm-args=-sanitizer-coverage-{pass_}"
    for pass_ in ("level=4", "inline-8bit-counters", "pc-table", "trace-compares")
)
TRIPLE = "x86_64-unknown-linux-gnu"
SHARED = {"xml": "xml", "signed": "xml", "sealed": "xml", "der": "der"}  # kind of input → foreign files


def print_head(script):
    """Prints the comment at the head of a script, for --help."""
    head = Path(script).read_text("utf-8").split("\n\n")[0].splitlines()[1:]
    print("\n".join(line.removeprefix("#").removeprefix(" ") for line in head))


def has_oracle():
    """Whether libxmlsec1 is installed, which the differential targets are held against."""
    return subprocess.run(["pkg-config", "--exists", "xmlsec1"], stderr=subprocess.DEVNULL).returncode == 0


def targets(oracle=None):
    """Name → (kind of input, executions in the smoke run), from the table in src/lib.rs."""
    oracle = has_oracle() if oracle is None else oracle
    table = (FUZZ / "src/lib.rs").read_text("utf-8")
    rows = re.findall(r'(?m)^    (#\[cfg\(feature = "oracle"\)\]\n    )?(\w+), "(\w+)", ([\d_]+);', table)
    return {name: (kind, int(runs)) for optional, name, kind, runs in rows if oracle or not optional}


def longest(kind):
    """Octets of the longest input: short ones are faster."""
    short = {"program": 256, "base64": 256, "date_time": 64, "query": 1024, "gcm": 512, "der": 4096}
    return short.get(kind, 12288)


def build():
    """Gives the path of the instrumented program."""
    features = "engine,oracle" if has_oracle() else "engine"
    command = ["cargo", "build", "--release", "--locked", "--target", TRIPLE]
    command += ["--features", features, "--bin", "fuzz"]
    print("+", " ".join(command), "# instrumented", flush=True)
    if subprocess.run(command, cwd=FUZZ, env={**os.environ, "RUSTFLAGS": FLAGS}).returncode != 0:
        sys.exit("the fuzz targets do not build")
    return Path(os.environ.get("CARGO_TARGET_DIR", FUZZ / "target")) / TRIPLE / "release" / "fuzz"


class Run:
    """One libFuzzer process and what it said."""

    def __init__(self, program, target, kind, options, corpus, extra=(), findings=FINDINGS):
        folders = [FUZZ / "seeds" / kind, FUZZ / "seeds" / target, FINDINGS / target, *extra]
        self.target, self.findings = target, findings / target
        self.findings.mkdir(parents=True, exist_ok=True)
        self.command = [
            str(program), str(corpus), *(str(folder) for folder in folders if folder.is_dir()),
            f"-dict={FUZZ / 'dictionary.txt'}", f"-max_len={longest(kind)}", "-timeout=20",
            "-rss_limit_mb=2048", f"-artifact_prefix={self.findings}/", "-print_final_stats=1", *options,
        ]
        self.log, self.cpu, self.code = "", 0.0, None

    def wait(self):
        environment = {**os.environ, "CHUKEI_FUZZ_TARGET": self.target, "RUST_BACKTRACE": "0"}
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = self.code = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
            log.seek(0)
            self.log = log.read().decode("utf-8", "replace")
        return self

    def number(self, pattern):
        found = re.findall(pattern, self.log)
        return int(found[-1]) if found else 0

    @property
    def executions(self):
        return self.number(r"stat::number_of_executed_units: *(\d+)")

    @property
    def coverage(self):
        """Counters reached: at the start, and at the end."""
        reached = [int(number) for number in re.findall(r"\scov: (\d+) ft:", self.log)]
        start = re.search(r"\bINITED\s+cov: (\d+)", self.log)
        return int(start.group(1)) if start else 0, max(reached, default=0)

    @property
    def features(self):
        """Features (counters with their magnitudes, and comparisons) at the start, and at the end."""
        reached = [int(number) for number in re.findall(r"\bft: (\d+)", self.log)]
        start = re.search(r"\bINITED\s+cov: \d+ ft: (\d+)", self.log)
        return int(start.group(1)) if start else 0, max(reached, default=0)

    @property
    def finding(self):
        """The file that was kept, if any."""
        kept = re.findall(r"Test unit written to (\S+)", self.log)
        return Path(kept[-1]) if kept else None

    @property
    def is_stopped(self):
        """Whether it ended early without a finding: interrupted from outside, or not started at all."""
        return self.code != 0 and not self.finding

    def report(self):
        """Says what was found and how to see it again."""
        if self.code == 0:
            return
        message = re.search(r"panicked at [^\n]*\n(?:(?!note:|stack backtrace)[^\n]*\n){1,6}", self.log)
        print(f"\n{self.target}: {'STOPPED' if self.is_stopped else 'FINDING'} (exit {self.code})")
        print((message.group() if message else "\n".join(self.log.splitlines()[-15:])).rstrip()[:4000])
        if self.finding:
            path = os.path.relpath(self.finding, ROOT)
            base64 = re.findall(r"(?m)^Base64: (\S+)", self.log)
            if base64 and len(base64[-1]) < 4000:
                print(f"base64: {base64[-1]}")
            print(f"kept:   {path}  (commit it once it is mended: the replay test runs it)")
            print(f"again:  ci/fuzz {self.target} --reproduce {path}", flush=True)


def in_parallel(runs, jobs):
    """Waits for all, so many at a time; gives them back."""
    waiting, lock = list(reversed(runs)), threading.Lock()

    def work():
        while True:
            with lock:
                if not waiting:
                    return
                run = waiting.pop()
            run.wait()

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    return runs


def foreign(kind, folder):
    """Copies files of foreign corpora, where there are any, as additional seeds."""
    shared = os.environ.get("CHUKEI_SHARED")
    if not shared or kind not in SHARED:
        return []
    for number, path in enumerate(sorted(Path(shared, "corpora").rglob(f"*.{SHARED[kind]}"))):
        if path.stat().st_size <= longest(kind):
            shutil.copyfile(path, Path(folder) / str(number))
    return [Path(folder)]
