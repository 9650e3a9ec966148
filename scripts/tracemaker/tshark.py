"""A second witness: packets and payload bytes of each conversation, as tshark counts them."""

import collections
import subprocess

from net import Failed

FIELDS = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.len")
FIELDS += ("udp.stream", "udp.srcport", "udp.dstport", "udp.length", "frame.protocols")
# Fragments stay apart, as they are on the wire.
PREFERENCES = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE")
HEADER = ("protocol", "stream", "a_ip", "a_port", "b_ip", "b_port", "a_pkts", "a_bytes", "b_pkts", "b_bytes")


def rows(path):
    """The wanted fields of each TCP or UDP packet."""
    command = ["tshark", "-n", "-r", path, "-Y", "tcp || udp", "-T", "fields"]
    command += ["-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True)
    # tshark complains with status 2 of a file that is cut short, after it has read what is there.
    if done.returncode not in (0, 2):
        raise Failed(f"tshark {path}: {done.stderr.strip()}")
    for line in done.stdout.splitlines():
        yield dict(zip(FIELDS, line.split("\t"), strict=True))


def innermost(row):
    """(protocol, stream, source, target, payload bytes) of the packet's innermost transport header, or None.

    In a tunnel each field occurs once for each header of its kind, so a header's values are found by counting
    the layers before it. What an ICMP error quotes is no packet.
    """
    layers = row["frame.protocols"].split(":")
    ends = [layers.index(name) for name in ("icmp", "icmpv6") if name in layers]
    layers = layers[: min(ends, default=len(layers))]
    place = max((at for at, layer in enumerate(layers) if layer in ("tcp", "udp")), default=None)
    if place is None:
        return None
    transport, depth = layers[place], layers[:place].count(layers[place])
    network = [layer for layer in layers[:place] if layer in ("ip", "ipv6")][-1]
    outer = layers[:place].count(network) - 1

    def value(field, index):
        values = row[field].split(",")
        return values[index] if index < len(values) else ""

    stream = value(transport + ".stream", depth)
    if not stream:
        # The header was cut off by the snap length.
        return None
    source = (value(network + ".src", outer), int(value(transport + ".srcport", depth)))
    target = (value(network + ".dst", outer), int(value(transport + ".dstport", depth)))
    size = (
        int(value("tcp.len", depth) or 0)
        if transport == "tcp"
        else max(0, int(value("udp.length", depth)) - 8)
    )
    return transport, int(stream), source, target, size


def conversations(path):
    """One line for each tcp.stream and udp.stream; a is the sender of the stream's first packet."""
    told = collections.OrderedDict()
    for row in rows(path):
        found = innermost(row)
        if found is None:
            continue
        transport, stream, source, target, size = found
        entry = told.setdefault((transport, stream), [source, target, 0, 0, 0, 0])
        side = 2 if source == entry[0] else 4
        entry[side] += 1
        entry[side + 1] += size
    for (transport, stream), (a, b, *counts) in sorted(told.items()):
        yield (transport, stream, *a, *b, *counts)


def write_witness(path):
    """Writes `<trace>.tshark.tsv`."""
    with open(path + ".tshark.tsv", "w", encoding="ascii") as table:
        for line in (HEADER, *conversations(path)):
            table.write("\t".join(map(str, line)) + "\n")
