//! A packet as it was meant becomes one as it was captured: options, fragments, wrong lengths,
//! missing bytes.

use goostat::decode::{
    Decoded, Headers, IpVersion, LaterFragment, TcpOptions, Transport, tcp_flags, tcp_options,
};

use super::generate::{Dress, Fragment, Length};
use super::{TcpDraft, UdpDraft, wire};
use crate::reference::RefPacket;

/// The options that the dress's bits choose; some only SYNs have.
pub(crate) fn options(dress: &Dress, flags: u8) -> TcpOptions {
    let bit = |bit: u8| dress.options >> bit & 1 == 1;
    let syn = flags & tcp_flags::SYN != 0;
    let mut options = TcpOptions::default();
    if syn && bit(0) {
        options.note_window_scale(dress.window_scale);
    }
    if syn && bit(1) {
        options.note_mss(1460);
    }
    for (is, option) in [
        (syn && bit(2), tcp_options::SACK_PERMITTED),
        (syn && bit(3), tcp_options::FAST_OPEN),
        (bit(4), tcp_options::TIMESTAMPS),
        (bit(5), tcp_options::SACK),
        (bit(5) && bit(6), tcp_options::DSACK),
        (bit(7), tcp_options::MPTCP),
    ] {
        options.note(if is { option } else { 0 });
    }
    options
}

/// A TCP packet, or the fragment of one.
pub(crate) fn tcp(draft: &TcpDraft, dress: &Dress) -> RefPacket {
    match (dress.fragment, dress.length) {
        (Fragment::Later(id), _) => later(&udp_like(draft, id), 6),
        (Fragment::First(id), _) => first_fragment(draft.packet(), id),
        (Fragment::No, Length::Right) => draft.packet(),
        (Fragment::No, Length::Offloaded) => offloaded(draft.packet()),
        (Fragment::No, Length::Bad) => {
            let plain = TcpDraft {
                payload_len: 0,
                options: TcpOptions::default(),
                ..*draft
            };
            let mut packet = plain.packet();
            change(&mut packet, |headers| headers.bad_len = true);
            packet
        }
    }
}

/// A UDP packet, or the fragment of one.
pub(crate) fn udp(draft: &UdpDraft, dress: &Dress) -> RefPacket {
    match (dress.fragment, dress.length) {
        (Fragment::Later(id), _) => later(&UdpDraft { id, ..*draft }, 17),
        (Fragment::First(id), _) => {
            UdpDraft { id, ..*draft }.first_fragment(draft.payload_len / 2 + 8)
        }
        (Fragment::No, Length::Right) => draft.packet(),
        (Fragment::No, Length::Offloaded) => offloaded(draft.packet()),
        (Fragment::No, Length::Bad) => {
            let mut packet = draft.packet();
            change(&mut packet, |headers| headers.bad_len = true);
            packet
        }
    }
}

fn udp_like(draft: &TcpDraft, id: u16) -> UdpDraft {
    UdpDraft {
        time: draft.time,
        source: draft.source,
        destination: draft.destination,
        ttl: draft.ttl,
        id,
        payload_len: draft.payload_len,
    }
}

fn later(draft: &UdpDraft, protocol: u8) -> RefPacket {
    let mut packet = draft.later_fragment(draft.payload_len);
    if let Decoded::Fragment(fragment) = &mut packet.decoded {
        fragment.protocol = protocol;
    }
    packet
}

/// A later fragment of `packet`, if that is a first fragment.
pub(crate) fn tail(packet: &RefPacket, len: u32) -> Option<RefPacket> {
    let Decoded::Transport(headers) = &packet.decoded else {
        return None;
    };
    let identification = headers.first_fragment?;
    let headers_len = match headers.ip.version {
        IpVersion::V4 => 20,
        IpVersion::V6 => 48,
    };
    let mut ip = headers.ip;
    ip.length = headers_len + len;
    let protocol = match headers.transport {
        Transport::Tcp(_) => 6,
        Transport::Udp => 17,
    };
    let fragment = LaterFragment {
        ip,
        protocol,
        identification,
    };
    let frame_len = wire::ETHERNET_LEN + ip.length;
    Some(RefPacket {
        time: packet.time,
        captured_len: frame_len,
        original_len: frame_len,
        decoded: Decoded::Fragment(fragment),
    })
}

fn change(packet: &mut RefPacket, how: impl FnOnce(&mut Headers)) {
    if let Decoded::Transport(headers) = &mut packet.decoded {
        how(headers);
    }
}

/// A fragment's identification is that of its IP header; in IPv6 it has a header of its own.
fn first_fragment(mut packet: RefPacket, id: u16) -> RefPacket {
    let mut extension = 0;
    change(&mut packet, |headers| {
        headers.first_fragment = Some(u32::from(id));
        match headers.ip.version {
            IpVersion::V4 => headers.ip.id = id,
            IpVersion::V6 => extension = 8,
        }
        headers.ip.length += extension;
    });
    packet.captured_len += extension;
    packet.original_len += extension;
    packet
}

/// The length is then what the frame leaves; that is what it was.
fn offloaded(mut packet: RefPacket) -> RefPacket {
    change(&mut packet, |headers| headers.tso = true);
    packet
}

/// Takes away what was not captured, never of a header.
pub(crate) fn captured(mut packet: RefPacket, dress: &Dress) -> RefPacket {
    let payload_len = match &packet.decoded {
        Decoded::Transport(headers) if headers.bad_len => 0,
        Decoded::Transport(Headers {
            transport: Transport::Udp,
            first_fragment: Some(_),
            payload_len,
            ..
        }) => payload_len / 2,
        Decoded::Transport(headers) => headers.payload_len,
        _ => 0,
    };
    packet.captured_len = packet.original_len - u32::from(dress.cut).min(payload_len);
    packet
}
