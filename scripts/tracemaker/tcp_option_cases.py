"""TCP's options and corners: fast open, MPTCP, what the SYNs offer, wrapping numbers, urgent data."""

import socket
import struct

import talk
from cases import add, case
from net import Skipped
from tcp_cases import REPAIR_ON, TCP_REPAIR

TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 20, 21
REPAIR_OFF_SILENTLY, SEND_QUEUE = -1, 2
TCP_FASTOPEN = 23
MSG_FASTOPEN = 0x20000000
IPPROTO_MPTCP = 262


@case(
    "tcp/fast-open",
    "TCP Fast Open: the first connection asks for a cookie, the next two carry data in the SYN.",
    witnessed=True,
)
def fast_open(net):
    for host in (net.a, net.b):
        host.sysctl("net.ipv4.tcp_fastopen", 3)
        # Fast open keeps its cookies with the metrics.
        host.sysctl("net.ipv4.tcp_no_metrics_save", 0)
    with net.b.tcp() as listener:
        listener.bind((net.b.ip4, 8000))
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)
        listener.listen(5)

        def serve():
            for _ in range(3):
                connection, _ = listener.accept()
                connection.sendall(connection.recv(1000) * 2)
                talk.ends_with_witness(net, "b")(connection)

        served = talk.Running(serve)
        for _ in range(3):
            caller = net.a.tcp()
            # With a time-out the call would not wait for the handshake.
            caller.settimeout(None)
            caller.sendto(talk.payload(300), MSG_FASTOPEN, (net.b.ip4, 8000))
            caller.recv(1000)
            talk.ends_with_witness(net, "a")(caller)
        served.end()


@case(
    "tcp/multipath",
    "MPTCP over two addresses of the client: two subflows carry one stream of 150 kB.",
    snap=128,
)
def multipath(net):
    net.a.ip("addr", "add", "10.0.0.11/24", "dev", "eth0")
    for host in (net.a, net.b):
        host.sysctl("net.mptcp.enabled", 1)
        host.ip("mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2", skip="no MPTCP")
    net.a.ip("mptcp", "endpoint", "add", "10.0.0.11", "dev", "eth0", "subflow", skip="no MPTCP")
    try:
        listener, caller = net.b.tcp(protocol=IPPROTO_MPTCP), net.a.tcp(protocol=IPPROTO_MPTCP)
    except OSError as failure:
        raise Skipped(f"no MPTCP: {failure}") from failure
    listener.bind((net.b.ip4, 8000))
    listener.listen(1)
    caller.connect((net.b.ip4, 8000))
    accepted, _ = listener.accept()
    caller.sendall(b"hello")
    accepted.recv(10)
    # The second subflow is joined meanwhile.
    talk.pause(0.3)
    sent = talk.Running(caller.sendall, talk.payload(150_000))
    got = 0
    while got < 150_000:
        got += len(accepted.recv(65536))
    sent.end()
    caller.close()
    accepted.close()
    listener.close()


def with_knobs(**knobs):
    """A small transfer under other kernel settings."""

    def body(net):
        for host in (net.a, net.b):
            for key, value in knobs.items():
                host.sysctl("net.ipv4." + key, value)
        talk.ping_pong(net, rounds=2, size=600)

    return body


add(
    "tcp/no-window-scaling",
    "Neither side offers a window scale.",
    with_knobs(tcp_window_scaling=0),
    witnessed=True,
)
add("tcp/no-timestamps", "Neither side offers time stamps.", with_knobs(tcp_timestamps=0), witnessed=True)
add("tcp/no-sack", "Neither side permits SACK.", with_knobs(tcp_sack=0), witnessed=True)
add(
    "tcp/no-options",
    "Nothing but MSS in the SYNs.",
    with_knobs(tcp_window_scaling=0, tcp_timestamps=0, tcp_sack=0),
    witnessed=True,
)
add(
    "tcp/ecn",
    "Both sides speak ECN: SYN with ECE and CWR, packets with ECT.",
    with_knobs(tcp_ecn=1),
    witnessed=True,
)


@case(
    "tcp/scaling-by-client-only",
    "The client offers a window scale, the server does not: no scaling.",
    witnessed=True,
)
def scaling_by_client_only(net):
    net.b.sysctl("net.ipv4.tcp_window_scaling", 0)
    talk.ping_pong(net, rounds=2, size=600)


@case(
    "tcp/sequence-wrap",
    "The client's numbers begin 20,000 below 2^32 and wrap in a transfer of 100 kB.",
    snap=96,
    witnessed=True,
)
def sequence_wrap(net):
    def begin_late(connection):
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_ON)
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, SEND_QUEUE)
        connection.setsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, struct.pack("=I", 2**32 - 20_000))
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF_SILENTLY)

    def client(connection):
        connection.sendall(talk.payload(100_000))
        talk.ends_with_witness(net, "a")(connection)

    def server(connection):
        talk.read_all(connection)
        talk.ends_with_witness(net, "b")(connection)

    talk.conversation(net, client, server, prepare=begin_late)


@case("tcp/urgent", "Urgent data (MSG_OOB) between ordinary data.", witnessed=True)
def urgent(net):
    def client(connection):
        connection.sendall(b"ordinary ")
        connection.send(b"!", socket.MSG_OOB)
        connection.sendall(b" ordinary again")
        talk.ends_with_witness(net, "a")(connection)

    def server(connection):
        talk.read_all(connection)
        talk.ends_with_witness(net, "b")(connection)

    talk.conversation(net, client, server)
