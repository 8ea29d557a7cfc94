//! The door to granted folders: what is opened is a file or a folder, and nothing else, and only so many at once.
//!
//! To open a pipe waits for somebody at its other end, on a thread that the library lends for file operations, and that
//! thread goes on waiting when the guest is gone. Some hundred of these would keep all guests from all files. So the
//! library's own `open-at` is asked only after a look at what is there.

use std::any::Any;
use std::iter;
use std::sync::Arc;

use wasmtime::component::{Access, Accessor, FutureReader, Linker, Resource, StreamReader};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystem, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult, ReaddirIterator};
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

use crate::sandbox::file_calls_door::{self, carried_out, is_too_long};
use crate::sandbox::guest::Guest;
use crate::sandbox::{Profile, Wasi, bounds};

const OPEN: &str = "[method]descriptor.open-at";
const READ: &str = "[method]descriptor.read-via-stream";
const WRITE: &str = "[method]descriptor.write-via-stream";
const APPEND: &str = "[method]descriptor.append-via-stream";
const LIST: &str = "[method]descriptor.read-directory";

type File = Resource<Descriptor>;
type Open2 = (File, p2::PathFlags, String, p2::OpenFlags, p2::DescriptorFlags);
type Open3 = (File, p3::PathFlags, String, p3::OpenFlags, p3::DescriptorFlags);
/// How an operation on a stream of WASI 0.3 ends.
type End3 = FutureReader<Result<(), p3::ErrorCode>>;
type Folder3<'a> = Access<'a, Guest, WasiFilesystem>;

/// Puts the door in the place of the library's, under every version that the profile serves.
pub(super) fn add_to_linker(profile: Profile, linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut files = linker.instance("wasi:filesystem/types@0.2.12")?;
    files.func_wrap_async(OPEN, |mut store, asked: Open2| {
        Box::new(async move { Ok((open_2(store.data_mut(), asked).await?,)) })
    })?;
    files.func_wrap(READ, |mut store, (file, offset): (File, u64)| {
        use p2::HostDescriptor as _;
        Ok((stream_2::<DynInputStream>(store.data_mut(), |files| files.read_via_stream(file, offset))?,))
    })?;
    files.func_wrap(WRITE, |mut store, (file, offset): (File, u64)| {
        use p2::HostDescriptor as _;
        Ok((stream_2::<DynOutputStream>(store.data_mut(), |files| files.write_via_stream(file, offset))?,))
    })?;
    files.func_wrap(APPEND, |mut store, (file,): (File,)| {
        use p2::HostDescriptor as _;
        Ok((stream_2::<DynOutputStream>(store.data_mut(), |files| files.append_via_stream(file))?,))
    })?;
    files.func_wrap_async(LIST, |mut store, (folder,): (File,)| {
        Box::new(async move { Ok((list_2(store.data_mut(), folder).await?,)) })
    })?;
    if profile.wasi == Wasi::V03 {
        let mut files = linker.instance("wasi:filesystem/types@0.3.0")?;
        files.func_wrap_concurrent(OPEN, |store, asked: Open3| {
            Box::pin(async move { Ok((open_3(store, asked).await?,)) })
        })?;
        files.func_wrap(READ, |store, (file, offset): (File, u64)| Ok((read_3(files_of(store), file, offset)?,)))?;
        files.func_wrap(WRITE, |store, (file, data, offset): (File, StreamReader<u8>, u64)| {
            use p3::HostDescriptorWithStore as _;
            let write = |files: Folder3<'_>, data| WasiFilesystem::write_via_stream(files, file, data, offset);
            Ok((write_3(files_of(store), data, write)?,))
        })?;
        files.func_wrap(APPEND, |store, (file, data): (File, StreamReader<u8>)| {
            use p3::HostDescriptorWithStore as _;
            let append = |files: Folder3<'_>, data| WasiFilesystem::append_via_stream(files, file, data);
            Ok((write_3(files_of(store), data, append)?,))
        })?;
        files.func_wrap(LIST, |store, (folder,): (File,)| Ok((list_3(store, folder)?,)))?;
        file_calls_door::add_to_linker(linker)?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

async fn open_2(
    guest: &mut Guest,
    (folder, path_flags, path, open_flags, flags): Open2,
) -> wasmtime::Result<Result<File, p2::ErrorCode>> {
    use p2::HostDescriptor as _;
    if is_too_long(path.len()) {
        return Ok(Err(p2::ErrorCode::NameTooLong));
    }
    let Some(_room) = room(guest) else { return Ok(Err(p2::ErrorCode::InsufficientMemory)) };
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
        Ok(opened) => {
            count(guest, &opened)?;
            Ok(Ok(opened))
        }
        Err(error) => error.downcast().map(Err),
    }
}

/// Makes a stream, if there is room for it.
fn stream_2<T: 'static>(
    guest: &mut Guest,
    make: impl FnOnce(&mut WasiFilesystemCtxView<'_>) -> FsResult<Resource<T>>,
) -> wasmtime::Result<Result<Resource<T>, p2::ErrorCode>> {
    let Some(_room) = room(guest) else { return Ok(Err(p2::ErrorCode::InsufficientMemory)) };
    match make(&mut guest.filesystem()) {
        Ok(stream) => Ok(Ok(stream)),
        Err(error) => error.downcast().map(Err),
    }
}

/// Lists a folder. The library holds all of it until the guest lets go.
async fn list_2(guest: &mut Guest, folder: File) -> wasmtime::Result<Result<Resource<ReaddirIterator>, p2::ErrorCode>> {
    use p2::HostDescriptor as _;
    let listings = guest.table().iter_mut().filter(|entry| entry.is::<ReaddirIterator>()).count();
    if listings >= bounds::LISTINGS {
        guest.journal().refusal(too_many_listings());
        return Ok(Err(p2::ErrorCode::InsufficientMemory));
    }
    match guest.filesystem().read_directory(folder).await {
        Ok(listing) => Ok(Ok(listing)),
        Err(error) => error.downcast().map(Err),
    }
}

async fn open_3(
    store: &Accessor<Guest>,
    (folder, path_flags, path, open_flags, flags): Open3,
) -> wasmtime::Result<Result<File, p3::ErrorCode>> {
    use p3::HostDescriptorWithStore as _;
    if is_too_long(path.len()) {
        return Ok(Err(p3::ErrorCode::NameTooLong));
    }
    let Some(_room) = store.with(|mut store| room(store.get())) else {
        return Ok(Err(p3::ErrorCode::InsufficientMemory));
    };
    let files = store.with_getter::<WasiFilesystem>(Guest::filesystem);
    let look = |lent| WasiFilesystem::stat_at(&files, lent, path_flags, path.clone());
    let there = carried_out(store, &folder, look).await?.map(|stat| stat.type_);
    let blocks = |kind: p3::DescriptorType| {
        !matches!(
            kind,
            p3::DescriptorType::RegularFile | p3::DescriptorType::Directory | p3::DescriptorType::SymbolicLink
        )
    };
    // There was no place to look, so nothing is known.
    if let Err(p3::ErrorCode::InsufficientMemory) = there {
        return Ok(Err(p3::ErrorCode::InsufficientMemory));
    }
    if there.is_ok_and(blocks) {
        store.with(|mut store| store.get().journal().refusal(refusal(&path)));
        return Ok(Err(p3::ErrorCode::NotPermitted));
    }
    let open = |lent| WasiFilesystem::open_at(&files, lent, path_flags, path, open_flags, flags);
    let opened = carried_out(store, &folder, open).await?;
    if let Ok(opened) = &opened {
        store.with(|mut store| count(store.get(), opened))?;
    }
    Ok(opened)
}

fn read_3(mut store: Folder3<'_>, file: File, offset: u64) -> wasmtime::Result<(StreamReader<u8>, End3)> {
    use p3::HostDescriptorWithStore as _;
    match room(store.data_mut()) {
        Some(_room) => WasiFilesystem::read_via_stream(store, file, offset),
        None => Ok((StreamReader::new(&mut store, iter::empty())?, refused_3(store)?)),
    }
}

fn write_3<'a>(
    mut store: Folder3<'a>,
    mut data: StreamReader<u8>,
    write: impl FnOnce(Folder3<'a>, StreamReader<u8>) -> wasmtime::Result<End3>,
) -> wasmtime::Result<End3> {
    match room(store.data_mut()) {
        Some(_room) => write(store, data),
        None => {
            data.close(&mut store)?;
            refused_3(store)
        }
    }
}

/// Lists a folder. The library has a thread wait until the guest takes what is listed.
fn list_3(
    mut store: StoreContextMut<'_, Guest>,
    folder: File,
) -> wasmtime::Result<(StreamReader<p3::DirectoryEntry>, End3)> {
    use p3::HostDescriptorWithStore as _;
    let guest = store.data_mut();
    if !guest.open_files().may_list() {
        guest.journal().refusal(too_many_listings());
        return Ok((StreamReader::new(&mut store, iter::empty())?, refused_3(store)?));
    }
    let Descriptor::Dir(folder) = guest.table().get(&folder)? else {
        return WasiFilesystem::read_directory(files_of(store), folder);
    };
    // A folder of the listing's own, so that the end of the listing is that of the folder.
    let own = Dir::new(folder.dir.try_clone()?, folder.perms, folder.open_mode, false);
    let open = Arc::clone(&own.dir);
    let own = guest.table().push(Descriptor::Dir(own))?;
    guest.open_files().listing(&open);
    drop(open);
    let lent = Resource::new_borrow(own.rep());
    let listed = WasiFilesystem::read_directory(files_of(store.as_context_mut()), lent);
    store.data_mut().table().delete(own)?;
    listed
}

fn files_of(store: StoreContextMut<'_, Guest>) -> Folder3<'_> {
    Access::new(store, |guest| guest.filesystem())
}

fn refused_3(store: impl AsContextMut<Data = Guest>) -> wasmtime::Result<End3> {
    FutureReader::new(store, async { wasmtime::error::Ok(Err(p3::ErrorCode::InsufficientMemory)) })
}

/// Room for one more open file, folder or stream; says if there is none.
fn room(guest: &mut Guest) -> Option<Arc<dyn Any + Send + Sync>> {
    let room = guest.open_files().room();
    if room.is_none() {
        let most = bounds::OPEN_FILES;
        guest.journal().refusal(format!("{most} files, folders and streams to them are open, and no more may be"));
    }
    room
}

/// Counts what was opened.
fn count(guest: &mut Guest, opened: &File) -> wasmtime::Result<()> {
    let file = match guest.table().get(opened)? {
        Descriptor::File(file) => Arc::clone(&file.file),
        Descriptor::Dir(folder) => Arc::clone(&folder.dir),
    };
    guest.open_files().opened(&file);
    Ok(())
}

fn too_many_listings() -> String {
    format!("{} folders are being listed, and no more may be at once", bounds::LISTINGS)
}

fn refusal(path: &str) -> String {
    format!("{path:?} was not opened: in a granted folder, only files and folders are, and no pipes or devices")
}
