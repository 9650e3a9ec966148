"""Frames around an IP packet: tags and tunnels that this kernel may not know, for the relay's mirror port.

Each entry of `WRAPS` takes (packet, direction) and returns an Ethernet frame. Direction is `ab` or `ba`.
"""

import struct

MACS = {"ab": bytes.fromhex("020000000b02020000000a01"), "ba": bytes.fromhex("020000000a01020000000b02")}
OUTER4 = {
    "ab": (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])),
    "ba": (bytes([192, 0, 2, 2]), bytes([192, 0, 2, 1])),
}
OUTER6 = {
    "ab": (bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")),
    "ba": (bytes.fromhex("20010db8" + "00" * 11 + "02"), bytes.fromhex("20010db8" + "00" * 11 + "01")),
}


def ethertype(packet):
    """0800 or 86DD, by the packet's version."""
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def ethernet(rest, direction):
    """`rest` begins with the Ethernet type."""
    return MACS[direction] + rest


def checksum(header):
    """The Internet checksum of an even number of bytes."""
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def ipv4(protocol, payload, direction):
    """An outer IPv4 header."""
    source, target = OUTER4[direction]
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, source, target
    )
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def ipv6(protocol, payload, direction):
    """An outer IPv6 header."""
    source, target = OUTER6[direction]
    return struct.pack(">IHBB", 0x60000000, len(payload), protocol, 64) + source + target + payload


def udp(source, target, payload):
    """A UDP header without a checksum, as tunnels over IPv4 may send it."""
    return struct.pack(">HHHH", source, target, 8 + len(payload), 0) + payload


def over_ipv4(protocol, payload, direction):
    """A frame with an outer IPv4 packet."""
    return ethernet(b"\x08\x00" + ipv4(protocol, payload, direction), direction)


def over_udp(port, payload, direction):
    """A frame with an outer UDP datagram to a well-known tunnel port."""
    return over_ipv4(17, udp(49152 + len(payload) % 16, port, payload), direction)


def vlan(packet, direction):
    """One 802.1Q tag: VLAN 100, priority 3."""
    return ethernet(b"\x81\x00\x60\x64" + ethertype(packet) + packet, direction)


def qinq(packet, direction):
    """802.1ad service tag 200 around 802.1Q tag 300."""
    return ethernet(b"\x88\xa8\x00\xc8\x81\x00\x01\x2c" + ethertype(packet) + packet, direction)


def mpls(packet, direction):
    """Two MPLS labels, 16001 and 24002."""
    labels = struct.pack(">II", 16001 << 12 | 64, 24002 << 12 | 1 << 8 | 64)
    return ethernet(b"\x88\x47" + labels + packet, direction)


def pppoe(packet, direction):
    """A PPPoE session frame, session 17."""
    protocol = b"\x00\x21" if packet[0] >> 4 == 4 else b"\x00\x57"
    head = struct.pack(">BBHH", 0x11, 0, 17, len(packet) + 2)
    return ethernet(b"\x88\x64" + head + protocol + packet, direction)


def gre(packet, direction):
    """GRE without options."""
    return over_ipv4(47, b"\x00\x00" + ethertype(packet) + packet, direction)


def gre_key(packet, direction):
    """GRE with key 4242."""
    return over_ipv4(47, b"\x20\x00" + ethertype(packet) + struct.pack(">I", 4242) + packet, direction)


def gre_ethernet(packet, direction):
    """GRE that carries Ethernet frames."""
    return over_ipv4(47, b"\x00\x00\x65\x58" + ethernet(ethertype(packet) + packet, direction), direction)


def ipip(packet, direction):
    """IPv4 or IPv6 in IPv4 (protocol 4 or 41)."""
    return over_ipv4(4 if packet[0] >> 4 == 4 else 41, packet, direction)


def ip_in_ipv6(packet, direction):
    """IPv4 or IPv6 in IPv6."""
    inner = ipv6(4 if packet[0] >> 4 == 4 else 41, packet, direction)
    return ethernet(b"\x86\xdd" + inner, direction)


def geneve(packet, direction):
    """Geneve, network 99, one option of four bytes, Ethernet inside."""
    head = struct.pack(">BBHI", 2, 0, 0x6558, 99 << 8) + b"\x01\x02\x80\x01" + b"goat"
    return over_udp(6081, head + ethernet(ethertype(packet) + packet, direction), direction)


def gtpu(packet, direction):
    """GTP-U, a tunnel id for each direction."""
    tunnel = 0x1001 if direction == "ab" else 0x1002
    return over_udp(2152, struct.pack(">BBHI", 0x30, 255, len(packet), tunnel) + packet, direction)


WRAPS = {
    "vlan": vlan,
    "qinq": qinq,
    "mpls": mpls,
    "pppoe": pppoe,
    "gre": gre,
    "gre-key": gre_key,
    "gre-ethernet": gre_ethernet,
    "ipip": ipip,
    "ip-in-ipv6": ip_in_ipv6,
    "geneve": geneve,
    "gtpu": gtpu,
}
