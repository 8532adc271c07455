//! From an emit to the bus: the event is encoded once, gets its place in the journal, and goes to all shards; all that in
//! one order.

use std::sync::Arc;

use super::acks::{self, Ask, GroupId};
use super::bus::{Bus, Reply};
use super::clock;
use super::context::{Context, State};
use super::core::asking::Asking;
use super::core::look::{Answers, Question};
use super::emit::{Outgoing, policy};
use super::journal::{looks_marked, marked};
use super::message::{Body, Change, Event, Message, Selection};
use super::run::{Policy, Run};
use crate::protocol::socket::{self, Kind};

/// Emits an event to sockets of a namespace. False: the server is closed, or there is no such namespace.
pub fn emit(server: &Context, bus: &dyn Bus, event: Outgoing<'_>) -> bool {
    let Some(nsp) = server.registry.get(event.nsp) else { return false };
    let policy = policy(&server.config, &nsp, &event);
    // Held until the event is published: what was accepted comes before the close, and is delivered; and places in a
    // journal are in the order of the bus.
    let state = server.state.lock();
    if *state != State::Open {
        return false;
    }
    let Outgoing { to, volatile, batch, text, attachments, .. } = event;
    let at = clock::micros();
    let run =
        |text: &str| Run::one(socket::encode(Kind::Event, &nsp.name, None, text, attachments), at, policy.clone());
    let journal = nsp.memory.as_ref().map(|memory| &*memory.journal);
    let (position, run) = match journal {
        None => (None, run(text)),
        // Clients take the last text of any event for a mark: this one says that nothing was missed up to it.
        Some(journal) if volatile && looks_marked(text) => (None, run(&marked(text, &journal.mark(journal.head())))),
        Some(_) if volatile => (None, run(text)),
        Some(journal) => {
            let (position, run) = journal.append(at / 1000, &to, &mut |mark| run(&marked(text, mark)));
            (Some(position), run)
        }
    };
    let batch = batch.then_some(server.config.batch);
    server.emitted.add(1);
    bus.publish(Arc::new(Message { nsp: nsp.id, to, body: Body::Event(Event { run, volatile, batch }), position }));
    true
}

/// Emits an event that asks all who get it. It is in no journal: who comes back later cannot answer in time. None: the server
/// is closed, or there is no such namespace.
pub fn ask(server: &Arc<Context>, bus: &dyn Bus, event: Outgoing<'_>, id: f64) -> Option<GroupId> {
    let nsp = server.registry.get(event.nsp)?;
    let state = server.state.lock();
    if *state != State::Open {
        return None;
    }
    let Outgoing { to, volatile, text, attachments, .. } = event;
    // What asks for an answer is never dropped from an outbox.
    let frames = socket::encode(Kind::Event, &nsp.name, Some(id), text, attachments);
    let run = Run::one(frames.clone(), clock::micros(), Policy::Close);
    let group = server.acks.begin(bus.shards());
    server.emitted.add(1);
    let asking = Asking { nsp: nsp.id, to, frames, run, volatile, ask: Ask { group, id } };
    let context = server.clone();
    let reply: Reply = Arc::new(move |answer| {
        let count = if let Answers::Count(count) = answer { count } else { 0 };
        if let Some(answers) = context.acks.sent(group, count) {
            context.sink.push(acks::told(&context, group, answers));
        }
    });
    bus.survey(&Question::AskAll(Box::new(asking)), &reply);
    Some(group)
}

/// Changes many sockets.
pub fn change(server: &Context, bus: &dyn Bus, nsp: &str, to: &Selection, change: &Change) {
    let Some(nsp) = server.registry.get(nsp) else { return };
    let state = server.state.lock();
    if *state == State::Closed {
        return;
    }
    let now = clock::micros() / 1000;
    let position = nsp.memory.as_ref().map(|memory| memory.journal.note(now, to, change));
    bus.publish(Arc::new(Message { nsp: nsp.id, to: to.clone(), body: Body::Change(change.clone()), position }));
}
