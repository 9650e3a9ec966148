//! From a frame to the headers that count (spec 2, 3.3 to 3.5, 7.4).
//!
//! In comes one captured frame with its link type and its length on the wire; out comes a
//! [`Decoded`]: the innermost transport header that could be read, a later fragment, or the
//! reason why there is neither. Lengths come from headers, never from what was captured, so a
//! capture's snap length changes no count.
//!
//! `descent` holds the loop from layer to layer and the rules of what counts; each other
//! file opens the headers of one kind. `fast` reads the plain frames that most of all
//! traffic is made of, and yields what the loop would.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod descent;
mod ethernet;
mod fast;
mod headers;
mod host;
mod ip;
mod lan;
mod link;
mod options;
mod payload;
mod ppp;
mod taps;
#[cfg(test)]
mod tests;
mod transport;
mod tunnel;
mod udp_tunnel;
mod wan;
mod wireless;

pub use headers::{
    AddressBytes, Decoded, Fate, Headers, IpHeader, IpVersion, LaterFragment, LinkInfo, TcpHeader,
    TcpOptions, Transport, Tunnel, tcp_flags, tcp_options,
};

use crate::capture::LinkType;
pub(crate) use fast::{ANY, TCP, UDP};
use payload::Payload;

/// What is wanted beyond the headers that count; each costs only when asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Fill [`TcpHeader::options`].
    pub options: bool,
    /// Fill the [`LinkInfo`].
    pub link: bool,
    /// Which tunnels are opened.
    pub decap: Decap,
}

/// Which tunnels are opened on the way to the header that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decap {
    /// Those over IP and UDP too: what the innermost packet says counts (spec 2).
    #[default]
    All,
    /// None that begins behind an IP header: what the outermost packet says counts. Tags,
    /// labels and sessions of the link layers before it are still opened.
    None,
}

impl Decap {
    /// Its name on the command line and in the Parquet metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::None => "none",
        }
    }
}

/// Opens a frame from the outside to the inside.
///
/// `frame` is what was captured, `original_len` its length on the wire. `link` is reset and
/// filled if `want` asks for it, and left alone otherwise; it tells of the headers around the
/// one that counts.
pub fn decode(
    link_type: LinkType,
    frame: &[u8],
    original_len: u32,
    want: Want,
    link: &mut LinkInfo,
) -> Decoded {
    let plain = decode_plain::<TCP>(link_type, frame, want, link)
        .or_else(|| decode_plain::<UDP>(link_type, frame, want, link))
        .or_else(|| decode_plain::<ANY>(link_type, frame, want, link));
    match plain {
        Some(headers) => Decoded::Transport(headers),
        None => decode_any(link_type, frame, original_len, want, link),
    }
}

/// The shortcut of [`decode`] alone: the headers of a frame as most are, or of those that are `ONLY` this or
/// that (see [`ANY`]), `None` of any other.
///
/// Inlined, as what is made of the headers should be: then they are never put together.
#[inline(always)]
pub(crate) fn decode_plain<const ONLY: u8>(
    link_type: LinkType,
    frame: &[u8],
    want: Want,
    link: &mut LinkInfo,
) -> Option<Headers> {
    match link_type {
        LinkType::ETHERNET => fast::decode::<ONLY>(frame, want, link),
        _ => None,
    }
}

/// Whether frames of this link type are opened: then an empty one is cut short, not unknown.
pub fn opens(link_type: LinkType) -> bool {
    let mut link = LinkInfo::default();
    let empty = decode(link_type, &[], 0, Want::default(), &mut link);
    empty != Decoded::Other(Fate::BadLink)
}

/// Does what [`decode`] does without its shortcut: for holding the two against each other.
#[doc(hidden)]
#[inline(never)]
pub fn decode_any(
    link_type: LinkType,
    frame: &[u8],
    original_len: u32,
    want: Want,
    link: &mut LinkInfo,
) -> Decoded {
    if want.link {
        *link = LinkInfo::default();
    }
    let frame = Payload {
        captured: frame,
        length: usize::try_from(original_len).unwrap_or(usize::MAX),
    };
    descent::descend(link_type, frame, want, link)
}
