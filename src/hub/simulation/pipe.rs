//! A connection without a network: bytes both ways, as many as the client is willing to take, until it is cut.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::Poll;

#[derive(Default)]
struct Inside {
    /// What the client has sent and the server has not read.
    up: VecDeque<u8>,
    /// What the server has written and the client has not read.
    down: Vec<u8>,
    /// How much of that there may be.
    room: usize,
    /// The client's end is gone.
    cut: bool,
    /// The server has closed its side.
    ended: bool,
    /// Its task at the server has something to do.
    woken: bool,
    /// The server waits for room.
    wants_room: bool,
}

/// Both ends.
#[derive(Clone, Default)]
pub struct Pipe(Rc<RefCell<Inside>>);

impl Pipe {
    /// The client sends.
    pub fn send(&self, bytes: &[u8]) {
        let mut inside = self.0.borrow_mut();
        inside.up.extend(bytes);
        inside.woken = true;
    }

    /// The client takes all that is there, and will hold so much.
    pub fn receive(&self, room: usize) -> Vec<u8> {
        let mut inside = self.0.borrow_mut();
        inside.room = room;
        if room > 0 && std::mem::take(&mut inside.wants_room) {
            inside.woken = true;
        }
        std::mem::take(&mut inside.down)
    }

    /// The client's end is gone.
    pub fn cut(&self) {
        let mut inside = self.0.borrow_mut();
        (inside.cut, inside.woken) = (true, true);
    }

    /// The server has no more to say.
    pub fn end(&self) {
        self.0.borrow_mut().ended = true;
    }

    /// Whether the server has no more to say.
    pub fn is_ended(&self) -> bool {
        self.0.borrow().ended
    }

    /// The server's task is to run.
    pub fn wake(&self) {
        self.0.borrow_mut().woken = true;
    }

    /// Whether the server's task is to run; it runs now.
    pub fn take_wake(&self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().woken)
    }

    /// The server reads, at most so much. None: there is nothing. Nothing of it: it is the end.
    pub fn read(&self, most: usize) -> Option<Vec<u8>> {
        let mut inside = self.0.borrow_mut();
        if inside.up.is_empty() {
            return inside.cut.then(Vec::new);
        }
        let count = inside.up.len().min(most);
        Some(inside.up.drain(..count).collect())
    }

    /// The server writes.
    pub fn write(&self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut inside = self.0.borrow_mut();
        if inside.cut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut room = inside.room.saturating_sub(inside.down.len());
        if room == 0 {
            inside.wants_room = true;
            return Poll::Pending;
        }
        let mut count = 0;
        for slice in slices {
            let taken = slice.len().min(room);
            inside.down.extend_from_slice(&slice[..taken]);
            (room, count) = (room - taken, count + taken);
        }
        Poll::Ready(Ok(count))
    }
}
