//! What the sandbox's tests share.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use wasi_preview1_component_adapter_provider as preview1;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve};

use crate::clock::Clock;
use crate::model::cause::Cause;
use crate::model::grants::{FolderAccess, FolderGrant};
use crate::model::id::RunId;
use crate::model::limits::Metering;
use crate::model::retry::{Backoff, Jitter, OnInterrupt, Retry};
use crate::model::run::Run;
use crate::model::schedule::Schedule;
use crate::model::task::Task;
use crate::sandbox::{AttemptReport, AttemptRequest, KeyValue, LoadError, Prepared, Sandbox, Settings, compile};

/// A task without grants.
pub(crate) fn task(name: &str) -> Task {
    let retry = Retry {
        attempts: 3,
        backoff: Backoff::Fixed { wait: std::time::Duration::ZERO },
        jitter: Jitter::None,
        on: Vec::new(),
        on_interrupt: OnInterrupt::Retry,
    };
    Task { retry: retry.into(), ..Task::example(name, Schedule::manual()) }
}

/// A folder, granted as `/data`. Its path has no links in it.
pub(crate) fn folder_grant(folder: &Path, access: FolderAccess) -> FolderGrant {
    FolderGrant { host: folder.to_owned(), real: folder.to_owned(), guest: "/data".to_owned(), access }
}

/// A run of a task.
pub(crate) fn run(task: Task) -> Run {
    Run {
        id: RunId::from_i64(7).unwrap(),
        task: Arc::new(task),
        cause: Cause::Manual,
        slot: None,
        payload: None,
        trace: None,
        admitted_at: Timestamp::UNIX_EPOCH,
    }
}

/// Compiles and loads a component, given as text or binary.
pub(crate) fn load(component: impl AsRef<[u8]>) -> Result<Prepared, LoadError> {
    load_metered(component, Metering::Fuel)
}

/// The same, for tasks that are metered like this.
pub(crate) fn load_metered(component: impl AsRef<[u8]>, metering: Metering) -> Result<Prepared, LoadError> {
    let compiled = compile(&wat::parse_bytes(component.as_ref()).unwrap(), metering).unwrap();
    let sandbox = Sandbox::new(Settings::for_limits(4, []), Clock::system());
    sandbox.load(&compiled.into_image())
}

/// The same, with key-value stores that are kept here.
pub(crate) fn load_with_stores(component: impl AsRef<[u8]>, keeper: Arc<dyn KeyValue>) -> Prepared {
    let compiled = compile(&wat::parse_bytes(component.as_ref()).unwrap(), Metering::Fuel).unwrap();
    let sandbox = Sandbox::with_stores(Settings::for_limits(4, []), Clock::system(), keeper);
    sandbox.load(&compiled.into_image()).unwrap()
}

/// Runs a component once, as the first attempt of this run.
pub(crate) async fn attempt(component: impl AsRef<[u8]>, run: Run) -> AttemptReport {
    let (_sender, stop) = watch::channel(None);
    load_metered(component, run.task.limits.fuel.metering())
        .unwrap()
        .attempt(AttemptRequest { run: Arc::new(run), attempt: 1, stop })
        .await
}

/// A plain program whose whole world is a core module with the function `run`, which returns 0 for success.
pub(crate) fn program(core: &str) -> String {
    format!(
        r#"(component
            (core module $main {core})
            (core instance $main (instantiate $main))
            (func $run (result (result)) (canon lift (core func $main "run")))
            (instance $exports (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $exports))
        )"#
    )
}

/// A plain program over WASI preview 1, as C and Go toolchains make them: a core module with `_start`. It may import
/// `exit-with-code` beside.
pub(crate) fn command(core: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let exit = "package wasi:cli@0.2.12;
        interface exit { exit-with-code: func(status-code: u8); }
        world exiting { import exit; }";
    let package = resolve.push_str("exit.wit", exit).unwrap();
    component(core, &resolve, package, preview1::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
}

/// A typed task: a core module with `run`, `memory` and `cabi_realloc`, and imports of our interfaces.
pub(crate) fn typed(core: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
    component(core, &resolve, package, preview1::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
}

/// The component of a core module that implements the only world of a package.
fn component(core: &str, resolve: &Resolve, package: PackageId, adapter: &[u8]) -> Vec<u8> {
    let mut module = wat::parse_str(format!("(module {core})")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .adapter(preview1::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)
        .unwrap()
        .encode()
        .unwrap()
}
