//! Limits the memory for large heads of requests, whose senders are unknown until the head has been read. Access tokens
//! contain the user's custom data, so the head of an honest request may have several megabytes.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use portcullis::auth::token::MAX_OWN_TOKEN;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::streams::{Open, Opened};

/// The largest head of a request, in bytes: that of one with the longest token.
pub(crate) const MAX_HEAD: usize = MAX_OWN_TOKEN + SMALL;

/// The size in bytes up to which heads are not limited in number.
const SMALL: usize = 64 * 1024;

/// The requests with a larger head, in total and from one network.
static LARGE_HEADS: LazyLock<Arc<Open>> = LazyLock::new(|| Open::new(32, 8));

/// The head that a connection is receiving.
pub(crate) struct Head {
    network: IpAddr,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Whether the head has been received, so that what follows is a body.
    is_complete: bool,
    bytes: usize,
    /// The place among the large heads.
    large: Option<Opened>,
}

impl Head {
    pub(crate) fn new(network: IpAddr) -> Arc<Self> {
        Arc::new(Self { network, progress: Mutex::default() })
    }

    /// Declares that the head has been received. Its memory stays reserved until the result is dropped, when the
    /// connection waits for the head of the next request.
    pub(crate) fn received(self: &Arc<Self>) -> Received {
        self.progress().is_complete = true;
        Received(Arc::clone(self))
    }

    /// The number of bytes that may be read next.
    fn allowance(&self) -> io::Result<usize> {
        let mut progress = self.progress();
        if progress.is_complete || progress.large.is_some() {
            return Ok(usize::MAX);
        }
        match SMALL.checked_sub(progress.bytes) {
            Some(left) if left > 0 => Ok(left),
            _ => {
                let large = LARGE_HEADS.take(self.network);
                progress.large = Some(large.ok_or_else(|| io::Error::other("too many requests with a large head"))?);
                Ok(usize::MAX)
            }
        }
    }

    fn count(&self, bytes: usize) {
        let mut progress = self.progress();
        progress.bytes = progress.bytes.saturating_add(bytes);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose head has been received.
pub(crate) struct Received(Arc<Head>);

impl Drop for Received {
    fn drop(&mut self) {
        *self.0.progress() = Progress::default();
    }
}

/// A connection that fails if its head is large and there are too many others.
pub(crate) struct Metered<S> {
    stream: S,
    head: Arc<Head>,
}

impl<S> Metered<S> {
    pub(crate) const fn new(stream: S, head: Arc<Head>) -> Self {
        Self { stream, head }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let allowance = self.head.allowance()?;
        if allowance >= buffer.remaining() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
            self.head.count(buffer.filled().len().saturating_sub(before));
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(allowance));
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
            let read = part.filled().len();
            buffer.advance(read);
            self.head.count(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
