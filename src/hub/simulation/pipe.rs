//! A connection without a network: bytes both ways, as many as the client is willing to take, until it is cut.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Default)]
pub struct Inside {
    /// What the client has sent and the server has not read.
    up: VecDeque<u8>,
    /// What the server has written and the client has not read.
    pub down: Vec<u8>,
    /// How much of that there may be.
    pub room: usize,
    cut: bool,
    /// The server has closed its side.
    pub ended: bool,
    wakers: Vec<Waker>,
}

/// Both ends.
#[derive(Clone, Default)]
pub struct Pipe(pub Arc<Mutex<Inside>>);

impl Pipe {
    fn change(&self, change: impl FnOnce(&mut Inside)) {
        let mut inside = self.0.lock();
        change(&mut inside);
        let wakers = std::mem::take(&mut inside.wakers);
        drop(inside);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The client sends.
    pub fn send(&self, bytes: &[u8]) {
        self.change(|inside| inside.up.extend(bytes));
    }

    /// The client takes all that is there, and will hold so much.
    pub fn receive(&self, room: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        self.change(|inside| {
            taken = std::mem::take(&mut inside.down);
            inside.room = room;
        });
        taken
    }

    /// The connection is gone.
    pub fn cut(&self) {
        self.change(|inside| inside.cut = true);
    }

    pub fn is_over(&self) -> bool {
        let inside = self.0.lock();
        inside.cut || inside.ended
    }
}

/// The server's end.
pub struct End(pub Pipe);

impl Drop for End {
    fn drop(&mut self) {
        self.0.0.lock().ended = true;
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inside = self.0.0.lock();
        if inside.cut {
            return Poll::Ready(Ok(()));
        }
        if inside.up.is_empty() {
            inside.wakers.push(context.waker().clone());
            return Poll::Pending;
        }
        // However it is cut into pieces.
        let count = inside.up.len().min(buffer.remaining()).min(7 + inside.up.len() / 2);
        let bytes: Vec<u8> = inside.up.drain(..count).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut inside = self.0.0.lock();
        if inside.cut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(inside.room.saturating_sub(inside.down.len()));
        if count == 0 {
            inside.wakers.push(context.waker().clone());
            return Poll::Pending;
        }
        inside.down.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.0.lock().ended = true;
        Poll::Ready(Ok(()))
    }
}
