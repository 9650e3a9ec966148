#!/usr/bin/env python3
"""A link that misbehaves: carries IP packets between TUN devices `tun0` of two namespaces.

It loses, delays, reorders, repeats and throttles them by a seeded generator, or does one exact thing to one
exact packet (`--rule`). Prints `ready` when both devices stand and, when terminated, its counts as JSON.
With `--wrap` a copy of every packet that passes appears inside a frame of that kind on the TAP device
`mirror0` of a third namespace, as on the mirror port of a switch.
"""

import argparse
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import sys
import time

sys.dont_write_bytecode = True
from wraps import WRAPS  # noqa: E402

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000
CLONE_NEWNET = 0x40000000
FIN, SYN, RST, ACK = 1, 2, 4, 16
LIBC = ctypes.CDLL(None, use_errno=True)


def open_device(namespace, name, mode):
    """Makes a TUN or TAP device in a namespace and returns its file."""
    entered = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if LIBC.setns(entered, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(entered)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", name.encode(), mode | IFF_NO_PI))
    return device


def kinds_of(packet):
    """The names under which a rule may mean this packet."""
    version = packet[0] >> 4
    header, protocol = ((packet[0] & 15) * 4, packet[9]) if version == 4 else (40, packet[6])
    if version == 4 and struct.unpack_from(">H", packet, 6)[0] & 0x1FFF:
        return {"any", "fragment"}
    if version == 6 and protocol == 44:
        later = struct.unpack_from(">H", packet, 42)[0] & 0xFFF8
        return {"any", "fragment"} if later else {"any", "first"}
    if version == 4 and packet[6] & 0x20:
        return {"any", "first"}
    if protocol != 6:
        return {"any"}
    flags = packet[header + 13]
    payload = len(packet) - header - (packet[header + 12] >> 4) * 4
    kinds = {"any", "tcp"}
    kinds |= {"synack" if flags & ACK else "syn"} if flags & SYN else set()
    kinds |= {"fin"} if flags & FIN else set()
    kinds |= {"rst"} if flags & RST else set()
    kinds |= {"data"} if payload > 0 else set()
    kinds |= {"ack"} if payload == 0 and flags & (SYN | FIN | RST | ACK) == ACK else set()
    return kinds


class Rule:
    """DIRECTION:KIND:FIRST[-LAST]:ACTION, e.g. `ab:data:5:drop` loses A's fifth packet with payload.

    Actions: drop; dup; hold=MS delays this packet alone; stall=MS delays all that follows it, too. The kind
    `again` is a TCP packet that repeats another one's number.
    """

    def __init__(self, text):
        self.direction, self.kind, numbers, self.action = text.split(":")
        first, _, last = numbers.partition("-")
        self.range = range(int(first), int(last or first) + 1)
        self.seen = 0

    def meets(self, direction, kinds):
        """Counts the packet if it is of the rule's kind; true if it is one the rule is for."""
        if direction != self.direction or self.kind not in kinds:
            return False
        self.seen += 1
        return self.seen in self.range


class Link:
    """One direction: decides what becomes of each packet, and when."""

    def __init__(self, name, options):
        self.name = name
        self.options = options
        self.random = random.Random(f"{options.seed}-{name}")
        self.rules = [Rule(text) for text in options.rule]
        self.wire_free = 0.0
        self.numbers = set()
        self.counts = dict.fromkeys(("seen", "dropped", "duplicated", "held", "tail_dropped"), 0)

    def deliveries(self, packet, now):
        """Times at which copies of the packet leave the link; none if it is lost."""
        self.counts["seen"] += 1
        met = self.actions(packet)
        if "drop" in met or self.random.random() < self.options.loss:
            self.counts["dropped"] += 1
            return []
        for action in met:
            if action.startswith("stall="):
                self.wire_free = max(self.wire_free, now + float(action[6:]) / 1000)
        start = self.serialised(packet, now)
        if start is None:
            self.counts["tail_dropped"] += 1
            return []
        leave = start + self.options.delay / 1000 + self.random.random() * self.options.jitter / 1000
        held = [float(action[5:]) for action in met if action.startswith("hold=")]
        if self.random.random() < self.options.reorder:
            held.append(self.options.reorder_hold)
        if held:
            self.counts["held"] += 1
            leave += sum(held) / 1000
        if "dup" in met or self.random.random() < self.options.dup:
            self.counts["duplicated"] += 1
            return [leave, leave + self.options.dup_after / 1000]
        return [leave]

    def actions(self, packet):
        """What the rules want of this packet."""
        if not self.rules:
            return []
        kinds = kinds_of(packet)
        if "data" in kinds:
            header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
            number = packet[header : header + 8]
            kinds |= {"again"} if number in self.numbers else set()
            self.numbers.add(number)
        return [rule.action for rule in self.rules if rule.meets(self.name, kinds)]

    def serialised(self, packet, now):
        """When the packet has left a link of limited rate, or a stalled one; None if its queue is full."""
        if not self.options.rate:
            return max(now, self.wire_free)
        seconds = len(packet) * 8 / (self.options.rate * 1000)
        if (self.wire_free - now) / seconds > self.options.queue:
            return None
        self.wire_free = max(self.wire_free, now) + seconds
        return self.wire_free


class Relay:
    """Reads both devices and writes each packet to the other one when its time has come."""

    def __init__(self, options):
        self.options = options
        self.queue = []
        self.order = 0
        self.ends = {name: open_device(name, "tun0", IFF_TUN) for name in (options.a, options.b)}
        a, b = self.ends[options.a], self.ends[options.b]
        self.links = {a: (Link("ab", options), b), b: (Link("ba", options), a)}
        self.mirror = open_device(options.mirror, "mirror0", IFF_TAP) if options.wrap else None
        self.wrap = WRAPS[options.wrap] if options.wrap else None

    def take(self, device):
        """Reads all that waits on a device and plans its deliveries."""
        link, target = self.links[device]
        while True:
            try:
                packet = os.read(device, 65536)
            except (BlockingIOError, OSError):
                return
            for leave in link.deliveries(packet, time.monotonic()):
                self.order += 1
                heapq.heappush(self.queue, (leave, self.order, target, link.name, packet))

    def deliver(self):
        """Writes what is due; returns the seconds until the next packet is."""
        while self.queue:
            wait = self.queue[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, target, direction, packet = heapq.heappop(self.queue)
            if self.mirror is not None:
                os.write(self.mirror, self.wrap(packet, direction))
            try:
                os.write(target, packet)
            except OSError:
                pass
        return 0.5

    def run(self):
        """Relays until terminated."""
        poll = select.poll()
        for device in self.links:
            poll.register(device, select.POLLIN)
        while True:
            wait = self.deliver()
            # Poll counts in milliseconds: the last one before a delivery is spent awake, for exact delays.
            for device, _ in poll.poll(int(wait * 1000)):
                self.take(device)

    def counts(self):
        """What was asked for and what was done, for the witness."""
        asked = {
            key: value
            for key, value in vars(self.options).items()
            if key not in ("a", "b", "mirror") and value
        }
        return {"options": asked, **{link.name: link.counts for link, _ in self.links.values()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--seed", type=int, default=1)
    for name in ("loss", "delay", "jitter", "reorder", "reorder-hold", "dup", "dup-after", "rate", "queue"):
        default = {"reorder-hold": 8.0, "dup-after": 0.3, "queue": 20.0}.get(name, 0.0)
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--rule", action="append", default=[])
    parser.add_argument("--wrap", choices=sorted(WRAPS))
    parser.add_argument("--mirror")
    # A delay is worth what the scheduler leaves of it.
    os.nice(-15)
    relay = Relay(parser.parse_args())

    def finish(_signal, _frame):
        print(json.dumps(relay.counts()), flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, finish)
    print("ready", flush=True)
    relay.run()


if __name__ == "__main__":
    main()
