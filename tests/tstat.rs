//! The tables read as Tstat's logs: scripts/check-tstat.py, in a Python of its own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: [&str; 3] = ["duckdb", "pandas", "pyarrow"];

#[test]
fn the_views_are_tstats_logs_as_documented() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            assert!(
                env::var_os("CI").is_none_or(|ci| ci != "true"),
                "no Python to test with: {reason}"
            );
            eprintln!("LEFT OUT: the tables were not read as Tstat's logs: {reason}");
            return;
        }
    };
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-tstat.py");
    let said = run(Command::new(python)
        .arg(check)
        .arg(env!("CARGO_BIN_EXE_goostat")))
    .unwrap_or_else(|error| panic!("{error}"));
    assert!(said.contains(" 0 failures"), "{said}");
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
