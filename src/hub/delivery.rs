//! From an emit to outboxes. Events that go to the same clients one after the other become one run, which is put into
//! their outboxes once; so a burst to a room costs each member as much as one event does.

use std::sync::Arc;

use super::batch::Verdict;
use super::clock;
use super::command::Emit;
use super::outbox::TooSlow;
use super::rooms::Member;
use super::run::{MAX_JOINED, Run};
use super::shard::{Key, Shard, Timer};
use crate::error::Reason;

/// Emits of one pass, one after the other, that go to the same clients.
#[derive(Default)]
pub(super) struct Gathering {
    emits: Vec<Arc<Emit>>,
    bytes: usize,
    /// All of them may wait for their batch's window.
    hold: bool,
}

impl Gathering {
    fn takes(&self, emit: &Emit) -> bool {
        match self.emits.first() {
            None => true,
            Some(first) => {
                self.bytes + emit.run.len() <= MAX_JOINED
                    && !emit.volatile
                    && !first.volatile
                    && Arc::ptr_eq(&first.nsp, &emit.nsp)
                    && first.to == emit.to
            }
        }
    }
}

impl Shard {
    /// Takes an event. It reaches outboxes with [`Shard::settle`], or before anything else is done.
    pub(super) fn deliver(&mut self, emit: Arc<Emit>) {
        if !self.gathering.takes(&emit) {
            self.settle();
        }
        let hold = self.may_wait(&emit);
        let gathering = &mut self.gathering;
        gathering.hold = hold && (gathering.hold || gathering.emits.is_empty());
        gathering.bytes += emit.run.len();
        gathering.emits.push(emit);
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
        if self.gathering.emits.is_empty() {
            return;
        }
        let hold = std::mem::take(&mut self.gathering.hold);
        self.gathering.bytes = 0;
        self.runs += 1;
        let first = self.gathering.emits[0].clone();
        let run = match self.gathering.emits.len() {
            1 => first.run.clone(),
            _ => Run::joined(self.gathering.emits.iter().map(|emit| &emit.run)),
        };
        self.gathering.emits.clear();
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
            // Behind something that waits for a poll alone there is nothing to hold.
            let hold = hold && (connection.held || connection.outbox.is_empty());
            connection.outbox.push_run(run.clone());
            connection.touch(index, hold, dirty);
        });
        let counters = first.server.counters(self.index);
        counters.deliveries.add(delivered * run.items().len() as u64);
        if skipped > 0 {
            counters.dropped_volatile.add(skipped);
        }
        for key in full {
            self.squeeze(key, &run, hold);
        }
    }

    /// Puts a run into one outbox. If it does not fit: perhaps only because this pass has not written yet. If that does not help, its events and those
    /// that wait are dropped as far as their policies allow; if that does not help either, the client is too slow, and is
    /// closed.
    pub(super) fn squeeze(&mut self, key: Key, run: &Arc<Run>, hold: bool) {
        for index in 0..run.items().len() {
            let full = |shard: &mut Self| {
                shard.connection(key).is_some_and(|connection| {
                    let cost = connection.outbox.cost();
                    cost > 0 && cost + run.cost_of(index) > connection.server.config.max_outbox
                })
            };
            if full(self) && self.connection(key).is_some_and(|connection| !connection.blocked) {
                self.flush(key);
            }
            let must_drop = full(self);
            let Some(connection) = self.connection(key) else {
                return;
            };
            let hold = hold && (connection.held || connection.outbox.is_empty());
            connection.outbox.push_event(run.clone(), index);
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
