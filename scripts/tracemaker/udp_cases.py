"""UDP conversations, fragments, and what hosts answer when nobody listens."""

import contextlib
import socket
import struct

import talk
from cases import add, case


def ask_all(net, v6):
    """Names as a browser asks for them, and one that nobody answers."""
    with talk.dns_server(net, v6):
        for number, name in enumerate(
            ("goat.example", "www.goat.example", "mail.goat.example", "lost.example")
        ):
            talk.resolve(net, name, v6, number=100 * number)


@case(
    "udp/dns",
    "Questions for A and AAAA over IPv4 and IPv6, one socket a name; the questions for lost.example stay unanswered and are repeated.",
)
def dns(net):
    for v6 in (False, True):
        ask_all(net, v6)


@case(
    "udp/dns-lossy",
    "30 questions over a link that loses 15 %: some are repeated.",
    link="tun",
    relay=("--loss", 0.15, "--delay", 5),
)
def dns_lossy(net):
    with talk.dns_server(net):
        for number in range(15):
            talk.resolve(net, f"host{number}.example", tries=4, patience=0.1, number=number * 50)


def stream(net, count, size, gap, v6=False, port=5004):
    """A sender that nobody answers."""
    with net.b.udp(v6) as sink, net.a.udp(v6) as sender:
        sink.bind((net.b.address(v6), port))
        for _ in range(count):
            sender.sendto(talk.payload(size), (net.b.address(v6), port))
            talk.pause(gap)


@case(
    "udp/one-way-stream",
    "100 datagrams of 1000 bytes, 10 ms apart, to a silent receiver; over IPv4, then 50 over IPv6; cut at 64 bytes.",
    snap=64,
)
def one_way(net):
    stream(net, 100, 1000, 0.01)
    stream(net, 50, 1000, 0.01, True)


@case("udp/closed-port", "Datagrams to a closed port, answered by ICMP and ICMPv6 errors that quote them.")
def closed_port(net):
    for v6 in (False, True):
        with net.a.udp(v6) as sender:
            for _ in range(3):
                sender.sendto(b"is anybody there?", (net.b.address(v6), 9))
                talk.pause(0.05)


def large_datagrams(v6):
    """Requests and answers of 3000 bytes: three fragments each."""

    def body(net):
        with net.b.udp(v6) as server, net.a.udp(v6) as client:
            server.bind((net.b.address(v6), 5005))
            for size in (3000, 3000, 1473, 8000):
                client.sendto(talk.payload(size), (net.b.address(v6), 5005))
                question, asker = server.recvfrom(65536)
                server.sendto(question, asker)
                client.recv(65536)

    return body


add(
    "udp/fragments-ipv4",
    "Datagrams of 3000, 1473 and 8000 bytes each way over an MTU of 1500.",
    large_datagrams(False),
    snap=96,
)
add("udp/fragments-ipv6", "The same over IPv6 with fragment headers.", large_datagrams(True), snap=96)


def lost_fragments(net):
    """Ten large datagrams, some of whose fragments do not arrive."""
    for v6 in (False, True):
        with net.b.udp(v6) as sink, net.a.udp(v6) as sender:
            sink.bind((net.b.address(v6), 5006))
            for _ in range(6):
                sender.sendto(talk.payload(4000), (net.b.address(v6), 5006))
                talk.pause(0.03)


add(
    "udp/fragments-lost",
    "Datagrams in three fragments, over IPv4 and IPv6, seen at the receiver: the second and the tenth lack their first fragment, and one first fragment comes last.",
    lost_fragments,
    link="tun",
    mtu=1500,
    at="b",
    snap=96,
    relay=("--rule", "ab:first:2:drop", "--rule", "ab:first:10:drop", "--rule", "ab:first:5:hold=10"),
)


@case(
    "udp/multicast",
    "One host sends to 239.1.2.3 and ff02::1234, the other, who has joined, answers by unicast.",
)
def multicast(net):
    net.a.ip("route", "add", "239.0.0.0/8", "dev", "eth0")
    for v6, group in ((False, "239.1.2.3"), (True, "ff02::1234")):
        with net.b.udp(v6) as member, net.a.udp(v6) as sender:
            member.bind(("", 5353))
            with net.b.inside():
                index = socket.if_nametoindex("eth0")
            if v6:
                member.setsockopt(
                    socket.IPPROTO_IPV6,
                    socket.IPV6_JOIN_GROUP,
                    socket.inet_pton(socket.AF_INET6, group) + struct.pack("I", index),
                )
            else:
                member.setsockopt(
                    socket.IPPROTO_IP,
                    socket.IP_ADD_MEMBERSHIP,
                    socket.inet_aton(group) + struct.pack("=4sI", b"\0" * 4, index),
                )
            with net.a.inside():
                out = socket.if_nametoindex("eth0")
            target = (group, 5353, 0, out) if v6 else (group, 5353)
            for _ in range(3):
                sender.sendto(b"who is there?", target)
                _, asker = member.recvfrom(100)
                member.sendto(b"it is me", asker)
                sender.recvfrom(100)


@case(
    "udp/broadcast",
    "Datagrams to 255.255.255.255 and to the network's own broadcast address; the answer is unicast.",
)
def broadcast(net):
    net.a.ip("route", "add", "255.255.255.255/32", "dev", "eth0")
    with net.b.udp() as member, net.a.udp() as sender:
        member.bind(("", 67))
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        # A broadcast goes to the network's broadcast address only if it is a broadcast address there.
        net.a.ip("addr", "add", "10.0.3.1/24", "broadcast", "10.0.3.255", "dev", "eth0")
        net.b.ip("addr", "add", "10.0.3.2/24", "broadcast", "10.0.3.255", "dev", "eth0")
        for address in ("255.255.255.255", "10.0.3.255"):
            sender.sendto(b"an address, please", (address, 67))
            _, asker = member.recvfrom(100)
            member.sendto(b"take this one", asker)
            with contextlib.suppress(TimeoutError):
                sender.recvfrom(100)


@case("udp/empty-datagrams", "Datagrams without payload, and of one byte, both ways.")
def empty(net):
    for v6 in (False, True):
        with net.b.udp(v6) as server, net.a.udp(v6) as client:
            server.bind((net.b.address(v6), 5007))
            for text in (b"", b"x", b""):
                client.sendto(text, (net.b.address(v6), 5007))
                got, asker = server.recvfrom(100)
                server.sendto(got, asker)
                client.recv(100)


@case(
    "udp/silence-after-one-packet",
    "One datagram, 11 s of silence, then two more and an answer: longer than a lone packet's time-out.",
)
def silence(net):
    with net.b.udp() as server, net.a.udp() as client:
        server.bind((net.b.ip4, 5008))
        client.sendto(b"one", (net.b.ip4, 5008))
        talk.pause(11)
        client.sendto(b"two", (net.b.ip4, 5008))
        talk.pause(0.2)
        client.sendto(b"three", (net.b.ip4, 5008))
        _, asker = server.recvfrom(100)
        server.sendto(b"an answer", asker)
        talk.pause(0.1)


@case(
    "udp/game",
    "Two peers that both send all the time, 20 ms apart, with loss and reordering; seen at one of them.",
    link="tun",
    relay=("--loss", 0.05, "--delay", 10, "--reorder", 0.1, "--reorder-hold", 30),
)
def game(net):
    one, other = net.a.udp(), net.b.udp()
    one.bind((net.a.ip4, 27005))
    other.bind((net.b.ip4, 27015))
    for number in range(60):
        one.sendto(talk.payload(40 + number), (net.b.ip4, 27015))
        other.sendto(talk.payload(150 + number % 7), (net.a.ip4, 27005))
        talk.pause(0.02)
    one.close()
    other.close()
