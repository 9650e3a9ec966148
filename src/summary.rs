//! What a run read, and what became of it: summary.json.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::capture::{Damage, LinkType, Timestamp, TraceReport};
use crate::decode::{self, Fate};
use crate::flow::EndReason;

/// Packets by fate (spec 2). Every packet has exactly one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fates([u64; Fate::ALL.len()]);

impl Fates {
    /// Counts packets of one fate.
    #[inline]
    pub fn add(&mut self, fate: Fate, packets: u64) {
        self.0[fate as usize] += packets;
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    /// How many packets had this fate.
    pub fn count(&self, fate: Fate) -> u64 {
        self.0[fate as usize]
    }

    /// All packets.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Serialize for Fates {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            Fate::ALL
                .iter()
                .map(|&fate| (fate.name(), self.count(fate))),
        )
    }
}

/// Rows of one table by the reason of their end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableSummary {
    /// Rows.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Rows by `end_reason`.
    pub end_reasons: BTreeMap<&'static str, u64>,
}

impl TableSummary {
    /// A table without rows.
    pub fn new() -> Self {
        Self {
            rows: 0,
            bytes: 0,
            end_reasons: EndReason::ALL.map(|reason| (reason.name(), 0)).into(),
        }
    }

    /// Adds `count` rows that ended for `reason`.
    pub(crate) fn count(&mut self, reason: EndReason, count: u64) {
        self.rows += count;
        *self.end_reasons.entry(reason.name()).or_default() += count;
    }
}

/// One trace.
#[derive(Clone, Debug, Serialize)]
pub struct TraceSummary {
    path: String,
    bytes: u64,
    format: Option<String>,
    compression: Option<String>,
    link_types: Vec<u32>,
    packets: u64,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    damage: Vec<DamageSummary>,
    damage_count: u64,
    damage_bytes: u64,
    failure: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct DamageSummary {
    offset: u64,
    bytes: Option<u64>,
    reason: String,
    before_ns: Option<i64>,
    after_ns: Option<i64>,
}

impl From<&Damage> for DamageSummary {
    fn from(damage: &Damage) -> Self {
        Self {
            offset: damage.offset,
            bytes: damage.lost(),
            reason: damage.reason.to_string(),
            before_ns: damage.before.map(|Timestamp(ns)| ns),
            after_ns: damage.after.map(|Timestamp(ns)| ns),
        }
    }
}

impl From<&TraceReport> for TraceSummary {
    fn from(report: &TraceReport) -> Self {
        Self {
            path: report.path.display().to_string(),
            bytes: report.bytes,
            format: report.format.map(|format| format.to_string()),
            compression: report
                .compression
                .map(|compression| compression.to_string()),
            link_types: report.link_types.iter().map(|link| link.0).collect(),
            packets: report.packets,
            first_ns: report.first.map(|Timestamp(ns)| ns),
            last_ns: report.last.map(|Timestamp(ns)| ns),
            damage: report.damage.iter().map(DamageSummary::from).collect(),
            damage_count: report.damage_count,
            damage_bytes: report.damage_bytes,
            failure: report.failure.clone(),
        }
    }
}

/// Packets of the whole run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PacketSummary {
    /// Packets read.
    pub read: u64,
    /// The same by fate: the counts add up to `read`.
    pub fates: Fates,
    /// Packets behind the one that counts, in aggregated 802.11 frames. They are in no row, and
    /// not among `read`, which counts frames.
    pub further_msdus: u64,
    /// The same by link type: the counts add up to `read`.
    pub link_types: LinkTypes,
}

impl PacketSummary {
    /// Adds the counts of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.read += other.read;
        self.fates.merge(&other.fates);
        self.further_msdus += other.further_msdus;
        for (&link_type, &packets) in &other.link_types.0 {
            self.link_types.add(link_type, packets);
        }
    }
}

/// Packets by link type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkTypes(BTreeMap<LinkType, u64>);

impl LinkTypes {
    /// Counts packets of one link type.
    pub(crate) fn add(&mut self, link_type: LinkType, packets: u64) {
        *self.0.entry(link_type).or_default() += packets;
    }

    /// Those that are not opened, as in `(link type 189 USB_LINUX)`; empty if there are none.
    fn unopened(&self) -> String {
        let mut names: Vec<String> = self
            .0
            .keys()
            .filter(|&&link_type| !decode::opens(link_type))
            .map(ToString::to_string)
            .collect();
        let more = names.len().saturating_sub(NAMED_MAX);
        names.truncate(NAMED_MAX);
        if more > 0 {
            names.push(format!("{more} more"));
        }
        match names.len() {
            0 => String::new(),
            1 => format!(" (link type {})", names.concat()),
            _ => format!(" (link types {})", names.join(", ")),
        }
    }
}

/// Link types named in the text of the summary.
const NAMED_MAX: usize = 4;

impl Serialize for LinkTypes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row {
            number: u32,
            name: Option<&'static str>,
            opened: bool,
            packets: u64,
        }
        serializer.collect_seq(self.0.iter().map(|(&link_type, &packets)| Row {
            number: link_type.0,
            name: link_type.name(),
            opened: decode::opens(link_type),
            packets,
        }))
    }
}

/// Flows of the whole run.
#[derive(Clone, Debug, Serialize)]
pub struct FlowSummary {
    /// tcp.parquet.
    pub tcp: TableSummary,
    /// udp.parquet.
    pub udp: TableSummary,
}

/// Everything summary.json holds.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Version of goostat.
    pub version: &'static str,
    /// The traces, in the order they were read.
    pub traces: Vec<TraceSummary>,
    /// Files of the folders that are no captures.
    pub skipped: Vec<String>,
    /// The reading was stopped before the traces ended.
    pub interrupted: bool,
    /// What became of the packets.
    pub packets: PacketSummary,
    /// What became of the flows.
    pub flows: FlowSummary,
    /// Wall-clock time until the tables were written.
    pub seconds: f64,
    /// Packets read a second.
    pub packets_per_second: f64,
    /// Bytes of the traces on disk read a second, compressed ones of compressed traces.
    pub bytes_per_second: f64,
    /// The most memory the process held, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// By so much a trace may begin before the one in front of it ends: packets are a little out of order, and
/// files are changed in the midst of them.
const OVERLAP_NS_MAX: i64 = 1_000_000_000;

impl Summary {
    /// Damages of all traces (path, offset, what is wrong, bytes lost), what was skipped, which traces
    /// overlap, and how many flows the limit of the tables ended.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(first) = self.skipped.first() {
            let files = self.skipped.len();
            warnings.push(match files {
                1 => format!("{first} is no capture and was skipped"),
                _ => format!("{files} files are no captures and were skipped, {first} the first"),
            });
        }
        warnings.extend(self.overlap());
        for trace in &self.traces {
            for damage in &trace.damage {
                let lost = match damage.bytes {
                    Some(bytes) => format!("{bytes} bytes are lost"),
                    None => "what is behind it is lost".to_owned(),
                };
                warnings.push(format!(
                    "{}: at byte {}: {}; {lost}",
                    trace.path, damage.offset, damage.reason
                ));
            }
            let untold = trace.damage_count.saturating_sub(trace.damage.len() as u64);
            if untold > 0 {
                warnings.push(format!("{}: {untold} more places are damaged", trace.path));
            }
        }
        let resource = EndReason::Resource.name();
        let tables = [&self.flows.tcp, &self.flows.udp];
        let evicted = tables.map(|table| table.end_reasons.get(resource).copied());
        let evicted: u64 = evicted.into_iter().flatten().sum();
        if evicted > 0 {
            warnings.push(format!(
                "{evicted} flows ended early because the tables were full (end_reason {resource}); \
                 --max-flows or --memory says how full"
            ));
        }
        warnings
    }

    /// Of traces that are of the same time, as of two taps, packets are not put in order, and flows fall apart.
    fn overlap(&self) -> Option<String> {
        let mut latest: Option<(i64, &str)> = None;
        let mut pairs = Vec::new();
        for trace in &self.traces {
            let (Some(begin), Some(end)) = (trace.first_ns, trace.last_ns) else {
                continue;
            };
            if let Some((before, path)) = latest {
                // Of short ones half.
                let most = OVERLAP_NS_MAX.min(end.saturating_sub(begin) / 2);
                if before.saturating_sub(begin) > most {
                    pairs.push((&trace.path, path));
                }
            }
            if latest.is_none_or(|(before, _)| before < end) {
                latest = Some((end, &trace.path));
            }
        }
        let (first, before) = pairs.first()?;
        let more = match pairs.len() {
            1 => String::new(),
            pairs => format!(", and so do {} more", pairs - 1),
        };
        Some(format!(
            "{first} begins before {before} ends{more}: traces are read one after the other, so flows that \
             are in both fall apart; mergecap puts their packets in order"
        ))
    }

    /// Why traces could not be opened, or not be read to their ends.
    pub fn failures(&self) -> Vec<&str> {
        let failures = self.traces.iter().map(|trace| trace.failure.as_deref());
        failures.flatten().collect()
    }

    /// What a person wants to know at the end.
    pub fn text(&self) -> String {
        let fates: Vec<String> = Fate::ALL
            .iter()
            .filter(|&&fate| self.packets.fates.count(fate) > 0)
            .map(|&fate| {
                let unopened = match fate {
                    Fate::BadLink => self.packets.link_types.unopened(),
                    _ => String::new(),
                };
                let packets = self.packets.fates.count(fate);
                format!("{} {packets}{unopened}", fate.name())
            })
            .collect();
        let begun = |trace: &&TraceSummary| trace.format.is_some();
        let traces = self.traces.iter().filter(begun).count();
        let bytes = self.traces.iter().filter(begun).map(|trace| trace.bytes);
        let bytes: u64 = bytes.sum();
        let memory = self.peak_memory_bytes.map_or(String::new(), |bytes| {
            format!(", {} of memory", size(bytes))
        });
        format!(
            "{} packets in {} of {} trace{}: {}\n{}\n{}\n{:.3} s: {} packets/s, {}/s{memory}",
            self.packets.read,
            size(bytes),
            traces,
            if traces == 1 { "" } else { "s" },
            fates.join(", "),
            table_text("TCP", &self.flows.tcp),
            table_text("UDP", &self.flows.udp),
            self.seconds,
            count(self.packets_per_second),
            size_f(self.bytes_per_second),
        )
    }
}

fn table_text(name: &str, table: &TableSummary) -> String {
    let reasons: Vec<String> = EndReason::ALL
        .iter()
        .filter_map(|reason| {
            let rows = table
                .end_reasons
                .get(reason.name())
                .copied()
                .filter(|&rows| rows > 0)?;
            Some(format!("{} {rows}", reason.name()))
        })
        .collect();
    let colon = if reasons.is_empty() { "" } else { ": " };
    format!("{name}: {} rows{colon}{}", table.rows, reasons.join(", "))
}

#[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
fn size(bytes: u64) -> String {
    size_f(bytes as f64)
}

/// A size with a decimal unit and three digits or so.
fn size_f(bytes: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes / unit),
        None => format!("{bytes:.0} B"),
    }
}

fn count(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e3 => format!("{:.0} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// The most memory this process held (`VmHWM` of Linux), in bytes.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
