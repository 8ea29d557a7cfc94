//! Plugins from the file to the loaded code, compiled by the real program in child processes.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use sandclock_host::clock::Clock;
use sandclock_host::model::id::PluginName;
use sandclock_host::model::limits::{Limits, Metering};
use sandclock_host::model::task::Build;
use sandclock_host::plugins::{
    CompileFailure, CompileSettings, Plugin, Plugins, Progress, Quiet, Settings, Stage, Unusable,
};
use sandclock_host::sandbox::{self, Contract, Sandbox};
use sha2::{Digest, Sha256};

const PROGRAM: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
/// Nothing here takes this long, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// A plugins folder and a state folder.
struct Ground {
    root: tempfile::TempDir,
}

impl Ground {
    fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("plugins")).unwrap();
        for (name, text) in files {
            fs::write(root.path().join("plugins").join(name), text).unwrap();
        }
        Self { root }
    }

    fn state(&self, name: &str) -> PathBuf {
        self.root.path().join("state").join(name)
    }

    fn open(&self) -> Plugins {
        self.open_with(|_| {})
    }

    fn open_with(&self, change: impl FnOnce(&mut CompileSettings)) -> Plugins {
        let mut compile =
            CompileSettings { program: env!("CARGO_BIN_EXE_sandclock").into(), ..CompileSettings::default() };
        change(&mut compile);
        let settings =
            Settings { folder: self.root.path().join("plugins"), state: self.root.path().join("state"), compile };
        let clock = Clock::system();
        let limits = Limits::default();
        let sandbox = Sandbox::new(sandbox::Settings::for_limits(2, [&limits]), clock);
        Plugins::open(settings, sandbox, clock).unwrap()
    }
}

/// Remembers what was reported.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn report(&self, plugin: &PluginName, stage: &Stage) {
        let stage = match stage {
            Stage::Found { .. } => "found",
            Stage::Cached => "cached",
            Stage::Compiling => "compiling",
            Stage::Ready { .. } => "ready",
            Stage::Unusable => "unusable",
        };
        self.0.lock().unwrap().push(format!("{plugin} {stage}"));
    }
}

impl Told {
    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }
}

fn name(name: &str) -> PluginName {
    name.parse().unwrap()
}

fn build(plugin: &str) -> Build {
    Build { plugin: name(plugin), metering: Metering::Fuel }
}

async fn prepare(plugins: &Plugins, plugin: &str, progress: &dyn Progress) -> Result<Plugin, Unusable> {
    tokio::time::timeout(PATIENCE, plugins.prepare(&build(plugin), progress)).await.expect("it ends in time")
}

/// A program that takes a compiler long: a function with many values that are all alive at once.
fn bomb(locals: usize) -> String {
    let set: String = (0..locals).map(|n| format!("(local.set {n} (call $f))")).collect();
    let sum: String = (0..locals).map(|n| format!("(local.get {n}) i64.add")).collect();
    format!(
        r#"(module (memory (export "memory") 1) (global $g (mut i64) (i64.const 1))
            (func $f (result i64) (global.get $g))
            (func (export "_start") (local {}) {set} (i64.const 0) {sum} (global.set $g)))"#,
        "i64 ".repeat(locals)
    )
}

#[tokio::test]
async fn a_plugin_is_compiled_once() {
    let ground = Ground::with(&[("hello.wat", PROGRAM)]);
    let told = Told::default();
    let first = prepare(&ground.open(), "hello", &told).await.unwrap();
    assert_eq!(told.take(), "hello found, hello compiling, hello ready");
    assert_eq!(first.prepared.contract(), Contract::Command02);

    let second = prepare(&ground.open(), "hello", &told).await.unwrap();
    assert_eq!(told.take(), "hello found, hello cached, hello ready");
    assert_eq!(first.digest, second.digest);
    let copy = ground.state("plugins").join(format!("{}.wasm", first.digest));
    assert_eq!(fs::read_to_string(copy).unwrap(), PROGRAM);
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_what_is_needed_stays() {
    let ground = Ground::with(&[("old.wat", PROGRAM), ("new.wat", &PROGRAM.replace("1)", "2)"))]);
    let kept = |folder: &str| fs::read_dir(ground.state(folder)).unwrap().count();
    let prepare_all = async |plugin: &str, room: u64| {
        let plugins = ground.open_with(|compile| compile.kept = room);
        let all = plugins.prepare_all(vec![build(plugin)], Arc::new(Quiet)).collect::<Vec<_>>();
        let results = tokio::time::timeout(PATIENCE, all).await.expect("they end in time");
        assert!(results.len() == 1 && results[0].1.is_ok(), "{results:?}");
        (kept("cache"), kept("plugins"))
    };
    // An image and its seal, and a copy, for each.
    assert_eq!(prepare_all("old", 0).await, (2, 1), "it is needed, so it stays");
    assert_eq!(prepare_all("new", 1 << 30).await, (4, 2), "there is room for both");
    assert_eq!(prepare_all("new", 0).await, (2, 1), "only one is needed");
    let told = Told::default();
    prepare(&ground.open(), "new", &told).await.unwrap();
    assert_eq!(told.take(), "new found, new cached, new ready");
}

#[tokio::test]
async fn code_that_was_tampered_with_is_compiled_again() {
    let ground = Ground::with(&[("hello.wat", PROGRAM)]);
    prepare(&ground.open(), "hello", &Quiet).await.unwrap();
    let image = |path: &Path| path.extension().is_some_and(|ending| ending == "image");
    let entries = fs::read_dir(ground.state("cache")).unwrap().map(|entry| entry.unwrap().path());
    let path = entries.into_iter().find(|path| image(path)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();

    let told = Told::default();
    prepare(&ground.open(), "hello", &told).await.unwrap();
    assert_eq!(told.take(), "hello found, hello compiling, hello ready");
    prepare(&ground.open(), "hello", &told).await.unwrap();
    assert_eq!(told.take(), "hello found, hello cached, hello ready");
}

#[tokio::test]
async fn one_bad_plugin_stops_no_other() {
    let ground = Ground::with(&[
        ("good.wat", PROGRAM),
        ("page.wasm", "<!DOCTYPE html><title>404</title>"),
        ("twice.wasm", "a"),
        ("twice.wat", "b"),
        (
            "stranger.wat",
            r#"(component (import "acme:billing/charge@1.0.0" (instance (export "now" (func))))
            (component $c (export "now" (func)) (import "now" (func)))
            (instance $run) (export "wasi:cli/run@0.2.0" (instance $run)))"#,
        ),
        ("library.wat", r#"(component (instance $i) (export "acme:lib/maths" (instance $i)))"#),
    ]);
    let names = ["good", "page", "twice", "stranger", "library", "goood"].map(build).to_vec();
    let told = Arc::new(Told::default());
    let all = ground.open().prepare_all(names, Arc::clone(&told) as Arc<dyn Progress>).collect::<Vec<_>>();
    let mut results = tokio::time::timeout(PATIENCE, all).await.expect("they end in time");
    results.sort_by(|a, b| a.0.cmp(&b.0));
    let found: Vec<String> = results
        .iter()
        .map(|(build, result)| match result {
            Ok(_) => format!("{}: ready", build.plugin),
            Err(error) => format!("{}: {error}", build.plugin),
        })
        .collect();
    let check = |at: usize, expected: &str| assert!(found[at].contains(expected), "{expected}: {found:#?}");
    assert_eq!(found[0], "good: ready");
    check(1, "goood: there is no goood.wasm or goood.wat in");
    check(1, "did you mean \"good\"?");
    check(2, "library: found a component that exports `acme:lib/maths`; expected `run` of the world");
    check(3, "page: found an HTML or XML page; expected a WebAssembly component");
    check(4, "stranger: ");
    check(5, "twice: `twice.wasm`, `twice.wat` have the same stem");
    assert_eq!(told.take().matches("unusable").count(), 5);
}

#[tokio::test]
async fn a_file_from_anywhere_can_be_prepared() {
    let ground = Ground::with(&[]);
    let file = ground.root.path().join("elsewhere.wat");
    fs::write(&file, PROGRAM).unwrap();
    let plugin = ground.open().prepare_file(&build("elsewhere"), &file, &Quiet).await.unwrap();
    assert_eq!(plugin.build.plugin.as_str(), "elsewhere");
    let error = ground.open().prepare_file(&build("gone"), Path::new("/nowhere/gone.wasm"), &Quiet).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no file /nowhere/gone.wasm");
}

#[tokio::test]
async fn a_compiler_that_takes_too_long_is_ended() {
    let ground = Ground::with(&[("bomb.wat", &bomb(10_000))]);
    let allowed = Duration::from_millis(300);
    let plugins = ground.open_with(|compile| compile.timeout = allowed);
    let error = prepare(&plugins, "bomb", &Quiet).await.unwrap_err();
    assert!(matches!(error, Unusable::Compile(CompileFailure::OutOfTime { .. })), "{error}");
    assert!(error.to_string().contains("raise host.compile.timeout"), "{error}");
    assert_eq!(fs::read_dir(ground.state("cache")).unwrap().count(), 0, "nothing is left of it");
}

#[tokio::test]
async fn a_compiler_that_takes_too_much_memory_is_ended() {
    let ground = Ground::with(&[("bomb.wat", &bomb(40_000))]);
    let plugins = ground.open_with(|compile| compile.memory = 200 << 20);
    let error = prepare(&plugins, "bomb", &Quiet).await.unwrap_err();
    assert!(matches!(error, Unusable::Compile(CompileFailure::OutOfMemory { .. })), "{error}");
}

#[tokio::test]
async fn a_compiler_that_is_no_longer_wanted_is_ended() {
    let ground = Ground::with(&[("bomb.wat", &bomb(10_000)), ("hello.wat", PROGRAM)]);
    let plugins = ground.open();
    let mut preparing = plugins.prepare_all(vec![build("bomb")], Arc::new(Quiet));
    let until_compiling = async {
        while compilers(&ground) == 0 {
            let _ = tokio::time::timeout(Duration::from_millis(10), preparing.next()).await;
        }
    };
    tokio::time::timeout(PATIENCE, until_compiling).await.expect("it gets its turn in time");
    drop(preparing);
    until_no_compiler(&ground).await;
    // It was the only one allowed at a time, and its place is free again.
    prepare(&plugins, "hello", &Quiet).await.unwrap();
}

/// The policy for idle work would have it wait for as long as others want the processors.
#[tokio::test]
async fn a_plugin_is_compiled_while_every_processor_is_busy() {
    let ground = Ground::with(&[("bomb.wat", &bomb(8_000))]);
    let plugins = ground.open();
    let over = AtomicBool::new(false);
    let spin = || {
        while !over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    let prepared = std::thread::scope(|scope| {
        (0..std::thread::available_parallelism().unwrap().get()).for_each(|_| drop(scope.spawn(spin)));
        let prepared = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(prepare(&plugins, "bomb", &Quiet))
        });
        let prepared = prepared.join();
        over.store(true, Ordering::Relaxed);
        prepared
    });
    prepared.unwrap().unwrap();
    until_no_compiler(&ground).await;
}

/// A compiler without a host, which is ordered to compile a bomb.
fn compiler(ground: &Ground, cpu_seconds: u64) -> (Child, String) {
    let (input, output) = (ground.root.path().join("bomb"), ground.root.path().join("image"));
    let bomb = bomb(10_000);
    fs::write(&input, &bomb).unwrap();
    fs::write(&output, "").unwrap();
    let order = serde_json::json!({
        "input": input,
        "digest": Sha256::digest(&bomb).iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        "output": output,
        "memory": 2u64 << 30,
        "cpu_seconds": cpu_seconds,
        "unmetered": false,
        "idle": true,
    });
    let child = Command::new(env!("CARGO_BIN_EXE_sandclock"))
        .arg("compile-child")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    (child, order.to_string())
}

#[test]
fn a_compiler_does_not_outlive_its_host() {
    let ground = Ground::with(&[]);
    let (mut child, order) = compiler(&ground, 60);
    // The order is given, and then the host is gone.
    writeln!(child.stdin.take().unwrap(), "{order}").unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    assert_eq!(fs::read(ground.root.path().join("image")).unwrap(), b"");
}

#[test]
fn a_compiler_that_is_out_of_processor_time_ends_by_the_signal_that_says_so() {
    let ground = Ground::with(&[]);
    let (mut child, order) = compiler(&ground, 1);
    let mut host = child.stdin.take().unwrap();
    writeln!(host, "{order}").unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(24));
}

/// How many processes write to a file in the compile cache.
fn compilers(ground: &Ground) -> usize {
    let stdout = |process: &fs::DirEntry| fs::read_link(process.path().join("fd/1"));
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.filter(|process| stdout(process).is_ok_and(|file| file.starts_with(ground.state("cache")))).count()
}

/// One that was killed takes its time to end.
async fn until_no_compiler(ground: &Ground) {
    let ended = async {
        while compilers(ground) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("they end in time");
}

#[tokio::test]
async fn a_program_that_is_no_compiler_is_told_apart_from_a_bad_plugin() {
    let ground = Ground::with(&[("hello.wat", PROGRAM)]);
    for (program, expected) in
        [("/bin/false", "the compiler failed: exit status: 1"), ("/nowhere", "cannot start the compiler")]
    {
        let plugins = ground.open_with(|compile| compile.program = program.into());
        let error = prepare(&plugins, "hello", &Quiet).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn fifty_mutated_plugins_are_compiled_or_refused_and_nothing_stays_behind() {
    let whole = wat::parse_str(fs::read_to_string(crate::project::guest("tick")).unwrap()).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let ground = Ground::with(&[]);
    let builds: Vec<Build> = (0..50)
        .map(|number| {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..4) {
                // The first eight bytes say that it is a module: without them it would not come to the compiler.
                let at = random.usize(8..bytes.len());
                bytes[at] = random.u8(..);
            }
            fs::write(ground.root.path().join(format!("plugins/mutant-{number}.wasm")), bytes).unwrap();
            build(&format!("mutant-{number}"))
        })
        .collect();
    let plugins = ground.open_with(|compile| compile.parallel = 4.try_into().unwrap());
    let all = plugins.prepare_all(builds, Arc::new(Quiet)).collect::<Vec<_>>();
    let results = tokio::time::timeout(PATIENCE, all).await.expect("they end in time");
    let refused = results.iter().filter(|(_, result)| result.is_err()).count();
    assert!(results.len() == 50 && refused > 10, "{refused} were refused");
    until_no_compiler(&ground).await;
    let drafts = fs::read_dir(ground.state("cache")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = drafts.filter(|name| !matches!(name.to_str(), Some(name) if name.contains("-wasi-"))).collect();
    assert!(left.is_empty(), "{left:?}");
}
