//! Writes a made trace: `cargo run --release --example generate -- KIND [--size 2G | --packets N | --flows N] OUT.pcap`.
//!
//! `OUT` may be `-`. What the trace holds is printed on standard error as one line of JSON.

#[path = "traces.rs"]
mod traces;

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;

use traces::{Kind, Stats, Target};

const KINDS: [(&str, Kind); 9] = [
    ("web", Kind::Web),
    ("small", Kind::Small),
    ("dns", Kind::Dns),
    ("open", Kind::Open),
    ("synflood", Kind::Synflood),
    ("portscan", Kind::Portscan),
    ("dnsflood", Kind::Dnsflood),
    ("lossy", Kind::Lossy),
    ("mixed", Kind::Mixed),
];

/// What the command line asks for.
struct Order {
    kind: Kind,
    target: Target,
    out: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let order = match parse(&arguments) {
        Ok(order) => order,
        Err(reason) => {
            eprintln!("{reason}\n{}", usage());
            return ExitCode::from(2);
        }
    };
    match generate(&order) {
        Ok(stats) => {
            let Stats {
                packets,
                bytes,
                flows,
                strays,
            } = stats;
            eprintln!(
                r#"{{"packets":{packets},"bytes":{bytes},"flows":{flows},"strays":{strays}}}"#
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", order.out);
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let kinds: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
    format!(
        "usage: generate KIND [--size BYTES | --packets N | --flows N] OUT.pcap\n\
         KIND is one of {}; BYTES may end in k, M or G",
        kinds.join(", ")
    )
}

fn parse(arguments: &[String]) -> Result<Order, String> {
    let (kind, options) = arguments.split_first().ok_or("KIND is missing")?;
    let kind = KINDS
        .iter()
        .find(|(name, _)| name == kind)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| format!("'{kind}' is no kind of trace"))?;
    let (target, out) = match options {
        [out] => (kind.target(), out),
        [option, value, out] => (target(option, value)?, out),
        _ => return Err("OUT.pcap is missing, or too much is there".to_owned()),
    };
    Ok(Order {
        kind,
        target,
        out: out.clone(),
    })
}

fn target(option: &str, value: &str) -> Result<Target, String> {
    let count = number(value).ok_or_else(|| format!("'{value}' is no count"))?;
    match option {
        "--size" => Ok(Target::Bytes(count)),
        "--packets" => Ok(Target::Packets(count)),
        "--flows" => Ok(Target::Flows(count)),
        _ => Err(format!("'{option}' is no option")),
    }
}

fn number(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        'k' => 1000,
        'M' => 1_000_000,
        'G' => 1_000_000_000,
        _ => 1,
    };
    let digits = text.trim_end_matches(['k', 'M', 'G']);
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn generate(order: &Order) -> io::Result<Stats> {
    if order.out == "-" {
        let mut out = io::stdout().lock();
        let stats = traces::write(order.kind, order.target, &mut out)?;
        out.flush()?;
        return Ok(stats);
    }
    let mut out = File::create(&order.out)?;
    traces::write(order.kind, order.target, &mut out)
}
