"""TCP over a link that misbehaves, always with the kernels' own word beside the trace."""

import talk
from cases import add

ALL = ("--loss", 0.02, "--delay", 15, "--reorder", 0.03, "--dup", 0.02)


def lossy(name, shows, body, *relay, **settings):
    """A case over the relay, captured where most data is sent."""
    add(
        "lossy/" + name,
        shows,
        body,
        link="tun",
        relay=relay,
        mtu=1500,
        snap=settings.pop("snap", 112),
        witnessed=True,
        **settings,
    )


def upload(size, v6=False):
    """Host a sends."""
    return lambda net: talk.upload(net, size, v6)


def with_knob(knob, value, body):
    """The same traffic under another kernel setting."""

    def changed(net):
        for host in (net.a, net.b):
            host.sysctl("net.ipv4." + knob, value)
        body(net)

    return changed


def pages(count, size, v6=False):
    """Several pages, each on its own connection; host b sends."""

    def body(net):
        with talk.http_server(net, v6=v6):
            talk.pages_one_by_one(net, count, size, v6)

    return body


def parallel(count, size):
    """Several uploads at once."""

    def body(net):
        running = [
            talk.Running(talk.upload, net, size, number % 2 == 1, 8000 + number) for number in range(count)
        ]
        for one in running:
            one.end()

    return body


lossy("clean-20ms", "Upload of 300 kB over 20 ms each way, nothing lost.", upload(300_000), "--delay", 20)
lossy(
    "loss-2pct", "Upload of 500 kB, 2 % lost each way, 10 ms.", upload(500_000), "--loss", 0.02, "--delay", 10
)
lossy(
    "loss-2pct-ipv6", "The same over IPv6.", upload(500_000, True), "--loss", 0.02, "--delay", 10, "--seed", 2
)
lossy(
    "loss-10pct",
    "Upload of 120 kB, 10 % lost each way, 5 ms: time-outs.",
    upload(120_000),
    "--loss",
    0.1,
    "--delay",
    5,
    "--seed",
    3,
)
lossy(
    "loss-2pct-no-sack",
    "2 % lost, without SACK: retransmissions by three duplicate ACKs.",
    with_knob("tcp_sack", 0, upload(300_000)),
    "--loss",
    0.02,
    "--delay",
    10,
    "--seed",
    8,
)
lossy(
    "everything-no-timestamps",
    "Loss, delay, reordering and duplicates without TCP time stamps.",
    with_knob("tcp_timestamps", 0, upload(300_000)),
    *ALL,
    "--seed",
    9,
)
lossy(
    "reordering",
    "Upload of 400 kB, 20 ms, 3 % of the packets held back by 8 ms.",
    upload(400_000),
    "--delay",
    20,
    "--reorder",
    0.03,
)
lossy(
    "jitter",
    "Upload of 300 kB, 20 ms and up to 3 ms more for each packet: much reordering.",
    upload(300_000),
    "--delay",
    20,
    "--jitter",
    3,
)
lossy(
    "duplicates-5pct",
    "Upload of 400 kB, 5 % of the packets repeated by the network.",
    upload(400_000),
    "--dup",
    0.05,
    "--delay",
    10,
)
lossy(
    "everything",
    "Loss, delay, reordering and duplicates; seen at the sender and at the receiver.",
    upload(400_000),
    *ALL,
    at="a+b",
)
lossy("everything-ipv6", "The same over IPv6, seen at the sender.", upload(400_000, True), *ALL, "--seed", 4)
lossy(
    "http-everything",
    "9 pages of 12 kB, each on its own connection; seen at the server.",
    pages(9, 12_000),
    *ALL,
    "--seed",
    5,
    at="b",
    snap=160,
)
lossy(
    "http-loss-8pct-ipv6",
    "9 pages of 8 kB over IPv6, 8 % lost; seen at the server.",
    pages(9, 8_000, True),
    "--loss",
    0.08,
    "--delay",
    8,
    "--seed",
    6,
    at="b",
    snap=160,
)
lossy(
    "parallel-uploads",
    "Six uploads of 60 kB at once, three over IPv6, with everything that can happen.",
    parallel(6, 60_000),
    *ALL,
    "--seed",
    7,
)
lossy(
    "slow-link",
    "Upload of 300 kB over 4 Mbit/s with a queue of 15 packets: losses by congestion.",
    upload(300_000),
    "--delay",
    10,
    "--rate",
    4000,
    "--queue",
    15,
)


def single(name, shows, *rules, size=60_000, **settings):
    """One exact mishap on a link of 15 ms."""
    relay = ["--delay", 15]
    for rule in rules:
        relay += ["--rule", rule]
    lossy("single-" + name, shows, upload(size), *relay, **settings)


single("syn-lost", "The first SYN is lost.", "ab:syn:1:drop", size=3000)
single("synack-lost", "The first SYN+ACK is lost.", "ba:synack:1:drop", size=3000)
single("handshake-ack-lost", "The ACK of the handshake is lost.", "ab:ack:1:drop", size=3000)
single("segment-lost", "The 8th data segment is lost: fast retransmission.", "ab:data:8:drop")
single(
    "segment-lost-at-receiver",
    "The 8th data segment is lost; seen at the receiver: a hole, filled later.",
    "ab:data:8:drop",
    at="b",
)
single(
    "segment-lost-twice",
    "The 8th data segment and its first retransmission are lost.",
    "ab:data:8:drop",
    "ab:again:1:drop",
)
single("tail-lost", "The last data segment is lost: a tail loss probe.", "ab:data:3:drop", size=4000)
single(
    "tail-lost-twice",
    "The last data segment and its first retransmission are lost: a time-out.",
    "ab:data:3:drop",
    "ab:again:1:drop",
    size=4000,
)
single("burst-lost", "Six data segments in a row are lost.", "ab:data:12-17:drop")
single("ack-lost", "Four ACKs in a row are lost: nothing is resent.", "ba:ack:3-6:drop")
single("fin-lost", "The client's FIN is lost.", "ab:fin:1:drop", size=3000)
single("fin-lost-both", "The FINs of both sides are lost once.", "ab:fin:1:drop", "ba:fin:1:drop", size=3000)
single("segment-reordered", "The 9th data segment comes 10 ms late.", "ab:data:9:hold=10")
single(
    "segment-reordered-at-receiver",
    "The 9th data segment comes 10 ms late; seen at the receiver.",
    "ab:data:9:hold=10",
    at="b",
)
single(
    "segment-duplicated-at-receiver",
    "The 5th data segment comes twice with one IP id; seen at the receiver.",
    "ab:data:5:dup",
    at="b",
)
single(
    "delay-spike",
    "The client's way stalls for 700 ms from the 20th data segment on: an unneeded time-out.",
    "ab:data:20:stall=700",
)


def upload_then_wait(net):
    """A few segments, and the FIN only a second and a half later."""

    def client(connection):
        connection.sendall(talk.payload(8000))
        talk.pause(1.5)
        talk.ends_with_witness(net, "a")(connection)

    def server(connection):
        talk.read_all(connection)
        talk.ends_with_witness(net, "b")(connection)

    talk.conversation(net, client, server)


lossy(
    "single-all-acks-lost",
    "All that the server sends for a while is lost, but its SYN+ACK: unneeded retransmissions, then a DSACK.",
    upload_then_wait,
    "--delay",
    15,
    "--rule",
    "ba:tcp:2-9:drop",
)
