//! What shapes a run: time-outs, limits, column groups, threads. The command line fills it in.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::capture::ReadOptions;
use crate::decode::{AddressBytes, Decap, IpVersion};

const SECOND: i64 = 1_000_000_000;

/// A group of columns (spec 8): switched on or off together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Key, roles, life cycle, packets and bytes. Always on.
    Core,
    /// When each side sent what.
    Time,
    /// Round-trip times and TTLs.
    Rtt,
    /// Sequence analysis: retransmissions, gaps, flight, history.
    Seq,
    /// TCP options, windows and segment sizes.
    Opt,
    /// Link layer and tunnels.
    Link,
}

impl Group {
    /// All groups, in the order of their names in documents.
    pub const ALL: [Self; 6] = [
        Self::Core,
        Self::Time,
        Self::Rtt,
        Self::Seq,
        Self::Opt,
        Self::Link,
    ];

    /// The name on the command line and in the Parquet metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Time => "time",
            Self::Rtt => "rtt",
            Self::Seq => "seq",
            Self::Opt => "opt",
            Self::Link => "link",
        }
    }
}

/// A set of column groups; `core` is always in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups(u8);

impl Groups {
    /// Every group there is.
    pub fn all() -> Self {
        Self::of(&Group::ALL)
    }

    /// `core` and those named.
    pub fn of(groups: &[Group]) -> Self {
        let bits = groups
            .iter()
            .fold(0, |bits, &group| bits | 1 << group as u8);
        Self(bits | 1 << Group::Core as u8)
    }

    /// Whether `group` is in the set.
    pub fn has(self, group: Group) -> bool {
        self.0 & 1 << group as u8 != 0
    }

    /// Whether any TCP state beyond the life cycle has to be kept.
    pub fn analyse_tcp(self) -> bool {
        [Group::Rtt, Group::Seq, Group::Opt]
            .into_iter()
            .any(|group| self.has(group))
    }

    /// The names, separated by commas.
    pub fn names(self) -> String {
        let named: Vec<&str> = Group::ALL
            .into_iter()
            .filter(|&group| self.has(group))
            .map(Group::name)
            .collect();
        named.join(",")
    }
}

/// A range of addresses, as in `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    version: IpVersion,
    network: u128,
    mask: u128,
}

impl Cidr {
    /// The range of all addresses whose first `prefix` bits are those of `address`.
    /// `None` if the address has fewer bits.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let (version, bytes, bits) = match address {
            IpAddr::V4(v4) => (IpVersion::V4, v4_bytes(v4.octets()), 32),
            IpAddr::V6(v6) => (IpVersion::V6, v6.octets(), 128),
        };
        if prefix > bits {
            return None;
        }
        let mask = u128::MAX
            .checked_shl(128 - u32::from(prefix))
            .unwrap_or_default();
        let network = u128::from_be_bytes(bytes) & mask;
        Some(Self {
            version,
            network,
            mask,
        })
    }

    /// Whether `address` lies in the range.
    pub fn contains(&self, version: IpVersion, address: &AddressBytes) -> bool {
        self.version == version && u128::from_be_bytes(*address) & self.mask == self.network
    }
}

impl std::str::FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("'{address}' is no IP address"))?;
        let full = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            "" => full,
            digits => digits
                .parse()
                .map_err(|_| format!("'{digits}' is no prefix length"))?,
        };
        Self::new(address, prefix)
            .ok_or_else(|| format!("a prefix of {address} has at most {full} bits"))
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.network.to_be_bytes();
        let mut address = Vec::new();
        crate::key::push_address(&mut address, self.version, &bytes);
        let address = String::from_utf8_lossy(&address);
        write!(f, "{address}/{}", self.mask.leading_ones())
    }
}

fn v4_bytes([a, b, c, d]: [u8; 4]) -> AddressBytes {
    [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// How much the flow tables may hold, all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many flows.
    Flows(u64),
    /// Flows that take so many bytes, about.
    Bytes(u64),
}

/// What decides how packets become rows. Two runs with equal options over the same packets write
/// the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowOptions {
    /// Silence that ends an open TCP flow, in nanoseconds (spec 4.2). Default 300 s.
    pub tcp_idle: i64,
    /// The same for a TCP flow of nothing but SYNs from one side. Default 10 s.
    pub tcp_singleton: i64,
    /// The same for a closed TCP flow. Default 5 s.
    pub tcp_linger: i64,
    /// The same for a UDP flow. Default 200 s.
    pub udp_idle: i64,
    /// The same for a UDP flow of one packet. Default 10 s.
    pub udp_singleton: i64,
    /// Age at which a flow is cut by its next packet, in nanoseconds. Default off.
    pub active_timeout: Option<i64>,
    /// What counts as internal (spec 3.2). Default: private, loopback and link-local ranges.
    pub internal: Vec<Cidr>,
    /// Which tunnels are opened. Default all.
    pub decap: Decap,
    /// Seed of the column `community_id`. Default 0.
    pub community_id_seed: u16,
    /// Segments kept for each direction of a TCP flow (spec 6.2). Default 4096.
    pub max_segments: usize,
    /// What the flow tables may hold: beyond it flows end early. Default: no limit.
    pub limit: Option<Limit>,
    /// Which columns are written. Default all.
    pub groups: Groups,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            tcp_idle: 300 * SECOND,
            tcp_singleton: 10 * SECOND,
            tcp_linger: 5 * SECOND,
            udp_idle: 200 * SECOND,
            udp_singleton: 10 * SECOND,
            active_timeout: None,
            internal: default_internal(),
            decap: Decap::All,
            community_id_seed: 0,
            max_segments: 4096,
            limit: None,
            groups: Groups::all(),
        }
    }
}

impl FlowOptions {
    /// Whether `address` counts as internal.
    pub fn is_internal(&self, version: IpVersion, address: &AddressBytes) -> bool {
        self.internal
            .iter()
            .any(|range| range.contains(version, address))
    }
}

fn default_internal() -> Vec<Cidr> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let v4 = |a, b, prefix| Cidr::new(IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), prefix);
    let v6 = |first, last, prefix| {
        Cidr::new(
            IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last)),
            prefix,
        )
    };
    [
        v4(10, 0, 8),
        v4(172, 16, 12),
        v4(192, 168, 16),
        v4(100, 64, 10),
        v4(127, 0, 8),
        v4(169, 254, 16),
        v6(0, 1, 128),
        v6(0xfe80, 0, 10),
        v6(0xfc00, 0, 7),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Everything a run needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Captures and folders of captures; `-` is standard input.
    pub traces: Vec<PathBuf>,
    /// The folder that will hold the results.
    pub out: PathBuf,
    /// Replace results that are already there.
    pub force: bool,
    /// How captures are read.
    pub read: ReadOptions,
    /// Worker threads, at least 1.
    pub threads: usize,
    /// What shapes the rows.
    pub flow: FlowOptions,
    /// Seed of the key hash: random if `None`. Changes no output.
    pub hash_seed: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(range: &str, address: &str) -> bool {
        let range: Cidr = range.parse().unwrap();
        match address.parse().unwrap() {
            IpAddr::V4(v4) => range.contains(IpVersion::V4, &v4_bytes(v4.octets())),
            IpAddr::V6(v6) => range.contains(IpVersion::V6, &v6.octets()),
        }
    }

    #[test]
    fn a_range_holds_what_shares_its_prefix() {
        assert!(inside("172.16.0.0/12", "172.31.255.255"));
        assert!(!inside("172.16.0.0/12", "172.32.0.0"));
        assert!(inside("0.0.0.0/0", "8.8.8.8"));
        assert!(!inside("0.0.0.0/0", "2001:db8::1"));
        assert!(inside("fe80::/10", "febf::1"));
        assert!(inside("192.0.2.1", "192.0.2.1"));
        assert!(!inside("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn a_range_that_is_none_is_refused_with_a_reason() {
        for (text, reason) in [
            ("ten/8", "no IP address"),
            ("10.0.0.0/33", "at most 32"),
            ("::/129", "at most 128"),
            ("10.0.0.0/x", "no prefix length"),
        ] {
            let error = text.parse::<Cidr>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn the_default_ranges_print_as_the_specification_lists_them() {
        let ranges: Vec<String> = default_internal().iter().map(Cidr::to_string).collect();
        assert_eq!(
            ranges.join(" "),
            "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 \
             ::1/128 fe80::/10 fc00::/7"
        );
    }
}
