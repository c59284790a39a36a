//! A client connection with as little overhead as possible, so that the load generator does not limit the server.

use std::io::{Error, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1 << 16) })
    }

    /// Sends a request and waits for the whole response, which must have a `Content-Length`.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Reply<'_>> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let (status, start, length) = loop {
            self.read().await?;
            if let Some(head) = head(&self.buffer) {
                break head;
            }
        };
        while self.buffer.len() < start + length {
            self.read().await?;
        }
        Ok(Reply { status, body: &self.buffer[start..start + length] })
    }

    /// Sends a request and waits for the head of a response that does not end.
    pub(crate) async fn open_stream(&mut self, request: &[u8]) -> Result<u16> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        while !self.buffer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            self.read().await?;
        }
        status(&self.buffer).ok_or_else(|| Error::other("no HTTP"))
    }

    async fn read(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(Error::other("the server closed the connection")),
            _ => Ok(()),
        }
    }
}

fn status(reply: &[u8]) -> Option<u16> {
    std::str::from_utf8(reply.get(9..12)?).ok()?.parse().ok()
}

/// The status, the start of the body and its length, if the head is complete.
fn head(reply: &[u8]) -> Option<(u16, usize, usize)> {
    let end = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let lines = std::str::from_utf8(&reply[..end]).ok()?.split("\r\n");
    let length = lines.filter_map(|line| line.split_once(": ")).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().expect("a length"))
    });
    assert!(length.is_some(), "a reply with its length");
    Some((status(reply)?, end + 4, length?))
}
