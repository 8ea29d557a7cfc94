//! A small HTTP client, the same for every server that is measured: keep-alive connections, whole requests, and answers
//! whose length is said. It reads no more of an answer than it has to, since it shares the processors with the server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sandclock_host::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::host::PATIENCE;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What has come and is not taken yet.
    buffer: Vec<u8>,
}

/// An answer without its headers.
#[derive(Debug)]
pub(crate) struct Answered {
    pub status: u16,
    pub body: String,
}

/// A request in full, with a bearer token.
pub(crate) fn request(method: &str, path: &str, token: &str) -> Vec<u8> {
    let length = if method == "POST" { "content-length: 0\r\n" } else { "" };
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{length}\r\n").into_bytes()
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8192) })
    }

    /// Connects as soon as the server does, and waits until it answers this request well.
    pub(crate) async fn once_ready(address: SocketAddr, request: &[u8]) -> anyhow::Result<Self> {
        let ready = async {
            loop {
                if let Ok(mut connection) = Self::open(address).await
                    && connection.ask(request).await.is_ok_and(|answered| answered.status == 200)
                {
                    return connection;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.with_context(|| format!("{address} does not answer"))
    }

    /// Sends a request and takes its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answered> {
        self.stream.write_all(request).await?;
        loop {
            if let Some((head, body)) = measured(&self.buffer)? {
                let status = status(&self.buffer)?;
                while self.buffer.len() < head + body {
                    self.more().await?;
                }
                let text = String::from_utf8_lossy(&self.buffer[head..head + body]).into_owned();
                self.buffer.drain(..head + body);
                return Ok(Answered { status, body: text });
            }
            self.more().await?;
        }
    }

    /// Sends a request whose answer has no end, and counts how often these bytes come in it until it breaks off.
    pub(crate) async fn count(mut self, request: &[u8], needle: &[u8], count: impl Fn()) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        loop {
            self.more().await?;
            while let Some(at) = find(&self.buffer, needle) {
                self.buffer.drain(..at + needle.len());
                count();
            }
            // What may be the beginning of one stays.
            let stays = self.buffer.len().min(needle.len() - 1);
            self.buffer.drain(..self.buffer.len() - stays);
        }
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server hung up");
        Ok(())
    }
}

/// How many answers some connections get in a second when each asks again as soon as it is answered. Every answer has to
/// be 200.
pub(crate) async fn answers_per_second(
    clock: Clock,
    connections: &mut [Connection],
    request: &[u8],
    length: Duration,
) -> anyhow::Result<f64> {
    let started = clock.monotonic();
    let until = started + length;
    let asking = connections.iter_mut().map(|connection| async move {
        let mut answers = 0_u32;
        while clock.monotonic() < until {
            let Answered { status, body } = connection.ask(request).await?;
            ensure!(status == 200, "an answer was {status}: {body}");
            answers += 1;
        }
        anyhow::Ok(answers)
    });
    let answers = futures_util::future::try_join_all(asking).await?;
    Ok(f64::from(answers.iter().sum::<u32>()) / started.elapsed().as_secs_f64())
}

/// Where an answer's head ends and how long its body is, once its head is there.
fn measured(bytes: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    const END: &[u8] = b"\r\n\r\n";
    const LENGTH: &[u8] = b"content-length:";
    let Some(end) = find(bytes, END) else { return Ok(None) };
    for line in bytes[..end].split(|byte| *byte == b'\n') {
        if line.get(..LENGTH.len()).is_some_and(|name| name.eq_ignore_ascii_case(LENGTH)) {
            let length = std::str::from_utf8(&line[LENGTH.len()..])?.trim().parse()?;
            return Ok(Some((end + END.len(), length)));
        }
    }
    bail!("an answer without a length: {}", String::from_utf8_lossy(&bytes[..end]))
}

/// The number in `HTTP/1.1 200 OK`.
fn status(bytes: &[u8]) -> anyhow::Result<u16> {
    let status = bytes.get(9..12).context("no status")?;
    Ok(std::str::from_utf8(status)?.parse()?)
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_measured_by_its_head() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        assert_eq!(measured(answer).unwrap(), Some((answer.len() - 5, 5)));
        assert_eq!(status(answer).unwrap(), 201);
        assert_eq!(measured(&answer[..30]).unwrap(), None);
        assert!(measured(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
