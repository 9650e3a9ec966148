//! The tables as others read them, in a Python of the tests' own.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod support;

use std::ffi::OsStr;

use support::job::run_on;
use support::python::script;
use support::traces::trace;

#[test]
fn duckdb_and_pandas_read_the_tables_as_documented() {
    let results = run_on(&trace("mixed/http-dns.pcap").path);
    let folder = results.path("");
    if let Some(said) = script("check-tables.py", &[folder.as_os_str()]) {
        assert!(said.contains("columns are as documented"), "{said}");
    }
}

#[test]
fn the_views_are_tstats_logs_as_documented() {
    let goostat = OsStr::new(env!("CARGO_BIN_EXE_goostat"));
    if let Some(said) = script("check-tstat.py", &[goostat]) {
        assert!(said.contains(" 0 failures"), "{said}");
    }
}
