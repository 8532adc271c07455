//! What happens in a full outbox: of events that say so only the newest of each key stays, then the oldest of those that
//! may go are replaced by a `gap` event that tells how many they were. What is left is copied, so that a slow client
//! keeps alive nothing but its own bytes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::{Outbox, Piece};
use crate::events::Gap;
use crate::hub::run::{Item, Joining, Policy, Stream};
use crate::hub::seeded::Seeded;
use crate::protocol::frame::Frame;
use crate::protocol::socket::{self, Kind};

/// What a client did not get.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Losses {
    /// Events that a newer one replaced.
    pub latest: u64,
    /// Events that `gap` events tell of.
    pub gap: u64,
    /// New `gap` events.
    pub marks: u64,
}

/// What waits may not be dropped, and is too much.
#[derive(Debug, PartialEq, Eq)]
pub struct TooSlow;

/// One thing that waits.
enum Entry {
    Event {
        piece: usize,
        index: usize,
        item: Item,
    },
    /// A `gap` event in the making.
    Mark {
        stream: Arc<Stream>,
        gap: Gap,
        frame: Frame,
    },
    Other(Piece),
}

impl Entry {
    fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Event { item, .. } => Some(&item.policy),
            _ => None,
        }
    }
}

impl Outbox {
    /// Makes the queue cost at most `cap`, and noticeably less where events are dropped for it, so that the next one
    /// finds room. `wall` tells the time in milliseconds since 1970 of an event.
    pub fn compact(&mut self, cap: usize, wall: impl Fn(u64) -> i64) -> Result<Losses, TooSlow> {
        let mut losses = Losses::default();
        if self.cost <= cap {
            return Ok(losses);
        }
        self.part_begun();
        let pieces: Vec<Piece> = self.queue.drain(self.fixed()..).collect();
        let fixed: usize = self.queue.iter().map(Piece::cost).sum();
        let mut entries = entries(&pieces);
        let mut cost = fixed + pieces.iter().map(Piece::cost).sum::<usize>();
        losses.latest = keep_newest(&mut entries, &pieces, &mut cost);
        if cost > cap - cap / 8 {
            open_gaps(&mut entries, &pieces, &mut cost, cap - cap / 4, &wall, &mut losses);
        }
        let lone = fixed == 0 && entries.iter().flatten().count() == 1;
        if cost > cap && !lone {
            // Whoever asked ends the client, and with it what waits.
            self.queue.extend(pieces);
            return Err(TooSlow);
        }
        self.rebuild(entries, &pieces);
        Ok(losses)
    }

    fn rebuild(&mut self, entries: Vec<Option<Entry>>, pieces: &[Piece]) {
        let mut queue = std::mem::take(&mut self.queue);
        (self.bytes, self.cost) = (0, 0);
        let mut rest = VecDeque::new();
        let mut joining = Joining::default();
        let end_run = |joining: &mut Joining, rest: &mut VecDeque<Piece>| {
            if !joining.is_empty() {
                let run = std::mem::take(joining).finish();
                let count = run.items().len() as u32;
                rest.push_back(Piece::Run(run, 0, count));
            }
        };
        for entry in entries.into_iter().flatten() {
            match entry {
                Entry::Event { piece, index, item } => {
                    if let Piece::Run(run, ..) = &pieces[piece] {
                        joining.push(run.event(index), item);
                    }
                }
                Entry::Mark { stream, gap, frame } => {
                    joining.push(frame.wire(), Item::new(gap.at, Policy::Mark(stream, gap)));
                }
                Entry::Other(piece) => {
                    end_run(&mut joining, &mut rest);
                    rest.push_back(piece);
                }
            }
        }
        end_run(&mut joining, &mut rest);
        queue.append(&mut rest);
        self.bytes = queue.iter().map(|piece| piece.bytes().len()).sum::<usize>() - self.written;
        self.cost = queue.iter().map(Piece::cost).sum();
        self.queue = queue;
    }
}

fn entries(pieces: &[Piece]) -> Vec<Option<Entry>> {
    let mut entries = Vec::new();
    for (place, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Run(run, from, to) => entries.extend(
                (*from as usize..*to as usize)
                    .map(|index| Some(Entry::Event { piece: place, index, item: run.items()[index].clone() })),
            ),
            other => entries.push(Some(Entry::Other(other.clone()))),
        }
    }
    entries
}

fn cost_of(entry: &Entry, pieces: &[Piece]) -> usize {
    let bytes = match entry {
        Entry::Event { piece, index, .. } => match &pieces[*piece] {
            Piece::Run(run, ..) => run.event(*index).len(),
            _ => 0,
        },
        Entry::Mark { frame, .. } => frame.len(),
        Entry::Other(piece) => return piece.cost(),
    };
    bytes + crate::hub::run::OVERHEAD
}

/// Drops the events that a newer one with their key replaces.
fn keep_newest(entries: &mut [Option<Entry>], pieces: &[Piece], cost: &mut usize) -> u64 {
    let mut seen: HashSet<Arc<str>, Seeded> = HashSet::default();
    let mut dropped = 0;
    for entry in entries.iter_mut().rev() {
        let Some(Policy::Latest(key)) = entry.as_ref().and_then(Entry::policy) else { continue };
        if !seen.insert(key.clone()) {
            *cost -= cost_of(entry.as_ref().expect("just seen"), pieces);
            *entry = None;
            dropped += 1;
        }
    }
    dropped
}

/// Drops the oldest events that may go until the queue costs no more than `target`, and has `gap` events tell of them.
fn open_gaps(
    entries: &mut [Option<Entry>],
    pieces: &[Piece],
    cost: &mut usize,
    target: usize,
    wall: &impl Fn(u64) -> i64,
    losses: &mut Losses,
) {
    let mut marks: HashMap<Arc<Stream>, usize, Seeded> = HashMap::default();
    for place in 0..entries.len() {
        if *cost <= target {
            break;
        }
        let Some(Entry::Event { item, .. }) = &entries[place] else { continue };
        let (stream, gap) = match &item.policy {
            Policy::Mark(stream, gap) => (stream.clone(), *gap),
            Policy::Gap(stream) => (stream.clone(), Gap::of(wall(item.at), item.at)),
            _ => continue,
        };
        *cost -= cost_of(entries[place].as_ref().expect("just seen"), pieces);
        let is_new = matches!(item.policy, Policy::Gap(_));
        losses.gap += u64::from(is_new);
        match marks.get(&stream).copied() {
            Some(first) => {
                if let Some(Entry::Mark { gap: known, .. }) = &mut entries[first] {
                    known.extend(gap);
                }
                entries[place] = None;
            }
            None => {
                losses.marks += u64::from(is_new);
                marks.insert(stream.clone(), place);
                // Encoded below, when it is known how many; counted now with room to grow.
                *cost += stream.room.as_ref().map_or(0, |room| 2 * room.len()) + 2 * stream.event.len() + 256;
                entries[place] = Some(Entry::Mark { stream, gap, frame: Frame::text(&[""]) });
            }
        }
    }
    for place in marks.into_values() {
        if let Some(Entry::Mark { stream, gap, frame }) = &mut entries[place] {
            *frame = encode(stream, gap);
        }
    }
}

fn encode(stream: &Stream, gap: &Gap) -> Frame {
    socket::encode_text(
        Kind::Event,
        &stream.nsp,
        None,
        &gap.event(&stream.event, stream.room.as_deref(), stream.enveloped),
    )
}
