//! Events on their way to outboxes, gathered by who gets them, with the order in which they came.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use smallvec::{SmallVec, smallvec};

use super::compressing::Source;
use crate::hub::journal::Position;
use crate::hub::message::Message;
use crate::hub::run::{MAX_JOINED, Run};
use crate::hub::seeded::Seeded;

/// Groups that a shard keeps room for.
const KEPT: usize = 1024;

/// Events of one pass by those who get them.
#[derive(Default)]
pub(super) struct Gathering {
    groups: IndexMap<Receivers, Group, Seeded>,
    /// The group that took the last emit: most go where the one before went.
    last: usize,
    /// How many emits there are, by which each has its number.
    count: u32,
}

/// Who gets an emit: a selection of a namespace's sockets.
struct Receivers(Arc<Message>);

impl PartialEq for Receivers {
    fn eq(&self, other: &Self) -> bool {
        self.0.nsp == other.0.nsp && self.0.to == other.0.to
    }
}

impl Eq for Receivers {}

impl Hash for Receivers {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.nsp.hash(state);
        self.0.to.hash(state);
    }
}

type Runs = SmallVec<[(u32, Arc<Run>); 1]>;

#[derive(Default)]
struct Group {
    events: Runs,
    /// The last place among them.
    position: Option<Position>,
    bytes: usize,
    hold: bool,
}

/// All that one pass has for a selection of sockets.
pub(super) struct Bundle {
    /// The first of them; the others go to the same sockets.
    pub message: Arc<Message>,
    /// By number.
    events: Runs,
    /// The last place among its events.
    pub position: Option<Position>,
    /// Its events, in order.
    pub run: Arc<Run>,
    /// All of them may wait for their batch's window.
    pub hold: bool,
}

impl Gathering {
    /// Takes a message that is an event. `hold`: it may wait for its batch's window. False, and nothing is taken, if those
    /// that go where it goes are as much as one run may be.
    pub fn add(&mut self, message: &Arc<Message>, hold: bool) -> bool {
        let Some(event) = message.event() else { return true };
        let is_last = self.groups.get_index(self.last).is_some_and(|(last, _)| {
            Arc::ptr_eq(&last.0, message) || last.0.nsp == message.nsp && last.0.to == message.to
        });
        if !is_last {
            let entry = self.groups.entry(Receivers(message.clone()));
            self.last = entry.index();
            entry.or_default();
        }
        let group = &mut self.groups[self.last];
        let bytes = group.bytes + event.run.len();
        if bytes > MAX_JOINED && !group.events.is_empty() {
            return false;
        }
        group.bytes = bytes;
        group.hold = hold && (group.hold || group.events.is_empty());
        group.events.push((self.count, event.run.clone()));
        group.position = message.position.or(group.position);
        self.count += 1;
        true
    }

    /// To how many selections of sockets they go.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Takes all out.
    pub fn take(&mut self) -> SmallVec<[Bundle; 1]> {
        (self.last, self.count) = (0, 0);
        let bundles = self.groups.drain(..).map(|(to, group)| Bundle::new(to.0, group)).collect();
        self.groups.shrink_to(KEPT);
        bundles
    }
}

impl Bundle {
    fn new(message: Arc<Message>, Group { events, position, hold, .. }: Group) -> Self {
        let run = match events.as_slice() {
            [(_, one)] => one.clone(),
            several => Run::joined(several.iter().map(|(_, run)| run)),
        };
        Self { message, events, position, run, hold }
    }

    /// Its events, together and by themselves.
    pub fn source(&self) -> Source<'_> {
        Source { run: &self.run, events: &self.events }
    }

    /// Whether it is one event that is dropped for those who cannot be written to now.
    pub fn is_volatile(&self) -> bool {
        self.message.event().is_some_and(|event| event.volatile)
    }
}

/// Events of one bundle that follow each other: the bundle's place, and which.
pub(super) type Part = (usize, Range<usize>);
/// What one client gets.
pub(super) type Parts = SmallVec<[Part; 1]>;

/// What a client gets that several bundles go to: their events, in the order in which they were emitted.
pub(super) fn in_order(bundles: &[Bundle], of: &[usize]) -> Parts {
    if let [one] = of {
        return smallvec![(*one, 0..bundles[*one].run.items().len())];
    }
    let numbered = |bundle: usize| {
        bundles[bundle].events.iter().enumerate().map(move |(event, (number, _))| (number, bundle, event))
    };
    let mut events: Vec<_> = of.iter().flat_map(|bundle| numbered(*bundle)).collect();
    events.sort_unstable();
    let mut parts = Parts::new();
    for (_, bundle, event) in events {
        match parts.last_mut() {
            Some((last, range)) if *last == bundle => range.end = event + 1,
            _ => parts.push((bundle, event..event + 1)),
        }
    }
    parts
}
