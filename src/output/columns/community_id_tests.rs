//! The test vectors that come with the public specification of Community ID version 1.

use std::net::IpAddr;

use super::{community_ids, print_community_id};
use crate::decode::IpVersion;
use crate::key::{Endpoint, FlowKey, Protocol};

fn endpoint(address: &str, port: u16) -> (IpVersion, Endpoint) {
    let mut bytes = [0; 16];
    let version = match address.parse().unwrap() {
        IpAddr::V4(v4) => {
            bytes[..4].copy_from_slice(&v4.octets());
            IpVersion::V4
        }
        IpAddr::V6(v6) => {
            bytes = v6.octets();
            IpVersion::V6
        }
    };
    let address = bytes;
    (version, Endpoint { address, port })
}

#[test]
fn the_published_vectors_hold_in_both_directions() {
    use Protocol::{Tcp, Udp};
    let tcp4 = (Tcp, ("128.232.110.120", 34855), ("66.35.250.204", 80));
    let udp4 = (Udp, ("192.168.1.52", 54585), ("8.8.8.8", 53));
    let tcp6 = (
        Tcp,
        ("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943),
        ("2607:f8b0:400c:c03::1a", 25),
    );
    for ((protocol, a, b), seed, id) in [
        (tcp4, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (tcp4, 1, "1:3V71V58M3Ksw/yuFALMcW0LAHvc="),
        (udp4, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        (udp4, 1, "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="),
        (tcp6, 0, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
    ] {
        let ((version, a), (_, b)) = (endpoint(a.0, a.1), endpoint(b.0, b.1));
        for (source, destination) in [(a, b), (b, a)] {
            let (key, _) = FlowKey::new(version, protocol, source, destination);
            for hash in community_ids([key, key].iter(), seed) {
                let mut text = Vec::new();
                print_community_id(&hash, &mut text);
                assert_eq!(text, id.as_bytes());
            }
        }
    }
}
