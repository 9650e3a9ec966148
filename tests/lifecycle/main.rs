//! The rules of a flow's life and of what is measured on the way, one test each, told as exchanges
//! (see `exchange`). The fast tables and the reference both have to give the rows.

#[path = "../exchange/mod.rs"]
mod exchange;
#[path = "../reference/mod.rs"]
mod reference;
#[path = "../tracked/mod.rs"]
mod tracked;

mod classes;
mod closing;
mod fragments;
mod history;
mod numbers;
mod probes;
mod reuse;
mod roles;
mod round_trips;
mod silence;
mod states;
mod windows;

use reference::RefOptions;
use tracked::How;

/// Checks an exchange; its lines may be indented as the code around them is.
#[track_caller]
fn expect(exchange: &str) {
    let lines: Vec<&str> = exchange.lines().map(str::trim_start).collect();
    let text = lines.join("\n");
    let packets = exchange::Exchange::parse(&text).packets;
    let options = RefOptions::default();
    exchange::check(&text, |_capture| {
        let output = tracked::track(&packets, &options, &How::default());
        [output.tcp, output.udp].concat()
    });
    exchange::check(&text, |_capture| {
        let output = reference::track(&packets, &options);
        [output.tcp, output.udp].concat()
    });
}
