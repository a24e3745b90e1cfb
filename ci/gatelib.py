"""What the gates written in Python share: the repository root, --help, the self-test, the verdict line."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(script, check, self_test):
    """Runs a gate: `self_test()` shows that it can fail, `check()` returns (faults, what was looked at)."""
    name = Path(script).name
    if "--help" in sys.argv[1:]:
        comment = re.match(r"(?:#.*\n)+", Path(script).read_text("utf-8"))
        print(re.sub(r"(?m)^(#!.*\n|# ?)", "", comment.group()) + "\n--self-test  only show that the gate can fail")
        return
    os.chdir(ROOT)
    self_test()
    if "--self-test" in sys.argv[1:]:
        print(f"{name}: passed, every planted fault was found and the sound twin accepted")
        return
    faults, seen = check()
    for fault in faults:
        print(f"{name}: {fault}")
    print(f"{name}: {'FAILED, %d faults in' % len(faults) if faults else 'passed,'} {seen}")
    sys.exit(1 if faults else 0)


def expect(condition, what):
    """For self-tests: stops the gate if it would not notice a planted fault."""
    if not condition:
        sys.exit(f"the gate's self-test failed: {what}")


def cargo(*arguments, **environment):
    """Runs cargo offline on the lock file as it is; returns whether it succeeded."""
    command = ["cargo", *arguments]
    print("+", " ".join(command), flush=True)
    return subprocess.run(command, env={**os.environ, "CARGO_NET_OFFLINE": "true", **environment}).returncode == 0


@cache
def built(binary):
    """Builds a program as the whole workspace has it, so that gates share their builds; returns its path."""
    told = messages("build", "--workspace", "--bin", binary)
    paths = [message["executable"] for message in told if message.get("executable")]
    if not paths:
        sys.exit(f"{binary} does not build")
    return paths[-1]


@cache
def tests():
    """Builds every test of the workspace; (package, target) → its program. The tests of a library are called lib."""
    found = {}
    for message in messages("test", "--workspace", "--all-targets", "--no-run"):
        if message.get("executable") and message["profile"]["test"]:
            package = message["manifest_path"].split("/")[-2]
            name = "lib" if "lib" in message["target"]["kind"] else message["target"]["name"]
            found[package, name] = message["executable"]
    if not found:
        sys.exit("the tests do not build")
    return found


def messages(*arguments):
    """What cargo tells about what it has built, offline on the lock file as it is; nothing when it failed."""
    import json

    command = ["cargo", *arguments, "--quiet", "--locked", "--message-format=json"]
    print("+", " ".join(command), flush=True)
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "CARGO_NET_OFFLINE": "true"})
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")] if run.returncode == 0 else []


def metadata(manifest="Cargo.toml"):
    """The whole dependency graph with every feature on, as `cargo metadata` tells it."""
    import json

    command = ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked", "--offline", "--manifest-path", manifest]
    run = subprocess.run(command, stdout=subprocess.PIPE)
    if run.returncode != 0:
        sys.exit("cargo metadata failed; ci/setup fetches what it needs")
    return json.loads(run.stdout)


def files(*suffixes, root=ROOT):
    """Every file of the repository that git does not ignore (in a scratch folder: every file), as relative paths."""
    if (root / ".git").exists():
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, cwd=root, stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
    found = sorted({n for n in names if n.endswith(suffixes or ("",)) and (root / n).is_file()})
    return [Path(name) for name in found if not name.startswith("target/")]
