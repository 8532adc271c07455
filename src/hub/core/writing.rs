//! What waits for clients, on its way out: into outboxes, and out of them. Nothing here can remove a client: one for whom
//! too much waits is doomed, and goes at the end of the step.

use std::ops::Range;

use super::compressing::{Forms, Source};
use super::connection::{ConnectionId, Dirty, Doom};
use super::effect::Effect;
use super::link::{LinkId, Phase};
use super::outbox::{Outbox, Written};
use super::{Core, Due, Now};
use crate::error::Reason;
use crate::hub::counters::Tally;
use crate::hub::event::eye;
use crate::hub::run::{Policy, Run};
use crate::protocol::frame::Frame;
use crate::session::engine::Reply;

/// What is to be written next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// What a WebSocket has: see [`Core::outgoing`].
    Link(LinkId),
    /// A client that polls was answered.
    Answered,
}

impl Core {
    /// Queues packets for one connection.
    pub(super) fn push(&mut self, id: ConnectionId, frames: &[Frame]) {
        let Some(connection) = self.directory.connection(id).filter(|connection| connection.doom.is_none()) else {
            return;
        };
        let largest = connection.window.and_then(|_| frames.iter().map(Frame::len).max());
        if connection.deflates(largest.unwrap_or(0)) {
            let run = Run::one(frames.into(), self.now.micros, Policy::Close);
            Forms { shard: &self.way, effects: &mut self.effects }.queue_run(connection, &run);
        } else {
            frames.iter().for_each(|frame| connection.outbox.push(frame.clone()));
        }
        connection.touch(id, false, &mut self.dirty);
        if connection.eye & eye::SENT != 0 {
            frames.iter().for_each(|frame| self.tell_sent(id, frame.wire()));
        }
        self.limit(id);
    }

    /// Queues events of a run for one connection.
    pub(super) fn push_events(&mut self, id: ConnectionId, source: &Source<'_>, events: &Range<usize>, hold: bool) {
        let Some(connection) = self.directory.connection(id).filter(|connection| connection.doom.is_none()) else {
            return;
        };
        let hold = hold && connection.may_hold();
        Forms { shard: &self.way, effects: &mut self.effects }.queue(connection, source, events);
        connection.touch(id, hold, &mut self.dirty);
        if connection.eye & eye::SENT != 0 {
            let run = source.run;
            self.tell_sent(id, &run.bytes()[run.start(events.start)..run.start(events.end)]);
        }
        self.limit(id);
    }

    /// Something was queued. If that is more than may wait: perhaps only because this pass has not written yet. If that does
    /// not help, what waits is dropped as far as its policies allow; if that does not help either, the client is too slow.
    pub(super) fn limit(&mut self, id: ConnectionId) {
        let Some(connection) = self.directory.connection(id) else { return };
        if connection.outbox.cost() <= connection.server.config.max_outbox || connection.over {
            return;
        }
        if connection.link.is_some() && (!connection.blocked || connection.waits_for_form) {
            connection.over = true;
            self.over.push(id);
        } else if connection.link.is_none() && connection.engine.has_poll() {
            self.answer_poll(id);
        } else {
            self.make_room(id);
        }
    }

    /// Drops what may go from a full outbox.
    fn make_room(&mut self, id: ConnectionId) {
        let (shard, now) = (self.index, self.now);
        let Some(connection) = self.directory.connection(id) else { return };
        let cap = connection.server.config.max_outbox;
        match connection.outbox.compact(cap, |at| now.wall_at(at / 1000)) {
            Ok(losses) => {
                let counters = connection.server.counters(shard);
                counters.dropped_latest.add(losses.latest);
                counters.dropped_gap.add(losses.gap);
                counters.gaps.add(losses.marks);
            }
            Err(_) => self.directory.doom(id, Doom::Slow),
        }
    }

    /// What is to be written next; those for whom too much waits come first.
    pub fn next_write(&mut self, now: Now, out: &mut Vec<Effect>) -> Option<Next> {
        let dirty = self.over.pop().map(Dirty::Connection).or_else(|| self.dirty.pop_front())?;
        let mut next = Next::Answered;
        match dirty {
            Dirty::Link(id) => {
                if let Some(link) = self.directory.link(id) {
                    link.dirty = false;
                    next = Next::Link(id);
                }
            }
            Dirty::Connection(id) => {
                let Some(connection) = self.directory.connection(id) else { return Some(next) };
                connection.dirty = false;
                match connection.link {
                    Some(link) => next = Next::Link(link),
                    None => self.step(now, out, |core| core.answer_poll(id)),
                }
            }
        }
        Some(next)
    }

    /// Those for whom more waits than may are to be written before anything else is done.
    pub fn next_over(&mut self, now: Now, out: &mut Vec<Effect>) -> Option<Next> {
        if self.over.is_empty() { None } else { self.next_write(now, out) }
    }

    /// What a WebSocket has to write.
    pub fn outgoing(&mut self, link: LinkId) -> Option<&mut Outbox> {
        self.directory.outgoing(link).filter(|outbox| !outbox.is_empty())
    }

    /// Has a client that polls fetch what waits.
    pub(super) fn answer_poll(&mut self, id: ConnectionId) {
        self.busy = Some(id);
        let (shard, now) = (self.index, self.now.micros);
        let Some(connection) = self.directory.connection(id).filter(|one| !one.outbox.is_empty()) else { return };
        let Some(respond) = connection.engine.take_poll() else { return };
        connection.held = false;
        let answer = connection.answer(Reply::Flush, shard, now);
        let leaves = connection.leaves_by.is_some();
        self.effects.push(Effect::Reply(respond, answer));
        self.tell_drained(id);
        if leaves {
            self.with_engine(id, |engine, effects| engine.end(Reason::ServerShutdown, effects));
        }
        self.catch_up(id);
    }

    /// How a write of a WebSocket ended. `None`: its stream is broken.
    pub fn wrote(&mut self, now: Now, link: LinkId, written: Option<Written>, tally: &Tally, out: &mut Vec<Effect>) {
        self.step(now, out, |core| match written {
            Some(written) => core.has_written(link, written, tally),
            None => core.lose(link, Reason::TransportClose),
        });
    }

    fn has_written(&mut self, id: LinkId, written: Written, tally: &Tally) {
        let (shard, now) = (self.index, self.now);
        let Some(link) = self.directory.link(id) else { return };
        link.server.counters(shard).wrote(tally, now.micros);
        if let Phase::Closing { finish, owed, .. } = link.phase {
            return self.closing_wrote(id, written, finish, owed, tally.bytes > 0);
        }
        let Some(owner) = link.owner() else { return };
        self.busy = Some(owner);
        let Some(connection) = self.directory.connection(owner) else { return };
        connection.held = false;
        connection.blocked = written != Written::All;
        if written == Written::Waits {
            return self.waits_for_forms(owner);
        }
        connection.waits_for_form = false;
        if std::mem::take(&mut connection.over) {
            self.limit(owner);
        }
        if written == Written::All {
            if tally.packets > 0 {
                self.tell_drained(owner);
            }
            self.catch_up(owner);
        }
    }

    /// A WebSocket that closes has written something: as long as its client takes some of it, it has time. A server that
    /// closes waits for what clients can still take, and not for the answer of one that is owed nothing.
    fn closing_wrote(&mut self, id: LinkId, written: Written, finish: bool, owed: bool, progress: bool) {
        let (now, is_closing) = (self.millis(), self.is_closing(id));
        if written == Written::All && (finish || is_closing && !owed) {
            self.effects.push(Effect::Finish(id));
        }
        if written == Written::All && is_closing && !owed {
            self.directory.drop_link(id);
        }
        if written == Written::Blocked && progress && !is_closing {
            let until = self.directory.see_link(id).and_then(|link| link.lingers_until(now));
            if let Some(at) = until {
                self.deadlines.set(Due::Link(id), at);
            }
        }
    }
}
