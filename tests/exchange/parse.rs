//! Text to packets and expected rows.

use std::net::SocketAddr;

use goostat::decode::{TcpOptions, tcp_flags, tcp_options};

use super::expect::ExpectedRow;
use super::{Exchange, TcpDraft, UdpDraft, expect};
use crate::reference::RefPacket;

/// Second 0 of every exchange.
const BASE_SECONDS: i64 = 1_700_000_000;

/// Both endpoints and the identifications given out so far.
struct Hosts {
    client: SocketAddr,
    server: SocketAddr,
    client_id: u16,
    server_id: u16,
}

/// See [`Exchange::parse`].
pub(crate) fn exchange(text: &str) -> Exchange {
    let (above, below) = text.split_once("\n---").unwrap_or((text, ""));
    let rows = expect::rows(below);
    let mut hosts = hosts(above, &rows);
    let packets = above
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| packet(line, &mut hosts))
        .collect();
    let title = above.lines().find_map(|line| line.strip_prefix('#'));
    Exchange {
        title: title.unwrap_or("exchange").trim().to_owned(),
        packets,
        rows,
    }
}

/// The endpoints of a line `# c = …, s = …`, of the first row, or the usual ones.
fn hosts(above: &str, rows: &[ExpectedRow]) -> Hosts {
    let stated = above.lines().find_map(|line| {
        let (client, server) = line.strip_prefix("# c = ")?.split_once(", s = ")?;
        Some((address(client), address(server)))
    });
    let usual = (address("10.0.0.1:40000"), address("198.51.100.2:80"));
    let of_row = rows.first().map(|row| (row.client, row.server));
    let (client, server) = stated.or(of_row).unwrap_or(usual);
    Hosts {
        client,
        server,
        client_id: 101,
        server_id: 901,
    }
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("no address and port: {text}"))
}

/// Where a packet comes from and goes to, when, and with which identification.
#[derive(Clone, Copy)]
struct Envelope {
    time: i64,
    source: SocketAddr,
    destination: SocketAddr,
    ttl: u8,
    id: u16,
}

fn packet(line: &str, hosts: &mut Hosts) -> RefPacket {
    let (told, _comment) = line.split_once("   ").unwrap_or((line, ""));
    let wrong = || -> ! { panic!("not a line of an exchange: {line}") };
    let mut parts = told.splitn(3, ' ');
    let (Some(time), Some(way), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        wrong()
    };
    let shown_id = rest
        .rsplit_once(" id ")
        .map(|(_, id)| id.parse().unwrap_or_else(|_| wrong()));
    let envelope = match way {
        "C>S" => Envelope {
            time: nanoseconds(time),
            source: hosts.client,
            destination: hosts.server,
            ttl: 64,
            id: shown_id.unwrap_or(hosts.client_id),
        },
        "S>C" => Envelope {
            time: nanoseconds(time),
            source: hosts.server,
            destination: hosts.client,
            ttl: 57,
            id: shown_id.unwrap_or(hosts.server_id),
        },
        _ => wrong(),
    };
    match (shown_id, way) {
        (Some(_), _) => {}
        (None, "C>S") => hosts.client_id += 1,
        (None, _) => hosts.server_id += 1,
    }
    match rest.strip_prefix("UDP ") {
        Some(told) => udp(told, envelope),
        None => tcp(rest, envelope),
    }
}

/// `12.345` as nanoseconds since 1970.
fn nanoseconds(text: &str) -> i64 {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let seconds: i64 = seconds.parse().expect("seconds are a number");
    let fraction: i64 = format!("{fraction:0<9}")
        .parse()
        .expect("so is their fraction");
    (BASE_SECONDS + seconds) * 1_000_000_000 + fraction
}

fn tcp(told: &str, envelope: Envelope) -> RefPacket {
    let (told, options) = match told.split_once('<') {
        Some((before, after)) => {
            let (options, rest) = after.split_once('>').expect("options end with >");
            (format!("{before}{rest}"), options)
        }
        None => (told.to_owned(), ""),
    };
    let words: Vec<&str> = told.split_whitespace().collect();
    let after = |name: &str| {
        let place = words.iter().position(|word| *word == name)?;
        words.get(place + 1).copied()
    };
    let number = |text: &str| -> u32 {
        text.parse()
            .unwrap_or_else(|_| panic!("no number: {text} in {told}"))
    };
    let seq = after("seq").expect("a TCP packet has a seq");
    let payload_len = words.iter().find_map(|word| {
        let len = word.strip_prefix('(')?.strip_suffix(')')?;
        Some(number(len))
    });
    let payload_len = payload_len.unwrap_or(0);
    let begin = number(
        seq.split(':')
            .next()
            .expect("split gives at least one part"),
    );
    let flags = flags(words[0]);
    let syn = u32::from(flags & tcp_flags::SYN != 0);
    if let Some((_, end)) = seq.split_once(':') {
        let expected = begin.wrapping_add(payload_len);
        assert!(
            number(end) == expected || number(end) == expected.wrapping_add(syn),
            "seq and length disagree: {told}"
        );
    }
    let ack = after("ack").map_or(0, number);
    let window = after("win").map_or(65535, number);
    TcpDraft {
        time: envelope.time,
        source: envelope.source,
        destination: envelope.destination,
        ttl: envelope.ttl,
        id: envelope.id,
        seq: begin,
        ack,
        flags,
        window: u16::try_from(window).expect("a window has 16 bits"),
        options: tcp_options(options, ack),
        payload_len,
    }
    .packet()
}

fn flags(text: &str) -> u8 {
    let letters = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let letters = letters.unwrap_or_else(|| panic!("no flags: {text}"));
    letters
        .chars()
        .map(|letter| match letter {
            'F' => tcp_flags::FIN,
            'S' => tcp_flags::SYN,
            'R' => tcp_flags::RST,
            'P' => tcp_flags::PSH,
            '.' => tcp_flags::ACK,
            'U' => tcp_flags::URG,
            'E' => tcp_flags::ECE,
            'W' => tcp_flags::CWR,
            _ => panic!("no such flag: {letter}"),
        })
        .fold(0, |all, flag| all | flag)
}

/// `mss 1460, wscale 7, sackOK, TS, mptcp, tfo, sack 5001:5101 5201:5301`.
fn tcp_options(text: &str, ack: u32) -> TcpOptions {
    let mut options = TcpOptions::default();
    for option in text
        .split(',')
        .map(str::trim)
        .filter(|option| !option.is_empty())
    {
        let (name, value) = option.split_once(' ').unwrap_or((option, ""));
        match name {
            "mss" => options.note_mss(value.parse().expect("an MSS is a number")),
            "wscale" => {
                options.note_window_scale(value.parse().expect("a scale is a number"));
            }
            "sackOK" => options.note(tcp_options::SACK_PERMITTED),
            "TS" => options.note(tcp_options::TIMESTAMPS),
            "mptcp" => options.note(tcp_options::MPTCP),
            "tfo" => options.note(tcp_options::FAST_OPEN),
            "sack" => {
                options.note(tcp_options::SACK);
                if is_dsack(value, ack) {
                    options.note(tcp_options::DSACK);
                }
            }
            _ => panic!("no such option: {option}"),
        }
    }
    options
}

/// The first block ends at or below the ack, or lies inside the second one (RFC 2883).
fn is_dsack(blocks: &str, ack: u32) -> bool {
    let at_or_below = |a: u32, b: u32| b.wrapping_sub(a) < 1 << 31;
    let blocks: Vec<(u32, u32)> = blocks
        .split_whitespace()
        .map(|block| {
            let (begin, end) = block.split_once(':').expect("a block is begin:end");
            let number = |text: &str| text.parse().expect("block edges are numbers");
            (number(begin), number(end))
        })
        .collect();
    let (begin, end) = *blocks.first().expect("a SACK has a block");
    let inside_second = blocks
        .get(1)
        .is_some_and(|second| at_or_below(second.0, begin) && at_or_below(end, second.1));
    at_or_below(end, ack) || inside_second
}

/// `length 30`; `length 3000, first fragment, 1480 bytes of it`;
/// `fragment offset 1480, 1480 bytes`.
fn udp(told: &str, envelope: Envelope) -> RefPacket {
    let numbers: Vec<u32> = told
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let number = |index: usize| {
        *numbers
            .get(index)
            .unwrap_or_else(|| panic!("too short: {told}"))
    };
    let draft = UdpDraft {
        time: envelope.time,
        source: envelope.source,
        destination: envelope.destination,
        ttl: envelope.ttl,
        id: envelope.id,
        payload_len: number(0),
    };
    if told.starts_with("fragment") {
        draft.later_fragment(number(1))
    } else if told.contains("first fragment") {
        draft.first_fragment(number(1))
    } else {
        draft.packet()
    }
}
