//! What is known of one TCP packet, and its numbers unwrapped (spec, Notation and 6.1).

use goostat::decode::{Headers, TcpHeader, tcp_flags};

use super::segments::Seen;
use super::side::Side;

/// The flag bits that decide something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub fin: bool,
    pub syn: bool,
    pub rst: bool,
    pub psh: bool,
    pub ack: bool,
    pub byte: u8,
}

impl Flags {
    pub(crate) fn of(byte: u8) -> Self {
        Self {
            fin: byte & tcp_flags::FIN != 0,
            syn: byte & tcp_flags::SYN != 0,
            rst: byte & tcp_flags::RST != 0,
            psh: byte & tcp_flags::PSH != 0,
            ack: byte & tcp_flags::ACK != 0,
            byte,
        }
    }

    pub(crate) fn is_bare_syn(self) -> bool {
        self.syn && !self.ack
    }
}

/// What the steps of one packet hand on to each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub time: i64,
    pub len: i64,
    pub flags: Flags,
    pub header: TcpHeader,
    pub id: u16,
    /// Unwrapped sequence number.
    pub u: i64,
    /// Unwrapped acknowledgment, if there is one and the peer has sent something.
    pub ua: Option<i64>,
    /// Window by step 4.
    pub window: u32,
    pub seen: Seen,
    /// The packet told of a gap of the peer (spec 6.6).
    pub peer_gap: bool,
}

impl Facts {
    pub(crate) fn is_pure_ack(&self) -> bool {
        let Flags {
            fin, syn, rst, ack, ..
        } = self.flags;
        ack && self.len == 0 && !syn && !fin && !rst
    }

    /// len + S + F.
    pub(crate) fn numbers(&self) -> i64 {
        self.len + i64::from(self.flags.syn) + i64::from(self.flags.fin)
    }

    /// The number after the payload.
    pub(crate) fn end(&self) -> i64 {
        self.u + i64::from(self.flags.syn) + self.len
    }

    pub(crate) fn payload_len(&self) -> u32 {
        low_32_bits(self.len)
    }

    /// seq + len + S + F: the number after the packet, as sent.
    pub(crate) fn number_after(&self) -> u32 {
        self.header.seq.wrapping_add(low_32_bits(self.numbers()))
    }
}

/// x mod 2^32, read as signed (spec, Notation).
pub(crate) fn int32(x: i64) -> i64 {
    let residue = x.rem_euclid(1 << 32);
    if residue < 1 << 31 {
        residue
    } else {
        residue - (1 << 32)
    }
}

fn low_32_bits(x: i64) -> u32 {
    u32::try_from(x.rem_euclid(1 << 32)).expect("the remainder is below 2^32")
}

/// Step 2: unwrapped numbers (spec 6.1).
pub(crate) fn unwrap(
    me: &mut Side,
    peer: &Side,
    time: i64,
    headers: &Headers,
    header: &TcpHeader,
) -> Facts {
    let flags = Flags::of(header.flags);
    let seq = i64::from(header.seq);
    let u = match me.reference {
        None => (1 << 32) + seq,
        Some(reference) => reference + int32(seq - reference),
    };
    if me.reference.is_none() || !flags.rst {
        me.reference = Some(u);
    }
    let ua = peer
        .reference
        .filter(|_| flags.ack)
        .map(|reference| reference + int32(i64::from(header.ack) - reference));
    Facts {
        time,
        len: i64::from(headers.payload_len),
        flags,
        header: *header,
        id: headers.ip.id,
        u,
        ua,
        window: u32::from(header.window),
        seen: Seen::default(),
        peer_gap: false,
    }
}
