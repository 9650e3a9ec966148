"""testdata/README.md: how each trace was made, what it shows, how many packets it has."""

import os
import re
import subprocess

INTRODUCTION = """\
# Traces

Made by `scripts/make-traces` (root; Linux with veth and TUN; tcpdump, tshark, curl, iproute2) and written by that script, this page too.
Real clients and servers speak on real kernels ({kernel}): two network namespaces, joined by a veth pair (`veth`) or by two TUN devices with a
seeded relay between them (`relay`) that loses, delays, reorders, repeats and throttles. Offloads are off, so a captured packet is a packet on the wire,
and tcpdump had dropped none. A new run gives other times, ports and numbers: the traces are not reproducible byte by byte; `crafted/` and `packagings/` are, from `{source}`.

Addresses: host a, the client, is 10.0.0.1 / fd00::1 on `veth` and 10.1.0.1 / fd01::1 on `relay`; host b ends in 2.
This kernel has VXLAN, segment routing and MPTCP, but neither 802.1Q, GRE, IPIP, SIT, IPv6 tunnels, Geneve, MPLS routing, PPP nor netem: those frames in `tunnel/` are real packets that the relay
wraps and shows at a mirror port (`relay, at mirror`). Nobody unwraps them on the wire.

Beside each trace:
* `<trace>.expected.txt`: the rows goostat gives, reviewed by eye; `GOOSTAT_ACCEPT=1 cargo test --test golden` renews them after the traces are made anew.
* `<trace>.tshark.tsv`: packets and payload bytes of each tcp.stream and udp.stream as tshark {tshark} counts them; a is the sender of the stream's first packet.
  Fragments are not joined: a first fragment counts with the whole datagram's length, later ones not at all. Of tunnels the innermost TCP or UDP counts. What an ICMP error quotes does not count.
  tshark has its own idea of where a connection ends: it opens a new stream for a SYN with another number, and never by silence.
* `<trace>.kernel.json` where a sending kernel was asked: TCP_INFO of each connection at both ends (`at`: a or b; `capture_at` says where the trace was taken; `at_capture` marks the
  end whose own packets the trace shows as they left). `final`: the kernel's state was CLOSE, so no number can change any more. `before_close` is the same just before our FIN. Times are in the kernel's
  units (`tcpi_min_rtt`, `tcpi_rtt`: microseconds). `relay`: what the relay was told to do and what it did, by direction.

What the kernel's numbers mean beside a capture at the sender:
* Packets that repeat sequence numbers = `tcpi_total_retrans`; packets with payload = `tcpi_data_segs_out`; their payload = `tcpi_bytes_sent`, of it repeated = `tcpi_bytes_retrans`. This held for every
  connection of every trace here but the simultaneous open, where each side's SYN+ACK repeats its SYN's number and is no retransmission to the kernel.
* A retransmitted SYN counts in `tcpi_total_retrans` (of SYN+ACKs too), a FIN too, a tail loss probe too; window probes and keep-alives, which carry no new number and no payload, do not.
* `tcpi_segs_out` leaves out what has no socket: the accepting side's SYN+ACKs, ACKs in TIME_WAIT, RSTs to strangers.
* `tcpi_min_rtt` against the smallest time from a segment to the ACK that ends with it, both seen at the sender's tap. Where nothing was lost or reordered the kernel's value is the larger one, by less than 0.1 ms: its watch
  starts before the tap sees the segment and stops after the tap has seen the ACK. It can be smaller for two reasons. A segment that a SACK block covers is a sample for the kernel and none for a cumulative ACK
  (`lossy/jitter`). And when an ACK follows a retransmission the kernel goes by the TCP time stamp, in whole milliseconds: such values end in 000 and are up to 2 ms too small.
  In `tcp/simultaneous-open` the kernel takes the crossing SYNs for an answer.
"""
FOLDERS = {
    "tcp": "TCP on a cable that does nothing wrong (veth)",
    "lossy": "TCP over a link that misbehaves (relay), with the kernels' own word",
    "udp": "UDP",
    "link": "Link types",
    "tunnel": "Tags and tunnels",
    "mixed": "Mixtures",
    "packagings": "One capture in several packagings",
    "crafted": "Files that are odd in one way each",
}

UNKNOWN = "not counted yet"


def packet_count(path):
    """Packets in a capture, as capinfos counts them; None where it cannot."""
    done = subprocess.run(["capinfos", "-c", "-M", path], capture_output=True, text=True)
    found = re.search(r"Number of packets *[=:] *(\d+)", done.stdout)
    return int(found.group(1)) if found else None


def made_how(case):
    """The link, the relay's orders, the snap length and the place, in a few words."""
    parts = ["relay" if case.link == "tun" else "veth"]
    parts += [" ".join(map(str, case.relay))] if case.relay else []
    parts += [case.expression] if case.expression else []
    parts += [f"snap {case.snap}"] if case.snap else []
    parts += [f"at {case.at}"] if case.at != "a" else []
    parts += [f"on {case.device}"] if case.device else []
    parts += [" ".join(case.tcpdump)] if case.tcpdump else []
    return ", ".join(parts)


def files_of(case):
    """The traces that a case writes."""
    if "+" not in case.at:
        return [case.name + ".pcap"]
    return [f"{case.name}.at-{place}.pcap" for place in case.at.split("+")]


def table(out, lines):
    """The lines whose file is there."""
    text = "| trace | packets | what happens | how |\n|---|---|---|---|\n"
    for name, shows, how, known in lines:
        path = os.path.join(out, name)
        if os.path.exists(path):
            count = packet_count(path) if known == UNKNOWN else known
            text += f"| {name} | {'?' if count is None else count} | {shows} | {how} |\n"
    return text


def write(out, cases, crafted, skipped, versions):
    """Writes the page for what is in the folder."""
    lines = [
        (name, case.shows, made_how(case), UNKNOWN) for case in cases.values() for name in files_of(case)
    ]
    lines += [(name, shows, "bytes", count) for name, (shows, count) in crafted.items()]
    text = INTRODUCTION.format(**versions)
    for folder, title in FOLDERS.items():
        text += f"\n## {folder}/: {title}\n\n" + table(
            out, [line for line in lines if line[0].startswith(folder + "/")]
        )
    if skipped:
        text += "\n## Not made here\n\n" + "".join(
            f"* {name}: {reason}\n" for name, reason in sorted(skipped.items())
        )
    with open(os.path.join(out, "README.md"), "w", encoding="utf-8") as page:
        page.write(text)
