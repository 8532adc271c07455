//! The thread of a shard: its loop, its streams, and what the core wants done. The only part of the hub that waits.

pub mod command;
pub mod link;
pub mod mailbox;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use self::command::{Command, Incoming};
use self::link::Streams;
use self::mailbox::Mailbox;
use super::clock;
use super::context::Context;
use super::core::effect::Effect;
use super::core::input::Input;
use super::core::outbox::Joiner;
use super::core::{Core, Now, writing::Next};
use super::ids::Id;
use crate::compressor;
use crate::session::Millis;

/// Connections that are written before new commands are taken.
const FLUSH_STEP: usize = 32;
/// Steps of whatever kind before reading gets its turn.
const STEPS: usize = 4;
/// How long a shard that has just carried out several commands lets events gather, in milliseconds. A lone event never
/// waits for it.
const NAP: u64 = 1;
/// Selections of sockets that emits of one pass go to which are the sign of a burst that goes on.
const BURST: usize = 16;
/// How long such a burst may gather before the first of it is delivered, in milliseconds: each write that carries two of
/// its events spares one.
const GATHER: u64 = 20;
/// How long no command may come before it counts as over, in milliseconds.
const QUIET: u64 = 4;
/// Commands that the shard keeps room for.
const KEPT_COMMANDS: usize = 1024;
/// How long commands are carried out before what came of them is written, and reading gets its turn, in microseconds.
const SLICE: u64 = 2000;
/// Commands between two looks at the clock.
const UNTIMED: usize = 32;

/// What the runtime gives the servers that the core speaks of: it knows no way to them itself.
pub trait Outside {
    /// Emit an event of the nself layer, on all shards.
    fn announce(&self, server: &Arc<Context>, text: &str, to: super::message::Selection, key: Option<String>);
    /// Give a shard something, in the order of the bus.
    fn tell_shard(&self, shard: usize, input: Input);
    /// No client of a server is left on this shard.
    fn drained(&self, server: &Arc<Context>);
    /// Nothing of a server is left on this shard.
    fn closed(&self, server: &Arc<Context>);
}

/// A shard on its thread.
pub struct Shard {
    core: Core,
    streams: Streams,
    joiner: Joiner,
    mailbox: Arc<Mailbox>,
    outside: Rc<dyn Outside>,
    me: Weak<RefCell<Shard>>,
    effects: Vec<Effect>,
    /// The time as of the last look: clocks cost more than most steps, so a step does not look, whoever begins some does.
    now: Now,
    /// Until when the loop sleeps. Whatever makes something due earlier, or leaves something to write, wakes it.
    sleeps_until: Option<Millis>,
    stopped: bool,
}

impl Shard {
    /// An empty shard; one out of `shards`.
    pub fn new(index: usize, shards: usize, mailbox: Arc<Mailbox>, outside: Rc<dyn Outside>) -> Rc<RefCell<Self>> {
        Rc::new_cyclic(|me| {
            RefCell::new(Self {
                core: Core::new(index, shards, mailbox.clone()),
                streams: Streams::default(),
                joiner: Joiner::default(),
                mailbox,
                outside,
                me: me.clone(),
                effects: Vec::new(),
                now: clock::now(),
                sleeps_until: None,
                stopped: false,
            })
        })
    }

    /// Looks at the clock. The wall's time goes on with it; it is looked at once a pass.
    fn look(&mut self) {
        self.now = self.now.at(clock::micros());
    }

    /// Has the core do something, does what it wants done, and writes for those for whom too much waits.
    fn with_core<T>(&mut self, step: impl FnOnce(&mut Core, Now, &mut Vec<Effect>) -> T) -> T {
        let result = self.step(step);
        while let Some(next) = self.step(Core::next_over) {
            if let Next::Link(link) = next {
                self.write(link);
            }
        }
        result
    }

    fn step<T>(&mut self, step: impl FnOnce(&mut Core, Now, &mut Vec<Effect>) -> T) -> T {
        let mut effects = std::mem::take(&mut self.effects);
        let result = step(&mut self.core, self.now, &mut effects);
        let failed = effects.drain(..).filter_map(|effect| (!self.carry_out(effect)).then_some(())).count() > 0;
        self.effects = effects;
        if failed {
            self.core.abandon(self.now, &mut self.effects);
        }
        result
    }

    /// Does something that the core wants done. False: by an internal error it was not.
    fn carry_out(&mut self, effect: Effect) -> bool {
        match effect {
            Effect::Reply(respond, answer) => return guarded("answer", || respond(answer)).is_some(),
            Effect::Tell(server, event) => return guarded("event", || server.sink.push(event)).is_some(),
            Effect::Announce { server, text, to, key } => self.outside.announce(&server, &text, to, key),
            Effect::Claim { owner, claim } => self.outside.tell_shard(owner, Input::Claim(claim)),
            Effect::Claimed { shard, socket, session } => {
                self.outside.tell_shard(shard, Input::Claimed { socket, session });
            }
            Effect::Read(link) => self.streams.wake(link),
            Effect::Deflate(run, form) => compressor::run(form.threads(), move || {
                form.make(&run);
            }),
            Effect::Finish(link) => self.streams.finish(link),
            Effect::Drop(link) => self.streams.drop(link),
            Effect::Release(token) => drop(token),
            Effect::Drained(server) => self.outside.drained(&server),
            Effect::Closed(server) => self.outside.closed(&server),
        }
        true
    }

    /// Something was done outside of the loop: it wakes if it would sleep too long.
    fn look_after(&mut self) {
        if must_wake(&self.core, self.sleeps_until) {
            self.mailbox.nudge();
        }
    }

    /// A WebSocket whose HTTP part is done.
    pub fn websocket(&mut self, incoming: Incoming) {
        self.look();
        let Incoming { server, stream, preface, agreed, head, purpose } = incoming;
        let stream = match stream() {
            Ok(stream) => stream,
            Err(error) => return tracing::warn!(%error, "cannot serve a connection"),
        };
        let link = self.with_core(|core, now, effects| core.websocket(now, server, purpose, preface, agreed, effects));
        if let Some(link) = link {
            self.streams.add(link, stream);
            self.spawn(link, head);
        }
        self.look_after();
    }

    /// An HTTP connection of a server has come, or gone: a closing server waits for it too.
    pub fn guest(&mut self, server: &Arc<Context>, came: bool) {
        self.look();
        let input = Input::Guest { server: server.clone(), came };
        self.with_core(|core, now, effects| core.handle(now, input, effects));
        self.look_after();
    }

    /// Whether a session of a server is here.
    pub fn knows(&self, sid: &Id, server: u32) -> bool {
        self.core.knows(sid, server)
    }

    fn command(&mut self, command: Command) {
        self.look();
        if !matches!(command, Command::Message(_, true)) {
            // What was emitted before comes before, and is written where too much of it waits.
            self.with_core(Core::settle);
        }
        match command {
            Command::WebSocket(incoming) => self.websocket(*incoming),
            Command::Message(message, _) => {
                self.with_core(|core, now, effects| core.handle(now, Input::Message(message), effects));
            }
            Command::Core(input) => self.with_core(|core, now, effects| core.handle(now, input, effects)),
            Command::Ask(question, reply) => {
                reply(self.with_core(|core, now, effects| core.ask(now, &question, effects)));
            }
            Command::Run(_) => unreachable!("the loop runs it without holding the shard"),
            Command::Stop => self.stopped = true,
        }
    }

    /// Writes for a few connections. True: there are more.
    fn flush_some(&mut self) -> bool {
        for _ in 0..FLUSH_STEP {
            match self.with_core(Core::next_write) {
                Some(Next::Link(link)) => self.write(link),
                Some(Next::Answered) => {}
                None => break,
            }
        }
        let more = self.core.is_dirty();
        if !more {
            self.joiner.reset();
        }
        more
    }

    /// After an internal error.
    fn abandon(&mut self) {
        self.with_core(Core::abandon);
    }
}

/// Whether a loop that sleeps until then must wake: something is to be written, or is due earlier.
pub(super) fn must_wake(core: &Core, sleeps_until: Option<Millis>) -> bool {
    let is_early = core.deadline().zip(sleeps_until).is_some_and(|(deadline, until)| deadline < until);
    core.is_dirty() || is_early
}

/// Runs something that must not take the process down.
fn guarded<T>(what: &str, run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).inspect_err(|_| tracing::error!(what, "internal error; please report it")).ok()
}

/// The same for a step of the shard: the connection that it was busy with ends.
fn guarded_step<T>(shard: &RefCell<Shard>, what: &str, run: impl FnOnce() -> T) -> Option<T> {
    let done = guarded(what, run);
    if done.is_none() {
        guarded("cleanup", || shard.borrow_mut().abandon());
    }
    done
}

/// The runtime of a shard. An error is one of the system's: it has no descriptor left.
pub fn prepare() -> std::io::Result<tokio::runtime::LocalRuntime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build_local(tokio::runtime::LocalOptions::default())
}

/// Runs a shard on this thread until it is told to stop.
pub fn run(runtime: tokio::runtime::LocalRuntime, shard: &Rc<RefCell<Shard>>) {
    let mailbox = shard.borrow().mailbox.clone();
    runtime.block_on(drive(shard, &mailbox));
    // Tasks hold the shard: they go first.
    drop(runtime);
}

async fn drive(shard: &Rc<RefCell<Shard>>, mailbox: &Mailbox) {
    let mut taken = Vec::new();
    let mut steps = 0;
    let mut worked = 0;
    let mut pass_began = None;
    loop {
        steps += 1;
        if steps % STEPS == 0 {
            // However much there is to do: reading gets its turn.
            tokio::task::yield_now().await;
        }
        let count = take_in(shard, mailbox, &mut taken);
        worked += count;
        let now = clock::micros() / 1000;
        let began = *pass_began.get_or_insert(now);
        if count > 0 && shard.borrow().core.gathered() >= BURST && now < began + GATHER {
            if taken.is_empty() && mailbox.prepare_sleep(true) {
                nap(mailbox, QUIET, None).await;
            }
            continue;
        }
        settle(shard);
        if flush_step(shard) || !taken.is_empty() {
            continue;
        }
        pass_began = None;
        let next = {
            let mut shard = shard.borrow_mut();
            if shard.stopped {
                return;
            }
            let line = crate::log::due().map(|wait| now + wait);
            let next = [shard.core.deadline(), line].into_iter().flatten().min();
            shard.sleeps_until = Some(next.unwrap_or(Millis::MAX));
            next
        };
        let naps = std::mem::take(&mut worked) > 1;
        if mailbox.prepare_sleep(naps) {
            match (next, naps) {
                (next, true) => nap(mailbox, NAP, next).await,
                (Some(at), false) => {
                    let _ = tokio::time::timeout_at(clock::instant(at).into(), mailbox.woken()).await;
                }
                (None, false) => mailbox.woken().await,
            }
        }
        shard.borrow_mut().sleeps_until = None;
    }
}

/// Lets events gather for a moment, or until the next deadline.
async fn nap(mailbox: &Mailbox, length: u64, next: Option<Millis>) {
    let end = clock::micros() / 1000 + length;
    let end = next.map_or(end, |next| next.min(end));
    let _ = tokio::time::timeout_at(clock::instant(end).into(), mailbox.woken()).await;
}

/// Does what is due and what was asked for; events are gathered. Returns the number of commands. `commands`: what is left of
/// those that were taken, the last first.
pub(super) fn take_in(shard: &Rc<RefCell<Shard>>, mailbox: &Mailbox, commands: &mut Vec<Command>) -> usize {
    // What is due comes before what has just come in: a session is gone to the millisecond.
    guarded_step(shard, "timers", || {
        let mut shard = shard.borrow_mut();
        shard.now = clock::now();
        shard.with_core(Core::tick);
    });
    crate::log::flush();
    if commands.is_empty() {
        mailbox.take(commands);
        commands.reverse();
    }
    let (began, mut count) = (clock::micros(), 0);
    while let Some(command) = commands.pop() {
        guarded_step(shard, "command", || match command {
            Command::Run(task) => {
                settle(shard);
                task(shard);
            }
            command => shard.borrow_mut().command(command),
        });
        count += 1;
        if count % UNTIMED == 0 && clock::micros() > began + SLICE {
            break;
        }
    }
    commands.shrink_to(KEPT_COMMANDS);
    count
}

/// Puts what was gathered into outboxes.
pub(super) fn settle(shard: &RefCell<Shard>) {
    guarded_step(shard, "delivery", || {
        let mut shard = shard.borrow_mut();
        shard.look();
        shard.with_core(Core::settle);
    });
}

/// Writes for a few connections. True: there are more.
pub(super) fn flush_step(shard: &Rc<RefCell<Shard>>) -> bool {
    guarded_step(shard, "flush", || shard.borrow_mut().flush_some()).unwrap_or(true)
}
