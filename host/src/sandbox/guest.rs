//! What belongs to one guest while it runs: everything that its store owns, and the bounds set on it.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::Clock;
use crate::model::grants::FolderAccess;
use crate::model::limits::Limits;
use crate::model::payload::Blob;
use crate::sandbox::bindings::task::sandclock::task::types;
use crate::sandbox::carried::{Carried, size};
use crate::sandbox::contract::Contract;
use crate::sandbox::facts::Facts;
use crate::sandbox::file_calls_door::FileCalls;
use crate::sandbox::granted::{FolderError, Granted};
use crate::sandbox::hook::{Entries, Hook};
use crate::sandbox::http::{Egress, WasiDoor};
use crate::sandbox::journal::{Journal, TextStream};
use crate::sandbox::keyvalue::Stores;
use crate::sandbox::meter::{self, Meter};
use crate::sandbox::open_files::OpenFiles;
use crate::sandbox::stdio::TextOutput;
use crate::sandbox::turn::Turn;

/// What belongs to one guest.
pub(crate) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    door: WasiDoor,
    stores: Stores,
    table: ResourceTable,
    journal: Journal,
    meter: Meter,
    turn: Turn,
    entries: Entries,
    open_files: OpenFiles,
    file_calls: FileCalls,
    carried: Carried,
}

/// A guest cannot be given what its task grants.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("cannot open the granted folder {folder}")]
    Folder {
        folder: String,
        #[source]
        source: FolderError,
    },
    #[error("cannot set up the guest")]
    Engine(#[from] wasmtime::Error),
}

impl Guest {
    /// A store for one attempt, bounded in every way.
    pub(crate) fn store(
        engine: &Engine,
        contract: Contract,
        facts: Facts<'_>,
        clock: Clock,
        journal: Journal,
        egress: Arc<Egress>,
        stores: Stores,
    ) -> Result<Store<Guest>, SetupError> {
        let task = &facts.run.task;
        let carried = Carried::of(task, contract);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(size(task.limits.http.headers));
        let mut table = ResourceTable::new();
        table.set_max_capacity(task.limits.resources as usize);
        let guest = Guest {
            wasi: wasi(contract, facts, &journal)?,
            http,
            door: WasiDoor(egress),
            stores,
            table,
            journal,
            meter: Meter::new(*task.limits),
            turn: Turn::begin(clock),
            entries: Entries::default(),
            open_files: OpenFiles::default(),
            file_calls: FileCalls::default(),
            carried,
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.meter);
        store.call_hook_async(Hook);
        meter::wind(&mut store, task.limits.fuel)?;
        store.set_max_component_handles(task.limits.handles as usize);
        carried.begin(&mut store);
        Ok(store)
    }

    /// A guest that has nothing but its memory, for a store without bounds.
    pub(crate) fn bare(limits: Limits, clock: Clock, journal: Journal, egress: Arc<Egress>, stores: Stores) -> Self {
        Self {
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            door: WasiDoor(egress),
            stores,
            table: ResourceTable::new(),
            journal,
            meter: Meter::new(limits),
            turn: Turn::begin(clock),
            entries: Entries::default(),
            open_files: OpenFiles::default(),
            file_calls: FileCalls::default(),
            carried: Carried { call: u64::MAX, returned: u64::MAX },
        }
    }

    /// The log that the guest writes.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The HTTP that the guest may use.
    pub(crate) fn egress(&self) -> Arc<Egress> {
        Arc::clone(&self.door.0)
    }

    /// How many requests it may have in flight.
    pub(crate) fn http_concurrent(&self) -> usize {
        self.meter.limits().http.concurrent as usize
    }

    /// The key-value stores that the guest may use.
    pub(crate) fn stores(&mut self) -> &mut Stores {
        &mut self.stores
    }

    /// What the host holds for the guest.
    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Its turn on its thread.
    pub(crate) fn turn(&mut self) -> &mut Turn {
        &mut self.turn
    }

    /// The calls into it that go on.
    pub(crate) fn entries(&mut self) -> &mut Entries {
        &mut self.entries
    }

    /// What it has open in its folders.
    pub(crate) fn open_files(&mut self) -> &mut OpenFiles {
        &mut self.open_files
    }

    /// What goes on in its folders.
    pub(crate) fn file_calls(&mut self) -> &mut FileCalls {
        &mut self.file_calls
    }

    /// What it may hand over at a time.
    pub(crate) fn carried(&self) -> Carried {
        self.carried
    }

    /// What the guest has taken.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }
}

/// Environment, streams and folders. Sockets and name lookup stay closed: the library opens none unless told to.
fn wasi(contract: Contract, facts: Facts<'_>, journal: &Journal) -> Result<WasiCtx, SetupError> {
    let task = &facts.run.task;
    let mut wasi = WasiCtx::builder();
    wasi.arg(task.plugin.as_str())
        .max_random_size(task.limits.random)
        .stdout(TextOutput::new(journal.clone(), TextStream::Stdout))
        .stderr(TextOutput::new(journal.clone(), TextStream::Stderr))
        .envs(&task.grants.env);
    for (name, secret) in &task.grants.secrets {
        wasi.env(name, secret.reveal());
    }
    match contract {
        Contract::Task => {}
        Contract::Command02 | Contract::Command03 => {
            wasi.envs(&facts.environment());
            if let Some(payload) = &facts.run.payload {
                wasi.stdin(MemoryInputPipe::new(Bytes::from_owner(Stdin(Arc::clone(payload)))));
            }
        }
    }
    for folder in &task.grants.folders {
        let permissions = match folder.access {
            FolderAccess::ReadOnly => FsPerms::ReadOnly,
            FolderAccess::ReadWrite => FsPerms::ReadWrite,
        };
        let granted = Granted::open(folder)
            .map_err(|source| SetupError::Folder { folder: folder.host.display().to_string(), source })?;
        wasi.preopened_dir(granted.path(), &folder.guest, permissions)?;
    }
    Ok(wasi.build())
}

/// A payload as the bytes of stdin, without a copy.
struct Stdin(Arc<Blob>);

impl AsRef<[u8]> for Stdin {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// The interface has types and no functions.
impl types::Host for Guest {}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.door, table: &mut self.table, ctx: &mut self.http }
    }
}
