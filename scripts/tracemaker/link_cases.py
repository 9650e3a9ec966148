"""Link types, tags and tunnels; and mixtures of all that the other lists have."""

import contextlib
import socket

import talk
from cases import add, case
from net import Failed
from wraps import WRAPS


def small_talk(net, v6s=(False, True)):
    """A page, an upload and two names, over both versions of IP."""
    for v6 in v6s:
        with talk.http_server(net, v6=v6):
            talk.curl(net, talk.url(net, 2500, v6))
        with talk.dns_server(net, v6):
            talk.resolve(net, "goat.example", v6)


add("link/raw-ip", "A TUN device: link type RAW, IPv4 and IPv6.", small_talk, link="tun")
add("link/any-device", "tcpdump on all devices: Linux cooked capture v2.", small_talk, device="any")
add(
    "link/any-device-v1",
    "tcpdump on all devices: Linux cooked capture v1.",
    small_talk,
    device="any",
    tcpdump=("-y", "LINUX_SLL"),
)


@case(
    "link/loopback",
    "A host that talks to itself on lo: both endpoints have one address, each packet is seen once.",
    device="lo",
)
def loopback(net):
    net.b, other = net.a, net.b
    try:
        net.a.offloads_off("lo")
        small_talk(net)
    finally:
        net.b = other


@case("link/loopback-same-port", "UDP from a port to itself on lo: both endpoints are equal.", device="lo")
def loopback_same_port(net):
    for v6 in (False, True):
        with net.a.udp(v6) as lonely:
            me = (net.a.address(v6), 5009)
            lonely.bind(me)
            for _ in range(3):
                lonely.sendto(b"hello, me", me)
                lonely.recv(100)


@case("link/ipv6-extension-headers", "TCP and UDP over IPv6 behind hop-by-hop and destination options.")
def extension_headers(net):
    padding = b"\0\0\x01\x04\0\0\0\0"

    def prepare(made):
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, padding)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, padding)

    talk.ping_pong(net, rounds=3, v6=True, prepare=prepare)
    with net.b.udp(True) as sink, net.a.udp(True) as sender:
        prepare(sender)
        sink.bind((net.b.ip6, 5010))
        for _ in range(3):
            sender.sendto(b"behind two headers", (net.b.ip6, 5010))
            sink.recvfrom(100)


@case("link/ipv4-options", "TCP and UDP behind IPv4 options (record route): headers of 60 bytes.")
def ipv4_options(net):
    record_route = b"\x07\x27\x04" + bytes(36) + b"\x01"

    def prepare(made):
        made.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, record_route)

    talk.ping_pong(net, rounds=3, prepare=prepare)
    with net.b.udp() as sink, net.a.udp() as sender:
        prepare(sender)
        sink.bind((net.b.ip4, 5010))
        for _ in range(3):
            sender.sendto(b"behind options", (net.b.ip4, 5010))
            sink.recvfrom(100)


SHOWS = {
    "vlan": "802.1Q tag 100.",
    "qinq": "802.1ad tag 200 around 802.1Q tag 300.",
    "mpls": "Two MPLS labels, 16001 outermost.",
    "pppoe": "PPPoE session 17.",
    "gre": "GRE over IPv4.",
    "gre-key": "GRE with key 4242.",
    "gre-ethernet": "GRE that carries Ethernet frames.",
    "ipip": "IPv4 in IPv4 and IPv6 in IPv4.",
    "ip-in-ipv6": "IPv4 in IPv6 and IPv6 in IPv6.",
    "geneve": "Geneve network 99 with one option.",
    "gtpu": "GTP-U, one tunnel id each way.",
}
for kind in WRAPS:
    add(
        "tunnel/" + kind,
        SHOWS[kind] + " Real packets, wrapped by the relay and seen at its mirror port.",
        small_talk,
        link="tun",
        wrap=kind,
        at="mirror",
    )


@case("tunnel/vxlan", "The kernel's VXLAN device, network 42, over IPv4.")
def vxlan(net):
    over_vxlan(net, v6=False)


@case(
    "tunnel/vxlan-over-ipv6",
    "The kernel's VXLAN device, network 43, over IPv6; packets cut at 192 bytes.",
    snap=192,
)
def vxlan_over_ipv6(net):
    over_vxlan(net, v6=True)


def over_vxlan(net, v6):
    """Moves both hosts' conversation into a VXLAN."""
    number = 43 if v6 else 42
    for host, other, last in ((net.a, net.b, 1), (net.b, net.a, 2)):
        outer = (host.address(v6), other.address(v6))
        host.ip(
            "link",
            "add",
            "vx0",
            "type",
            "vxlan",
            "id",
            number,
            "local",
            outer[0],
            "remote",
            outer[1],
            "dstport",
            4789,
            "dev",
            "eth0",
            skip="no VXLAN",
        )
        host.ip("link", "set", "vx0", "mtu", 1400, "address", f"02:00:00:00:42:0{last}")
        host.offloads_off("vx0")
    for host, last in ((net.a, 1), (net.b, 2)):
        host.give("vx0", f"10.42.0.{last}", f"fd42::{last}")
    small_talk(net)


@case(
    "tunnel/srv6",
    "The kernel's segment routing: IPv4 and IPv6 in IPv6 with a routing header. What arrives is seen twice: the tap meets it again when it is unwrapped.",
    expression="ip6[6] == 43",
)
def srv6(net):
    for host, other, last in ((net.a, net.b, 1), (net.b, net.a, 2)):
        for scope in ("all", "default", "eth0"):
            host.sysctl(f"net.ipv6.conf.{scope}.seg6_enabled", 1)
        host.sysctl("net.ipv4.conf.all.rp_filter", 0)
        host.sysctl("net.ipv4.conf.default.rp_filter", 0)
        outer = (host.ip6, other.ip6)
        host.ip("addr", "add", f"10.60.0.{last}/32", "dev", "lo")
        host.ip("addr", "add", f"fd60::{last}/128", "dev", "lo", "nodad")
        for target in (f"10.60.0.{3 - last}/32", f"fd60::{3 - last}/128"):
            source = f"10.60.0.{last}" if "." in target else f"fd60::{last}"
            host.ip(
                "route",
                "add",
                target,
                "encap",
                "seg6",
                "mode",
                "encap",
                "segs",
                outer[1],
                "dev",
                "eth0",
                "src",
                source,
                skip="no SRv6",
            )
    for host, last in ((net.a, 1), (net.b, 2)):
        host.ip4, host.ip6 = f"10.60.0.{last}", f"fd60::{last}"
    small_talk(net)


def mixture(net):
    """Many things at once, over both versions of IP."""
    with contextlib.ExitStack() as servers:
        for v6 in (False, True):
            servers.enter_context(talk.http_server(net, v6=v6))
            servers.enter_context(talk.dns_server(net, v6))
        running = []
        for v6 in (False, True):
            running.append(talk.Running(talk.pages_one_by_one, net, 6, 300, v6))
            running.append(talk.Running(talk.resolve, net, "goat.example", v6))
            running.append(talk.Running(talk.resolve, net, "lost.example", v6))
            running.append(talk.Running(talk.upload, net, 6_000, v6, 8080))
        for one in running:
            one.end()
        with net.a.tcp() as caller:
            caller.connect_ex((net.b.ip4, 81))
        net.a.run("ping", "-c", "2", "-i", "0.2", net.b.ip4)
        with net.a.udp() as sender:
            sender.sendto(b"nobody", (net.b.ip4, 9))
            talk.pause(0.05)


add(
    "mixed/http-dns",
    "Pages, uploads, names, a refused connection, pings, ARP and ICMP errors at once; the source of testdata/packagings; cut at 160 bytes.",
    mixture,
    snap=160,
)
add(
    "mixed/snap-68",
    "The same, cut at 68 bytes, tcpdump's default of old: TCP headers without options, TCP over IPv6 cut in its header.",
    mixture,
    snap=68,
)
add("mixed/snap-40", "The same, cut at 40 bytes: not even a whole TCP header over IPv4.", mixture, snap=40)


@case("mixed/two-hosts-many-ports", "40 UDP and 40 TCP conversations interleaved.", snap=96)
def many_ports(net):
    with talk.http_server(net), talk.dns_server(net):
        running = [talk.Running(talk.pages_one_by_one, net, 10, 300 * number) for number in range(1, 5)]
        for number in range(40):
            talk.resolve(net, f"host{number}.example", number=number)
        for one in running:
            one.end()
    if len(net.witnesses) != 80:
        raise Failed("a connection was not told of")
