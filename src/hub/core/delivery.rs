//! From an emit to outboxes. What one pass has for the same clients becomes one run, which is put into their outboxes once;
//! so a burst to a room, or to many rooms in turn, costs each member about as much as one event does.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::Core;
use super::batch::{Target, Verdict};
use super::compressing::Forms;
use super::connection::ConnectionId;
use super::gathering::{Bundle, Part, Parts, in_order};
use super::space::Member;
use super::{Due, arena::Arena, socket::Socket};
use crate::hub::event::eye;
use crate::hub::journal::Position;
use crate::hub::message::{Event, Message};

/// A client, and which bundles go to it.
struct Receiver {
    connection: ConnectionId,
    bundles: SmallVec<[usize; 2]>,
}

/// Whether a socket takes an event now; one that is still given what it missed gets it behind that. `position`: the event's,
/// in a namespace with a journal.
fn takes(sockets: &mut Arena<Socket>, member: Member, position: Option<Position>) -> bool {
    let Some(track) = sockets.get_mut(member.socket).and_then(|socket| socket.track.as_mut()) else { return true };
    if track.replay.is_some() {
        return false;
    }
    if let Some(position) = position {
        track.sent = track.sent.max(position);
    }
    true
}

impl Core {
    /// Takes an event. It reaches outboxes with [`Core::settle`], or before anything else is done.
    pub(super) fn deliver(&mut self, message: &Arc<Message>) {
        let Some(event) = message.event() else { return };
        // Whether a client can take a volatile event is asked when it is alone.
        let is_volatile = event.volatile;
        if is_volatile {
            self.settle_all();
        }
        let hold = self.may_wait(message, event);
        if !self.gathering.add(message, hold) {
            self.settle_all();
            self.gathering.add(message, hold);
        }
        if is_volatile {
            self.settle_all();
        }
    }

    /// Whether an event waits for the end of its batch's window.
    fn may_wait(&mut self, message: &Message, event: &Event) -> bool {
        let to = &message.to;
        let Some(limits) = event.batch.filter(|_| to.except.is_empty() && to.rooms.len() <= 1) else {
            return false;
        };
        if self.directory.space(message.nsp).is_none() {
            return false;
        }
        let target: Target = (message.nsp, to.clone());
        let mut opened = None;
        let verdict = self.batches.add(&target, self.millis(), limits, &mut opened);
        if let Some(ends) = opened {
            self.deadlines.set(Due::Batch(target.into()), ends);
        }
        verdict == Verdict::Hold
    }

    /// Puts what was gathered into the outboxes of all who get it.
    pub(super) fn settle_all(&mut self) {
        if self.gathering.groups() == 0 {
            return;
        }
        let bundles = self.gathering.take();
        // First: a client that polls may be answered on the way, and given what it missed up to here.
        for bundle in &bundles {
            if let Some(position) = bundle.position {
                self.recovery.advance(bundle.message.nsp, position);
            }
        }
        match bundles.as_slice() {
            [one] => self.hand_out(one),
            several => self.sort_out(several),
        }
        self.replay_all();
    }

    /// Whether clients that come back to a namespace get what they missed.
    fn has_memory(&self, nsp: u32) -> bool {
        self.directory.space(nsp).is_some_and(|space| space.nsp.memory.is_some())
    }

    /// One bundle, to all who get it.
    fn hand_out(&mut self, bundle: &Bundle) {
        let run = &bundle.run;
        let (is_volatile, position, events) = (bundle.is_volatile(), bundle.position, run.items().len());
        let (cost, has_memory) = (run.cost(), self.has_memory(bundle.message.nsp));
        let dirty = &mut self.dirty;
        let mut forms = Forms { shard: &self.way, effects: &mut self.effects };
        let (mut delivered, mut skipped) = (0, 0);
        let mut full = Vec::new();
        let space = self.directory.visit(bundle.message.nsp, &bundle.message.to, |member, connections, sockets| {
            let id = member.connection;
            let Some(connection) = connections.get_mut(id) else { return };
            if connection.doom.is_some() {
                // Who comes back lacks it.
                takes(sockets, member, position);
                return;
            }
            if is_volatile && (!connection.is_writable() || !connection.fits(cost, events)) {
                skipped += 1;
                return;
            }
            if has_memory && !takes(sockets, member, position) {
                skipped += u64::from(is_volatile);
                return;
            }
            delivered += 1;
            if !connection.fits(cost, events) || connection.eye & eye::SENT != 0 {
                full.push(id);
                return;
            }
            let hold = bundle.hold && connection.may_hold();
            match connection.window {
                None => connection.outbox.push_run(run.clone()),
                Some(_) => forms.queue(connection, &bundle.source(), &(0..events)),
            }
            connection.touch(id, hold, dirty);
        });
        let Some(space) = space else { return };
        let counters = space.server.counters(self.index);
        counters.deliveries.add(delivered * events as u64);
        if skipped > 0 {
            counters.dropped_volatile.add(skipped);
        }
        for id in full {
            self.push_events(id, &bundle.source(), &(0..events), bundle.hold);
        }
    }

    /// Several bundles, each to all who get it. Who gets more than one of them gets their events in the order in which they
    /// were emitted.
    fn sort_out(&mut self, bundles: &[Bundle]) {
        let mut receivers: Vec<Receiver> = Vec::new();
        for (place, bundle) in bundles.iter().enumerate() {
            let mut members = 0;
            let (position, has_memory) = (bundle.position, self.has_memory(bundle.message.nsp));
            let space = self.directory.visit(bundle.message.nsp, &bundle.message.to, |member, connections, sockets| {
                let id = member.connection;
                let Some(connection) = connections.get_mut(id) else { return };
                if connection.doom.is_some() {
                    // Who comes back lacks it.
                    takes(sockets, member, position);
                    return;
                }
                if has_memory && !takes(sockets, member, position) {
                    return;
                }
                members += 1;
                match receivers.get_mut(connection.receiver as usize).filter(|receiver| receiver.connection == id) {
                    Some(receiver) => receiver.bundles.push(place),
                    None => {
                        connection.receiver = receivers.len() as u32;
                        receivers.push(Receiver { connection: id, bundles: smallvec![place] });
                    }
                }
            });
            if let Some(space) = space {
                space.server.counters(self.index).deliveries.add(members * bundle.run.items().len() as u64);
            }
        }
        let mut before = (SmallVec::new(), Parts::new());
        for Receiver { connection, bundles: of } in receivers {
            // Neighbours are in the same rooms, as a rule.
            if before.0 != of {
                before = (of.clone(), in_order(bundles, &of));
            }
            self.take_parts(connection, bundles, &before.1);
        }
    }

    /// Puts parts of bundles into one outbox.
    fn take_parts(&mut self, id: ConnectionId, bundles: &[Bundle], parts: &[Part]) {
        for (bundle, events) in parts {
            let bundle = &bundles[*bundle];
            self.push_events(id, &bundle.source(), events, bundle.hold);
        }
    }

    /// A batch's window ends: what was gathered leaves.
    pub(super) fn end_batch(&mut self, target: &Target) {
        if self.directory.space(target.0).is_none() {
            return self.batches.forget(target);
        }
        let Some(ends) = self.batches.expire(target, self.millis()) else { return };
        let (dirty, mut released) = (&mut self.dirty, false);
        let space = self.directory.visit(target.0, &target.1, |member, connections, _| {
            let Some(connection) = connections.get_mut(member.connection).filter(|connection| connection.held) else {
                return;
            };
            connection.touch(member.connection, false, dirty);
            released = true;
        });
        if let Some(space) = space.filter(|_| released) {
            space.server.counters(self.index).batches.add(1);
        }
        self.deadlines.set(Due::Batch(target.clone().into()), ends);
    }
}
