//! The traces there are to test with: testdata, and the corpus of public captures where somebody has it.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

/// A capture in testdata.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// Its path below testdata, as testdata/README.md lists it.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Trace {
    /// The file beside it that is named like it, with `suffix` at the end.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        PathBuf::from(path)
    }
}

pub(crate) fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One trace of testdata, by its path below it.
pub(crate) fn trace(name: &str) -> Trace {
    let path = manifest_dir().join("testdata").join(name);
    assert!(path.exists(), "{} is not there", path.display());
    let name = name.to_owned();
    Trace { name, path }
}

/// Every capture of testdata, in the order of their names.
pub(crate) fn testdata() -> Vec<Trace> {
    let root = manifest_dir().join("testdata");
    let mut paths = Vec::new();
    captures_below(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 100, "testdata is not complete");
    let name = |path: &Path| {
        path.strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .replace(MAIN_SEPARATOR, "/")
    };
    paths
        .into_iter()
        .map(|path| Trace {
            name: name(&path),
            path,
        })
        .collect()
}

fn captures_below(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            captures_below(&path, paths);
        } else if is_capture(&path) {
            paths.push(path);
        }
    }
}

fn is_capture(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    let extension = path.extension().and_then(|extension| extension.to_str());
    let known = ["pcap", "pcapng", "gz", "bz2", "xz", "zst", "lz4"];
    name.contains(".pcap") && extension.is_some_and(|extension| known.contains(&extension))
}

/// How many packets testdata/README.md says each trace has; tcpdump and the makers of the traces counted them.
pub(crate) fn packets_by_readme() -> HashMap<String, u64> {
    let readme = fs::read_to_string(manifest_dir().join("testdata/README.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (name, packets) = (cells.next()?, cells.next()?);
        Some((name.to_owned(), packets.parse().ok()?))
    };
    readme.lines().filter_map(row).collect()
}

/// A capture of the corpus, and how many packets capinfos found in it where nothing is wrong with it.
#[derive(Clone, Debug)]
pub(crate) struct CorpusFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) packets: Option<u64>,
}

/// The corpus of public captures: `GOOSTAT_CORPUS`, or `../shared/corpus`. Empty if there is none.
pub(crate) fn corpus() -> Vec<CorpusFile> {
    let named = env::var_os("GOOSTAT_CORPUS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| manifest_dir().join("../shared/corpus"));
    let Ok(catalog) = fs::read_to_string(folder.join("catalog.tsv")) else {
        eprintln!("no corpus of captures at {}: left out", folder.display());
        return Vec::new();
    };
    let mut lines = catalog.lines().map(|line| line.split('\t').collect());
    let head: Vec<&str> = lines.next().unwrap();
    let column = |name: &str| head.iter().position(|&column| column == name).unwrap();
    let (path, bytes, packets) = (column("path"), column("bytes"), column("packets_capinfos"));
    let (by_capinfos, by_walk) = (column("status_capinfos"), column("status_walk"));
    lines
        .map(|cells: Vec<&str>| {
            let whole = cells[by_capinfos] == "ok" && cells[by_walk] == "ok";
            CorpusFile {
                path: folder.join(cells[path]),
                bytes: cells[bytes].parse().unwrap(),
                packets: cells[packets].parse().ok().filter(|_| whole),
            }
        })
        .collect()
}
