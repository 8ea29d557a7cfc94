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
