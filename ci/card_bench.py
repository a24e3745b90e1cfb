# What `ci/bench card` runs: a command to a card in this process, through pcscd with our driver, and over vpcd; and a whole
# visit, from the start of pcscd over insertion, signature and its verification to the stop.
#
# usage: ci/bench card [--json FILE] [--rounds N]

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import gatelib
from cardlib import AUTHENTICATION, ENTRY, LOGS, Card, Pcscd, Place, want

VPCD = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
GOALS = {"driver": ("median_us", 100), "visit": ("median_s", 0.5)}


def built():
    """The command, the driver and the bench, in release."""
    build = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", gatelib.ROOT / "Cargo.toml"]
    for what in [["-p", "chukei-pcsc-driver"], ["-p", "chukei"], ["-p", "chukei", "--example", "card_bench"]]:
        subprocess.run([*build, *what], check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", gatelib.ROOT / "target")).resolve() / "release"
    return target / "chukei", target / "libchukei_pcsc_driver.so", target / "examples/card_bench"


def row(told):
    return json.loads(told.strip().splitlines()[-1])


def visit(place):
    """Seconds from nothing to nothing."""
    folder, begin = place.issue("mynumber-like"), time.monotonic()
    with Pcscd(place, namespaces=True) as pcscd, Card(pcscd, "visit", folder) as card:
        card.signs("signature", AUTHENTICATION, "1234", "01")
    return time.monotonic() - begin


def vpcd(place, bench, rounds):
    conf, folder = place.folder / "vpcd", place.issue("mynumber-like")
    conf.mkdir()
    (conf / "reader").write_text(ENTRY.format(name="Chukei vpcd", device="/dev/null:0x8C7B", library=VPCD, channel="0x8C7B"))
    trace = place.folder / "vpcd.trace"
    script = f"""
set -e
mount -t tmpfs tmpfs /run; mkdir /run/pcscd; ip link set lo up
pcscd --foreground --config {conf} $(pcscd --help | grep -o -- --disable-polkit || true) >{place.folder}/home/log 2>&1 & daemon=$!
{place.chukei} --quiet mock card --image {folder}/card.toml --trace {trace} & card=$!
trap 'kill $card $daemon; wait $daemon' EXIT
for _ in $(seq 500); do grep -q 'power on' {trace} 2>/dev/null && break; sleep 0.01; done
{bench} reader 'Chukei vpcd' {rounds}
"""
    return row(want("vpcd", place.run("unshare", "-U", "-r", "-n", "-m", "bash", "-c", script)))


def main():
    arguments = argparse.ArgumentParser(prog="ci/bench card")
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--rounds", type=int, default=20_000)
    asked = arguments.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    chukei, driver, bench = built()
    LOGS.mkdir(parents=True, exist_ok=True)
    place = Place(chukei, driver)
    try:
        bench = shutil.copy(bench, place.folder / "bench")
        image = place.issue("mynumber-like") / "card.toml"
        rows = {"in-process": row(want("in process", place.run(bench, "in-process", image, asked.rounds)))}
        with Pcscd(place, namespaces=True) as pcscd, Card(pcscd, "bench", image.parent) as card:
            # What is traced is not what is measured: the trace goes to a file, a line a command.
            rows["driver"] = row(want("driver", card.use(bench, "reader", card.reader, asked.rounds)))
        if VPCD.exists():
            rows["vpcd"] = vpcd(place, bench, min(asked.rounds, 2_000))
        visits = [visit(place) for _ in range(9)]
        rows["visit"] = {"rounds": len(visits), "min_s": round(min(visits), 3), "median_s": round(statistics.median(visits), 3)}
    finally:
        place.close()
    for name, figures in rows.items():
        field, goal = GOALS.get(name, (None, None))
        verdict = "" if goal is None else f"  goal {field} <= {goal}: {'reached' if figures[field] <= goal else 'missed'}"
        print(f"{name:12} {json.dumps(figures)}{verdict}")
    if asked.json:
        asked.json.write_text(json.dumps([{"name": name, **figures} for name, figures in rows.items()], indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
