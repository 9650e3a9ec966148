//! Endpoints, their order and text, and what kind of address they have (spec 3.1, 3.2).

use std::net::{Ipv4Addr, Ipv6Addr};

use goostat::decode::{AddressBytes, IpVersion};

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub version: IpVersion,
    pub address: AddressBytes,
    pub port: u16,
}

impl Endpoint {
    /// The address as 4 or 16 bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self.version {
            IpVersion::V4 => &self.address[..4],
            IpVersion::V6 => &self.address,
        }
    }

    /// The form that glibc's `inet_ntop` gives the address.
    pub(crate) fn text(&self) -> String {
        match self.version {
            IpVersion::V4 => Ipv4Addr::from(self.first_four()).to_string(),
            IpVersion::V6 => ipv6_text(Ipv6Addr::from(self.address)),
        }
    }

    /// Whether the address is on the internal list (spec 3.2, the default list).
    pub(crate) fn is_internal(&self) -> bool {
        match self.version {
            IpVersion::V4 => ipv4_is_internal(self.first_four()),
            IpVersion::V6 => ipv6_is_internal(Ipv6Addr::from(self.address)),
        }
    }

    /// Whether the address is a multicast or the broadcast address (spec 3.2).
    pub(crate) fn is_multicast_or_broadcast(&self) -> bool {
        match self.version {
            IpVersion::V4 => {
                let address = self.first_four();
                (224..=239).contains(&address[0]) || address == [255; 4]
            }
            IpVersion::V6 => self.address[0] == 0xff,
        }
    }

    fn first_four(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.address;
        [a, b, c, d]
    }
}

fn ipv4_is_internal(address: [u8; 4]) -> bool {
    let [a, b, ..] = address;
    a == 10
        || (a == 172 && (16..=31).contains(&b))
        || (a == 192 && b == 168)
        || (a == 100 && (64..=127).contains(&b))
        || a == 127
        || (a == 169 && b == 254)
}

fn ipv6_is_internal(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    address == Ipv6Addr::LOCALHOST || first & 0xffc0 == 0xfe80 || first & 0xfe00 == 0xfc00
}

/// Rust and glibc agree but for the IPv4-compatible addresses `::a.b.c.d`, which glibc writes with
/// dots if exactly the first six groups are zero.
fn ipv6_text(address: Ipv6Addr) -> String {
    let groups = address.segments();
    if groups[..6].iter().all(|group| *group == 0) && groups[6] != 0 {
        let [.., a, b, c, d] = address.octets();
        return format!("::{}", Ipv4Addr::new(a, b, c, d));
    }
    address.to_string()
}

/// The flow's key as a number that stays the same between runs (spec 8.1, `flow_id`): FNV-1a.
pub(crate) fn flow_id(protocol: u8, one: &Endpoint, other: &Endpoint, first: i64) -> u64 {
    let mut bytes = vec![protocol];
    let (low, high) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    for endpoint in [low, high] {
        bytes.extend_from_slice(endpoint.bytes());
        bytes.extend_from_slice(&endpoint.port.to_be_bytes());
    }
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
