//! That no packet vanishes: section 4.6 of the flow specification, and what else every row has to fulfil.

use std::net::IpAddr;

use goostat::decode::Fate;

use super::job::Results;
use super::table::{Row, Table};

/// What does not add up in the tables and the summary of a run.
pub(crate) fn violations(results: &Results) -> Vec<String> {
    let (tcp, udp) = (results.tcp(), results.udp());
    let mut wrong = Vec::new();
    let mut equal = |what: &str, a: i128, b: i128| {
        if a != b {
            wrong.push(format!("{what}: {a} and {b}"));
        }
    };
    let packets = |table: &Table| table.sum("c_pkts") + table.sum("s_pkts");
    let fragments = |table: &Table| table.sum("c_frag_pkts") + table.sum("s_frag_pkts");
    let fate = |fate| i128::from(results.summary.packets.fates.count(fate));
    let read = i128::from(results.summary.packets.read);
    equal("packets of TCP", packets(&tcp), fate(Fate::Tcp));
    equal("packets of UDP", packets(&udp), fate(Fate::Udp));
    let joined = fragments(&tcp) + fragments(&udp);
    equal("joined fragments", joined, fate(Fate::FragJoined));
    let fates = Fate::ALL.iter().map(|&each| fate(each)).sum();
    equal("packets by fate", fates, read);
    let json = results.json();
    let traces = json["traces"].as_array().unwrap().iter();
    let by_trace = traces.map(|trace| i128::from(trace["packets"].as_u64().unwrap()));
    equal("packets by trace", by_trace.sum(), read);
    for (name, table) in [("tcp", &tcp), ("udp", &udp)] {
        let told = &json["flows"][name];
        let rows = |value: &serde_json::Value| i128::from(value.as_u64().unwrap());
        equal("rows", rows(&told["rows"]), table.len() as i128);
        for (reason, count) in told["end_reasons"].as_object().unwrap() {
            let ended = table.rows().filter(|row| row.text("end_reason") == reason);
            equal(reason, rows(count), ended.count() as i128);
        }
        let reasons = told["end_reasons"].as_object().unwrap().values().map(rows);
        equal("rows by end_reason", reasons.sum(), table.len() as i128);
    }
    wrong.extend(tcp.rows().flat_map(tcp_row));
    wrong.extend(udp.rows().flat_map(udp_row));
    wrong.extend(tcp.rows().chain(udp.rows()).filter_map(flow_id));
    wrong
}

fn tcp_row(row: Row<'_>) -> Vec<String> {
    let first = row.count("first");
    let sides = ["c", "s"].map(|side| {
        let offset = |name: &str| row.int(&format!("{side}_{name}")).map(|ns| first + ns);
        (offset("first_ns"), offset("last_ns"))
    });
    let mut wrong = times(row, sides);
    for side in ["c", "s"] {
        let count = |name: &str| row.count(&format!("{side}_{name}"));
        let mut rule = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{}: {side}: {what}", row.ends()));
            }
        };
        rule(
            count("bytes") == count("bytes_uniq") + count("bytes_retx"),
            "bytes = uniq + retx",
        );
        rule(count("pkts_data") <= count("pkts"), "pkts_data <= pkts");
        rule(
            count("pkts_ack_pure") <= count("pkts_ack"),
            "pkts_ack_pure <= pkts_ack",
        );
        rule(count("pkts_ack") <= count("pkts"), "pkts_ack <= pkts");
        rule(count("bytes") <= count("bytes_ip"), "bytes <= bytes_ip");
        rule(
            (count("bytes") > 0) == (count("pkts_data") > 0),
            "bytes, and packets that have them",
        );
        rule(rtt_in_order(row, side), "rtt_min <= rtt_avg <= rtt_max");
        rule(
            row.int(&format!("{side}_first_ns")).is_some() == (count("pkts") > 0),
            "first_ns",
        );
    }
    let half_duplex = row.count("c_pkts") == 0 || row.count("s_pkts") == 0;
    if row.bool("half_duplex") != half_duplex {
        wrong.push(format!("{}: half_duplex", row.ends()));
    }
    wrong
}

fn rtt_in_order(row: Row<'_>, side: &str) -> bool {
    let name = |what: &str| format!("{side}_rtt_{what}_ns");
    let ends = (row.int(&name("min")), row.int(&name("max")));
    match (
        ends,
        row.float(&name("avg")),
        row.count(&format!("{side}_rtt_cnt")),
    ) {
        ((None, None), None, 0) => true,
        ((Some(min), Some(max)), Some(mean), 1..) => {
            // A double holds the mean only to 53 bits.
            let slack = mean * 1e-15;
            min as f64 - slack <= mean && mean <= max as f64 + slack
        }
        _ => false,
    }
}

fn udp_row(row: Row<'_>) -> Vec<String> {
    let sides = ["c", "s"].map(|side| {
        let time = |name: &str| row.int(&format!("{side}_{name}"));
        (time("first"), time("last"))
    });
    let mut wrong = times(row, sides);
    let reply = match (row.count("c_pkts"), row.count("s_pkts")) {
        (_, 0) => "c_only",
        (0, _) => "s_only",
        _ => "both",
    };
    if row.text("reply") != reply {
        wrong.push(format!("{}: reply is {reply}", row.ends()));
    }
    wrong
}

/// Both sides lie within the flow, and reach to both of its ends.
fn times(row: Row<'_>, sides: [(Option<i128>, Option<i128>); 2]) -> Vec<String> {
    let (first, last) = (row.count("first"), row.count("last"));
    let firsts: Vec<i128> = sides.iter().filter_map(|side| side.0).collect();
    let lasts: Vec<i128> = sides.iter().filter_map(|side| side.1).collect();
    let backwards = sides.iter().any(|(first, last)| first > last);
    let fits = firsts.iter().min() == Some(&first)
        && lasts.iter().max() == Some(&last)
        && last - first == row.count("durat_ns");
    if fits && !backwards {
        return Vec::new();
    }
    vec![format!(
        "{}: {first}..{last} are the times of {sides:?}",
        row.ends()
    )]
}

/// The identifier is the FNV-1a hash of the key and of the first packet's time.
fn flow_id(row: Row<'_>) -> Option<String> {
    let end = |side: &str| {
        let address: IpAddr = row.text(&format!("{side}_ip")).parse().unwrap();
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let port = u16::try_from(row.count(&format!("{side}_port"))).unwrap();
        (bytes, port)
    };
    let mut ends = [end("c"), end("s")];
    ends.sort();
    let mut hashed = vec![u8::try_from(row.count("proto")).unwrap()];
    for (address, port) in ends {
        hashed.extend(address);
        hashed.extend(port.to_be_bytes());
    }
    let first = i64::try_from(row.count("first")).unwrap();
    hashed.extend(first.to_be_bytes());
    let hash = hashed
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    (row.count("flow_id") != i128::from(hash)).then(|| format!("{}: flow_id", row.ends()))
}
