//! The real program, asked over the network with a token that may start runs.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::client::{Connection, request};
use crate::host::Ground;
use crate::process::{AS_HOST, Hosted};

/// A host with a ledger of its own. Dropping it kills it.
pub(crate) struct Networked {
    pub address: SocketAddr,
    token: String,
    folder: TempDir,
    _hosted: Hosted,
}

impl Networked {
    /// Starts a host of these tasks, in TOML, with the plugins of the ground and every default but that it logs no runs;
    /// it answers when this returns.
    pub(crate) async fn start(ground: &Ground, tasks: &str) -> anyhow::Result<Self> {
        let folder = ground.scratch()?;
        let address = free_address()?;
        let plugins = fs::canonicalize(ground.plugins_folder())?;
        let config = folder.path().join("sandclock.toml");
        fs::write(&config, format!("[host]\nlisten = \"{address}\"\nplugins = {plugins:?}\n\n{tasks}"))?;
        let token = token(&config)?;
        let hosted = Hosted::start(&config, "warn")?;
        Connection::once_ready(address, &request("GET", "/readyz", &token)).await?;
        Ok(Self { address, token, folder, _hosted: hosted })
    }

    /// A request in full.
    pub(crate) fn request(&self, method: &str, path: &str) -> Vec<u8> {
        request(method, path, &self.token)
    }

    /// Connections to it.
    pub(crate) async fn connections(&self, count: usize) -> anyhow::Result<Vec<Connection>> {
        futures_util::future::try_join_all((0..count).map(|_| Connection::open(self.address))).await
    }

    /// Its state folder.
    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }
}

/// An address on this machine that nobody listens on.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Makes a token with which runs may be asked for, before the host starts.
fn token(config: &Path) -> anyhow::Result<String> {
    let mut create = Command::new("/proc/self/exe");
    create.args([AS_HOST, "token", "create", "bench", "--role", "operate", "--config"]).arg(config);
    let created = create.output().context("make a token")?;
    ensure!(created.status.success(), "no token was made: {}", String::from_utf8_lossy(&created.stderr));
    Ok(String::from_utf8(created.stdout)?.trim().to_owned())
}
