//! Both tables as DuckDB and pandas read them: scripts/check-tables.py, in a Python of its own.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod support;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::job::run_on;
use support::traces::{manifest_dir, trace};

const PACKAGES: [&str; 3] = ["duckdb", "pandas", "pyarrow"];

#[test]
fn duckdb_and_pandas_read_the_tables_as_documented() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            assert!(
                env::var_os("CI").is_none_or(|ci| ci != "true"),
                "no Python to test with: {reason}"
            );
            eprintln!("LEFT OUT: the tables were not read with DuckDB and pandas: {reason}");
            return;
        }
    };
    let results = run_on(&trace("mixed/http-dns.pcap").path);
    let folder = results.path("");
    let check = manifest_dir().join("scripts/check-tables.py");
    let said =
        run(Command::new(python).arg(check).arg(folder)).unwrap_or_else(|error| panic!("{error}"));
    assert!(said.contains("columns are as documented"), "{said}");
}

/// A Python with the packages, made in the folder of the build unless it is there already.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python-venv");
    let python = folder.join("bin/python");
    let import = format!("import {}", PACKAGES.join(", "));
    if run(Command::new(&python).args(["-c", &import])).is_ok() {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    run(Command::new(&python).args(install).args(PACKAGES))?;
    Ok(python)
}

/// What a command printed, or what it complained of.
fn run(command: &mut Command) -> Result<String, String> {
    let name = format!("{:?}", command.get_program());
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}
