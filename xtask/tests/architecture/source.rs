//! The files of the repository, and what each names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::LazyLock;

use crate::lexer::{self, Production};
use crate::paths::{self, Path};

/// A Rust file of ours.
pub(crate) struct File {
    /// From the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
    paths: Vec<Path>,
    test_modules: Vec<String>,
}

impl File {
    fn read(path: &FilePath) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let Production { tokens, test_modules } = lexer::production(&text);
        let path = path.strip_prefix(root()).expect("walked from the root").display().to_string();
        Self { paths: paths::paths(&tokens), path, text, test_modules }
    }

    /// What stands in the part of this file that is not for tests.
    pub(crate) fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The top module of the host that this file is in; `main` is one, the root (`lib.rs`) is none.
    pub(crate) fn module(&self) -> Option<&str> {
        let module = self.in_host().split('/').next()?;
        let module = module.strip_suffix(".rs").unwrap_or(module);
        (module != "lib").then_some(module)
    }

    /// Whether this file is the `place` (`sandbox/image.rs`) or in it (`sandbox`).
    pub(crate) fn is_in(&self, place: &str) -> bool {
        self.in_host() == place || self.module() == Some(place)
    }

    /// The paths that lead to modules of the host, each without what leads to the root (`crate::`, `super::super::`),
    /// which an import may have done before (`use crate::plugins;`).
    pub(crate) fn uses(&self) -> impl Iterator<Item = Path> {
        let alone = |path: &&Path| self.root(path) > 0 && path.segments.len() == self.root(path) + 1;
        let imported: BTreeSet<&str> = self.paths.iter().filter(alone).filter_map(|path| path.last()).collect();
        self.paths.iter().filter_map(move |path| match self.root(path) {
            0 => (path.segments.len() > 1 && imported.contains(path.head())).then(|| path.clone()),
            root => {
                let segments = path.segments.get(root..).filter(|rest| !rest.is_empty())?.to_vec();
                Some(Path { segments, line: path.line })
            }
        })
    }

    /// How many segments at the start of `path` lead to the root of the host; none if it starts elsewhere.
    fn root(&self, path: &Path) -> usize {
        let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
        match path.head() {
            "crate" => 1,
            "sandclock_host" if self.module() == Some("main") => 1,
            "super" if supers == self.depth() => supers,
            _ => 0,
        }
    }

    /// A finding in this file, as compilers write it.
    pub(crate) fn at(&self, line: usize, what: String) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    fn in_host(&self) -> &str {
        self.path.strip_prefix("host/src/").unwrap_or(&self.path)
    }

    /// How many modules this file's is below the root.
    fn depth(&self) -> usize {
        self.in_host().trim_end_matches(".rs").trim_end_matches("/mod").split('/').count()
    }

    /// The file or folder of `module`, declared in this file.
    fn declared(&self, module: &str) -> String {
        let own = self.path.trim_end_matches(".rs");
        let folder = own.strip_suffix("/mod").or_else(|| own.strip_suffix("/lib")).unwrap_or(own);
        format!("{folder}/{module}")
    }
}

/// The files of the host, without those that are only for tests.
pub(crate) fn host_files() -> &'static [File] {
    static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
        let mut files = read_all(&["host/src"]);
        let for_tests: Vec<String> =
            files.iter().flat_map(|file| file.test_modules.iter().map(|module| file.declared(module))).collect();
        files.retain(|file| {
            !for_tests
                .iter()
                .any(|module| file.path.strip_prefix(module).is_some_and(|rest| rest.starts_with('/') || rest == ".rs"))
        });
        files
    });
    &FILES
}

/// Every Rust file of the repository.
pub(crate) fn rust_files() -> Vec<File> {
    read_all(&["bench", "host", "plugins", "sdk", "tests", "xtask"])
}

/// The text that holds the rules.
pub(crate) fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md lies in the root")
}

fn root() -> &'static FilePath {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root")
}

fn read_all(folders: &[&str]) -> Vec<File> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let is_built = path.file_name().is_some_and(|name| name == "target" || name == "node_modules");
            let entries = fs::read_dir(&path).expect("a folder of the repository can be listed");
            waiting.extend(entries.flatten().map(|entry| entry.path()).filter(|_| !is_built));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(File::read(&path));
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}
