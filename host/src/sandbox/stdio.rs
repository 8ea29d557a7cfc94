//! A guest's stdout and stderr: they never block, never fail, and end up in the journal.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::sandbox::journal::{Journal, TextStream};

/// How much a guest may hand over in one write.
const WRITE: usize = 64 << 10;

/// A stream of text that the guest writes.
#[derive(Debug, Clone)]
pub(crate) struct TextOutput {
    journal: Journal,
    stream: TextStream,
}

impl TextOutput {
    /// The stream of a journal.
    pub(crate) fn new(journal: Journal, stream: TextStream) -> Self {
        Self { journal, stream }
    }
}

impl IsTerminal for TextOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for TextOutput {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl OutputStream for TextOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.journal.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE)
    }
}

#[async_trait]
impl Pollable for TextOutput {
    /// Always ready, but a flood of writes lets others run from time to time.
    async fn ready(&mut self) {
        tokio::task::consume_budget().await;
    }
}

impl AsyncWrite for TextOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // Under WASI 0.3 all that the guest has is handed over at once.
        let bytes = &bytes[..bytes.len().min(WRITE)];
        self.journal.write(self.stream, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::clock::Clock;
    use crate::model::limits::Limits;
    use crate::sandbox::redaction::Redaction;

    #[tokio::test]
    async fn no_write_is_longer_than_a_piece() {
        let journal = Journal::new(Clock::system(), &Limits::default(), Redaction::default());
        let mut output = TextOutput::new(journal, TextStream::Stdout);
        assert_eq!(AsyncWriteExt::write(&mut output, &[b'\n'; 3 * WRITE]).await.unwrap(), WRITE);
        assert_eq!(AsyncWriteExt::write(&mut output, b"short").await.unwrap(), 5);
    }
}
