//! Servers that misbehave.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Servers that misbehave, each in its way, until this is dropped.
pub(super) struct Peers {
    addresses: Vec<(&'static str, SocketAddr)>,
    _runtime: Runtime,
}

/// What a server does with a request.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Nothing.
    Silent,
    /// Sends a byte of its body now and then.
    Slow,
    /// Sends a body without end.
    Endless,
    /// Sends headers without end.
    Headers,
    /// Sends the guest to where it may not go.
    Redirect,
}

impl Peers {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let manners = [
            ("silent", Manner::Silent),
            ("slow", Manner::Slow),
            ("endless", Manner::Endless),
            ("headers", Manner::Headers),
            ("redirect", Manner::Redirect),
        ];
        let start = |(name, manner)| {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let address = listener.local_addr().unwrap();
            runtime.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // A guest that goes away is nothing to report.
                    tokio::spawn(async move { drop(misbehave(stream, manner).await) });
                }
            });
            (name, address)
        };
        let addresses = manners.map(start).to_vec();
        Self { addresses, _runtime: runtime }
    }

    pub(super) fn address(&self, name: &str) -> SocketAddr {
        let known = self.addresses.iter().find(|(known, _)| *known == name);
        known.unwrap_or_else(|| panic!("no server {name}")).1
    }
}

async fn misbehave(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
    // The first bytes of the request are enough to know that there is one.
    let mut request = [0; 1024];
    let _ = stream.read(&mut request).await?;
    match manner {
        Manner::Silent => std::future::pending().await,
        Manner::Slow => {
            stream.write_all(&[OK, b"content-length: 1000\r\n\r\n"].concat()).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
        Manner::Endless => {
            stream.write_all(&[OK, b"\r\n"].concat()).await?;
            loop {
                stream.write_all(&[b'x'; 16 << 10]).await?;
            }
        }
        Manner::Headers => {
            stream.write_all(OK).await?;
            loop {
                stream.write_all(b"x-more: and more and more and more\r\n").await?;
            }
        }
        Manner::Redirect => {
            stream
                .write_all(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
                .await
        }
    }
}
