"""Gateway of a medical insurer (insurer B): a responder of the Chukei standard, written from `spec/` alone.

usage: python responder.py --world DIR [--party NAME] [--listen HOST:PORT] [--control HOST:PORT] [--fault NAME]

When it is ready it prints one line, {"endpoint": URL, "control": URL or null}. SIGTERM ends it.
"""

import argparse
import ipaddress
import json
import signal
import sys
import threading
import time
from urllib.parse import urlsplit

from control import Control
from product import FAULTS, Product
from transport import Endpoint, RelayClient
from world import World, WorldError


def _address(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError("HOST:PORT is wanted")
    return host.strip("[]"), int(port)


def _loopback(text):
    host, port = _address(text)
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise argparse.ArgumentTypeError("test control is offered on the loopback interface only")
    return host, port


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--world", required=True, metavar="DIR", help="folder made by `chukei world`")
    parser.add_argument("--party", default="insurer-b", metavar="NAME", help="whose keys and records (insurer-b)")
    parser.add_argument("--listen", type=_address, metavar="HOST:PORT", help="instead of the address in the metadata")
    parser.add_argument("--control", type=_loopback, metavar="HOST:PORT", help="offer test control here")
    parser.add_argument("--fault", choices=FAULTS, help="deviate on purpose")
    return parser.parse_args()


def start(arguments, sink=None):
    """The running servers: the endpoint, and test control or None."""
    world = World(arguments.world, arguments.party, time.time_ns())
    own = urlsplit(world.me.location)
    if arguments.listen:
        endpoint = Endpoint(arguments.listen, world)
    else:
        endpoint = Endpoint((own.hostname, own.port or 443), world, world.me.location)
    client = RelayClient(world, lambda: product.now())
    product = endpoint.product = Product(world, endpoint.url, client, arguments.fault, sink)
    control = Control(arguments.control, product) if arguments.control else None
    for server in filter(None, (endpoint, control)):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return endpoint, control


def main():
    arguments = _arguments()
    # Blocked before there are other threads, so that the signal waits for sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        endpoint, control = start(arguments, sink=lambda line: print(line, file=sys.stderr, flush=True))
    except (WorldError, OSError) as error:
        sys.exit(f"responder: {error}")
    print(json.dumps({"endpoint": endpoint.url, "control": control and control.url}), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    for server in filter(None, (endpoint, control)):
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
