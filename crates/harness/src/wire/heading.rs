//! A connection on which the first request has one more header field than HTTP's library would write.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Puts a field behind the request line.
pub(crate) struct Heading<S> {
    stream: S,
    field: Option<(String, String)>,
    /// What is still to be written, and how many octets of the caller's it stands for.
    pending: Vec<u8>,
    taken: usize,
}

impl<S> Heading<S> {
    pub(crate) const fn new(stream: S, field: Option<(String, String)>) -> Self {
        Self { stream, field, pending: Vec::new(), taken: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heading<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heading<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let line = octets.windows(2).position(|end| end == b"\r\n").map(|end| end.saturating_add(2));
        if let Some((line, rest)) = line.and_then(|line| octets.split_at_checked(line))
            && let Some((name, value)) = self.field.take()
        {
            self.pending = [line, format!("{name}: {value}\r\n").as_bytes(), rest].concat();
            self.taken = octets.len();
        }
        while !self.pending.is_empty() {
            let Self { stream, pending, .. } = &mut *self;
            let written = ready!(Pin::new(stream).poll_write(context, pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            pending.drain(..written);
        }
        match std::mem::take(&mut self.taken) {
            0 => Pin::new(&mut self.stream).poll_write(context, octets),
            taken => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn the_first_request_has_one_more_field() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let written = runtime.block_on(async {
            // Less than one line fits at a time.
            let (here, mut there) = tokio::io::duplex(5);
            let mut here = Heading::new(here, Some(("content-length".to_owned(), "1".to_owned())));
            let reading = async {
                let mut read = String::new();
                there.read_to_string(&mut read).await.unwrap();
                read
            };
            let writing = async {
                here.write_all(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nab").await.unwrap();
                here.write_all(b"c\r\n").await.unwrap();
                here.shutdown().await.unwrap();
            };
            tokio::join!(reading, writing).0
        });
        assert_eq!(written, "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nabc\r\n");
    }
}
