//! The door to granted folders: what is opened is a file or a folder, and nothing else.
//!
//! To open a pipe waits for somebody at its other end, on a thread that the library lends for file operations, and that
//! thread goes on waiting when the guest is gone. Some hundred of these would keep all guests from all files. So the
//! library's own `open-at` is asked only after a look at what is there.

use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

use crate::sandbox::guest::Guest;
use crate::sandbox::{Profile, Wasi};

const OPEN: &str = "[method]descriptor.open-at";

type Open2 = (Resource<Descriptor>, p2::PathFlags, String, p2::OpenFlags, p2::DescriptorFlags);
type Open3 = (Resource<Descriptor>, p3::PathFlags, String, p3::OpenFlags, p3::DescriptorFlags);

/// Puts the door in the place of the library's, under every version that the profile serves.
pub(super) fn add_to_linker(profile: Profile, linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance("wasi:filesystem/types@0.2.12")?.func_wrap_async(OPEN, |mut store, asked: Open2| {
        Box::new(async move { Ok((open_2(store.data_mut(), asked).await?,)) })
    })?;
    if profile.wasi == Wasi::V03 {
        linker.instance("wasi:filesystem/types@0.3.0")?.func_wrap_concurrent(OPEN, |store, asked: Open3| {
            Box::pin(async move { Ok((open_3(store, asked).await?,)) })
        })?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

async fn open_2(
    guest: &mut Guest,
    (folder, path_flags, path, open_flags, flags): Open2,
) -> wasmtime::Result<Result<Resource<Descriptor>, p2::ErrorCode>> {
    use p2::HostDescriptor as _;
    let mut files = guest.filesystem();
    let same = Resource::new_borrow(folder.rep());
    // What cannot be looked at may be about to be made, and the library has its own words for anything else.
    let there = files.stat_at(same, path_flags, path.clone()).await.map(|stat| stat.type_);
    let blocks = |kind| {
        !matches!(
            kind,
            p2::DescriptorType::RegularFile | p2::DescriptorType::Directory | p2::DescriptorType::SymbolicLink
        )
    };
    if there.is_ok_and(blocks) {
        guest.journal().refusal(refusal(&path));
        return Ok(Err(p2::ErrorCode::NotPermitted));
    }
    match files.open_at(folder, path_flags, path, open_flags, flags).await {
        Ok(opened) => Ok(Ok(opened)),
        Err(error) => error.downcast().map(Err),
    }
}

async fn open_3(
    store: &Accessor<Guest>,
    (folder, path_flags, path, open_flags, flags): Open3,
) -> wasmtime::Result<Result<Resource<Descriptor>, p3::ErrorCode>> {
    use p3::HostDescriptorWithStore as _;
    let files = store.with_getter::<WasiFilesystem>(Guest::filesystem);
    let same = Resource::new_borrow(folder.rep());
    let there = WasiFilesystem::stat_at(&files, same, path_flags, path.clone()).await.map(|stat| stat.type_);
    let blocks = |kind: p3::DescriptorType| {
        !matches!(
            kind,
            p3::DescriptorType::RegularFile | p3::DescriptorType::Directory | p3::DescriptorType::SymbolicLink
        )
    };
    if there.is_ok_and(blocks) {
        store.with(|mut store| store.get().journal().refusal(refusal(&path)));
        return Ok(Err(p3::ErrorCode::NotPermitted));
    }
    match WasiFilesystem::open_at(&files, folder, path_flags, path, open_flags, flags).await {
        Ok(opened) => Ok(Ok(opened)),
        Err(error) => error.downcast().map(Err),
    }
}

fn refusal(path: &str) -> String {
    format!("{path:?} was not opened: in a granted folder, only files and folders are, and no pipes or devices")
}
