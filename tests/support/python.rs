//! A Python of the tests' own, with the packages the results are read with.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use super::traces::manifest_dir;

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

/// The interpreter of the project's own environment, which `scripts/python_venv.py` makes unless it is there already.
fn python() -> Result<PathBuf, String> {
    let maker = manifest_dir().join("scripts/python_venv.py");
    let said = run(Command::new("python3").arg(maker))?;
    Ok(PathBuf::from(said.trim_end()))
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
