"""What capinfos and tshark say of each file of a corpus: scripts/corpus-witness.tsv.

tshark's answer is the number of packets whose innermost TCP or UDP header it could read as a whole, and a digest of
how many there are between which endpoints. Headers that an ICMP error quotes are no packets, and nothing is put
together: a fragment with an offset has no header.
"""

import bz2
import collections
import concurrent.futures
import hashlib
import ipaddress
import lzma
import os
import re
import subprocess
import tempfile
from typing import NamedTuple

TABLE = os.path.join(os.path.dirname(__file__), "corpus-witness.tsv")

# Nothing is re-assembled or decrypted: each packet stands for itself.
PREFERENCES = (
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "wlan.defragment:FALSE",
    "wlan.enable_decryption:FALSE",
)
FIELDS = """
    frame.protocols tcp.urgent_pointer udp.length udp.checksum ip.frag_offset ip.src ip.dst ipv6.src ipv6.dst
    tcp.srcport tcp.dstport udp.srcport udp.dstport
""".split()

# The layers of tshark that the table tells of, by its names for them.
LAYERS = set(
    """
    ah arcnet atm bluetooth can capwap.data chdlc dccp erf erspan esp fddi fr geneve gre gtp icmp icmpv6
    ieee8021ad ieee8021ah ieee8021cb ipcomp ipv6 ipv6.dstopts ipv6.fraghdr ipv6.hopopts ipv6.routing ipx juniper l2tp
    lisp llc loop mipv6 mpls netlink nflog nsh null openvpn osi pktap ppi ppp pppoes prism pwethcw radiotap raw sctp
    sflow sll stp teredo user_dlt vlan vxlan wg wlan wpan
    """.split()
)
NETWORK = ("ip", "ipv6")


class Witness(NamedTuple):
    """A file's line; `packets` is None where capinfos gives no count, and `trouble` says why or what else is wrong."""

    packets: int | None
    trouble: str
    tcp: int
    udp: int
    conversations: str
    layers: list


def read():
    """The version that made the table, and its lines by file."""
    with open(TABLE) as table:
        version, _, *lines = table.read().splitlines()
    witnesses = {}
    for line in lines:
        file, packets, trouble, tcp, udp, conversations, layers = line.split("\t")
        packets = None if packets == "-" else int(packets)
        witnesses[file] = Witness(packets, trouble, int(tcp), int(udp), conversations, layers.split())
    return version.removeprefix("# "), witnesses


def renew(corpus, files):
    """Asks capinfos and tshark anew about all files, and writes the table."""
    version = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # The settings of whoever runs this must not matter.
        os.environ["WIRESHARK_CONFIG_DIR"] = folder
        witnesses = list(pool.map(lambda file: ask(os.path.join(corpus, file)), files))
    with open(TABLE, "w") as table:
        print(f"# {version}\nfile\tpackets\tcapinfos\ttcp\tudp\tconversations\tlayers", file=table)
        for file, witness in zip(files, witnesses, strict=True):
            packets = "-" if witness.packets is None else witness.packets
            print(file, packets, *witness[1:-1], " ".join(witness.layers), sep="\t", file=table)


def ask(path):
    """What is said of one file."""
    with tempfile.NamedTemporaryFile() as plain:
        content = decompressed(path)
        if content is not None:
            plain.write(content)
            plain.flush()
            path = plain.name
        told = subprocess.run(["capinfos", "-c", "-M", path], capture_output=True, text=True, errors="replace")
        count = re.search(r"Number of packets:\s+(\d+)", told.stdout)
        trouble = trouble_of(told.stderr.replace(path, "")) if told.returncode else "ok"
        return Witness(int(count[1]) if count else None, trouble, *transports(path))


def decompressed(path):
    """The content of a file that Wireshark's tools cannot decompress; None if they can, or need not."""
    for module in (bz2, lzma):
        try:
            with module.open(path) as file:
                return file.read()
        except (OSError, EOFError, lzma.LZMAError):
            continue
    return None


def trouble_of(message):
    """What capinfos complains about, in a few words."""
    if "cut short" in message:
        return "cut short"
    reason = re.search(r"\((\w+: .*)\)", message)
    return reason[1] if reason else "no capture that it knows"


def transports(path):
    """How many packets tshark sees in TCP and in UDP, between whom, and which layers."""
    command = ["tshark", "-n", "-r", path, "-T", "fields"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
    conversations, layers = collections.Counter(), set()
    for line in told.stdout.splitlines():
        packet = dict(zip(FIELDS, line.split("\t"), strict=True))
        chain = packet["frame.protocols"].split(":")
        kind = innermost(chain, packet)
        if kind:
            conversations[(kind, *endpoints(unquoted(chain), kind, packet))] += 1
        layers |= layers_of(chain, packet["ip.frag_offset"])
    tcp, udp = (sum(count for key, count in conversations.items() if key[0] == kind) for kind in ("tcp", "udp"))
    return tcp, udp, digest(conversations), sorted(layers)


def innermost(chain, packet):
    """The kind of the last transport header, if it is there as a whole: tshark then shows the last of its fields."""
    chain = unquoted(chain)
    kind = next((layer for layer in reversed(chain) if layer in ("tcp", "udp")), None)
    if kind == "udp":
        # A length below 8 is as far as tshark reads.
        whole = len(values(packet["udp.checksum"]))
        whole += sum(int(length) < 8 for length in values(packet["udp.length"]))
    else:
        whole = len(values(packet["tcp.urgent_pointer"]))
    return kind if whole >= chain.count(kind) else None


def endpoints(chain, kind, packet):
    """The two endpoints of the last transport header, in a fixed order."""
    before = chain[: len(chain) - 1 - chain[::-1].index(kind)]
    network = next(layer for layer in reversed(before) if layer in NETWORK)
    ends = []
    for address, port in ((f"{network}.src", f"{kind}.srcport"), (f"{network}.dst", f"{kind}.dstport")):
        # Fields of ICMP's quotations come after those of the layers that count.
        address = values(packet[address])[before.count(network) - 1]
        port = values(packet[port])[chain.count(kind) - 1]
        ends.append(endpoint(address, port))
    return sorted(ends)


def endpoint(address, port):
    """An endpoint in one spelling."""
    return str(ipaddress.ip_address(address)), int(port)


def values(field):
    """The values of a field, from the outermost layer to the innermost."""
    return field.split(",") if field else []


def digest(conversations):
    """A short name for who sent how many packets to whom; `-` for nobody."""
    if not conversations:
        return "-"
    lines = "\n".join(sorted(f"{key} {count}" for key, count in conversations.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def unquoted(chain):
    """The layers up to an ICMP message."""
    return chain[: next((place for place, layer in enumerate(chain) if layer in ("icmp", "icmpv6")), None)]


def layers_of(chain, fragment_offsets):
    """The layers of a packet that the table tells of; IP directly in IP has a name of ours."""
    opened = unquoted(chain)
    found = LAYERS.intersection(chain[: len(opened) + 1])
    found |= {f"{outer}/{inner}" for outer, inner in zip(opened, opened[1:]) if outer in NETWORK and inner in NETWORK}
    if opened.count("vlan") > 1:
        found.add("vlan/vlan")
    if any(offset != "0" for offset in values(fragment_offsets)):
        found.add("ip.fragment")
    if any(layer in NETWORK for layer in chain[len(opened) + 1 :]):
        found.add("icmp/ip")
    return found
