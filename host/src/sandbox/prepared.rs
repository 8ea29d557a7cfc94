//! A plugin that is ready to run: linked, type-checked, and needing nothing but a store.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre};
use wasmtime_wasi::p2::bindings::CommandPre as Command02Pre;
use wasmtime_wasi::p3::bindings::CommandPre as Command03Pre;

use crate::clock::Clock;
use crate::model::limits::Limit;
use crate::model::outcome::{Failure, FailureKind};
use crate::model::payload::Blob;
use crate::sandbox::bindings::task::TaskPre;
use crate::sandbox::bindings::task::sandclock::task::types as wit;
use crate::sandbox::facts::Facts;
use crate::sandbox::guest::Guest;
use crate::sandbox::http::Network;
use crate::sandbox::keyvalue::KeyValue;
use crate::sandbox::live::Live;
use crate::sandbox::ticker::{Ticker, Ticking};
use crate::sandbox::verdict::Ending;
use crate::sandbox::{Contract, Ground, LoadError, Profile, Wasi, bounds};

/// A plugin that is ready to run. Cheap to clone; attempts share nothing but the code.
#[derive(Clone)]
pub struct Prepared(Arc<Parts>);

struct Parts {
    profile: Profile,
    /// Whether the engine carries data for it, between its own components or the ends of a stream: in one go, however much.
    carries: bool,
    ticker: Option<Arc<Ticker>>,
    entry: Entry,
    clock: Clock,
    network: Arc<Network>,
    keeper: Arc<dyn KeyValue>,
    live: Live,
}

/// The export that the host calls.
enum Entry {
    Task(TaskPre<Guest>),
    Command02(Command02Pre<Guest>),
    Command03(Command03Pre<Guest>),
}

impl Prepared {
    /// Links a component.
    pub(super) fn new(
        profile: Profile,
        ground: Ground,
        component: &Component,
        clock: Clock,
        network: Arc<Network>,
        keeper: Arc<dyn KeyValue>,
        live: Live,
    ) -> Result<Self, LoadError> {
        let component_type = component.component_type();
        let exports: Vec<&str> = component_type.exports(component.engine()).map(|(name, _)| name).collect();
        let contract = Contract::of_exports(exports.iter().copied())
            .ok_or_else(|| LoadError::Contract { found: exports.iter().map(|name| (*name).to_owned()).collect() })?;
        let pre = ground.linker.instantiate_pre(component).map_err(LoadError::Import)?;
        let entry = match contract {
            Contract::Task => TaskPre::new(pre).map(Entry::Task),
            Contract::Command02 => Command02Pre::new(pre).map(Entry::Command02),
            Contract::Command03 => Command03Pre::new(pre).map(Entry::Command03),
        };
        let entry = entry.and_then(|entry| check_export(contract, component).map(|()| entry));
        let entry = entry.map_err(|source| LoadError::Export { contract, source })?;
        // Strings are carried from one memory to another, and only WASI 0.3 has streams with two ends in a plugin.
        let one_memory = component.resources_required().is_some_and(|required| required.num_memories <= 1);
        let carries = !one_memory || profile.wasi == Wasi::V03;
        Ok(Self(Arc::new(Parts { profile, carries, ticker: ground.ticker, entry, clock, network, keeper, live })))
    }

    /// The profile it runs under.
    pub fn profile(&self) -> Profile {
        self.0.profile
    }

    /// What it promises.
    pub fn contract(&self) -> Contract {
        match &self.0.entry {
            Entry::Task(_) => Contract::Task,
            Entry::Command02(_) => Contract::Command02,
            Entry::Command03(_) => Contract::Command03,
        }
    }

    pub(super) fn clock(&self) -> Clock {
        self.0.clock
    }

    /// Has the clock tick for a guest that needs it.
    pub(super) fn ticking(&self) -> Option<Ticking> {
        self.0.ticker.as_ref().map(|ticker| ticker.ticking())
    }

    pub(super) fn network(&self) -> Arc<Network> {
        Arc::clone(&self.0.network)
    }

    /// Who keeps the key-value stores.
    pub(super) fn keeper(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.0.keeper)
    }

    /// Where attempts can be followed.
    pub(super) fn live(&self) -> &Live {
        &self.0.live
    }

    pub(super) fn instance_pre(&self) -> &InstancePre<Guest> {
        match &self.0.entry {
            Entry::Task(pre) => pre.instance_pre(),
            Entry::Command02(pre) => pre.instance_pre(),
            Entry::Command03(pre) => pre.instance_pre(),
        }
    }

    /// Instantiates the plugin in a store and calls it.
    pub(super) async fn call(&self, store: &mut Store<Guest>, facts: Facts<'_>) -> wasmtime::Result<Ending> {
        if self.0.carries || store.data().carried().call > bounds::LONG_CALL {
            store.data_mut().turn().look_at_each_call();
        }
        match &self.0.entry {
            Entry::Task(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let returned = instance.call_run(store, &facts.run_info()).await;
                Ok(match returned {
                    Ok(returned) => Ending::Returned(returned.map(output).map_err(failure)),
                    Err(error) => of_return(error.into()),
                })
            }
            Entry::Command02(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let returned = instance.wasi_cli_run().call_run(store).await?;
                Ok(exited(returned))
            }
            Entry::Command03(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let run = instance.wasi_cli_run();
                let returned = store.run_concurrent(async |accessor| run.call_run(accessor).await).await??;
                Ok(exited(returned))
            }
        }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("profile", &self.profile()).field("contract", &self.contract()).finish()
    }
}

/// Checks the type of the export that is going to be called. The engine would do so at each call.
fn check_export(contract: Contract, component: &Component) -> wasmtime::Result<()> {
    let (engine, component_type) = (component.engine(), component.component_type());
    let types = component_type.instance_type();
    let functions = component_type.exports(engine).filter_map(|(name, item)| match item.ty {
        ComponentItem::ComponentFunc(function) if name == "run" => Some(function),
        ComponentItem::ComponentInstance(instance) if Contract::of_exports([name]) == Some(contract) => {
            match instance.get_export(engine, "run")?.ty {
                ComponentItem::ComponentFunc(function) => Some(function),
                _ => None,
            }
        }
        _ => None,
    });
    for function in functions {
        match contract {
            Contract::Task => {
                function.typecheck::<(&wit::RunInfo,), (Result<Option<wit::Blob>, wit::Failure>,)>(&types)?;
            }
            Contract::Command02 | Contract::Command03 => function.typecheck::<(), (Result<(), ()>,)>(&types)?,
        }
    }
    Ok(())
}

/// What a task returns is read when none of its frames is left. What is refused then is no call's.
fn of_return(ending: Ending) -> Ending {
    match ending {
        Ending::AtLimit { limit: Limit::Hostcall, used, backtrace } if backtrace.is_empty() => {
            Ending::AtLimit { limit: Limit::Output, used, backtrace }
        }
        ending => ending,
    }
}

/// A program that returns an error has said no more than an exit code of 1 would.
fn exited(returned: Result<(), ()>) -> Ending {
    Ending::Exited(if returned.is_ok() { 0 } else { 1 })
}

fn output(output: Option<wit::Blob>) -> Option<Blob> {
    output.map(|blob| Blob { content_type: blob.content_type, bytes: blob.bytes })
}

fn failure(failure: wit::Failure) -> Failure {
    match failure {
        wit::Failure::Transient(wit::TransientFailure { message, retry_after }) => Failure {
            kind: FailureKind::Transient { retry_after: retry_after.map(std::time::Duration::from_millis) },
            message,
        },
        wit::Failure::Permanent(message) => Failure { kind: FailureKind::Permanent, message },
    }
}
