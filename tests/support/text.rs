//! Tables told as the specification's examples tell them: what is null, and what is zero or false where it
//! could not be null, is left out.

use std::fmt::Write;

use super::table::{Cell, Row, Table};

/// Rows of a table that are told in full; of further ones, which are much like them, only the first line is.
const TOLD_IN_FULL: usize = 12;

/// Said by the first line, or by other columns.
const LEFT_OUT: [&str; 10] = [
    "c_ip",
    "c_port",
    "s_ip",
    "s_port",
    "proto",
    "ip_version",
    "ipfix_end_reason",
    "last",
    "flow_id",
    "community_id",
];

/// What is told of a side in the first line, where that is all.
const IN_SHORT: [&str; 4] = ["c_pkts", "c_bytes", "s_pkts", "s_bytes"];

/// All rows of both tables.
pub(crate) fn tell(tcp: &Table, udp: &Table) -> String {
    let mut text = String::new();
    for (protocol, table) in [("tcp", tcp), ("udp", udp)] {
        for (index, row) in table.rows().enumerate() {
            let _ = write!(text, "{protocol} {} ", row.ends());
            let in_full = index < TOLD_IN_FULL;
            let sides = if in_full {
                tell_sides(row)
            } else {
                tell_in_short(row)
            };
            let _ = writeln!(text, "{}{sides}", tell_columns(row, ""));
        }
    }
    text
}

fn tell_sides(row: Row<'_>) -> String {
    let (client, server) = (tell_columns(row, "c_"), tell_columns(row, "s_"));
    format!("\n  c:{client}\n  s:{server}")
}

fn tell_in_short(row: Row<'_>) -> String {
    let cell = |name: &&str| format!(" {name}={}", row.cell(name));
    IN_SHORT.iter().map(cell).collect()
}

/// The columns that begin with `prefix`, without it; if there is none, those of both sides.
fn tell_columns(row: Row<'_>, prefix: &str) -> String {
    let mut text = String::new();
    for (name, cell) in row.cells().filter(|(name, cell)| is_told(row, name, cell)) {
        let side = ["c_", "s_"].into_iter().find(|side| name.starts_with(side));
        if side.unwrap_or_default() == prefix {
            let _ = write!(text, " {}={cell}", &name[prefix.len()..]);
        }
    }
    text
}

fn is_told(row: Row<'_>, name: &str, cell: &Cell) -> bool {
    let says_something = *cell != Cell::Null && (!cell.is_nothing() || row.is_nullable(name));
    says_something && !LEFT_OUT.contains(&name)
}
