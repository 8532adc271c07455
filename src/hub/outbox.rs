//! What waits to be written to one client: whole frames in order, counted in bytes. The one owner of order on the way
//! out, whatever the transport.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use crate::protocol::engine;
use crate::protocol::frame::Frame;

/// Most pieces of one vectored write.
const MAX_SLICES: usize = 64;
/// Largest run of frames that is joined into one buffer.
const MAX_JOINED: usize = 256 * 1024;

/// One piece: a frame, or bytes that are none (a handshake response, a pong, a close frame).
#[derive(Clone, Debug)]
enum Piece {
    Frame(Frame),
    Raw(Bytes),
}

impl Piece {
    fn bytes(&self) -> &Bytes {
        match self {
            Self::Frame(frame) => frame.wire(),
            Self::Raw(bytes) => bytes,
        }
    }
}

/// The queue of one client.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Piece>,
    /// Bytes of the first piece that are written already.
    written: usize,
    bytes: usize,
    /// How many pieces at the head may not be passed by an urgent one.
    urgent: usize,
}

/// How a write ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// Everything is out.
    All,
    /// The client's buffers are full; its task is woken when they are not.
    Blocked,
}

impl Outbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Frames that wait.
    pub fn frames(&self) -> usize {
        self.queue.iter().filter(|piece| matches!(piece, Piece::Frame(_))).count()
    }

    /// Queues a packet.
    pub fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.queue.push_back(Piece::Frame(frame));
    }

    /// Queues the response to a handshake: nothing may pass it.
    pub fn push_first(&mut self, bytes: Bytes) {
        self.push_raw(bytes);
        self.urgent = self.queue.len();
    }

    /// Queues bytes that are no packet. None are nothing: an empty write would look like a closed stream.
    pub fn push_raw(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.bytes += bytes.len();
        self.queue.push_back(Piece::Raw(bytes));
    }

    /// Queues a packet ahead of all that has not begun to leave: pings must not starve.
    pub fn push_urgent(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.insert_urgent(Piece::Frame(frame));
    }

    /// The same for bytes that are no packet.
    pub fn push_urgent_raw(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.insert_urgent(Piece::Raw(bytes));
    }

    fn insert_urgent(&mut self, piece: Piece) {
        // Behind what has begun to leave, and behind the urgent ones before it.
        let place = self.urgent.max(usize::from(self.written > 0)).min(self.queue.len());
        self.queue.insert(place, piece);
        self.urgent = place + 1;
    }

    /// Moves all that waits in another outbox behind what waits here.
    pub fn append(&mut self, mut other: Self) {
        debug_assert_eq!(other.written, 0);
        if self.urgent == self.queue.len() {
            self.urgent += other.urgent;
        }
        self.bytes += other.bytes;
        self.queue.append(&mut other.queue);
    }

    /// Takes all packets as one polling payload.
    pub fn take_payload(&mut self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.bytes);
        for piece in std::mem::take(self).queue {
            if let Piece::Frame(frame) = piece {
                engine::push_to_payload(&mut payload, &frame);
            }
        }
        payload
    }

    /// Writes as much as the stream takes: one system call, as a rule, for all that waits.
    pub fn write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin + ?Sized),
        context: &mut Context<'_>,
        joiner: &mut Joiner,
    ) -> io::Result<Written> {
        let mut first = true;
        while !self.queue.is_empty() {
            let joiner = std::mem::take(&mut first).then_some(&mut *joiner);
            let sent = match self.write_once(stream, context, joiner) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(sent)) => sent,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(Written::Blocked),
            };
            self.consume(sent);
        }
        Ok(Written::All)
    }

    fn write_once(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin + ?Sized),
        context: &mut Context<'_>,
        joiner: Option<&mut Joiner>,
    ) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(stream);
        if self.queue.len() == 1 {
            return stream.poll_write(context, &self.queue[0].bytes()[self.written..]);
        }
        if self.written == 0
            && let Some(joined) = joiner.and_then(|joiner| joiner.join(&self.queue, self.bytes))
        {
            return stream.poll_write(context, joined);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.queue) {
            let skip = if count == 0 { self.written } else { 0 };
            *slice = IoSlice::new(&piece.bytes()[skip..]);
            count += 1;
        }
        stream.as_mut().poll_write_vectored(context, &slices[..count])
    }

    fn consume(&mut self, mut sent: usize) {
        self.bytes -= sent;
        sent += self.written;
        self.written = 0;
        while let Some(first) = self.queue.front() {
            let length = first.bytes().len();
            if sent < length {
                self.written = sent;
                return;
            }
            sent -= length;
            self.queue.pop_front();
            self.urgent = self.urgent.saturating_sub(1);
        }
        // An idle connection keeps no buffer.
        self.queue = VecDeque::new();
    }
}

/// Members of a room who are in step wait for the same frames: the run is joined once and written by each of them with
/// one call. A slow client keeps its frames, not the joined run.
#[derive(Debug, Default)]
pub struct Joiner {
    run: Vec<Bytes>,
    joined: Option<Bytes>,
}

impl Joiner {
    /// The joined form of a run that the client before this one waited for too.
    fn join(&mut self, queue: &VecDeque<Piece>, bytes: usize) -> Option<&Bytes> {
        if bytes > MAX_JOINED {
            return None;
        }
        let in_step = self.run.len() == queue.len()
            && self.run.iter().zip(queue).all(|(seen, piece)| {
                let bytes = piece.bytes();
                seen.as_ptr() == bytes.as_ptr() && seen.len() == bytes.len()
            });
        if !in_step {
            self.run.clear();
            self.run.extend(queue.iter().map(|piece| piece.bytes().clone()));
            self.joined = None;
            return None;
        }
        let run = &self.run;
        Some(self.joined.get_or_insert_with(|| {
            let mut joined = Vec::with_capacity(bytes);
            run.iter().for_each(|part| joined.extend_from_slice(part));
            joined.into()
        }))
    }

    /// Forgets the run: a pass is over.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, then blocks.
    struct Sink {
        got: Vec<u8>,
        room: usize,
        calls: usize,
    }

    impl AsyncWrite for Sink {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Poll::Pending;
            }
            self.calls += 1;
            self.room -= count;
            self.got.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn write(outbox: &mut Outbox, sink: &mut Sink, joiner: &mut Joiner) -> Written {
        outbox.write(sink, &mut Context::from_waker(std::task::Waker::noop()), joiner).unwrap()
    }

    fn frames() -> Vec<Frame> {
        (0..5).map(|i| Frame::text(&["4", &i.to_string()])).collect()
    }

    #[test]
    fn partial_writes_keep_order_and_count() {
        let wire: Vec<u8> = frames().iter().flat_map(|frame| frame.wire().to_vec()).collect();
        for room in 1..wire.len() {
            let mut outbox = Outbox::default();
            frames().into_iter().for_each(|frame| outbox.push(frame));
            let mut sink = Sink { got: Vec::new(), room, calls: 0 };
            assert_eq!(write(&mut outbox, &mut sink, &mut Joiner::default()), Written::Blocked);
            assert_eq!(outbox.bytes(), wire.len() - room);
            sink.room = usize::MAX;
            assert_eq!(write(&mut outbox, &mut sink, &mut Joiner::default()), Written::All);
            assert_eq!((sink.got, outbox.bytes()), (wire.clone(), 0));
        }
    }

    #[test]
    fn members_in_step_share_one_write() {
        let frames = frames();
        let mut joiner = Joiner::default();
        let mut written = Vec::new();
        for _ in 0..3 {
            let mut outbox = Outbox::default();
            frames.iter().for_each(|frame| outbox.push(frame.clone()));
            let mut sink = Sink { got: Vec::new(), room: usize::MAX, calls: 0 };
            write(&mut outbox, &mut sink, &mut joiner);
            written.push((sink.got, sink.calls));
        }
        assert_eq!(written[1].1, 1);
        assert_eq!((&written[1], &written[0].0), (&written[2], &written[1].0));
    }

    #[test]
    fn pings_pass_what_waits_but_not_what_has_begun() {
        let mut outbox = Outbox::default();
        outbox.push(Frame::text(&["4a"]));
        outbox.push(Frame::text(&["4b"]));
        let mut sink = Sink { got: Vec::new(), room: 1, calls: 0 };
        write(&mut outbox, &mut sink, &mut Joiner::default());
        outbox.push_urgent(Frame::text(&["2"]));
        assert_eq!(outbox.take_payload(), b"4a\x1e2\x1e4b");
        assert!(outbox.is_empty());
    }
}
