//! The rows that an exchange expects, and how they differ from the rows that there are.

use std::net::SocketAddr;

use super::parse::address;
use crate::reference::{Cell, Row};

/// Counters of a side that exchanges leave out only where they are zero.
const ALWAYS_TOLD: &[&str] = &[
    "pkts",
    "bytes",
    "pkts_data",
    "syn",
    "fin",
    "rst",
    "rtt_cnt",
    "bytes_uniq",
    "bytes_retx",
    "pkts_retx",
    "pkts_ooo",
    "bytes_missed",
    "rtx_rto",
    "rtx_fr",
    "reordered",
    "net_dup",
    "rtx_unknown",
    "flow_ctrl",
    "unneeded_rto",
    "unneeded_fr",
    "seq_restart",
    "dup_acks",
    "triple_dup_acks",
    "keepalives",
    "zero_win_probes",
    "dsack",
    "msgs",
    "seg_dropped",
    "frag_pkts",
];

/// One expected row.
#[derive(Clone, Debug)]
pub(crate) struct ExpectedRow {
    /// 6 or 17.
    pub protocol: u64,
    pub client: SocketAddr,
    pub server: SocketAddr,
    /// Column and text of the cells that are named.
    pub cells: Vec<(String, String)>,
}

/// Reads what stands below the line `---`.
pub(crate) fn rows(text: &str) -> Vec<ExpectedRow> {
    let mut rows: Vec<ExpectedRow> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let side = [("c:", "c_"), ("s:", "s_")]
            .into_iter()
            .find_map(|(mark, prefix)| Some((line.strip_prefix(mark)?, prefix)));
        match side {
            Some((told, prefix)) => {
                let row = rows.last_mut().expect("c: and s: follow a row");
                row.cells.extend(cells(told, prefix));
            }
            None => rows.push(row(line)),
        }
    }
    rows
}

/// `tcp 10.0.0.1:40000 > 198.51.100.2:80  client_by=syn …`
fn row(line: &str) -> ExpectedRow {
    let mut words = line.splitn(5, ' ');
    let mut next = || words.next().unwrap_or_else(|| panic!("not a row: {line}"));
    let protocol = match next() {
        "tcp" => 6,
        "udp" => 17,
        _ => panic!("not a row: {line}"),
    };
    let client = address(next());
    assert_eq!(next(), ">", "not a row: {line}");
    let server = address(next());
    ExpectedRow {
        protocol,
        client,
        server,
        cells: cells(words.next().unwrap_or(""), ""),
    }
}

fn cells(told: &str, prefix: &str) -> Vec<(String, String)> {
    told.split_whitespace()
        .map(|cell| {
            let (name, value) = cell.split_once('=').expect("a cell is name=value");
            (format!("{prefix}{name}"), value.to_owned())
        })
        .collect()
}

/// What differs, in words; nothing if all is as expected.
///
/// Rows with the same endpoints are compared in the order in which they come.
pub(crate) fn differences(expected: &[ExpectedRow], got: &[Row], strictly: bool) -> Vec<String> {
    let mut left: Vec<&Row> = got.iter().collect();
    let mut differences = Vec::new();
    for row in expected {
        let name = format!("{} > {}", row.client, row.server);
        let Some(place) = left.iter().position(|got| is_of(row, got)) else {
            differences.push(format!("no row {name}"));
            continue;
        };
        let got = left.remove(place);
        for (column, text) in &row.cells {
            match got.get(column) {
                Some(cell) if cell_is(cell, text) => {}
                Some(cell) => differences.push(format!(
                    "{name}: {column} is {}, not {text}",
                    cell_text(cell)
                )),
                None => differences.push(format!("{name}: no column {column}")),
            }
        }
        if strictly {
            differences.extend(untold(row, got).map(|told| format!("{name}: {told}")));
        }
    }
    for row in left {
        let cell = |column: &str| row.get(column).map_or_else(String::new, cell_text);
        differences.push(format!(
            "one row more: {}:{} > {}:{}",
            cell("c_ip"),
            cell("c_port"),
            cell("s_ip"),
            cell("s_port")
        ));
    }
    differences
}

/// Counters that are not zero but were not named.
fn untold(row: &ExpectedRow, got: &Row) -> impl Iterator<Item = String> {
    let columns = ["c_", "s_"].iter().flat_map(|prefix| {
        ALWAYS_TOLD
            .iter()
            .map(move |name| format!("{prefix}{name}"))
    });
    columns
        .filter(|column| row.cells.iter().all(|(named, _)| named != column))
        .filter_map(|column| match got.get(&column)? {
            Cell::U(0) | Cell::I(0) | Cell::B(false) | Cell::Null => None,
            cell => Some(format!(
                "{column} is {}, but was not named",
                cell_text(cell)
            )),
        })
        .collect::<Vec<_>>()
        .into_iter()
}

fn is_of(row: &ExpectedRow, got: &Row) -> bool {
    let named = [
        ("proto", row.protocol.to_string()),
        ("c_ip", row.client.ip().to_string()),
        ("c_port", row.client.port().to_string()),
        ("s_ip", row.server.ip().to_string()),
        ("s_port", row.server.port().to_string()),
    ];
    named
        .iter()
        .all(|(column, text)| got.get(*column).is_some_and(|cell| cell_is(cell, text)))
}

/// Means and deviations are told with four decimals.
fn cell_is(cell: &Cell, text: &str) -> bool {
    match cell {
        Cell::F(value) => text
            .parse()
            .is_ok_and(|told: f64| (told - value).abs() <= 0.5001e-4),
        _ => cell_text(cell) == text,
    }
}

fn cell_text(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::U(value) => value.to_string(),
        Cell::I(value) => value.to_string(),
        Cell::F(value) => format!("{value:.4}"),
        Cell::B(value) => value.to_string(),
        Cell::S(value) => value.clone(),
    }
}
