//! Who talks to whom in the `n`-th flow: no two flows of a trace have the same addresses and ports, and
//! neighbours in time are no neighbours in number.

use super::rng::Rng;
use super::wire::Ends;

/// Odd, so that multiplying by it modulo a power of two maps numbers one to one.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number's `bits` lowest bits, scattered.
fn scatter(n: u64, bits: u32) -> u64 {
    n.wrapping_mul(SCATTER) & ((1 << bits) - 1)
}

fn host(base: u32, number: u64) -> [u8; 4] {
    base.wrapping_add(low32(number)).to_be_bytes()
}

fn low32(number: u64) -> u32 {
    let [.., a, b, c, d] = number.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn low16(number: u64) -> u16 {
    let [.., a, b] = number.to_be_bytes();
    u16::from_be_bytes([a, b])
}

/// Some thousands of clients of a network, and servers of which few have most of the flows.
pub(crate) fn web(n: u64, rng: &mut Rng) -> Ends {
    let number = scatter(n, 27);
    let span = rng.below(4096) + 1;
    let server = rng.below(span) as u64;
    let port = match rng.below(100) {
        0..70 => 443,
        70..90 => 80,
        90..95 => 22,
        95..98 => 993,
        _ => 8080,
    };
    Ends {
        v6: rng.chance(100),
        hosts: [
            host(0x0a01_0000, number >> 15),
            host(0x9765_0000, server * 7),
        ],
        ports: [0x8000 | low16(number & 0x7fff), port],
    }
}

/// Clients of four resolvers.
pub(crate) fn resolver(n: u64, rng: &mut Rng) -> Ends {
    let number = scatter(n, 35);
    Ends {
        v6: rng.chance(100),
        hosts: [
            host(0x0a10_0000, number >> 15),
            host(0x0a00_0035, rng.next() & 3),
        ],
        ports: [0x8000 | low16(number & 0x7fff), 53],
    }
}

/// Invented senders, one victim.
pub(crate) fn flood(n: u64, port: u16) -> Ends {
    let number = scatter(n, 39);
    Ends {
        v6: false,
        hosts: [host(0x2000_0000, number >> 14), [203, 0, 113, 80]],
        ports: [1024 + low16(number & 0x3fff), port],
    }
}

/// One scanner that goes through the ports of a network.
pub(crate) fn scan(n: u64) -> Ends {
    let number = scatter(n, 32);
    Ends {
        v6: false,
        hosts: [[185, 220, 101, 7], host(0x0a4d_0000, number & 0xffff)],
        ports: [
            0xc000 | low16(n.wrapping_mul(SCATTER) >> 50),
            low16(number >> 16),
        ],
    }
}
