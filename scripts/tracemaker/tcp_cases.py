"""TCP on a cable that does nothing wrong."""

import contextlib
import errno
import socket
import time

import kernel
import talk
from cases import add, case
from net import Failed

TCP_REPAIR, REPAIR_ON = 19, 1


def http(v6):
    """Browsing over one version of IP."""

    def body(net):
        with talk.http_server(net, v6=v6):
            talk.browse(net, v6)

    return body


add(
    "tcp/http-ipv4",
    "curl against an HTTP server: three pages on one connection kept alive, HTTP/1.0, HEAD, POST, 404.",
    http(False),
)
add("tcp/http-ipv6", "The same over IPv6.", http(True))
add(
    "tcp/bulk-upload-ipv4",
    "The client sends 400 kB; packets cut at 96 bytes.",
    lambda net: talk.upload(net, 400_000),
    snap=96,
    witnessed=True,
)
add(
    "tcp/bulk-download-ipv6",
    "The server sends 400 kB; packets cut at 128 bytes.",
    lambda net: talk.download(net, 400_000, v6=True),
    snap=128,
    at="b",
    witnessed=True,
)
add(
    "tcp/ping-pong-nanoseconds",
    "Five small requests and answers, time stamps in nanoseconds.",
    talk.ping_pong,
    tcpdump=("--time-stamp-precision=nano",),
    witnessed=True,
)


@case("tcp/refused", "SYN to a closed port, answered by RST; twice over IPv4, twice over IPv6.")
def refused(net):
    for v6 in (False, True):
        for port in (81, 82):
            with net.a.tcp(v6) as caller:
                if caller.connect_ex((net.b.address(v6), port)) != errno.ECONNREFUSED:
                    raise Failed("the connection was not refused")


def call_in_vain(net, address, seconds, v6=False):
    """A connection attempt that is given up after `seconds`."""
    with net.a.tcp(v6) as caller:
        caller.settimeout(seconds)
        with contextlib.suppress(OSError):
            caller.connect((address, 80))


@case(
    "tcp/syn-unanswered",
    "SYN to an address that swallows it, over IPv4 and IPv6: retransmissions, then given up.",
)
def syn_unanswered(net):
    net.b.sysctl("net.ipv4.ip_forward", 1)
    net.b.sysctl("net.ipv6.conf.all.forwarding", 1)
    net.b.ip("route", "add", "blackhole", "10.66.0.0/16")
    net.b.ip("route", "add", "blackhole", "fd66::/16")
    net.a.ip("route", "add", "10.66.0.0/16", "via", net.b.ip4)
    net.a.ip("route", "add", "fd66::/16", "via", net.b.ip6)
    net.a.sysctl("net.ipv4.tcp_syn_linear_timeouts", 0)
    ways = [
        talk.Running(call_in_vain, net, "10.66.0.1", 7.5),
        talk.Running(call_in_vain, net, "fd66::1", 3.5, True),
    ]
    for way in ways:
        way.end()


@case(
    "tcp/syn-unanswered-long",
    "SYN at 0, 1, 3, 7, 15 and 31 s: the last silence is longer than a lone SYN's time-out.",
)
def syn_unanswered_long(net):
    net.b.sysctl("net.ipv4.ip_forward", 1)
    net.b.ip("route", "add", "blackhole", "10.66.0.0/16")
    net.a.ip("route", "add", "10.66.0.0/16", "via", net.b.ip4)
    net.a.sysctl("net.ipv4.tcp_syn_linear_timeouts", 0)
    call_in_vain(net, "10.66.0.1", 31.5 + 0.5)


@case("tcp/icmp-prohibited", "SYN to a network that a router forbids: answered by ICMP, over IPv4 and IPv6.")
def icmp_prohibited(net):
    net.b.sysctl("net.ipv4.ip_forward", 1)
    net.b.sysctl("net.ipv6.conf.all.forwarding", 1)
    net.b.ip("route", "add", "prohibit", "10.66.0.0/16")
    net.b.ip("route", "add", "prohibit", "fd66::/16")
    net.a.ip("route", "add", "10.66.0.0/16", "via", net.b.ip4)
    net.a.ip("route", "add", "fd66::/16", "via", net.b.ip6)
    call_in_vain(net, "10.66.0.1", 1.5)
    call_in_vain(net, "fd66::1", 1.5, True)


@case("tcp/port-scan", "SYN to 60 ports, three of them open: a scanner that resets what it has opened.")
def port_scan(net):
    listeners = [talk.listen(net, port) for port in (8001, 8022, 8053)]
    for port in range(8000, 8060):
        with net.a.tcp() as caller:
            if caller.connect_ex((net.b.ip4, port)) == 0:
                talk.reset(caller)
    for listener in listeners:
        listener.close()


@case(
    "tcp/many-short-connections", "60 connections, four at a time, each with one small HTTP request.", snap=96
)
def many_short(net):
    with talk.http_server(net):
        crowd = [talk.Running(talk.pages_one_by_one, net, 15, 100 * number) for number in range(1, 5)]
        for one in crowd:
            one.end()


def reset_by(who):
    """A connection that one side resets in its middle."""

    def body(net):
        def client(connection):
            connection.sendall(talk.payload(3000))
            connection.recv(100)
            if who == "client":
                talk.reset(connection)
            else:
                with contextlib.suppress(ConnectionResetError):
                    talk.read_all(connection)
                connection.close()

        def server(connection):
            connection.recv(65536)
            connection.sendall(b"half of the ans")
            talk.pause(0.1)
            if who == "server":
                talk.reset(connection)
            else:
                with contextlib.suppress(ConnectionResetError):
                    talk.read_all(connection)
                connection.close()

        talk.conversation(net, client, server)

    return body


add("tcp/reset-by-client", "The client sends 3 kB, reads some and resets (SO_LINGER 0).", reset_by("client"))
add("tcp/reset-by-server", "The server resets in the middle of its answer.", reset_by("server"))


@case("tcp/reset-by-unread-data", "The server closes with unread data in its buffer: RST instead of FIN.")
def reset_by_unread_data(net):
    def client(connection):
        connection.sendall(talk.payload(5000))
        with contextlib.suppress(ConnectionResetError):
            talk.read_all(connection)
        connection.close()

    def server(connection):
        connection.recv(100)
        talk.pause(0.1)
        connection.close()

    talk.conversation(net, client, server)


@case("tcp/reset-after-fin", "The server has closed both ways when more data comes: FIN, then RST.")
def reset_after_fin(net):
    def client(connection):
        connection.sendall(b"first\n")
        talk.pause(0.2)
        with contextlib.suppress(OSError):
            connection.sendall(b"second, nobody reads it\n")
            talk.pause(0.1)
            connection.sendall(b"third\n")
        connection.close()

    def server(connection):
        connection.recv(100)
        connection.close()

    talk.conversation(net, client, server)


@case(
    "tcp/half-close",
    "The client ends its half at once; the server goes on sending for a second.",
    witnessed=True,
)
def half_close(net):
    def client(connection):
        ends = kernel.names(connection)
        connection.sendall(b"all of it, please\n")
        connection.shutdown(socket.SHUT_WR)
        talk.read_all(connection)
        talk.ends_with_witness(net, "a")(connection, ends)

    def server(connection):
        talk.read_all(connection)
        for _ in range(10):
            connection.sendall(talk.payload(500))
            talk.pause(0.1)
        talk.ends_with_witness(net, "b")(connection)

    talk.conversation(net, client, server)


def close_together(net):
    """Both sides say FIN before the other's has arrived."""
    with talk.listen(net, 8000) as listener:
        one = talk.connect(net, 8000)
        other, _ = listener.accept()
        one.sendall(b"hello")
        other.recv(10)
        talk.pause(0.2)
        endings = [
            talk.Running(talk.ends_with_witness(net, place), end) for place, end in (("a", one), ("b", other))
        ]
        for ending in endings:
            ending.end()


add(
    "tcp/simultaneous-close",
    "Both sides send FIN while the other's is under way (40 ms each way).",
    close_together,
    link="tun",
    relay=("--delay", 40),
    witnessed=True,
)


@case(
    "tcp/simultaneous-open",
    "Both sides send SYN before the other's has arrived (60 ms each way).",
    link="tun",
    relay=("--delay", 60),
    witnessed=True,
)
def simultaneous_open(net):
    one, other = net.a.tcp(), net.b.tcp()
    one.bind((net.a.ip4, 7001))
    other.bind((net.b.ip4, 7002))
    calls = [talk.Running(one.connect, (net.b.ip4, 7002)), talk.Running(other.connect, (net.a.ip4, 7001))]
    for call in calls:
        call.end()
    one.sendall(b"both of us called")
    other.recv(100)
    other.sendall(b"so did I")
    one.recv(100)
    endings = [
        talk.Running(talk.ends_with_witness(net, place), end) for place, end in (("a", one), ("b", other))
    ]
    for ending in endings:
        ending.end()


@case(
    "tcp/keep-alive",
    "An idle connection with TCP_KEEPIDLE 1: probes and their answers, then data and FIN.",
    witnessed=True,
)
def keep_alive(net):
    def prepare(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)

    def client(connection):
        connection.sendall(b"hello\n")
        connection.recv(100)
        talk.pause(4.3)
        connection.sendall(b"still here\n")
        talk.ends_with_witness(net, "a")(connection)

    def server(connection):
        connection.recv(100)
        connection.sendall(b"welcome\n")
        talk.read_all(connection)
        talk.ends_with_witness(net, "b")(connection)

    talk.conversation(net, client, server, prepare=prepare)


@case(
    "tcp/zero-window",
    "The server does not read for 3 s: its small window closes, the client probes it, then all is read.",
    snap=128,
    witnessed=True,
)
def zero_window(net):
    def small_buffer(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)

    def client(connection):
        connection.sendall(talk.payload(60_000))
        talk.ends_with_witness(net, "a")(connection)

    def server(connection):
        talk.pause(3)
        talk.read_all(connection)
        talk.ends_with_witness(net, "b")(connection)

    talk.conversation(net, client, server, prepare_server=small_buffer)


@case(
    "tcp/port-reuse",
    """One client port three times within a second: closed by FIN from the server, closed by RST, and at last
      after the client has crashed silently (challenge ACK, RST, new SYN).""",
)
def port_reuse(net):
    def talkative(ending):
        def client(connection):
            connection.sendall(b"hello\n")
            connection.recv(100)
            ending(connection)

        return client

    def server_closes_first(connection):
        talk.read_all(connection)
        connection.close()

    def crash(connection):
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_ON)
        connection.close()

    with talk.listen(net, 8000) as listener:
        accepted = []

        def serve(closes):
            connection, _ = listener.accept()
            connection.recv(100)
            connection.sendall(b"welcome\n")
            accepted.append(connection)
            if closes:
                connection.shutdown(socket.SHUT_WR)

        for ending, closes in (
            (server_closes_first, True),
            (talk.reset, False),
            (crash, False),
            (server_closes_first, True),
        ):
            served = talk.Running(serve, closes)
            talkative(ending)(talk.connect(net, 8000, source=40123))
            served.end()
            talk.pause(0.2)
        for connection in accepted:
            connection.close()


@case("tcp/midstream", "The capture begins when the connection has long been open: no SYN.", manual=True)
def midstream(net):
    def client(connection):
        connection.sendall(b"before the capture\n")
        connection.recv(100)
        net.record()
        for _ in range(3):
            connection.sendall(talk.payload(500))
            connection.recv(65536)
        connection.close()

    def server(connection):
        while got := connection.recv(65536):
            connection.sendall(got)
        connection.close()

    talk.conversation(net, client, server)


@case(
    "tcp/one-direction",
    "Only the server's packets were captured (a tap on one fibre).",
    expression="src host 10.0.0.2 and tcp",
)
def one_direction(net):
    with talk.http_server(net):
        talk.browse(net)


@case(
    "tcp/quiet-after-fin",
    "After a half-close six seconds of silence, longer than the linger of a closed flow, then the rest.",
)
def quiet_after_fin(net):
    def client(connection):
        connection.sendall(b"hello\n")
        connection.shutdown(socket.SHUT_WR)
        talk.read_all(connection)
        connection.close()

    def server(connection):
        talk.read_all(connection)
        talk.pause(6)
        connection.sendall(b"a late answer\n")
        connection.close()

    talk.conversation(net, client, server)


@case(
    "tcp/cut-off",
    "The capture ends while three connections are open: idle, waiting for an answer, half closed.",
)
def cut_off(net):
    with talk.listen(net, 8000) as listener:
        pairs = []
        for _ in range(3):
            caller = talk.connect(net, 8000)
            pairs.append((caller, listener.accept()[0]))
        pairs[1][0].sendall(b"a question\n")
        pairs[2][0].sendall(b"the last word\n")
        pairs[2][0].shutdown(socket.SHUT_WR)
        net.stop_recording()
        for pair in pairs:
            for end in pair:
                end.close()


@case("tcp/slow-typing", "A terminal session: 40 bytes one by one, each echoed.", witnessed=True)
def slow_typing(net):
    def client(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in talk.payload(40):
            connection.sendall(bytes([byte]))
            connection.recv(1)
            time.sleep(0.01)
        talk.ends_with_witness(net, "a")(connection)

    def server(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while got := connection.recv(10):
            connection.sendall(got)
        talk.ends_with_witness(net, "b")(connection)

    talk.conversation(net, client, server)
