//! What guests can import: one line for each interface or family of them.

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::sandbox::bindings::{logging, task};
use crate::sandbox::guest::Guest;
use crate::sandbox::http::wasi_door;
use crate::sandbox::{Profile, Wasi, file_door, http_parts_door, stream_door};

/// Everything that the host serves under a profile.
pub(super) fn linker(profile: Profile, engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if profile.wasi == Wasi::V03 {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    }
    file_door::add_to_linker(profile, &mut linker)?;
    stream_door::add_to_linker(&mut linker)?;
    http_parts_door::add_to_linker(profile, &mut linker)?;
    wasi_door::add_to_linker(profile, &mut linker)?;
    task::Task::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    logging::Imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    #[cfg(test)]
    faults(&mut linker)?;
    Ok(linker)
}

/// Host functions that panic: at once, and after a wait.
#[cfg(test)]
fn faults(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut faults = linker.instance("sandclock:test/faults")?;
    faults.func_wrap("panic", |_, (): ()| -> wasmtime::Result<()> { panic!("a test's fault") })?;
    faults.func_wrap_async("panic-later", |_, (): ()| -> Box<dyn Future<Output = wasmtime::Result<()>> + Send> {
        Box::new(async {
            tokio::task::yield_now().await;
            panic!("a test's fault")
        })
    })
}
