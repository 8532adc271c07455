//! What waits to be written to one client, in order, counted in bytes. The one owner of order on the way out, whatever
//! the transport.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use crate::hub::counters::Tally;
use crate::hub::form::Form;
use crate::hub::run::{MAX_JOINED, OVERHEAD, Run};
use crate::protocol::engine;
use crate::protocol::frame::{self, Frame};

mod compact;

pub use self::compact::TooSlow;

/// Most pieces of one vectored write.
const MAX_SLICES: usize = 64;

/// One piece of the queue.
#[derive(Clone, Debug)]
enum Piece {
    /// Events of a run, from one to before another.
    Run(Arc<Run>, u32, u32),
    /// All of a run, in a form that is not made yet.
    Later(Arc<Run>, Arc<Form>),
    /// A packet for this client alone; it is never dropped.
    Frame(Frame),
    /// Bytes that are no packet: a handshake response, a close frame.
    Raw(Bytes),
    /// The answer to a ping; one waits at most.
    Pong(Bytes),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Run(run, from, to) => &run.bytes()[run.start(*from as usize)..run.start(*to as usize)],
            Self::Later(run, _) => run.bytes(),
            Self::Frame(frame) => frame.wire(),
            Self::Raw(bytes) | Self::Pong(bytes) => bytes,
        }
    }

    /// Packets: events and what is sent to this client alone.
    fn packets(&self) -> usize {
        match self {
            Self::Run(_, from, to) => (to - from) as usize,
            Self::Later(run, _) => run.items().len(),
            Self::Frame(_) => 1,
            Self::Raw(_) | Self::Pong(_) => 0,
        }
    }

    /// What it costs the client.
    fn cost(&self) -> usize {
        self.bytes().len() + OVERHEAD * self.packets().max(1)
    }
}

/// The queue of one client.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Piece>,
    /// Bytes of the first piece that are written already.
    written: usize,
    bytes: usize,
    cost: usize,
    /// How many pieces at the head may not be passed by an urgent one.
    urgent: usize,
    /// How many pieces are not made yet, as far as is known.
    later: usize,
}

/// How a write ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// Everything is out.
    All,
    /// The client's buffers are full; its task is woken when they are not.
    Blocked,
    /// Something has to be deflated first.
    Waits,
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

    /// Bytes that wait, and what it costs to keep them.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Packets that wait.
    pub fn packets(&self) -> usize {
        self.queue.iter().map(Piece::packets).sum()
    }

    fn add(&mut self, piece: Piece) {
        self.bytes += piece.bytes().len();
        self.cost += piece.cost();
        self.queue.push_back(piece);
    }

    /// Queues a packet.
    pub fn push(&mut self, frame: Frame) {
        self.add(Piece::Frame(frame));
    }

    /// Queues the events of a run.
    pub fn push_run(&mut self, run: Arc<Run>) {
        self.bytes += run.len();
        self.cost += run.cost();
        let count = run.items().len() as u32;
        self.queue.push_back(Piece::Run(run, 0, count));
    }

    /// Queues some events of a run.
    pub fn push_events(&mut self, run: Arc<Run>, events: &Range<usize>) {
        self.add(Piece::Run(run, events.start as u32, events.end as u32));
    }

    /// Queues a run in a form that is not made yet. It leaves when it is, and what is behind it after it.
    pub fn push_later(&mut self, run: Arc<Run>, form: Arc<Form>) {
        self.later += 1;
        self.add(Piece::Later(run, form));
    }

    /// Makes the forms that are not made yet.
    pub fn make_forms(&mut self) {
        self.take_forms(|run, form| Some(form.make(run).clone()));
    }

    /// Takes in the forms that `made` gives.
    fn take_forms(&mut self, made: impl Fn(&Arc<Run>, &Form) -> Option<Arc<Run>>) {
        if self.later == 0 {
            return;
        }
        for place in 0..self.queue.len() {
            let Piece::Later(run, form) = &self.queue[place] else { continue };
            let Some(run) = made(run, form) else { continue };
            let count = run.items().len() as u32;
            let before = std::mem::replace(&mut self.queue[place], Piece::Run(run, 0, count));
            self.bytes = self.bytes + self.queue[place].bytes().len() - before.bytes().len();
            self.cost = self.cost + self.queue[place].cost() - before.cost();
            self.later -= 1;
        }
    }

    /// Pieces before the first that is not made yet.
    fn ready(&self) -> usize {
        if self.later == 0 {
            return self.queue.len();
        }
        self.queue.iter().position(|piece| matches!(piece, Piece::Later(..))).unwrap_or(self.queue.len())
    }

    /// Whether something waits, and all of it is not to be compressed.
    pub fn is_plain(&self) -> bool {
        let is_plain = |piece: &Piece| match piece {
            Piece::Run(run, from, to) => run.items()[*from as usize..*to as usize].iter().all(|item| item.plain),
            _ => false,
        };
        !self.queue.is_empty() && self.queue.iter().all(is_plain)
    }

    /// Queues the response to a handshake: nothing may pass it.
    pub fn push_first(&mut self, bytes: Bytes) {
        self.push_raw(bytes);
        self.urgent = self.queue.len();
    }

    /// Queues bytes that are no packet. None are nothing: an empty write would look like a closed stream.
    pub fn push_raw(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.add(Piece::Raw(bytes));
        }
    }

    /// Queues a packet ahead of all that has not begun to leave: pings must not starve.
    pub fn push_urgent(&mut self, frame: Frame) {
        self.insert_urgent(Piece::Frame(frame));
    }

    /// Queues the answer to a ping (RFC 6455, 5.5.3): the newest alone, in place of one that has not begun to leave.
    pub fn push_pong(&mut self, bytes: Bytes) {
        let begun = usize::from(self.written > 0);
        let known = (begun..self.fixed()).find(|place| matches!(self.queue[*place], Piece::Pong(_)));
        let Some(place) = known else { return self.insert_urgent(Piece::Pong(bytes)) };
        let pong = Piece::Pong(bytes);
        self.bytes = self.bytes + pong.bytes().len() - self.queue[place].bytes().len();
        self.cost = self.cost + pong.cost() - self.queue[place].cost();
        self.queue[place] = pong;
    }

    fn insert_urgent(&mut self, piece: Piece) {
        self.bytes += piece.bytes().len();
        self.cost += piece.cost();
        self.part_begun();
        let place = self.fixed();
        self.queue.insert(place, piece);
        self.urgent = place + 1;
    }

    /// Pieces at the head that keep their place: what has begun to leave, and the urgent ones.
    fn fixed(&self) -> usize {
        self.urgent.max(usize::from(self.written > 0)).min(self.queue.len())
    }

    /// Parts the event of a run that has begun to leave from those that have not, and from those that have left.
    fn part_begun(&mut self) {
        let Some(Piece::Run(run, from, to)) = self.queue.front().cloned() else { return };
        if self.written == 0 {
            return;
        }
        let sent = run.start(from as usize) + self.written;
        let first = run.items()[..to as usize].partition_point(|item| item.end() <= sent) as u32;
        self.cost -= run.cost_of(&(from as usize..first as usize));
        self.written = sent - run.start(first as usize);
        if self.written > 0 && first + 1 < to {
            self.queue[0] = Piece::Run(run.clone(), first + 1, to);
            self.queue.push_front(Piece::Run(run, first, first + 1));
        } else {
            self.queue[0] = Piece::Run(run, first, to);
        }
    }

    /// Moves all that waits in another outbox behind what waits here.
    pub fn append(&mut self, mut other: Self) {
        debug_assert_eq!(other.written, 0);
        if self.urgent == self.queue.len() {
            self.urgent += other.urgent;
        }
        self.later += other.later;
        self.bytes += other.bytes;
        self.cost += other.cost;
        self.queue.append(&mut other.queue);
    }

    /// Takes all packets as one polling payload.
    pub fn take_payload(&mut self, tally: &mut Tally) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.bytes);
        (tally.since, tally.calls, tally.packets) = (self.since(), 1, self.packets());
        for piece in std::mem::take(self).queue {
            match piece {
                Piece::Raw(_) | Piece::Pong(_) => {}
                piece => frame::each(piece.bytes(), |packet| engine::push_to_payload(&mut payload, packet)),
            }
        }
        tally.bytes = payload.len();
        payload
    }

    /// When the first event that waits was emitted.
    fn since(&self) -> Option<u64> {
        self.queue.iter().find_map(|piece| match piece {
            Piece::Run(run, from, _) => Some(run.items()[*from as usize].at),
            Piece::Later(run, _) => Some(run.items()[0].at),
            _ => None,
        })
    }

    /// Writes as much as `send`, one system call, takes: all that waits by one, as a rule.
    pub fn write(
        &mut self,
        joiner: &mut Joiner,
        tally: &mut Tally,
        mut send: impl FnMut(&[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> io::Result<Written> {
        if self.queue.is_empty() {
            return Ok(Written::All);
        }
        self.take_forms(|run, form| form.get(run).cloned());
        tally.since = self.since();
        let mut first = true;
        while !self.queue.is_empty() {
            let ready = self.ready();
            if ready == 0 {
                return Ok(Written::Waits);
            }
            let joiner = std::mem::take(&mut first).then_some(&mut *joiner);
            let sent = match self.write_once(ready, joiner, &mut send) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(sent)) => sent,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(Written::Blocked),
            };
            tally.calls += 1;
            tally.bytes += sent;
            tally.packets += self.consume(sent);
        }
        Ok(Written::All)
    }

    /// `ready`: how many pieces may leave.
    fn write_once(
        &self,
        ready: usize,
        joiner: Option<&mut Joiner>,
        send: &mut impl FnMut(&[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if ready == 1 {
            return send(&[IoSlice::new(&self.queue[0].bytes()[self.written..])]);
        }
        if self.written == 0
            && ready == self.queue.len()
            && let Some(joined) = joiner.and_then(|joiner| joiner.join(&self.queue, self.bytes))
        {
            return send(&[IoSlice::new(joined)]);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(self.queue.iter().take(ready)) {
            let skip = if count == 0 { self.written } else { 0 };
            *slice = IoSlice::new(&piece.bytes()[skip..]);
            count += 1;
        }
        send(&slices[..count])
    }

    /// Takes out what was written. Returns the packets whose last byte that was.
    fn consume(&mut self, mut sent: usize) -> usize {
        self.bytes -= sent;
        sent += std::mem::take(&mut self.written);
        let mut packets = 0;
        while let Some(first) = self.queue.front() {
            let length = first.bytes().len();
            if sent < length {
                self.written = sent;
                return packets;
            }
            sent -= length;
            packets += first.packets();
            self.cost -= first.cost();
            self.queue.pop_front();
            self.urgent = self.urgent.saturating_sub(1);
        }
        // An idle connection keeps no buffer.
        self.queue = VecDeque::new();
        packets
    }
}

/// Clients in several rooms wait for several runs. Those who are in step wait for the same ones, which are joined once
/// and written by each of them with one call. A slow client keeps its runs, not the joined ones.
#[derive(Debug, Default)]
pub struct Joiner {
    runs: Vec<(Arc<Run>, u32, u32)>,
    joined: Vec<u8>,
}

impl Joiner {
    /// The joined form of what the client before this one waited for too.
    fn join(&mut self, queue: &VecDeque<Piece>, bytes: usize) -> Option<&[u8]> {
        let runs = || {
            queue.iter().map_while(|piece| match piece {
                Piece::Run(run, from, to) => Some((run, *from, *to)),
                _ => None,
            })
        };
        if bytes > 4 * MAX_JOINED || runs().count() < queue.len() {
            return None;
        }
        let mut seen = self.runs.iter().zip(runs());
        let in_step = self.runs.len() == queue.len()
            && seen.all(|(a, (run, from, to))| Arc::ptr_eq(&a.0, run) && (a.1, a.2) == (from, to));
        if !in_step {
            self.runs.clear();
            self.runs.extend(runs().map(|(run, from, to)| (run.clone(), from, to)));
            self.joined.clear();
            return None;
        }
        if self.joined.is_empty() {
            queue.iter().for_each(|piece| self.joined.extend_from_slice(piece.bytes()));
        }
        Some(&self.joined)
    }

    /// Forgets what was joined: a pass is over.
    pub fn reset(&mut self) {
        self.runs.clear();
        self.joined.clear();
        self.joined.shrink_to(MAX_JOINED);
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
