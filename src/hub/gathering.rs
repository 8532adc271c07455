//! Emits on their way to outboxes, gathered by who gets them, with the order in which they came.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::{SmallVec, smallvec};

use super::command::Emit;
use super::run::{MAX_JOINED, Run};

/// Groups that a shard keeps room for.
const KEPT: usize = 1024;

/// Emits of one pass by those who get them.
#[derive(Default)]
pub(super) struct Gathering {
    groups: IndexMap<Receivers, Group, FxBuildHasher>,
    /// The group that took the last emit: most go where the one before went.
    last: usize,
    /// How many emits there are, by which each has its number.
    count: u32,
}

/// Who gets an emit: a selection of a namespace's sockets.
struct Receivers(Arc<Emit>);

impl PartialEq for Receivers {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.nsp, &other.0.nsp) && self.0.to == other.0.to
    }
}

impl Eq for Receivers {}

impl Hash for Receivers {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.nsp.id.hash(state);
        self.0.to.hash(state);
    }
}

type Emits = SmallVec<[(u32, Arc<Emit>); 1]>;

#[derive(Default)]
struct Group {
    emits: Emits,
    bytes: usize,
    hold: bool,
}

/// All that one pass has for a selection of sockets.
pub(super) struct Bundle {
    emits: Emits,
    /// Its events, in order.
    pub run: Arc<Run>,
    /// All of them may wait for their batch's window.
    pub hold: bool,
}

impl Gathering {
    /// Takes an emit. `hold`: it may wait for its batch's window. Gives it back if those that go where it goes are as much as
    /// one run may be.
    pub fn add(&mut self, emit: Arc<Emit>, hold: bool) -> Result<(), Arc<Emit>> {
        let to = Receivers(emit);
        if self.groups.get_index(self.last).is_none_or(|(last, _)| *last != to) {
            let entry = self.groups.entry(Receivers(to.0.clone()));
            self.last = entry.index();
            entry.or_default();
        }
        let group = &mut self.groups[self.last];
        let bytes = group.bytes + to.0.run.len();
        if bytes > MAX_JOINED && !group.emits.is_empty() {
            return Err(to.0);
        }
        group.bytes = bytes;
        group.hold = hold && (group.hold || group.emits.is_empty());
        group.emits.push((self.count, to.0));
        self.count += 1;
        Ok(())
    }

    /// To how many selections of sockets they go.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Takes all out.
    pub fn take(&mut self) -> SmallVec<[Bundle; 1]> {
        (self.last, self.count) = (0, 0);
        let bundles = self.groups.drain(..).map(|(_, group)| Bundle::new(group)).collect();
        self.groups.shrink_to(KEPT);
        bundles
    }
}

impl Bundle {
    fn new(Group { emits, hold, .. }: Group) -> Self {
        let run = match emits.as_slice() {
            [(_, one)] => one.run.clone(),
            several => Run::joined(several.iter().map(|(_, emit)| &emit.run)),
        };
        Self { emits, run, hold }
    }

    /// The first of its emits; the others go to the same sockets.
    pub fn first(&self) -> &Emit {
        &self.emits[0].1
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
        bundles[bundle].emits.iter().enumerate().map(move |(event, (number, _))| (number, bundle, event))
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
