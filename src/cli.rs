//! What was typed, and what it means: flags to [`Config`].

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use indicatif::{ProgressBar, ProgressStyle};

use goostat::capture::{IoMode, Progress, ReadOptions, Stop};
use goostat::config::{Cidr, Config, FlowOptions, Group, Groups, Limit};
use goostat::decode::Decap;
use goostat::output::{Abandon, OutputFolder};
use goostat::{Summary, output};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Memory that a run takes besides its flows: packets and rows on their way, encoders.
const MEMORY_BESIDE_FLOWS: u64 = 256 << 20;
/// The least that `--memory` accepts.
const MEMORY_MIN: u64 = 384 << 20;

/// The exit code of a run that was ended by a second signal, as shells have it.
const INTERRUPTED: i32 = 130;

const AFTER_HELP: &str = "\
Examples:
  goostat trace.pcap                        write trace.out/tcp.parquet, udp.parquet, summary.json
  goostat captures/ -o flows                a folder of rotated captures is one trace
  zcat x.gz | goostat - -o flows            read standard input
  goostat x.pcap --columns core,time        fewer columns, faster

Times are 10s, 250ms, 5m or 2h, seconds without a unit; sizes 512M or 4G, by powers of 1,024.

Exit codes: 0 done (damage in a trace is a warning), 1 the run could not go on, or a trace could not
be read and the results hold the rest, or it was stopped by a signal and the results hold what was
read until then, 2 usage, 130 a second signal: nothing is left.";

/// Turns packet traces into per-flow Parquet tables.
///
/// Reads pcap and pcapng, plain or compressed (gzip, zstd, xz, bzip2, lz4), told by content. Several
/// traces are one trace, in the order of their first packets: flows live across file borders.
#[derive(Debug, Parser)]
#[command(version, styles = STYLES, after_help = AFTER_HELP, args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
    /// Print what every column means, as Markdown
    Columns,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Captures, folders of captures, or - for standard input
    #[arg(required = true, value_name = "TRACE", value_hint = ValueHint::AnyPath)]
    traces: Vec<PathBuf>,
    /// Folder for the results [default: <first trace's stem>.out]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Replace an output folder that holds earlier results
    #[arg(long)]
    force: bool,
    /// Worker threads [default: the machine's cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Column groups to write: core, time, rtt, seq, opt, link, or all; core is always there
    #[arg(
        long,
        value_name = "GROUPS",
        value_delimiter = ',',
        default_value = "all"
    )]
    columns: Vec<GroupArg>,
    /// Print nothing but warnings and errors
    #[arg(short, long)]
    quiet: bool,
    /// Print the summary as JSON on standard output
    #[arg(long)]
    json: bool,
    /// Damage in a trace is an error, and so is a file of a folder that is no capture
    #[arg(long)]
    strict: bool,
    /// How plain captures are read; read is for files that may change meanwhile
    #[arg(long, value_name = "MODE", default_value = "mmap")]
    io: IoArg,
    #[command(flatten)]
    flow: FlowArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What makes a flow")]
struct FlowArgs {
    /// Tunnels to open: with none, the outermost TCP or UDP header counts
    #[arg(long, value_name = "TUNNELS", default_value = "all")]
    decap: DecapArg,
    /// Addresses that count as internal, in place of the private ranges
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    internal: Vec<Cidr>,
    /// Silence that ends a TCP flow
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = duration)]
    tcp_idle: i64,
    /// The same for a TCP flow of SYNs from one side
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    tcp_singleton: i64,
    /// The same for a closed TCP flow
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    tcp_linger: i64,
    /// Silence that ends a UDP flow
    #[arg(long, value_name = "TIME", default_value = "200s", value_parser = duration)]
    udp_idle: i64,
    /// The same for a UDP flow of one packet
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    udp_singleton: i64,
    /// Age at which a flow is cut, or off
    #[arg(long, value_name = "TIME", default_value = "off", value_parser = duration_or_off)]
    active_timeout: OrOff,
    /// Segments kept for each direction of a TCP flow
    #[arg(long, value_name = "N", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..))]
    max_segments: u32,
    /// Most flows held at a time: beyond it half-open ones end first, then the longest silent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "memory")]
    max_flows: Option<u64>,
    /// Most memory for it all, as in 4G, at least 384M: flows end early as with --max-flows
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// Seed of the Community ID
    #[arg(long, value_name = "N", default_value = "0")]
    community_id_seed: u16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GroupArg {
    Core,
    Time,
    Rtt,
    Seq,
    Opt,
    Link,
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DecapArg {
    /// Those over IP and UDP too
    All,
    /// None behind an IP header
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum IoArg {
    /// Map the file into memory
    Mmap,
    /// Read it block by block
    Read,
}

/// A time-out that can be switched off.
#[derive(Clone, Copy, Debug)]
struct OrOff(Option<i64>);

/// What stands before the first letter, and from it on.
fn number_and_unit(text: &str) -> (&str, &str) {
    let letter = text.find(|c: char| c.is_ascii_alphabetic());
    text.split_at(letter.unwrap_or(text.len()))
}

/// `10s`, `250ms`, `5m`, `2h`: nanoseconds.
fn duration(text: &str) -> Result<i64, String> {
    let (number, unit) = number_and_unit(text);
    let number: i64 = number
        .parse()
        .ok()
        .filter(|&number| number >= 0)
        .ok_or_else(|| format!("'{text}' is no time; write 10s, 250ms, 5m or 2h"))?;
    let nanoseconds = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" | "" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => {
            return Err(format!(
                "'{unit}' is no unit of time; use ns, us, ms, s, m or h"
            ));
        }
    };
    number
        .checked_mul(nanoseconds)
        .ok_or_else(|| format!("{text} is more than 292 years"))
}

fn duration_or_off(text: &str) -> Result<OrOff, String> {
    match text {
        "off" => Ok(OrOff(None)),
        text => match duration(text)? {
            0 => Err("it would cut each packet off; write off for none".to_owned()),
            limit => Ok(OrOff(Some(limit))),
        },
    }
}

/// `512M`, `4G`, `4GiB`: bytes, by powers of 1,024.
fn memory(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text);
    let unit = unit.to_ascii_uppercase();
    let unit = unit
        .strip_suffix("IB")
        .or(unit.strip_suffix('B'))
        .unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(format!("'{text}' is no size; write 512M, 4G or 4GiB")),
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift));
    match bytes {
        None => Err(format!("'{text}' is no size; write 512M, 4G or 4GiB")),
        Some(bytes) if bytes < MEMORY_MIN => {
            Err("the least is 384M, of which a run needs most besides its flows".to_owned())
        }
        Some(bytes) => Ok(bytes),
    }
}

/// Does what was typed.
pub(crate) fn main(cli: Cli) -> Result<()> {
    match cli.command {
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "goostat", &mut text);
            print(&text)
        }
        Some(Command::Man) => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text)?;
            print(&text)
        }
        Some(Command::Columns) => print(output::markdown().as_bytes()),
        None => run(cli.run),
    }
}

fn run(args: RunArgs) -> Result<()> {
    let (quiet, json) = (args.quiet, args.json);
    let config = config(args)?;
    let folder = OutputFolder::create(&config.out, config.force)?;
    listen(config.read.stop.clone(), folder.abandon())?;
    let mut bar = None;
    let outcome = goostat::run_into(folder, &config, |progress| {
        bar = (!quiet && std::io::stderr().is_terminal()).then(|| show(progress));
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let summary = outcome?;
    for warning in summary.warnings() {
        tell(&format!("goostat: warning: {warning}"));
    }
    if json {
        print(serde_json::to_string_pretty(&summary)?.as_bytes())?;
        print(b"\n")?;
    }
    if !quiet {
        report(&summary, &config.out);
    }
    is_whole(&summary)
}

/// The first signal ends the reading, and what was read is written; the second one ends it all.
fn listen(stop: Stop, abandon: Abandon) -> Result<()> {
    on_signal(move || {
        if stop.is_stopped() {
            abandon.abandon();
            std::process::exit(INTERRUPTED);
        }
        stop.stop();
        tell("goostat: stopped; writing what was read (once more to write nothing)");
    })
    .context("cannot listen to signals")
}

/// Calls `handle`, in a thread of its own, for each signal that asks the program to end.
#[cfg(unix)]
fn on_signal(handle: impl Fn() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    if !is_ignored(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    let wait = move || signals.forever().for_each(|_| handle());
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)?;
    Ok(())
}

/// Whether whoever started the program wants it to ignore a signal, as `nohup` does; no where nobody tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
fn on_signal(handle: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(handle)
}

/// An error if some of the traces is not in the results.
fn is_whole(summary: &Summary) -> Result<()> {
    let failures = summary.failures();
    for failure in &failures {
        tell(&format!("goostat: {failure}"));
    }
    if summary.interrupted {
        bail!("stopped before the traces ended; the results hold what was read");
    }
    match failures.len() {
        0 => Ok(()),
        1 => bail!("a trace could not be read; the results hold the rest"),
        count => bail!("{count} traces could not be read; the results hold the rest"),
    }
}

fn report(summary: &Summary, out: &Path) {
    tell(&format!("{}\nresults in {}", summary.text(), out.display()));
}

fn config(args: RunArgs) -> Result<Config> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(cores, usize::from);
    let out = match args.out {
        Some(out) => out,
        None => default_out(&args.traces)?,
    };
    let io = match args.io {
        IoArg::Mmap => IoMode::Mmap,
        IoArg::Read => IoMode::Read,
    };
    Ok(Config {
        traces: args.traces,
        out,
        force: args.force,
        read: ReadOptions {
            strict: args.strict,
            io,
            ahead: threads,
            waiting_bytes: waiting_bytes(args.flow.memory),
            stop: Stop::default(),
        },
        threads,
        flow: flow_options(args.flow, &args.columns),
        hash_seed: None,
    })
}

fn flow_options(args: FlowArgs, columns: &[GroupArg]) -> FlowOptions {
    let defaults = FlowOptions::default();
    let internal = if args.internal.is_empty() {
        defaults.internal
    } else {
        args.internal
    };
    FlowOptions {
        tcp_idle: args.tcp_idle,
        tcp_singleton: args.tcp_singleton,
        tcp_linger: args.tcp_linger,
        udp_idle: args.udp_idle,
        udp_singleton: args.udp_singleton,
        active_timeout: args.active_timeout.0,
        internal,
        decap: match args.decap {
            DecapArg::All => Decap::All,
            DecapArg::None => Decap::None,
        },
        community_id_seed: args.community_id_seed,
        max_segments: args.max_segments as usize,
        limit: limit(args.max_flows, args.memory),
        groups: groups(columns),
    }
}

/// An eighth of `memory` at most for packets of compressed traces that are read ahead.
fn waiting_bytes(memory: Option<u64>) -> usize {
    let usual = ReadOptions::default().waiting_bytes;
    let share = memory.and_then(|memory| usize::try_from(memory / 8).ok());
    share.unwrap_or(usual).min(usual)
}

/// The flows' part of `memory`: of what the run itself leaves, five eighths. The rest is what lists
/// and indexes may grow by, and the order in which flows would go.
fn limit(max_flows: Option<u64>, memory: Option<u64>) -> Option<Limit> {
    let bytes = memory.map(|memory| Limit::Bytes((memory - MEMORY_BESIDE_FLOWS) / 8 * 5));
    max_flows.map(Limit::Flows).or(bytes)
}

fn groups(columns: &[GroupArg]) -> Groups {
    let named: Vec<Group> = columns
        .iter()
        .flat_map(|group| match group {
            GroupArg::Core => vec![Group::Core],
            GroupArg::Time => vec![Group::Time],
            GroupArg::Rtt => vec![Group::Rtt],
            GroupArg::Seq => vec![Group::Seq],
            GroupArg::Opt => vec![Group::Opt],
            GroupArg::Link => vec![Group::Link],
            GroupArg::All => Group::ALL.to_vec(),
        })
        .collect();
    Groups::of(&named)
}

/// `trace.out` for `trace.pcap.gz`, in the working directory.
fn default_out(traces: &[PathBuf]) -> Result<PathBuf> {
    let first = traces.first().context("no trace was named")?;
    if first.as_os_str() == "-" {
        return Ok(PathBuf::from("stdin.out"));
    }
    let path = if first.file_name().is_none() {
        first.canonicalize()?
    } else {
        first.clone()
    };
    let mut stem = PathBuf::from(path.file_name().unwrap_or("trace".as_ref()));
    for known in [
        &["gz", "zst", "xz", "bz2", "lz4"][..],
        &["pcap", "pcapng", "cap", "dmp"],
    ] {
        let extension = stem.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| known.contains(&extension)) {
            stem.set_extension("");
        }
    }
    let mut name = stem.into_os_string();
    name.push(".out");
    Ok(PathBuf::from(name))
}

/// Shows progress on the terminal until the bar is finished.
fn show(progress: Arc<Progress>) -> ProgressBar {
    let bar = match progress.total() {
        Some(total) => ProgressBar::new(total).with_style(style(
            "{bar:30} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left",
        )),
        None => ProgressBar::new_spinner()
            .with_style(style("{spinner} {bytes}, {binary_bytes_per_sec}")),
    };
    let shown = bar.clone();
    thread::spawn(move || {
        while !shown.is_finished() {
            shown.set_position(progress.done());
            thread::sleep(Duration::from_millis(100));
        }
    });
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Writes a line to standard error. If nobody can be told, that is no reason to fail.
pub(crate) fn tell(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes to standard output. Whoever stops reading it has seen enough.
fn print(text: &[u8]) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| anyhow!("cannot write to standard output: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_args(arguments: &[&str]) -> RunArgs {
        let arguments = ["goostat", "x.pcap"].iter().chain(arguments);
        Cli::try_parse_from(arguments).unwrap().run
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let config = config(run_args(&[])).unwrap();
        let defaults = FlowOptions::default();
        assert_eq!(format!("{:?}", config.flow), format!("{defaults:?}"));
        let defaults = ReadOptions::default();
        assert_eq!(config.read.strict, defaults.strict);
        assert_eq!(config.read.io, defaults.io);
        assert_eq!(config.read.waiting_bytes, defaults.waiting_bytes);
    }

    #[test]
    fn a_limit_on_memory_holds_for_what_is_read_ahead_too() {
        let config = config(run_args(&["--memory", "1G"])).unwrap();
        assert_eq!(config.read.waiting_bytes, 128 << 20);
        let flows = Limit::Bytes(((1024 - 256) / 8 * 5) << 20);
        assert_eq!(config.flow.limit, Some(flows));
    }
}
