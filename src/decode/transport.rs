//! TCP and UDP headers, and the payload lengths that they and IP state (spec 3.4).

use super::descent::{Descent, End, Step};
use super::headers::{Decoded, Fate, Headers, TcpHeader, TcpOptions, Transport, tcp_flags};
use super::ip::{InIp, as_u32};
use super::payload::{Payload, be16, be32};
use super::{Decap, Want};
use super::{options, udp_tunnel};

/// Reads a TCP header, which always ends the descent.
pub(super) fn tcp(descent: &mut Descent<'_, '_>, ip: &InIp<'_>) -> End {
    let Payload { captured, length } = descent.rest;
    let Some((fixed, rest)) = captured.split_first_chunk::<20>() else {
        return descent.end_at(Decoded::Other(Fate::ShortTcp));
    };
    let header_len = tcp_header_len(fixed);
    let Some(options_len) = header_len.checked_sub(20) else {
        return descent.end_at(Decoded::Other(Fate::BadTcp));
    };
    let options = rest.get(..options_len).unwrap_or(rest);
    let payload_len = length.checked_sub(header_len);
    let [a, b, c, d, ..] = *fixed;
    let transport = Transport::Tcp(tcp_header(fixed, options, descent.want));
    descent.end_at(Decoded::Transport(Headers {
        ip: ip.header(),
        source_port: be16([a, b]),
        destination_port: be16([c, d]),
        transport,
        payload_len: as_u32(payload_len.unwrap_or(0)),
        bad_len: payload_len.is_none(),
        tso: ip.tso,
        first_fragment: ip.first_fragment,
        further_msdus: 0,
    }))
}

/// The data offset in bytes (RFC 9293, 3.1).
#[inline]
pub(super) fn tcp_header_len(fixed: &[u8; 20]) -> usize {
    usize::from(fixed[12] >> 4) * 4
}

/// The fields of a TCP header that the flows need; `options` is what was captured of them.
#[inline(always)]
pub(super) fn tcp_header(fixed: &[u8; 20], options: &[u8], want: Want) -> TcpHeader {
    let [
        _,
        _,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        a0,
        a1,
        a2,
        a3,
        _,
        flags,
        w0,
        w1,
        ..,
    ] = *fixed;
    let ack = be32([a0, a1, a2, a3]);
    let options = if want.options {
        options::read(options, flags & tcp_flags::SYN != 0, ack)
    } else {
        TcpOptions::default()
    };
    TcpHeader {
        seq: be32([s0, s1, s2, s3]),
        ack,
        flags,
        window: be16([w0, w1]),
        options,
    }
}

/// Reads a UDP header; the descent goes on if it carries a tunnel that can be opened.
pub(super) fn udp(descent: &mut Descent<'_, '_>, ip: &InIp<'_>) -> Step {
    let whole_len = descent.rest.length;
    let Some(&[a, b, c, d, e, f, _, _]) = descent.rest.take::<8>() else {
        return Err(descent.end_at(Decoded::Other(Fate::ShortUdp)));
    };
    let stated = match be16([e, f]) {
        // A datagram that is longer than the field can say (RFC 2675, 4).
        0 if ip.is_jumbogram => whole_len,
        length => usize::from(length),
    };
    // Of a first fragment the length field tells of bytes that other fragments carry.
    let available = match ip.first_fragment {
        Some(_) => usize::MAX,
        None => whole_len,
    };
    let headers = Headers {
        ip: ip.header(),
        source_port: be16([a, b]),
        destination_port: be16([c, d]),
        transport: Transport::Udp,
        payload_len: as_u32(stated.min(available).saturating_sub(8)),
        bad_len: stated < 8 || stated > available,
        tso: ip.tso,
        first_fragment: ip.first_fragment,
        further_msdus: 0,
    };
    let ports = (headers.source_port, headers.destination_port);
    let opened = match descent.want.decap {
        Decap::All => udp_tunnel::open(ports, descent.rest),
        Decap::None => None,
    };
    let Some(opened) = opened else {
        return Err(descent.end_at(Decoded::Transport(headers)));
    };
    descent.pass_udp(headers);
    descent.enter_tunnel(opened.tunnel, opened.id);
    descent.rest = opened.payload;
    Ok(opened.layer)
}
