//! The control socket: a Unix socket in the state folder, over which the host's user asks things of it.
//!
//! It is reached through the open folder's number, since a socket's own path may have no more than 107 bytes.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::{UnixListener, UnixStream};

/// The socket's name in the state folder.
const NAME: &str = "control.sock";

/// A socket that listens. Its file goes when this is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    listener: Option<StdUnixListener>,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// The user, as it is noted beside what was asked.
    pub(super) name: String,
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

    /// Answers until this is dropped.
    pub(super) async fn serve(mut self, routes: Router) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        axum::serve(listener, routes.into_make_service_with_connect_info::<Peer>()).await
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It is in nobody's way: the next host removes it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let name = match stream.io().peer_cred() {
            Ok(peer) => format!("uid {}", peer.uid()),
            Err(_) => "unknown".to_owned(),
        };
        Self { name }
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
