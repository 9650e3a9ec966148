"""What the kernel says of a connection: `struct tcp_info`, read to the very end."""

import platform
import socket
import struct
import time

CLOSED = 7
# The fields in their order in <linux/tcp.h>; B, I, Q and H are 1, 4, 8 and 2 bytes. The kernel only ever appends.
LAYOUT = (
    ("B", "state ca_state retransmits probes backoff options wscale flags"),
    (
        "I",
        "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv",
    ),
    (
        "I",
        "last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space",
    ),
    ("I", "total_retrans"),
    ("Q", "pacing_rate max_pacing_rate bytes_acked bytes_received"),
    ("I", "segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out"),
    ("Q", "delivery_rate busy_time rwnd_limited sndbuf_limited"),
    ("I", "delivered delivered_ce"),
    ("Q", "bytes_sent bytes_retrans"),
    ("I", "dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash"),
    ("H", "total_rto total_rto_recoveries"),
    ("I", "total_rto_time"),
)
FIELDS = [("tcpi_" + name, code) for code, names in LAYOUT for name in names.split()]

BEFORE_CLOSE = ("tcpi_state", "tcpi_total_retrans", "tcpi_bytes_acked", "tcpi_segs_out", "tcpi_min_rtt")


def tcp_info(connection):
    """TCP_INFO of a socket by name; fields that this kernel does not have are left out."""
    raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
    told, at = {}, 0
    for name, code in FIELDS:
        size = struct.calcsize(code)
        if at + size > len(raw):
            break
        told[name] = struct.unpack_from("=" + code, raw, at)[0]
        at += size
    return told


def endpoint(address):
    """host:port, [host]:port for IPv6."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def names(connection):
    """Both ends of a connection; to be asked while it lives."""
    return {"local": endpoint(connection.getsockname()), "remote": endpoint(connection.getpeername())}


def finish(connection, ends=None, patience=15):
    """Ends our half, reads to the peer's end, waits until the kernel has closed and tells the final numbers.

    The socket stays open until the kernel's state is CLOSE (TIME_WAIT counts as that for the socket), so a
    retransmission of the very last FIN is still in the numbers.
    """
    told = dict(ends or names(connection))
    before = tcp_info(connection)
    told["before_close"] = {name: before[name] for name in BEFORE_CLOSE}
    try:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    except OSError:
        # The peer has reset the connection: it is over, and its numbers are final.
        pass
    deadline = time.monotonic() + patience
    while tcp_info(connection)["tcpi_state"] != CLOSED and time.monotonic() < deadline:
        time.sleep(0.005)
    told["tcp_info"] = tcp_info(connection)
    told["final"] = told["tcp_info"]["tcpi_state"] == CLOSED
    connection.close()
    return told


def version():
    """The kernel's name and release."""
    return f"{platform.system()} {platform.release()}"
