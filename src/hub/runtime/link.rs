//! The stream under a WebSocket: its task reads into the thread's buffer and gives the core the bytes; writes go out with
//! the loop.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::ReadBuf;

use super::command::Stream;
use super::{FLUSH_STEP, Shard, guarded, guarded_step};
use crate::hub::core::Core;
use crate::hub::core::link::LinkId;
use crate::hub::core::outbox::Written;
use crate::hub::counters::Tally;

/// How long one link is read before others get their turn, in microseconds.
const TURN: u64 = 500;
/// Largest read.
const SCRATCH: usize = 64 * 1024;
/// Most that is read of what a client has still sent when its stream is dropped: a system cuts a connection off, and with it
/// what was sent last, if something is unread.
const LEFTOVER: usize = 1 << 20;

struct Entry {
    link: LinkId,
    stream: Box<dyn Stream>,
    waker: Option<Waker>,
}

/// Streams by the places of their links.
#[derive(Default)]
pub struct Streams {
    entries: Vec<Option<Entry>>,
    scratch: Vec<u8>,
}

impl Streams {
    fn get(&mut self, link: LinkId) -> Option<&mut Entry> {
        self.entries.get_mut(link.index())?.as_mut().filter(|entry| entry.link == link)
    }

    /// The stream of a new link.
    pub fn add(&mut self, link: LinkId, stream: Box<dyn Stream>) {
        if self.entries.len() <= link.index() {
            self.entries.resize_with(link.index() + 1, || None);
        }
        self.entries[link.index()] = Some(Entry { link, stream, waker: None });
    }

    /// Has a link's task run.
    pub fn wake(&mut self, link: LinkId) {
        if let Some(waker) = self.get(link).and_then(|entry| entry.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// No more to say: the client sees the end, and its own end ends the link.
    pub fn finish(&mut self, link: LinkId) {
        if let Some(entry) = self.get(link)
            && let Some(waker) = &entry.waker
        {
            let _ = Pin::new(&mut *entry.stream).poll_shutdown(&mut Context::from_waker(waker));
        }
    }

    /// A link is gone.
    pub fn drop(&mut self, link: LinkId) {
        let Some(entry) = self.get(link) else { return };
        read_leftover(&mut *entry.stream);
        let waker = entry.waker.take();
        self.entries[link.index()] = None;
        if self.entries.len() > 1024 && self.entries.last().is_some_and(Option::is_none) {
            let kept = self.entries.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            self.entries.truncate(kept);
            self.entries.shrink_to(2 * kept);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn read_leftover(stream: &mut dyn Stream) {
    let mut context = Context::from_waker(Waker::noop());
    let mut buffer = [0; 4096];
    let mut left = LEFTOVER;
    while left > 0 {
        let mut buffer = ReadBuf::new(&mut buffer);
        match Pin::new(&mut *stream).poll_read(&mut context, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => left = left.saturating_sub(buffer.filled().len()),
            _ => return,
        }
    }
}

impl Shard {
    /// Starts a link's task: it runs when there is something to read or room to write.
    pub(super) fn spawn(&self, link: LinkId, head: Bytes) {
        let Some(shard) = self.me.upgrade() else { return };
        let mut head = Some(head).filter(|head| !head.is_empty());
        tokio::task::spawn_local(poll_fn(move |context| {
            let head = head.take();
            guarded_step(&shard, "connection", || shard.borrow_mut().poll_link(link, head, context)).unwrap_or_else(
                || {
                    guarded("cleanup", || {
                        shard.borrow_mut().with_core(|core, now, effects| core.failed(now, link, effects));
                    });
                    Poll::Ready(())
                },
            )
        }));
    }

    fn poll_link(&mut self, link: LinkId, head: Option<Bytes>, context: &mut Context<'_>) -> Poll<()> {
        let Some(entry) = self.streams.get(link) else { return Poll::Ready(()) };
        if !entry.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            entry.waker = Some(context.waker().clone());
        }
        self.look();
        // What was emitted before the client says something comes before its answer.
        self.with_core(Core::settle);
        self.write(link);
        if let Some(head) = head {
            self.with_core(|core, now, effects| core.bytes(now, link, &head, effects));
        }
        let mut scratch = std::mem::take(&mut self.streams.scratch);
        scratch.resize(SCRATCH, 0);
        let poll = self.read(link, &mut scratch, context);
        self.streams.scratch = scratch;
        // Answers to what many ask at once leave together with the next pass; behind a long one they do not wait.
        if self.core.has_long_pass(FLUSH_STEP) && !self.core.is_held(link) {
            self.write(link);
        }
        self.look_after();
        poll
    }

    fn read(&mut self, link: LinkId, scratch: &mut [u8], context: &mut Context<'_>) -> Poll<()> {
        let began = self.now.micros;
        loop {
            if !self.core.may_read(link) {
                return Poll::Pending;
            }
            if self.now.micros > began + TURN {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(entry) = self.streams.get(link) else { return Poll::Ready(()) };
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut *entry.stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let bytes = buffer.filled();
                    self.with_core(|core, now, effects| core.bytes(now, link, bytes, effects));
                    self.look();
                }
                Poll::Ready(_) => {
                    self.with_core(|core, now, effects| core.lost(now, link, effects));
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Writes what waits. Before the link's task has run once there is nobody to wake, and the task will come here itself.
    pub(super) fn write(&mut self, link: LinkId) {
        let Some(entry) = self.streams.get(link) else { return };
        let Some(waker) = &entry.waker else { return };
        let mut context = Context::from_waker(waker);
        let stream = &mut entry.stream;
        let Some(outbox) = self.core.outgoing(link) else { return };
        let mut tally = Tally::default();
        let written = outbox.write(&mut self.joiner, &mut tally, |slices: &[IoSlice<'_>]| match slices {
            [one] => Pin::new(&mut **stream).poll_write(&mut context, one),
            several => Pin::new(&mut **stream).poll_write_vectored(&mut context, several),
        });
        let written: Option<Written> = written.ok();
        self.look();
        self.step(|core, now, effects| core.wrote(now, link, written, &tally, effects));
    }
}
