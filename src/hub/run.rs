//! Events on their way out. A run is what one pass of a shard has for the members of a room: one or many events, their
//! frames in one buffer, shared by all who get it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::form::{Form, Forms};
use crate::events::Gap;
use crate::protocol::deflate::{self, Options};
use crate::protocol::frame;
use crate::protocol::socket::Frames;

/// Most bytes that one run joins. A slow client that waits for the last event of a run keeps all of it.
pub const MAX_JOINED: usize = 64 * 1024;
/// What an event costs a client beside its bytes, in bytes.
pub const OVERHEAD: usize = 64;

/// What may happen to an event that waits in a full outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// Nothing: the client is disconnected rather than left without it.
    Close,
    /// It goes, oldest first, and the client is told by a `gap` event in its place.
    Gap(Arc<Stream>),
    /// It goes when a newer event with the same key waits.
    Latest(Arc<str>),
    /// It is a `gap` event: it stays, and grows.
    Mark(Arc<Stream>, Gap),
}

/// What a `gap` event tells of: events of one name to one room.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// The namespace.
    pub nsp: Arc<str>,
    /// The event's name.
    pub event: Box<str>,
    /// The room that it went to; none for all, for several, and for a socket's own.
    pub room: Option<Arc<str>>,
    /// In the envelope of the nself layer.
    pub enveloped: bool,
}

/// One event of a run.
#[derive(Debug, Clone)]
pub struct Item {
    /// Where its frames end in the run's bytes.
    end: u32,
    /// When it was emitted, in microseconds of the process's clock.
    pub at: u64,
    /// What may happen to it.
    pub policy: Policy,
    /// It is not to be compressed.
    pub plain: bool,
}

type Items = SmallVec<[Item; 1]>;

/// Events in order, each one or several whole frames.
#[derive(Debug)]
pub struct Run {
    bytes: Bytes,
    items: Items,
    /// The same, deflated.
    forms: OnceLock<Box<Forms>>,
}

impl Item {
    /// Where its frames end in the run's bytes.
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// An item of a run that is being made.
    pub fn new(at: u64, policy: Policy) -> Self {
        Self { end: 0, at, policy, plain: false }
    }
}

impl Run {
    /// One event: its packet and the packet's attachments.
    pub fn one(frames: Frames, at: u64, policy: Policy) -> Arc<Self> {
        Self::of(frames, at, policy, false)
    }

    /// The same; `plain`: it is not to be compressed.
    pub fn of(mut frames: Frames, at: u64, policy: Policy, plain: bool) -> Arc<Self> {
        let bytes = match frames.len() {
            1 => frames.remove(0).into_wire(),
            _ => frames.iter().flat_map(|frame| frame.wire().iter().copied()).collect(),
        };
        let end = bytes.len() as u32;
        Self::new(bytes, smallvec![Item { end, at, policy, plain }])
    }

    fn new(bytes: Bytes, items: Items) -> Arc<Self> {
        Arc::new(Self { bytes, items, forms: OnceLock::new() })
    }

    /// Whether something of it could be deflated.
    pub fn is_deflatable(&self, options: &Options) -> bool {
        self.bytes.len() > options.threshold && self.items.iter().any(|item| !item.plain)
    }

    /// Its deflated form for a window of so many bits, and whether nobody has asked for it before.
    pub fn form(&self, window: u8, options: &Options) -> (&Arc<Form>, bool) {
        let place = usize::from(window - deflate::WINDOWS.start());
        let mut is_new = false;
        let form = self.forms.get_or_init(Box::default)[place].get_or_init(|| {
            is_new = true;
            Arc::new(Form::new(window, *options))
        });
        (form, is_new)
    }

    /// Its frames with deflated payloads, where that makes them smaller. None: it does nowhere.
    pub fn deflated(&self, window: u8, options: &Options) -> Option<Arc<Self>> {
        let mut joining = Joining::with_capacity(self.bytes.len() / 2);
        let mut any = false;
        for (index, item) in self.items.iter().enumerate() {
            frame::each_frame(self.event(index), |frame, packet| {
                let worth = !item.plain && packet.payload.len() >= options.threshold;
                let smaller = worth.then(|| deflate::deflate(packet.payload, window, options.level)).flatten();
                any |= smaller.is_some();
                match smaller {
                    Some(smaller) => frame::push_deflated(&mut joining.bytes, packet.is_binary, &smaller),
                    None => joining.bytes.extend_from_slice(frame),
                }
            });
            joining.push(&[], item.clone());
        }
        joining.bytes.shrink_to_fit();
        any.then(|| joining.finish())
    }

    /// Several runs as one.
    pub fn joined<'a>(runs: impl Iterator<Item = &'a Arc<Self>> + Clone) -> Arc<Self> {
        let mut joining = Joining::with_capacity(runs.clone().map(|run| run.len()).sum());
        for run in runs {
            (0..run.items.len()).for_each(|index| joining.push(run.event(index), run.items[index].clone()));
        }
        joining.finish()
    }

    /// All frames.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Bytes of all frames.
    #[allow(clippy::len_without_is_empty)] // It never is.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its events.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Where an event's frames begin; past the last one, the end.
    pub fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.items[before].end as usize)
    }

    /// The frames of one event.
    pub fn event(&self, index: usize) -> &[u8] {
        &self.bytes[self.start(index)..self.start(index + 1)]
    }

    /// What some of its events cost a client.
    pub fn cost_of(&self, events: &Range<usize>) -> usize {
        self.start(events.end) - self.start(events.start) + OVERHEAD * events.len()
    }

    /// What it costs a client.
    pub fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD * self.items.len()
    }
}

/// A run that is being made out of copies.
#[derive(Default)]
pub struct Joining {
    bytes: Vec<u8>,
    items: Items,
}

impl Joining {
    /// For so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), items: Items::new() }
    }

    /// Adds an event.
    pub fn push(&mut self, frames: &[u8], item: Item) {
        self.bytes.extend_from_slice(frames);
        self.items.push(Item { end: self.bytes.len() as u32, ..item });
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The run.
    pub fn finish(self) -> Arc<Run> {
        Run::new(self.bytes.into(), self.items)
    }
}
