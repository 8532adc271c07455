//! From an emit to outboxes. What one pass has for the same clients becomes one run, which is put into their outboxes once;
//! so a burst to a room, or to many rooms in turn, costs each member about as much as one event does.

use std::ops::Range;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::batch::Verdict;
use super::clock;
use super::command::Emit;
use super::gathering::{Bundle, Part, Parts, in_order};
use super::outbox::TooSlow;
use super::rooms::Member;
use super::run::Run;
use super::shard::{Key, Shard, Timer};
use crate::error::Reason;

/// A client, and which bundles go to it.
struct Receiver {
    key: Key,
    bundles: SmallVec<[usize; 2]>,
}

impl Shard {
    /// Takes an event. It reaches outboxes with [`Shard::settle`], or before anything else is done.
    pub(super) fn deliver(&mut self, emit: Arc<Emit>) {
        // Whether a client can take a volatile event is asked when it is alone.
        let is_volatile = emit.volatile;
        if is_volatile {
            self.settle();
        }
        let hold = self.may_wait(&emit);
        if let Err(emit) = self.gathering.add(emit, hold) {
            self.settle();
            let _ = self.gathering.add(emit, hold);
        }
        if is_volatile {
            self.settle();
        }
    }

    /// Whether an event waits for the end of its batch's window.
    fn may_wait(&mut self, emit: &Emit) -> bool {
        let Some(limits) = emit.batch.filter(|_| emit.to.except.is_empty() && emit.to.rooms.len() <= 1) else {
            return false;
        };
        if !self.spaces.contains_key(&emit.nsp.id) {
            return false;
        }
        let target = (emit.nsp.id, emit.to.rooms.first().cloned());
        let mut opened = None;
        let verdict = self.batches.add(&target, self.now, limits, &mut opened);
        if let Some(ends) = opened {
            self.timers.add(ends, Timer::Batch(target));
        }
        verdict == Verdict::Hold
    }

    /// Puts what was gathered into the outboxes of all who get it.
    pub(super) fn settle(&mut self) {
        if self.gathering.groups() == 0 {
            return;
        }
        match self.gathering.take().as_slice() {
            [one] => self.hand_out(one),
            several => self.sort_out(several),
        }
    }

    /// One bundle, to all who get it.
    fn hand_out(&mut self, bundle: &Bundle) {
        let (first, run) = (bundle.first(), &bundle.run);
        let Some(space) = self.spaces.get(&first.nsp.id) else {
            return;
        };
        let cap = first.server.config.max_outbox;
        let (connections, dirty) = (&mut self.connections, &mut self.dirty);
        let (mut delivered, mut skipped) = (0, 0);
        let mut full = Vec::new();
        space.select(&first.to, |member| {
            let index = member.connection;
            let connection = &mut connections[index as usize];
            if first.volatile && !connection.is_writable() {
                skipped += 1;
                return;
            }
            delivered += 1;
            if connection.outbox.cost() + run.cost() > cap {
                full.push(Key { index, serial: connection.serial });
                return;
            }
            let hold = bundle.hold && connection.may_hold();
            connection.outbox.push_run(run.clone());
            connection.touch(index, hold, dirty);
        });
        let counters = first.server.counters(self.index);
        counters.deliveries.add(delivered * run.items().len() as u64);
        if skipped > 0 {
            counters.dropped_volatile.add(skipped);
        }
        for key in full {
            self.squeeze(key, run, 0..run.items().len(), bundle.hold);
        }
    }

    /// Several bundles, each to all who get it. Who gets more than one of them gets their events in the order in which they
    /// were emitted.
    fn sort_out(&mut self, bundles: &[Bundle]) {
        let mut receivers: Vec<Receiver> = Vec::new();
        for (place, bundle) in bundles.iter().enumerate() {
            let first = bundle.first();
            let Some(space) = self.spaces.get(&first.nsp.id) else { continue };
            let connections = &mut self.connections;
            let mut members = 0;
            space.select(&first.to, |member| {
                members += 1;
                let connection = &mut connections[member.connection as usize];
                let key = Key { index: member.connection, serial: connection.serial };
                match receivers.get_mut(connection.receiver as usize).filter(|receiver| receiver.key == key) {
                    Some(receiver) => receiver.bundles.push(place),
                    None => {
                        connection.receiver = receivers.len() as u32;
                        receivers.push(Receiver { key, bundles: smallvec![place] });
                    }
                }
            });
            first.server.counters(self.index).deliveries.add(members * bundle.run.items().len() as u64);
        }
        let mut before = (SmallVec::new(), Parts::new());
        for Receiver { key, bundles: of } in receivers {
            // Neighbours are in the same rooms, as a rule.
            if before.0 != of {
                before = (of.clone(), in_order(bundles, &of));
            }
            self.take_parts(key, bundles, &before.1);
        }
    }

    /// Puts parts of bundles into one outbox.
    fn take_parts(&mut self, key: Key, bundles: &[Bundle], parts: &[Part]) {
        let Some(connection) = self.connection(key) else { return };
        let cost: usize = parts.iter().map(|(bundle, events)| bundles[*bundle].run.cost_of(events)).sum();
        let fits = connection.outbox.cost() + cost <= connection.server.config.max_outbox;
        for (bundle, events) in parts {
            let Bundle { run, hold, .. } = &bundles[*bundle];
            if !fits {
                self.squeeze(key, run, events.clone(), *hold);
            } else if let Some(connection) = self.connections.get_mut(key.index as usize) {
                let hold = *hold && connection.may_hold();
                connection.outbox.push_events(run.clone(), events);
                connection.touch(key.index, hold, &mut self.dirty);
            }
        }
    }

    /// Puts events of a run into one outbox. If they do not fit: perhaps only because this pass has not written yet. If that
    /// does not help, these events and those that wait are dropped as far as their policies allow; if that does not help
    /// either, the client is too slow, and is closed.
    pub(super) fn squeeze(&mut self, key: Key, run: &Arc<Run>, events: Range<usize>, hold: bool) {
        for index in events {
            let full = |shard: &mut Self| {
                shard.connection(key).is_some_and(|connection| {
                    let cost = connection.outbox.cost();
                    cost > 0 && cost + run.cost_of(&(index..index + 1)) > connection.server.config.max_outbox
                })
            };
            if full(self) && self.connection(key).is_some_and(|connection| !connection.blocked) {
                self.flush(key);
            }
            let must_drop = full(self);
            let Some(connection) = self.connection(key) else {
                return;
            };
            let hold = hold && connection.may_hold();
            connection.outbox.push_events(run.clone(), &(index..index + 1));
            if must_drop && self.make_room(key).is_err() {
                return self.too_slow(key);
            }
            if let Some(connection) = self.connections.get_mut(key.index as usize) {
                connection.touch(key.index, hold, &mut self.dirty);
            }
        }
    }

    /// Drops what may go from a full outbox.
    pub(super) fn make_room(&mut self, key: Key) -> Result<(), TooSlow> {
        let shard = self.index;
        let Some(connection) = self.connection(key) else {
            return Ok(());
        };
        let losses = connection.outbox.compact(connection.server.config.max_outbox, clock::wall)?;
        let counters = connection.server.counters(shard);
        counters.dropped_latest.add(losses.latest);
        counters.dropped_gap.add(losses.gap);
        counters.gaps.add(losses.marks);
        Ok(())
    }

    /// Closes a client that reads too slowly. What waits for it is counted as dropped.
    pub(super) fn too_slow(&mut self, key: Key) {
        let shard = self.index;
        let Some(connection) = self.connection(key) else {
            return;
        };
        tracing::warn!(waiting = connection.outbox.bytes(), "closing a client that reads too slowly");
        let waiting = std::mem::take(&mut connection.outbox);
        let counters = connection.server.counters(shard);
        counters.slow_clients.add(1);
        counters.dropped_closed.add(waiting.packets() as u64);
        if let Some(link) = connection.link.take() {
            self.remove_link(link);
        }
        self.with_engine(key, |engine, effects| engine.end(Reason::SlowClient, effects));
    }

    /// A batch's window ends: what was gathered leaves.
    pub(super) fn end_batch(&mut self, target: &super::batch::Target) {
        let Some(space) = self.spaces.get(&target.0) else {
            self.batches.forget(target);
            return;
        };
        let Some(ends) = self.batches.expire(target, self.now) else {
            return;
        };
        let mut released = None;
        let release = |member: Member| {
            let index = member.connection;
            let connection = &mut self.connections[index as usize];
            if connection.held {
                connection.touch(index, false, &mut self.dirty);
                released = Some(index);
            }
        };
        match &target.1 {
            Some(room) => space.in_room(room).for_each(release),
            None => space.members().for_each(release),
        }
        if let Some(index) = released {
            self.connections[index as usize].server.counters(self.index).batches.add(1);
        }
        self.timers.add(ends, Timer::Batch(target.clone()));
    }
}
