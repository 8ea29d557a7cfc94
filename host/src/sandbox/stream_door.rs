//! The door to output streams: no write carries more than any stream permits.
//!
//! The library leaves it to each stream to refuse what it did not permit, and those to files do not: each took as much as
//! a call can carry, on a thread of its own.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::DynOutputStream;
use wasmtime_wasi::p2::bindings::io::streams::{Host as _, HostOutputStream as _, StreamError};

use crate::sandbox::bounds;
use crate::sandbox::guest::Guest;

/// Puts the door in the place of the library's.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance("wasi:io/streams@0.2.12")?.func_wrap(
        "[method]output-stream.write",
        |mut store, (stream, bytes): (Resource<DynOutputStream>, Vec<u8>)| {
            Ok((write(store.data_mut(), stream, bytes)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

fn write(
    guest: &mut Guest,
    stream: Resource<DynOutputStream>,
    bytes: Vec<u8>,
) -> wasmtime::Result<Result<(), StreamError>> {
    if bytes.len() > bounds::STREAM_WRITE {
        wasmtime::bail!("{} bytes in one write, where check-write permits 64 KiB at most", bytes.len());
    }
    let table = guest.table();
    match table.write(stream, bytes) {
        Ok(()) => Ok(Ok(())),
        Err(error) => table.convert_stream_error(error).map(Err),
    }
}
