//! The door to what WASI 0.3 does with files and folders in calls that may wait: only so few go on at once.
//!
//! Each takes one of the threads for blocking calls, which all tasks' files and lookups of names share. A guest can begin a
//! thousand such calls and let go of them: the call is gone then, and what it began goes on. So each works on a descriptor
//! of its own, and counts until nobody has that any more.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use tokio::sync::Semaphore;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir, File, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::filesystem::types as p3;
use wasmtime_wasi::p3::filesystem::{FilesystemError, FilesystemResult};

use crate::sandbox::bounds;
use crate::sandbox::guest::Guest;

type Borrowed = Resource<Descriptor>;

/// What goes on in the folders of a guest.
#[derive(Debug, Default)]
pub(crate) struct FileCalls {
    /// For the calls that somebody waits for; made with the first of them.
    places: Option<Arc<Semaphore>>,
    /// What each call works on, those included that nobody waits for.
    on: Vec<Weak<std::fs::File>>,
}

impl FileCalls {
    fn places(&mut self) -> Arc<Semaphore> {
        Arc::clone(self.places.get_or_insert_with(|| Arc::new(Semaphore::new(bounds::FILE_CALLS))))
    }

    /// Whether one more may begin.
    fn may_begin(&mut self) -> bool {
        self.on.retain(|one| one.strong_count() > 0);
        self.on.len() < bounds::FILE_CALLS
    }
}

/// Puts the door in the place of the library's, but for `open-at`.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut types = linker.instance("wasi:filesystem/types@0.3.0")?;
    // A call of the library's, the arguments that it has, and which of them are paths.
    macro_rules! call {
        ($name:literal, $method:ident($($argument:ident: $type:ty),*) $(, $path:ident)*) => {
            types.func_wrap_concurrent(
                concat!("[method]descriptor.", $name),
                |store, (file, $($argument,)*): (Borrowed, $($type,)*)| Box::pin(async move {
                    use p3::HostDescriptorWithStore as _;
                    if [$($path.len()),*].into_iter().any(is_too_long) {
                        return Ok((Err(p3::ErrorCode::NameTooLong),));
                    }
                    let files = store.with_getter::<WasiFilesystem>(Guest::filesystem);
                    let call = |lent| WasiFilesystem::$method(&files, lent, $($argument),*);
                    Ok((carried_out(store, &file, call).await?,))
                }),
            )?
        };
    }
    call!("advise", advise(offset: u64, length: u64, advice: p3::Advice));
    call!("sync-data", sync_data());
    call!("get-flags", get_flags());
    call!("get-type", get_type());
    call!("set-size", set_size(size: u64));
    call!("set-times", set_times(accessed: p3::NewTimestamp, modified: p3::NewTimestamp));
    call!("sync", sync());
    call!("create-directory-at", create_directory_at(path: String), path);
    call!("stat", stat());
    call!("stat-at", stat_at(flags: p3::PathFlags, path: String), path);
    call!("set-times-at", set_times_at(
        flags: p3::PathFlags, path: String, accessed: p3::NewTimestamp, modified: p3::NewTimestamp), path);
    call!("link-at", link_at(flags: p3::PathFlags, old: String, folder: Borrowed, new: String), old, new);
    call!("readlink-at", readlink_at(path: String), path);
    call!("remove-directory-at", remove_directory_at(path: String), path);
    call!("rename-at", rename_at(old: String, folder: Borrowed, new: String), old, new);
    call!("symlink-at", symlink_at(old: String, new: String), old, new);
    call!("unlink-file-at", unlink_file_at(path: String), path);
    call!("metadata-hash", metadata_hash());
    call!("metadata-hash-at", metadata_hash_at(flags: p3::PathFlags, path: String), path);
    types.func_wrap_concurrent("[method]descriptor.is-same-object", |store, (file, other): (Borrowed, Borrowed)| {
        Box::pin(async move {
            use p3::HostDescriptorWithStore as _;
            let files = store.with_getter::<WasiFilesystem>(Guest::filesystem);
            let call = |lent| async {
                WasiFilesystem::is_same_object(&files, lent, other).await.map_err(FilesystemError::trap)
            };
            // It has no way to say no.
            let same = carried_out(store, &file, call).await?;
            Ok((same.map_err(|_| wasmtime::Error::msg(too_many()))?,))
        })
    })
}

/// Whether no file has a path of so many bytes.
pub(super) fn is_too_long(path: usize) -> bool {
    path > bounds::PATH
}

/// Has the library carry out a call on a file or folder when there is a place for it.
pub(super) async fn carried_out<T, F>(
    store: &Accessor<Guest>,
    file: &Borrowed,
    call: impl FnOnce(Borrowed) -> F,
) -> wasmtime::Result<Result<T, p3::ErrorCode>>
where
    F: Future<Output = FilesystemResult<T>>,
{
    let places = store.with(|mut store| store.get().file_calls().places());
    let _place = places.acquire_owned().await;
    let own = match store.with(|mut store| its_own(store.get(), file))? {
        Ok(own) => own,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut call = pin!(call(Resource::new_borrow(own.rep())));
    // The library takes what it works on with it before it first waits. So nothing of it is left in the table, whenever
    // the guest lets go.
    let begun = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
    store.with(|mut store| store.get().table().delete(own))?;
    let done = match begun {
        Poll::Ready(done) => done,
        Poll::Pending => call.await,
    };
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(error) => error.downcast().map(Err),
    }
}

/// A descriptor of a call's own, by which it is counted.
fn its_own(guest: &mut Guest, file: &Borrowed) -> wasmtime::Result<Result<Borrowed, p3::ErrorCode>> {
    if !guest.file_calls().may_begin() {
        guest.journal().refusal(too_many());
        return Ok(Err(p3::ErrorCode::InsufficientMemory));
    }
    let own = match guest.table().get(file)? {
        Descriptor::File(file) => {
            file.file.try_clone().map(|own| Descriptor::File(File::new(own, file.perms, file.open_mode, false)))
        }
        Descriptor::Dir(folder) => {
            folder.dir.try_clone().map(|own| Descriptor::Dir(Dir::new(own, folder.perms, folder.open_mode, false)))
        }
    };
    let own = match own {
        Ok(own) => own,
        Err(error) => return Ok(Err(error.into())),
    };
    let counted = match &own {
        Descriptor::File(file) => Arc::downgrade(&file.file),
        Descriptor::Dir(folder) => Arc::downgrade(&folder.dir),
    };
    guest.file_calls().on.push(counted);
    Ok(Ok(guest.table().push(own)?))
}

fn too_many() -> String {
    format!("{} calls work on files and folders, and no more may at once", bounds::FILE_CALLS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_until_what_it_began_has_ended() {
        let mut calls = FileCalls::default();
        let mut working = Vec::new();
        while calls.may_begin() {
            let file = Arc::new(std::fs::File::open("/dev/null").unwrap());
            calls.on.push(Arc::downgrade(&file));
            working.push(file);
        }
        assert_eq!(working.len(), bounds::FILE_CALLS);
        working.pop();
        assert!(calls.may_begin());
    }
}
