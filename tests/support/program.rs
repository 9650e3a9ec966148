//! Running the real program in a folder of its own.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt};
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use tempfile::TempDir;

use super::job::scratch;

/// What stands for an ordinary user where the tests run as root, whom no permission stops.
#[cfg(unix)]
const NOBODY: u32 = 65_534;

/// A folder in which the program is run.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = scratch();
        // Temporary folders are their owner's alone, and the program may run as somebody else.
        #[cfg(unix)]
        set_mode(folder.path(), 0o777);
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file with these bytes.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The program, to be run here; what it is to read comes from a file that is empty.
    pub(crate) fn command(&self) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_goostat")))
    }

    fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Done {
        Done::of(self.command().args(arguments))
    }

    /// Runs the program as a user whom permissions stop.
    #[cfg(unix)]
    pub(crate) fn run_as_nobody<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Done {
        let is_root = fs::metadata(self.folder.path()).unwrap().uid() == 0;
        if !is_root {
            return self.run(arguments);
        }
        // The program may lie in a folder that only root can enter. Another program copies it: a file that is being
        // written cannot be run, and the tests beside this one may keep it open a moment longer than we do.
        let copy = self.path(".goostat");
        let program = env!("CARGO_BIN_EXE_goostat");
        let copied = Command::new("cp").arg(program).arg(&copy).status();
        assert!(copied.unwrap().success());
        set_mode(&copy, 0o755);
        let mut command = self.command_of(&copy);
        let done = Done::of(command.args(arguments).uid(NOBODY).gid(NOBODY));
        fs::remove_file(copy).unwrap();
        done
    }

    /// Runs the program with these bytes in a pipe as standard input.
    pub(crate) fn run_with_input<S: AsRef<OsStr>>(&self, arguments: &[S], input: Vec<u8>) -> Done {
        let mut command = self.command();
        command.args(arguments);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // A program that has failed does not read on: that is its business.
        let feeder = thread::spawn(move || drop(pipe.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Done::from(output)
    }

    /// Shell commands in which `"$@"` is the program with the arguments that are added.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = self.command_of(Path::new("sh"));
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_goostat")]);
        command
    }

    /// Runs shell commands in which `"$@"` is the program with its arguments.
    pub(crate) fn run_in_shell<S: AsRef<OsStr>>(&self, script: &str, arguments: &[S]) -> Done {
        Done::of(self.shell(script).args(arguments))
    }

    /// Everything that lies here, hidden or not, in the order of names.
    pub(crate) fn entries(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// How the program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// Asserts the exit code, and that the messages hold all of `words`.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no '{word}' in {self:?}");
        }
        self
    }

    /// Asserts that it failed in one line with all of `words` and printed nothing else.
    #[track_caller]
    pub(crate) fn expect_failure(&self, words: &[&str]) {
        self.expect(1, words);
        assert!(self.stderr.starts_with("goostat: "), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert_eq!(self.stdout, "");
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Whether programs can be run with mounts of their own, as root or by a user namespace.
pub(crate) fn can_mount() -> bool {
    let script = "mount -t tmpfs -o size=64k tmpfs /mnt";
    let done = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .output();
    let can = done.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("LEFT OUT: no mounts can be made here (unshare -rm)");
    }
    can
}
