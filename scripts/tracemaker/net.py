"""Two network namespaces joined by a veth pair or by a relay between two TUN devices.

Everything that speaks runs in this process: a socket belongs for good to the namespace in which it was
made, so a thread enters a host's namespace only to make one.
"""

import contextlib
import ctypes
import fcntl
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
SIOCETHTOOL = 0x8946
# ETHTOOL_SRXCSUM, STXCSUM, SSG, STSO, SGSO, SGRO: whatever would let one captured packet be another on the wire.
OFFLOADS = (0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C)

LIBC = ctypes.CDLL(None, use_errno=True)
RELAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")
COUNTER = itertools.count()
CAPTURE_WARM_UP = 0.1
CAPTURE_COOL_DOWN = 0.4


class Failed(Exception):
    """A case could not be made; the message says why."""


class Skipped(Exception):
    """A case cannot be made on this kernel; the message says why."""


def ip(*arguments, skip=None):
    """Runs `ip`; with `skip`, a failure skips the case and gives this reason."""
    # In a session of its own, so that a signal to our group does not end it half-way.
    done = subprocess.run(
        ["ip", *map(str, arguments)], capture_output=True, text=True, start_new_session=True
    )
    if done.returncode == 0:
        return
    if skip:
        raise Skipped(f"{skip}: {done.stderr.strip()}")
    raise Failed(f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}")


def set_namespace(path):
    """Moves the calling thread, and no other, into the network namespace at `path`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(descriptor)


class Host:
    """One namespace with one device that leads to the other host."""

    def __init__(self, name):
        self.name = name
        self.device = None
        self.ip4 = None
        self.ip6 = None

    def begin(self):
        """Makes the namespace."""
        ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        # No addresses or probes that we did not ask for.
        for knob in (
            "autoconf=0",
            "accept_ra=0",
            "router_solicitations=0",
            "accept_dad=0",
            "addr_gen_mode=1",
        ):
            key, value = knob.split("=")
            for scope in ("all", "default"):
                self.sysctl(f"net.ipv6.conf.{scope}.{key}", value)
        # A path's metrics learnt from one connection must not shape the next one.
        self.sysctl("net.ipv4.tcp_no_metrics_save", 1)

    def ip(self, *arguments, skip=None):
        """Runs `ip` in this namespace."""
        ip("-n", self.name, *arguments, skip=skip)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in this namespace while the block runs."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            set_namespace(f"/run/netns/{self.name}")
            yield
        finally:
            LIBC.setns(home, CLONE_NEWNET)
            os.close(home)

    def sysctl(self, key, value):
        """Sets a per-namespace kernel knob."""
        with self.inside(), contextlib.suppress(FileNotFoundError):
            with open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as knob:
                knob.write(str(value))

    def socket(self, kind, v6=False, protocol=0):
        """A socket of this namespace, with a time-out so that no case can hang."""
        with self.inside():
            made = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, kind, protocol)
        made.settimeout(20)
        return made

    def tcp(self, v6=False, protocol=0):
        """A TCP socket whose address may be used again at once."""
        made = self.socket(socket.SOCK_STREAM, v6, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return made

    def udp(self, v6=False):
        """A UDP socket."""
        return self.socket(socket.SOCK_DGRAM, v6)

    def address(self, v6=False):
        """This host's address towards the other one."""
        return self.ip6 if v6 else self.ip4

    def run(self, *command, check=True):
        """Runs a program in this namespace."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, *map(str, command)], capture_output=True, text=True, timeout=60
        )
        if check and done.returncode != 0:
            raise Failed(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def give(self, device, ip4, ip6, peer4=None, peer6=None):
        """Addresses for a device, which then is the way to the other host."""
        self.device, self.ip4, self.ip6 = device, ip4, ip6
        lengths = (32, 128) if peer4 else (24, 64)
        self.ip("addr", "add", f"{ip4}/{lengths[0]}", "dev", device)
        self.ip("addr", "add", f"{ip6}/{lengths[1]}", "dev", device, "nodad")
        self.ip("link", "set", device, "up")
        if peer4:
            # Without a network of their own, the two hosts need a route to each other.
            self.ip("route", "add", peer4, "dev", device, "src", ip4)
            self.ip("route", "add", peer6, "dev", device, "src", ip6)

    def wait_until_up(self, device, patience=5):
        """The kernel notices a carrier some time after the cable is in; only then does it route multicast."""
        deadline = time.monotonic() + patience
        while f"ff00::/8 dev {device}" not in self.run("ip", "-6", "route", "show", "table", "local"):
            if time.monotonic() > deadline:
                raise Failed(f"{device} did not come up")
            time.sleep(0.02)

    def offloads_off(self, device):
        """What is captured is then what is on the wire: no giant segments, checksums filled in."""
        with self.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for command in OFFLOADS:
                value = ctypes.create_string_buffer(struct.pack("II", command, 0))
                request = struct.pack("16sP", device.encode(), ctypes.addressof(value))
                # Not every device knows every knob; a knob that is not there is off.
                with contextlib.suppress(OSError):
                    fcntl.ioctl(control, SIOCETHTOOL, request)


class Capture:
    """A running tcpdump, and the proof that it saw everything."""

    def __init__(self, host, device, path, snap=None, arguments=(), expression=""):
        command = ["ip", "netns", "exec", host.name, "tcpdump", "-Z", "root", "-n", "-U", "-B", "16384"]
        command += ["--immediate-mode", "-i", device, "-w", path, "-s", str(snap or 262144), *arguments]
        command += [expression] if expression else []
        self.path = path
        # On lo the filter meets each packet twice, going out and coming in, and one of the two is recorded.
        self.meetings = 2 if device == "lo" else 1
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        heard = ""
        while "listening on" not in heard:
            line = self.process.stderr.readline()
            if not line:
                raise Failed(f"tcpdump on {device}: {heard.strip()}")
            heard += line
        time.sleep(CAPTURE_WARM_UP)

    def stop(self):
        """Ends the capture; fails if the kernel dropped a packet."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=20)
        counts = {
            words.split(" packet")[1].lstrip("s ").strip(): int(words.split()[0])
            for words in said.splitlines()
            if " packet" in words
        }
        dropped = counts.get("dropped by kernel", 0) + counts.get("dropped by interface", 0)
        if dropped or counts.get("captured", 0) * self.meetings != counts.get("received by filter"):
            raise Failed(f"tcpdump lost packets: {counts}")


class Net:
    """Two hosts and what lies between them, for the length of one case."""

    def __init__(self, path, case):
        self.path = path
        self.case = case
        self.hosts = []
        self.captures = []
        self.closed_captures = []
        self.witnesses = []
        self.relay = None
        self.relay_says = None
        self.lock = threading.Lock()
        try:
            self.a, self.b = self.host("a"), self.host("b")
            {"veth": self.join_by_veth, "tun": self.join_by_relay}[case.link]()
        except BaseException:
            self.close()
            raise

    def host(self, letter):
        """One more namespace, taken away at the end."""
        made = Host(f"trace{os.getpid()}-{next(COUNTER)}{letter}")
        # First on the list of what close() takes away, then made.
        self.hosts.append(made)
        made.begin()
        return made

    def join_by_veth(self):
        """An Ethernet cable."""
        ip(
            "link",
            "add",
            "eth0",
            "netns",
            self.a.name,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            self.b.name,
        )
        for host, last in ((self.a, 1), (self.b, 2)):
            host.ip("link", "set", "eth0", "address", f"02:00:00:00:00:0{last}")
            host.offloads_off("eth0")
            host.give("eth0", f"10.0.0.{last}", f"fd00::{last}")
        self.a.wait_until_up("eth0")
        self.b.wait_until_up("eth0")

    def join_by_relay(self):
        """A TUN device in each host and a relay between them that can lose, delay, repeat and reorder."""
        arguments = [sys.executable, RELAY, self.a.name, self.b.name, *map(str, self.case.relay)]
        if self.case.wrap:
            self.mirror = self.host("m")
            arguments += ["--wrap", self.case.wrap, "--mirror", self.mirror.name]
        self.relay = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        if self.relay.stdout.readline().strip() != "ready":
            raise Failed("the relay did not start")
        for host, mine, other in ((self.a, 1, 2), (self.b, 2, 1)):
            host.ip("link", "set", "tun0", "mtu", self.case.mtu, "txqueuelen", 10000)
            host.give("tun0", f"10.1.0.{mine}", f"fd01::{mine}", f"10.1.0.{other}", f"fd01::{other}")
        if self.case.wrap:
            self.mirror.sysctl("net.ipv6.conf.mirror0.disable_ipv6", 1)
            self.mirror.ip("link", "set", "mirror0", "up")

    def record(self):
        """Starts the case's captures; a case with `manual` calls this itself."""
        for place in self.case.at.split("+"):
            host = {"a": self.a, "b": self.b, "mirror": getattr(self, "mirror", None)}[place]
            device = self.case.device or ("mirror0" if place == "mirror" else host.device)
            path = self.path if "+" not in self.case.at else self.path.replace(".pcap", f".at-{place}.pcap")
            capture = Capture(host, device, path, self.case.snap, self.case.tcpdump, self.case.expression)
            capture.place = place
            self.captures.append(capture)

    def stop_recording(self):
        """Lets the last packets arrive and ends the captures."""
        time.sleep(CAPTURE_COOL_DOWN)
        while self.captures:
            capture = self.captures.pop()
            self.closed_captures.append(capture)
            capture.stop()

    def stop_relay(self):
        """Ends the relay and keeps its counts."""
        if self.relay is None:
            return
        self.relay.terminate()
        said, _ = self.relay.communicate(timeout=10)
        self.relay = None
        with contextlib.suppress(json.JSONDecodeError):
            self.relay_says = json.loads(said)

    def witness(self, place, told):
        """Keeps what the kernel said of a connection's end at host `place`."""
        with self.lock:
            self.witnesses.append({"at": place, **told})

    def close(self):
        """Ends every process and takes every namespace away."""
        for capture in self.captures:
            capture.process.kill()
            capture.process.wait()
        with contextlib.suppress(Exception):
            self.stop_relay()
        if self.relay is not None:
            self.relay.kill()
        for host in self.hosts:
            with contextlib.suppress(Failed):
                ip("netns", "del", host.name)
