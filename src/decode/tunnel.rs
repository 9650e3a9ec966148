//! Tunnels directly over IP or Ethernet: GRE with ERSPAN, EtherIP, NSH.

use super::descent::{Descent, End, Layer, Step};
use super::headers::{Fate, Tunnel};
use super::payload::{be16, be24, be32};

/// The flags of GRE's first 16 bits (RFC 2784, 2890, 2637).
mod gre_flag {
    pub(super) const CHECKSUM: u16 = 0x8000;
    pub(super) const ROUTING: u16 = 0x4000;
    pub(super) const KEY: u16 = 0x2000;
    pub(super) const SEQUENCE: u16 = 0x1000;
    pub(super) const ACKNOWLEDGMENT: u16 = 0x0080;
    pub(super) const VERSION: u16 = 0x0007;
}

/// What cannot be opened here is a packet of another IP protocol.
const UNOPENED: Fate = Fate::OtherIp;

/// Opens GRE.
pub(super) fn gre(descent: &mut Descent<'_, '_>) -> Step {
    let [a, b, c, d] = *descent.take::<4>(UNOPENED)?;
    let flags = be16([a, b]);
    match (flags & gre_flag::VERSION, be16([c, d])) {
        (0, protocol) => gre_plain(descent, flags, protocol),
        (1, 0x880B) => gre_pptp(descent, flags),
        _ => Err(End::Stuck(UNOPENED)),
    }
}

/// Takes a field of four bytes if `flags` has its `flag`.
fn optional(descent: &mut Descent<'_, '_>, flags: u16, flag: u16) -> Result<Option<u32>, End> {
    if flags & flag == 0 {
        return Ok(None);
    }
    Ok(Some(be32(*descent.take::<4>(UNOPENED)?)))
}

/// GRE version 0. Source routes (RFC 1701) are not opened.
fn gre_plain(descent: &mut Descent<'_, '_>, flags: u16, protocol: u16) -> Step {
    if flags & gre_flag::ROUTING != 0 {
        return Err(End::Stuck(UNOPENED));
    }
    optional(descent, flags, gre_flag::CHECKSUM)?;
    let key = optional(descent, flags, gre_flag::KEY)?;
    let sequence = optional(descent, flags, gre_flag::SEQUENCE)?;
    let layer = match protocol {
        0x0800 | 0x86DD | 0x8847 | 0x8100 | 0x88A8 | 0x894F => Layer::EtherType(protocol),
        0x6558 => Layer::Ethernet,
        0x880B => Layer::Ppp,
        0x88BE => return erspan_2(descent, sequence.is_some()),
        0x22EB => return erspan_3(descent),
        _ => return Err(End::Stuck(UNOPENED)),
    };
    descent.enter_tunnel(Tunnel::Gre, key.map(u64::from));
    Ok(layer)
}

/// GRE version 1 (RFC 2637, 4.1): the key's lower half is the call. Without a sequence
/// number it acknowledges, and carries nothing.
fn gre_pptp(descent: &mut Descent<'_, '_>, flags: u16) -> Step {
    if flags & gre_flag::SEQUENCE == 0 {
        return Err(End::Stuck(UNOPENED));
    }
    let key = optional(descent, flags, gre_flag::KEY)?;
    optional(descent, flags, gre_flag::SEQUENCE)?;
    optional(descent, flags, gre_flag::ACKNOWLEDGMENT)?;
    descent.enter_tunnel(Tunnel::Gre, key.map(|key| u64::from(key & 0xFFFF)));
    Ok(Layer::Ppp)
}

/// The session that an ERSPAN header names in the last ten bits of its first word.
fn erspan_session(a: u8, b: u8) -> Option<u64> {
    Some(u64::from(be16([a, b]) & 0x03FF))
}

/// ERSPAN type II, or type I, which has no header and no sequence number.
fn erspan_2(descent: &mut Descent<'_, '_>, sequenced: bool) -> Step {
    let mut session = None;
    if sequenced {
        let [_, _, a, b, ..] = *descent.take::<8>(UNOPENED)?;
        session = erspan_session(a, b);
    }
    descent.enter_tunnel(Tunnel::Erspan, session);
    Ok(Layer::Ethernet)
}

/// ERSPAN type III, whose last bit tells of eight bytes more.
fn erspan_3(descent: &mut Descent<'_, '_>) -> Step {
    let [_, _, a, b, .., last] = *descent.take::<12>(UNOPENED)?;
    if last & 1 == 1 {
        descent.skip(8, UNOPENED)?;
    }
    descent.enter_tunnel(Tunnel::Erspan, erspan_session(a, b));
    Ok(Layer::Ethernet)
}

/// Opens EtherIP (RFC 3378): version 3, the rest of two bytes reserved.
pub(super) fn ether_ip(descent: &mut Descent<'_, '_>) -> Step {
    let [version, _] = *descent.take::<2>(UNOPENED)?;
    if version >> 4 != 3 {
        return Err(End::Stuck(UNOPENED));
    }
    descent.enter_tunnel(Tunnel::EtherIp, None);
    Ok(Layer::Ethernet)
}

/// Opens a network service header (RFC 8300, 2): base, service path, and a context of the
/// length that the base states in words. The id is the service path's.
pub(super) fn nsh(descent: &mut Descent<'_, '_>) -> Step {
    let [_, length, _, next, a, b, c, _] = *descent.take::<8>(Fate::ShortLink)?;
    let context_len = (usize::from(length & 0x3F) * 4).checked_sub(8);
    let context_len = context_len.ok_or(End::Stuck(Fate::NonIp))?;
    descent.skip(context_len, Fate::ShortLink)?;
    let layer = match next {
        1 => Layer::Ipv4,
        2 => Layer::Ipv6,
        3 => Layer::Ethernet,
        4 => Layer::Nsh,
        5 => Layer::Mpls,
        _ => return Err(End::Stuck(Fate::NonIp)),
    };
    descent.enter_tunnel(Tunnel::Nsh, Some(u64::from(be24([a, b, c]))));
    Ok(layer)
}
