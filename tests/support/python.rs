//! A Python of the tests' own, with the packages the results are read with.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use super::traces::manifest_dir;

const PACKAGES: [&str; 3] = ["duckdb", "pandas", "pyarrow"];

/// What one of the project's Python scripts prints; `None`, with a loud message, where there is no Python to be had.
/// Where `CI` is `true` there has to be one.
pub(crate) fn script(name: &str, arguments: &[&OsStr]) -> Option<String> {
    match python() {
        Ok(python) => {
            let script = manifest_dir().join("scripts").join(name);
            let said = run(Command::new(python).arg(script).args(arguments));
            Some(said.unwrap_or_else(|error| panic!("{error}")))
        }
        Err(reason) => {
            let must_run = env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!must_run, "no Python to test with: {reason}");
            eprintln!("LEFT OUT: {name} was not run: {reason}");
            None
        }
    }
}

/// A Python with the packages, made in the folder of the build unless it is there already. It takes its name when it
/// is complete, so tests that run side by side do not see each other's halves.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python-venv");
    let python = folder.join("bin/python");
    let import = format!("import {}", PACKAGES.join(", "));
    let is_ready = || run(Command::new(&python).args(["-c", &import])).is_ok();
    if is_ready() {
        return Ok(python);
    }
    let making = folder.with_file_name(format!("python-venv-{}", process::id()));
    run(Command::new("python3").args(["-m", "venv"]).arg(&making))?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    run(Command::new(making.join("bin/python"))
        .args(pip)
        .args(PACKAGES))?;
    if !is_ready() {
        let _ = fs::remove_dir_all(&folder);
        let _ = fs::rename(&making, &folder);
    }
    let _ = fs::remove_dir_all(&making);
    if is_ready() {
        Ok(python)
    } else {
        Err(format!("{} is of no use", folder.display()))
    }
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
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {complaint}"))
}
