"""Captures made from bytes: one real capture in several packagings, and files that are odd in one way each."""

import bz2
import gzip
import lzma
import os
import struct

# Magic number, byte order and fraction digits of the classic formats.
PCAP = {
    "le": (0xA1B2C3D4, "<", 6),
    "be": (0xA1B2C3D4, ">", 6),
    "le-ns": (0xA1B23C4D, "<", 9),
    "be-ns": (0xA1B23C4D, ">", 9),
}
SOURCE = "mixed/http-dns.pcap"
ETHERNET, RAW = 1, 101


def read_pcap(path):
    """(snap length, link type, [(nanoseconds, original length, bytes)]) of a little-endian capture."""
    with open(path, "rb") as file:
        data = file.read()
    magic, _, _, _, _, snap, link = struct.unpack_from("<IHHIIII", data)
    digits = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}[magic]
    packets, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, captured, original = struct.unpack_from("<IIII", data, at)
        if at + 16 + captured > len(data):
            break
        packets.append((seconds * 10**9 + fraction * digits, original, data[at + 16 : at + 16 + captured]))
        at += 16 + captured
    return snap, link, packets


def pcap(kind, packets, snap=262144, link=ETHERNET):
    """A classic capture file."""
    magic, order, digits = PCAP[kind]
    parts = [struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, snap, link)]
    for time, original, data in packets:
        fraction = time % 10**9 // 10 ** (9 - digits)
        parts += [struct.pack(order + "IIII", time // 10**9, fraction, len(data), original), data]
    return b"".join(parts)


def pcap_modified(packets, link=ETHERNET):
    """The `modified` format of old kernels' tcpdump: 24-byte record headers, magic a1b2cd34."""
    parts = [struct.pack("<IHHIIII", 0xA1B2CD34, 2, 4, 0, 0, 262144, link)]
    for time, original, data in packets:
        parts += [
            struct.pack(
                "<IIIIIHBB", time // 10**9, time % 10**9 // 1000, len(data), original, 2, 0x0800, 0, 0
            ),
            data,
        ]
    return b"".join(parts)


class Blocks:
    """The blocks of a pcapng section in one byte order."""

    def __init__(self, order):
        self.order = order

    def block(self, kind, body):
        body += bytes(-len(body) % 4)
        return (
            struct.pack(self.order + "II", kind, len(body) + 12)
            + body
            + struct.pack(self.order + "I", len(body) + 12)
        )

    def option(self, code, value):
        return struct.pack(self.order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    def section(self):
        return self.block(0x0A0D0D0A, struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, -1))

    def interface(self, link=ETHERNET, resolution=None, offset=None, snap=262144):
        options = self.option(9, bytes([resolution])) if resolution is not None else b""
        options += self.option(14, struct.pack(self.order + "q", offset)) if offset is not None else b""
        options += self.option(0, b"") if options else b""
        return self.block(1, struct.pack(self.order + "HHI", link, 0, snap) + options)

    def enhanced(self, interface, units, original, data):
        head = struct.pack(
            self.order + "IIIII", interface, units >> 32, units & 0xFFFFFFFF, len(data), original
        )
        return self.block(6, head + data)

    def obsolete(self, interface, units, original, data):
        head = struct.pack(
            self.order + "HHIIII", interface, 0xFFFF, units >> 32, units & 0xFFFFFFFF, len(data), original
        )
        return self.block(2, head + data)

    def simple(self, original, data):
        return self.block(3, struct.pack(self.order + "I", original) + data)

    def statistics(self, interface):
        return self.block(5, struct.pack(self.order + "III", interface, 0, 0))

    def unknown(self):
        return self.block(0x0BAD0BAD, b"a block that nobody knows")


def pcapng(packets, link=ETHERNET, order="<"):
    """A plain pcapng file with one interface in microseconds."""
    blocks = Blocks(order)
    return (
        blocks.section()
        + blocks.interface(link)
        + b"".join(blocks.enhanced(0, time // 1000, original, data) for time, original, data in packets)
    )


def two_interfaces(packets):
    """Ethernet in microseconds, and the same packets' IP alone in nanoseconds on a RAW interface, by turns."""
    blocks = Blocks("<")
    parts = [blocks.section(), blocks.interface(ETHERNET), blocks.interface(RAW, 9)]
    for number, (time, original, data) in enumerate(packets):
        if number % 2 and data[12:14] in (b"\x08\x00", b"\x86\xdd"):
            parts.append(blocks.enhanced(1, time, original - 14, data[14:]))
        else:
            parts.append(blocks.enhanced(0, time // 1000, original, data))
    return b"".join([*parts, blocks.statistics(0), blocks.unknown()])


def two_sections(packets):
    """A little-endian section, then a big-endian one whose interface counts in 2^-20 s from an offset of 1000 s."""
    half = len(packets) // 2
    blocks = Blocks(">")
    parts = [pcapng(packets[:half]), blocks.section(), blocks.interface(ETHERNET, 0x80 | 20, 1000)]
    for time, original, data in packets[half:]:
        parts.append(blocks.enhanced(0, ((time - 1000 * 10**9) << 20) // 10**9, original, data))
    return b"".join(parts)


def old_blocks(packets):
    """Obsolete packet blocks, then simple ones, which have no time, cut by the interface's snap length of 80."""
    blocks = Blocks("<")
    half = len(packets) // 2
    parts = [blocks.section(), blocks.interface(ETHERNET, None, None, 80)]
    parts += [
        blocks.obsolete(0, time // 1000, original, data[:80]) for time, original, data in packets[:half]
    ]
    parts += [blocks.simple(original, data[:80]) for _, original, data in packets[half:]]
    return b"".join(parts)


def packagings(packets):
    """One capture in several packagings; all must give the same tables."""
    third = len(packets) // 3
    cuts = (packets[:third], packets[third : 2 * third], packets[2 * third :])
    plain = pcap("le", packets)
    made = {
        "le.pcap": (plain, "little-endian, microseconds: the reference"),
        "be.pcap": (pcap("be", packets), "big-endian"),
        "le-ns.pcap": (pcap("le-ns", packets), "nanoseconds"),
        "be-ns.pcap": (pcap("be-ns", packets), "big-endian, nanoseconds"),
        "le.pcapng": (pcapng(packets), "pcapng"),
        "le.pcap.gz": (gzip.compress(plain, 9, mtime=0), "gzip"),
        "members.pcap.gz": (
            gzip.compress(plain[:5000], 9, mtime=0) + gzip.compress(plain[5000:], 9, mtime=0),
            "gzip, two members",
        ),
        "le.pcap.bz2": (bz2.compress(plain), "bzip2"),
        "le.pcap.xz": (lzma.compress(plain), "xz"),
    }
    for number, cut in enumerate(cuts, 1):
        # The names are in no order, so that only the packets' times can tell the parts' order.
        name = {1: "split/rotated-b.pcap", 2: "split/rotated-c.pcap", 3: "split/rotated-a.pcap"}[number]
        made[name] = (pcap("le", cut), f"part {number} of three; the folder is one trace", len(cut))
    return {"packagings/" + name: (*told, len(packets))[:3] for name, told in made.items()}


def odd_files(packets):
    """Files that are odd in one way each, from the first 60 packets."""
    few = packets[:60]
    plain = pcap("le", few)
    damaged = bytearray(plain)
    at = 24
    for _, _, data in few[:30]:
        at += 16 + len(data)
    struct.pack_into("<I", damaged, at + 8, 0x7FFFFFFF)
    made = {
        "header-only.pcap": (pcap("le", []), "a file header and no packet"),
        "header-only.pcapng": (pcapng([]), "a section and an interface, no packet"),
        "truncated-last-record.pcap": (plain[:-20], "60 packets, of which the last one lacks 20 bytes"),
        "truncated-record-header.pcap": (
            plain + b"\x01\x02\x03\x04\x05",
            "60 packets, then 5 bytes of a record header",
        ),
        "truncated-last-block.pcapng": (
            pcapng(few)[:-10],
            "60 packets, of which the last one's block lacks 10 bytes",
        ),
        "truncated.pcap.gz": (gzip.compress(plain, 9, mtime=0)[:-200], "a gzip stream that ends early"),
        "absurd-length.pcap": (
            bytes(damaged),
            "the 31st record claims 2 GiB; 30 whole records before it, 29 after it",
        ),
        "modified-magic.pcap": (pcap_modified(few), "the `modified` format, magic a1b2cd34"),
        "two-interfaces.pcapng": (
            two_interfaces(few),
            "Ethernet in microseconds and RAW in nanoseconds by turns; a statistics and an unknown block at the end",
        ),
        "two-sections.pcapng": (
            two_sections(few),
            "little-endian, then big-endian with if_tsresol 2^-20 and if_tsoffset 1000",
        ),
        "old-blocks.pcapng": (
            old_blocks(few),
            "30 obsolete packet blocks, 30 simple packet blocks (no time), snap length 80",
        ),
        "big-endian.pcapng": (pcapng(few, order=">"), "pcapng, big-endian"),
    }
    whole = {
        "header-only": 0,
        "truncated-last-record": 59,
        "truncated-last-block": 59,
        "truncated": None,
        "absurd-length": 59,
    }
    return {
        "crafted/" + name: (*told, whole.get(name.split(".")[0], len(few))) for name, told in made.items()
    }


def write(out):
    """Writes all of them below `out`; {name: (what it shows, packets that are whole)}."""
    _, link, packets = read_pcap(os.path.join(out, SOURCE))
    if link != ETHERNET:
        raise ValueError(f"{SOURCE} is not an Ethernet capture")
    shows = {}
    for name, (data, what, count) in {**packagings(packets), **odd_files(packets)}.items():
        path = os.path.join(out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        shows[name] = (what, count)
    return shows
