"""The tables of docs/captures.md that come from a corpus: counts by feature, and the files in which goostat differs."""

import os
import re
from typing import NamedTuple

EXCEPTIONS = os.path.join(os.path.dirname(__file__), "corpus-exceptions.tsv")

# Why a file may differ, in the order in which the page lists them.
KINDS = {
    "format": "Formats that tshark reads and goostat does not",
    "dissector": "Layers that tshark opens and goostat does not",
    "ambiguous": "Files that can be read in two ways",
    "link type": "Files that tshark refuses for their link type",
    "damaged": "Damaged files",
}

LINK_TYPES = {
    0: "BSD loopback", 1: "Ethernet", 2: "experimental Ethernet", 8: "SLIP", 9: "PPP", 10: "FDDI", 12: "raw IP",
    50: "PPP or Cisco HDLC", 101: "raw IP", 104: "Cisco HDLC", 105: "802.11", 107: "Frame Relay", 113: "Linux cooked",
    119: "Prism", 123: "SunATM", 127: "radiotap", 129: "ARCNET", 132: "Juniper", 137: "Juniper", 148: "for private use",
    149: "for private use", 178: "Juniper Ethernet", 182: "Frame Relay, FRF.16", 192: "PPI", 195: "802.15.4",
    227: "CAN", 228: "IPv4", 229: "IPv6", 230: "802.15.4", 239: "NFLOG", 253: "Netlink", 255: "Bluetooth",
    274: "Ethernet, mPackets", 276: "Linux cooked, version 2", 281: "Broadcom tag", 284: "Marvell DSA",
    285: "Marvell EDSA",
}  # fmt: skip

# Features by the layers that tshark names.
FEATURES = {
    "VLAN tag": {"vlan"},
    "two and more VLAN tags, 802.1ad": {"vlan/vlan", "ieee8021ad"},
    "802.1ah, 802.1CB": {"ieee8021ah", "ieee8021cb"},
    "LLC": {"llc"},
    "MPLS": {"mpls"},
    "Ethernet pseudowire": {"pwethcw"},
    "PPPoE session": {"pppoes"},
    "PPP": {"ppp"},
    "NSH": {"nsh"},
    "802.11": {"wlan"},
    "IPv6": {"ipv6"},
    "IPv6 extension headers": {"ipv6.hopopts", "ipv6.routing", "ipv6.dstopts", "mipv6"},
    "AH": {"ah"},
    "ESP": {"esp"},
    "IPComp": {"ipcomp"},
    "IPv4 fragments": {"ip.fragment"},
    "IPv6 fragments": {"ipv6.fraghdr"},
    "IPv4 in IPv4": {"ip/ip"},
    "IPv6 in IPv4": {"ip/ipv6"},
    "IPv4 in IPv6": {"ipv6/ip"},
    "IPv6 in IPv6": {"ipv6/ipv6"},
    "GRE": {"gre"},
    "ERSPAN": {"erspan"},
    "VXLAN": {"vxlan"},
    "Geneve": {"geneve"},
    "GTP": {"gtp"},
    "Teredo": {"teredo"},
    "L2TP": {"l2tp"},
    "CAPWAP": {"capwap.data"},
    "sFlow": {"sflow"},
    "LISP": {"lisp"},
    "WireGuard, OpenVPN": {"wg", "openvpn"},
    "ICMP": {"icmp", "icmpv6"},
    "ICMP that quotes a packet": {"icmp/ip"},
    "SCTP, DCCP": {"sctp", "dccp"},
}


class Expected(NamedTuple):
    """A file in which goostat differs: its figures, what kind of reason, and the reason."""

    packets: int | None
    tcp: int
    udp: int
    kind: str
    reason: str


def read_exceptions():
    """The exceptions by file."""
    exceptions = {}
    with open(EXCEPTIONS) as table:
        for line in table.read().splitlines()[1:]:
            file, kind, packets, tcp, udp, reason = line.split("\t")
            if kind not in KINDS:
                raise SystemExit(f"{EXCEPTIONS}: {kind} is no kind of exception")
            packets = None if packets == "-" else int(packets)
            exceptions[file] = Expected(packets, int(tcp), int(udp), kind, reason)
    return exceptions


def markdown(version, outcomes, witnesses, exceptions):
    """All tables, as docs/captures.md has them."""
    files = sorted(outcomes.keys() & witnesses.keys())
    rows = [(outcomes[file], witnesses[file]) for file in files]
    parts = [
        f"{len(files):,} files, {sum(outcome.packets or 0 for outcome, _ in rows):,} packets; "
        f"on {sum(map(is_equal, rows)):,} files packets, TCP and UDP are equal, and so are the endpoints. "
        f"tshark {re.search(r'[0-9.]+', version)[0]}.",
        feature_table("format", rows, formats_of),
        feature_table("link type", rows, link_types_of),
        feature_table("feature", rows, features_of),
    ]
    for kind, title in KINDS.items():
        of_kind = [file for file in files if file in exceptions and exceptions[file].kind == kind]
        if of_kind:
            parts.append(exception_table(title, [(file, witnesses[file], exceptions[file]) for file in of_kind]))
    not_whole = [file for file in files if witnesses[file].trouble != "ok" and file not in exceptions]
    parts.append(trouble_table([(file, witnesses[file]) for file in not_whole]))
    return "\n\n".join(parts)


def comparable(outcome, witness):
    """What both say: packets, those in TCP and in UDP, and between whom."""
    return outcome[:4], (witness.packets, witness.tcp, witness.udp, witness.conversations)


def is_equal(row):
    ours, theirs = comparable(*row)
    return ours == theirs


def feature_table(title, rows, names_of):
    """A row for each name; a file counts in all those that it has."""
    lines = {}
    for outcome, witness in rows:
        for name in names_of(outcome, witness):
            line = lines.setdefault(name, [0] * 8)
            packets = (witness.packets, outcome.packets)
            counts = (1, is_equal((outcome, witness)), *packets, witness.tcp, outcome.tcp, witness.udp, outcome.udp)
            for place, count in enumerate(counts):
                line[place] += count or 0
    heads = "files | of them equal | packets: capinfos | goostat | TCP: tshark | goostat | UDP: tshark | goostat"
    table = [f"| {title} | {heads} |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    order = {name: place for place, name in enumerate(FEATURES)}
    for _, _, name in sorted((order.get(name, 0), number_in(name), name) for name in lines):
        table.append(f"| {name} | " + " | ".join(f"{count:,}" for count in lines[name]) + " |")
    return "\n".join(table)


def number_in(name):
    """The number that a link type's name begins with."""
    first = name.split()[0]
    return int(first) if first.isdigit() else 0


def formats_of(outcome, _):
    if outcome.summary is None:
        return ["not read"]
    trace = outcome.summary["traces"][0]
    return [trace["format"] + (f", {trace['compression']}" if trace["compression"] else "")]


def link_types_of(outcome, _):
    if outcome.summary is None:
        return []
    return [f"{number} {LINK_TYPES.get(number, '')}".strip() for number in outcome.summary["traces"][0]["link_types"]]


def features_of(_, witness):
    return [name for name, layers in FEATURES.items() if layers.intersection(witness.layers)]


def exception_table(title, rows):
    """The files of a kind one by one: what the others say, what goostat says."""
    table = ["| file | packets | TCP | UDP | why |", "|---|--:|--:|--:|---|"]
    sums = [[0, 0], [0, 0], [0, 0]]
    for file, witness, expected in rows:
        pairs = list(zip((witness.packets, witness.tcp, witness.udp), expected[:3], strict=True))
        for both, pair in zip(sums, pairs, strict=True):
            both[:] = [total + (count or 0) for total, count in zip(both, pair, strict=True)]
        told = f" (capinfos: {witness.trouble})" if witness.trouble != "ok" else ""
        table.append(f"| {file} | {' | '.join(map(arrow, pairs))} | {expected.reason}{told} |")
    table.append(f"| {len(rows)} files | {' | '.join(map(arrow, sums))} | |")
    return f"**{title}** (capinfos and tshark → goostat)\n\n" + "\n".join(table)


def trouble_table(rows):
    """The files that capinfos does not read whole, and that are no exceptions."""
    table = ["| file | packets | capinfos |", "|---|--:|---|"]
    table += [f"| {file} | {number(witness.packets)} | {witness.trouble} |" for file, witness in rows]
    return "**Files that capinfos does not read whole, with equal counts**\n\n" + "\n".join(table)


def arrow(pair):
    theirs, ours = pair
    return number(ours) if theirs == ours else f"{number(theirs)} → {number(ours)}"


def number(count):
    return "–" if count is None else f"{count:,}"
