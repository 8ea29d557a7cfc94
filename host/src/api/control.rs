//! The control socket: a Unix socket in the state folder, over which the host's user asks things of it.
//!
//! It is reached through the open folder's number, since a socket's own path may have no more than 107 bytes.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::server::{Door, Listener, Peer};

/// The socket's name in the state folder.
const NAME: &str = "control.sock";

/// Whether there is a socket in a state folder: of a host that runs, or of one that was killed.
pub fn is_there(state: &Path) -> bool {
    state.join(NAME).exists()
}

/// A socket that listens. Its file goes when this is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    listener: Option<StdUnixListener>,
}

impl Socket {
    /// Makes the socket in a folder that is ours alone: one that is there already was left by a host that was killed.
    pub(super) fn bind(state: &Path) -> io::Result<Self> {
        let path = state.join(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let folder = File::open(state)?;
        let listener = StdUnixListener::bind(within(&folder))?;
        let socket = Self { path, listener: Some(listener) };
        fs::set_permissions(&socket.path, Permissions::from_mode(0o600))?;
        Ok(socket)
    }

    /// Takes the listener out, to accept connections with.
    pub(super) fn listener(&mut self) -> io::Result<UnixListener> {
        let listener = self.listener.take().ok_or(io::ErrorKind::NotConnected)?;
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It is in nobody's way: the next host removes it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Listener for UnixListener {
    type Raw = UnixStream;
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.accept().await?;
        let uid = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, Peer { uid, address: None, door: Door::Control }))
    }

    fn agree(&self, raw: UnixStream) -> impl Future<Output = io::Result<UnixStream>> + Send + 'static {
        std::future::ready(Ok(raw))
    }

    fn door(&self) -> Door {
        Door::Control
    }
}

/// Connects to the host that serves a state folder; none if there is no such host.
///
/// # Errors
///
/// If there is one and it cannot be reached.
pub async fn connect(state: &Path) -> io::Result<Option<UnixStream>> {
    let absent = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
    let connected = match File::open(state) {
        Ok(folder) => UnixStream::connect(within(&folder)).await,
        Err(error) => Err(error),
    };
    match connected {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The socket by a short path, while the folder is open.
fn within(folder: &File) -> PathBuf {
    format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_its_users_alone_and_outlives_a_long_path_and_a_killed_host() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("x".repeat(120));
        assert!(connect(&state).await.unwrap().is_none(), "no folder");
        fs::create_dir(&state).unwrap();
        assert!(connect(&state).await.unwrap().is_none(), "no socket");
        let mut left = Socket::bind(&state).unwrap();
        let mode = fs::metadata(state.join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(connect(&state).await.unwrap().is_some());
        left.listener = None;
        assert!(connect(&state).await.unwrap().is_none(), "nobody listens");
        std::mem::forget(left);
        let socket = Socket::bind(&state).unwrap();
        assert!(connect(&state).await.unwrap().is_some());
        drop(socket);
        assert!(!state.join(NAME).exists());
    }
}
