//! Events on their way into an outbox, in the form that its client takes: as they are, or deflated. What is large is
//! deflated elsewhere; whoever gets it waits with all that comes behind it.

use std::ops::Range;
use std::sync::Arc;

use super::Core;
use super::connection::{Connection, ConnectionId};
use super::effect::Effect;
use crate::hub::account::Shard;
use crate::hub::run::Run;

/// Runs from this size on are deflated elsewhere, in bytes: this thread serves other clients meanwhile.
const LARGE: usize = 8 * 1024;

/// Events that are queued.
pub(super) struct Source<'a> {
    /// All of them.
    pub run: &'a Arc<Run>,
    /// Each by itself, with its number; empty, if there is one only. A form is that of one event: it may be in several runs.
    pub events: &'a [(u32, Arc<Run>)],
}

impl<'a> Source<'a> {
    /// One event.
    pub fn one(run: &'a Arc<Run>) -> Self {
        Self { run, events: &[] }
    }
}

/// What it takes to have something deflated.
pub(super) struct Forms<'a> {
    /// The shard, to be told.
    pub shard: &'a Arc<dyn Shard>,
    /// What is to be done.
    pub effects: &'a mut Vec<Effect>,
}

impl Connection {
    /// Whether it gets what has so many bytes deflated.
    pub(super) fn deflates(&self, bytes: usize) -> bool {
        self.window.is_some() && self.server.config.deflate.is_some_and(|options| bytes > options.threshold)
    }
}

impl Forms<'_> {
    /// Queues some of the events for one connection.
    pub fn queue(&mut self, connection: &mut Connection, source: &Source<'_>, events: &Range<usize>) {
        let Source { run, events: single } = source;
        if !connection.deflates(run.len()) {
            return connection.outbox.push_events((*run).clone(), events);
        }
        if single.len() <= 1 {
            return self.queue_run(connection, run);
        }
        let mut from = events.start;
        for index in events.clone() {
            let event = &single[index].1;
            if !connection.deflates(event.len()) {
                continue;
            }
            if from < index {
                connection.outbox.push_events((*run).clone(), &(from..index));
            }
            from = index + 1;
            self.queue_run(connection, event);
        }
        if from < events.end {
            connection.outbox.push_events((*run).clone(), &(from..events.end));
        }
    }

    /// Queues all of a run of one event for one connection.
    pub fn queue_run(&mut self, connection: &mut Connection, run: &Arc<Run>) {
        let options = connection.server.config.deflate.as_ref();
        let Some((window, options)) = connection.window.zip(options).filter(|(_, options)| run.is_deflatable(options))
        else {
            return connection.outbox.push_run(run.clone());
        };
        let (form, is_new) = run.form(window.get(), options);
        if run.len() < LARGE {
            return connection.outbox.push_run(form.make(run).clone());
        }
        if is_new {
            self.effects.push(Effect::Deflate(run.clone(), form.clone()));
        }
        match form.get(run) {
            None if form.wait(self.shard) => connection.outbox.push_later(run.clone(), form.clone()),
            _ => connection.outbox.push_run(form.make(run).clone()),
        }
    }
}

impl Core {
    /// A write has come to something that is not deflated yet.
    pub(super) fn waits_for_forms(&mut self, id: ConnectionId) {
        let Some(connection) = self.directory.connection(id) else { return };
        if connection.over {
            // There is no time: the shard does it itself.
            connection.outbox.make_forms();
            return self.over.push(id);
        }
        if !std::mem::replace(&mut connection.waits_for_form, true) {
            self.waiting_for_forms.push(id);
        }
    }

    /// Something is deflated: all who wait look whether it is theirs.
    pub(super) fn forms_made(&mut self) {
        for id in std::mem::take(&mut self.waiting_for_forms) {
            let Some(connection) = self.directory.connection(id) else { continue };
            connection.waits_for_form = false;
            connection.touch(id, false, &mut self.dirty);
        }
    }
}
