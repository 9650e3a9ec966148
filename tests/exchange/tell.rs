//! A trace told in the exchange language, for messages.

use std::fmt;

use goostat::decode::{Decoded, Headers, TcpHeader, Transport, tcp_flags, tcp_options};

use crate::reference::RefPacket;

/// A trace whose `Debug` form is one line a packet.
#[derive(Clone)]
pub(crate) struct Trace {
    pub packets: Vec<RefPacket>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter)?;
        for packet in &self.packets {
            writeln!(formatter, "{}", line(packet))?;
        }
        Ok(())
    }
}

/// One packet; after the comment's three spaces come its endpoints and what is odd about it.
fn line(packet: &RefPacket) -> String {
    let microseconds = packet.time / 1000 - 1_700_000_000_000_000;
    let time = format!(
        "{}{}.{:06}",
        if microseconds < 0 { "-" } else { "" },
        (microseconds / 1_000_000).abs(),
        (microseconds % 1_000_000).abs()
    );
    match &packet.decoded {
        Decoded::Transport(headers) => format!("{time} {}", transport(packet, headers)),
        Decoded::Fragment(fragment) => format!(
            "{time} fragment of protocol {}, {} bytes, id {}   {:?} > {:?}",
            fragment.protocol,
            fragment.ip.length,
            fragment.identification,
            fragment.ip.source,
            fragment.ip.destination
        ),
        Decoded::Other(fate) => format!("{time} {fate:?}"),
    }
}

fn transport(packet: &RefPacket, headers: &Headers) -> String {
    let told = match &headers.transport {
        Transport::Tcp(header) => tcp(header, headers.payload_len),
        Transport::Udp => format!("UDP length {}", headers.payload_len),
    };
    let mut odd = String::new();
    if headers.bad_len {
        odd.push_str(" bad_len");
    }
    if headers.tso {
        odd.push_str(" tso");
    }
    if let Some(id) = headers.first_fragment {
        odd.push_str(&format!(" first fragment {id}"));
    }
    if packet.captured_len < packet.original_len {
        odd.push_str(" cut");
    }
    format!(
        "{told} id {} ttl {}   {:?}:{} > {:?}:{}{odd}",
        headers.ip.id,
        headers.ip.ttl,
        &headers.ip.source[..4],
        headers.source_port,
        &headers.ip.destination[..4],
        headers.destination_port
    )
}

fn tcp(header: &TcpHeader, payload_len: u32) -> String {
    let letters = [
        (tcp_flags::SYN, 'S'),
        (tcp_flags::FIN, 'F'),
        (tcp_flags::RST, 'R'),
        (tcp_flags::PSH, 'P'),
        (tcp_flags::URG, 'U'),
        (tcp_flags::ECE, 'E'),
        (tcp_flags::CWR, 'W'),
        (tcp_flags::ACK, '.'),
    ];
    let flags: String = letters
        .iter()
        .filter(|(flag, _)| header.flags & flag != 0)
        .map(|(_, letter)| letter)
        .collect();
    let seq = match payload_len {
        0 => header.seq.to_string(),
        len => format!("{}:{} ({len})", header.seq, header.seq.wrapping_add(len)),
    };
    format!(
        "[{flags}] seq {seq} ack {} win {} {}",
        header.ack,
        header.window,
        options(header)
    )
}

fn options(header: &TcpHeader) -> String {
    let options = &header.options;
    let mut told = Vec::new();
    told.extend(options.mss().map(|mss| format!("mss {mss}")));
    told.extend(
        options
            .window_scale()
            .map(|scale| format!("wscale {scale}")),
    );
    let named = [
        (tcp_options::SACK_PERMITTED, "sackOK"),
        (tcp_options::FAST_OPEN, "tfo"),
        (tcp_options::TIMESTAMPS, "TS"),
        (tcp_options::MPTCP, "mptcp"),
        (tcp_options::SACK, "sack"),
        (tcp_options::DSACK, "dsack"),
    ];
    told.extend(
        named
            .iter()
            .filter(|(option, _)| options.has(*option))
            .map(|(_, name)| (*name).to_owned()),
    );
    format!("<{}>", told.join(", "))
}
