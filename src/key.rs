//! From headers to the key of a flow: the unordered pair of endpoints (spec 3.1), and its hash.

use std::net::Ipv6Addr;

use crate::decode::{AddressBytes, IpVersion};

/// The transport protocols that have flows, with their IP protocol numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// RFC 9293.
    Tcp = 6,
    /// RFC 768.
    Udp = 17,
}

/// One end of a flow. Ordered by (address bytes, port).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address, IPv4 in the first four bytes.
    pub address: AddressBytes,
    /// The TCP or UDP port.
    pub port: u16,
}

/// Which of the two endpoints of a [`FlowKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The smaller one, or either if both are equal.
    Low,
    /// The larger one.
    High,
}

impl End {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

/// The two endpoints in ascending order, IP version and protocol: equal for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// The smaller endpoint.
    pub low: Endpoint,
    /// The larger endpoint.
    pub high: Endpoint,
    /// IP version of both.
    pub version: IpVersion,
    /// TCP or UDP.
    pub protocol: Protocol,
}

impl FlowKey {
    /// The key of a packet, and which end sent it. If both ends are equal, it is the low one.
    #[inline(always)]
    pub fn new(
        version: IpVersion,
        protocol: Protocol,
        source: Endpoint,
        destination: Endpoint,
    ) -> (Self, End) {
        let (source, destination) = (SortValue::of(&source), SortValue::of(&destination));
        let is_ordered = source <= destination;
        let (low, high) = source.swapped_unless(is_ordered, destination);
        let from = if is_ordered { End::Low } else { End::High };
        let key = Self {
            low: low.endpoint(),
            high: high.endpoint(),
            version,
            protocol,
        };
        (key, from)
    }

    /// The endpoint at `end`.
    #[inline]
    pub fn endpoint(&self, end: End) -> &Endpoint {
        match end {
            End::Low => &self.low,
            End::High => &self.high,
        }
    }

    /// The bytes of `address` that this version has: 4 or 16.
    pub fn address_bytes<'a>(&self, address: &'a AddressBytes) -> &'a [u8] {
        match self.version {
            IpVersion::V4 => &address[..4],
            IpVersion::V6 => address,
        }
    }
}

/// An endpoint as two numbers, which order as endpoints do: to compare and to swap them takes a few
/// instructions and no jump, where arrays of bytes are compared and moved in memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SortValue {
    address: u128,
    port: u16,
}

impl SortValue {
    #[inline]
    fn of(endpoint: &Endpoint) -> Self {
        Self {
            address: u128::from_be_bytes(endpoint.address),
            port: endpoint.port,
        }
    }

    /// Both, the other one first unless `is_ordered`. Half of all packets go either way, and a jump that
    /// is guessed wrong so often costs more than all the rest of the key.
    #[inline]
    fn swapped_unless(self, is_ordered: bool, other: Self) -> (Self, Self) {
        // Masks of all bits or none.
        let address = (self.address ^ other.address) & u128::from(is_ordered).wrapping_sub(1);
        let port = (self.port ^ other.port) & u16::from(is_ordered).wrapping_sub(1);
        let exchanged = |value: Self| Self {
            address: value.address ^ address,
            port: value.port ^ port,
        };
        (exchanged(self), exchanged(other))
    }

    #[inline]
    fn endpoint(self) -> Endpoint {
        Endpoint {
            address: self.address.to_be_bytes(),
            port: self.port,
        }
    }
}

/// Hashes keys for sharding and for the tables' indexes.
///
/// Seeded anew in every run against floods of colliding keys: nothing in the output depends on it.
#[derive(Clone)]
pub struct KeyHasher(ahash::RandomState);

impl KeyHasher {
    /// A hasher that no sender of packets can predict.
    pub fn random() -> Self {
        use std::hash::BuildHasher;
        let entropy = std::collections::hash_map::RandomState::new();
        let [a, b, c, d] = [1u64, 2, 3, 4].map(|n| entropy.hash_one(n));
        Self(ahash::RandomState::with_seeds(a, b, c, d))
    }

    /// A hasher with the given seed, for measurements that must repeat.
    pub fn seeded(seed: u64) -> Self {
        Self(ahash::RandomState::with_seeds(seed, !seed, seed << 1, 1))
    }

    /// The same seeds for another table.
    pub(crate) fn state(&self) -> ahash::RandomState {
        self.0.clone()
    }

    /// The hash of `key`.
    #[inline(always)]
    pub fn hash(&self, key: &FlowKey) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = self.0.build_hasher();
        match key.version {
            IpVersion::V4 => hasher.write_u64(v4_pair(&key.low.address, &key.high.address)),
            IpVersion::V6 => {
                hasher.write_u128(u128::from_ne_bytes(key.low.address));
                hasher.write_u128(u128::from_ne_bytes(key.high.address));
            }
        }
        hasher.write_u64(
            u64::from(key.low.port)
                | u64::from(key.high.port) << 16
                | (key.protocol as u64) << 32
                | (key.version as u64) << 40,
        );
        hasher.finish()
    }
}

/// Two IPv4 addresses as one number.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "two times 32 bits")]
fn v4_pair(low: &AddressBytes, high: &AddressBytes) -> u64 {
    let number = |address: &AddressBytes| u128::from_be_bytes(*address) >> 96;
    (number(low) << 32 | number(high)) as u64
}

/// Appends the text form of an address, as `inet_ntop` of the C library writes it. It is ASCII.
///
/// Every row has two, so IPv4 goes without the machinery of `fmt` and of `char`.
pub fn push_address(out: &mut Vec<u8>, version: IpVersion, address: &AddressBytes) {
    let [a, b, c, d, ..] = *address;
    if version == IpVersion::V4 {
        return push_v4(out, [a, b, c, d]);
    }
    let v6 = Ipv6Addr::from(*address);
    match v6.segments() {
        // An IPv4-compatible address: the C library prints its last 32 bits dotted, Rust does not.
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => {
            let [.., a, b, c, d] = *address;
            out.extend_from_slice(b"::");
            push_v4(out, [a, b, c, d]);
        }
        _ => {
            use std::io::Write;
            write!(out, "{v6}").expect("a vector takes all text");
        }
    }
}

fn push_v4(out: &mut Vec<u8>, bytes: [u8; 4]) {
    // Written where it stays: what is copied just after it has been written has to be waited for.
    let mut end = out.len();
    out.extend_from_slice(&[0; 16]);
    for byte in bytes {
        // What comes next is written over what stands behind the dot.
        let (digits, digits_len) = DECIMAL[usize::from(byte)];
        out[end..end + 4].copy_from_slice(&digits);
        end += digits_len + 1;
    }
    out.truncate(end - 1);
}

/// The digits of each byte, a dot behind them, and how many they are: how many is even chance, so no
/// jump should ask.
const DECIMAL: [([u8; 4], usize); 256] = {
    let mut all = [([b'.'; 4], 1); 256];
    let mut byte = 0;
    while byte < 256 {
        let (digits, len) = &mut all[byte];
        *len = 1 + (byte >= 10) as usize + (byte >= 100) as usize;
        let (mut rest, mut place) = (byte, *len);
        while place > 0 {
            place -= 1;
            digits[place] = b"0123456789"[rest % 10];
            rest /= 10;
        }
        byte += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(address: [u8; 4], port: u16) -> Endpoint {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&address);
        Endpoint {
            address: bytes,
            port,
        }
    }

    #[test]
    fn both_directions_have_one_key_and_one_hash() {
        let (a, b) = (v4([10, 0, 0, 1], 40000), v4([198, 51, 100, 2], 80));
        let (forth, from) = FlowKey::new(IpVersion::V4, Protocol::Tcp, a, b);
        let (back, to) = FlowKey::new(IpVersion::V4, Protocol::Tcp, b, a);
        assert_eq!((forth, from, to), (back, End::Low, End::High));
        let hasher = KeyHasher::random();
        assert_eq!(hasher.hash(&forth), hasher.hash(&back));
    }

    #[test]
    fn version_and_protocol_separate_keys() {
        let (a, b) = (v4([10, 0, 0, 1], 1), v4([10, 0, 0, 2], 1));
        let hasher = KeyHasher::seeded(7);
        let hashes = [
            (IpVersion::V4, Protocol::Tcp),
            (IpVersion::V4, Protocol::Udp),
            (IpVersion::V6, Protocol::Tcp),
        ]
        .map(|(version, protocol)| hasher.hash(&FlowKey::new(version, protocol, a, b).0));
        assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
    }

    #[test]
    fn addresses_read_as_the_c_library_writes_them() {
        let text = |version, address: [u8; 16]| {
            let mut text = Vec::new();
            push_address(&mut text, version, &address);
            String::from_utf8(text).unwrap()
        };
        let v6 = |words: [u16; 8]| text(IpVersion::V6, Ipv6Addr::from(words).octets());
        let mut v4 = [0; 16];
        v4[..4].copy_from_slice(&[192, 0, 2, 33]);
        assert_eq!(text(IpVersion::V4, v4), "192.0.2.33");
        v4[..4].copy_from_slice(&[0, 9, 100, 255]);
        assert_eq!(text(IpVersion::V4, v4), "0.9.100.255");
        assert_eq!(
            v6([0, 0, 0, 0, 0, 0xffff, 0x0102, 0x0304]),
            "::ffff:1.2.3.4"
        );
        assert_eq!(v6([0, 0, 0, 0, 0, 0, 0x0102, 0x0304]), "::1.2.3.4");
        assert_eq!(v6([0, 0, 0, 0, 0, 0, 0, 1]), "::1");
        assert_eq!(v6([0; 8]), "::");
        assert_eq!(v6([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]), "2001:db8:0:1::1");
    }
}
