//! A shard of the simulation: a core with its loop, in the order of calls that the runtime keeps, and its streams.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;

use super::books::{Books, Cause};
use super::pipe::Pipe;
use super::{CAP, Random};
use crate::events::Keep;
use crate::hub::bus::Local;
use crate::hub::clock;
use crate::hub::context::Context;
use crate::hub::core::Core;
use crate::hub::core::check::LARGEST;
use crate::hub::core::effect::Effect;
use crate::hub::core::input::{Input, Purpose};
use crate::hub::core::link::LinkId;
use crate::hub::core::look::Question;
use crate::hub::core::outbox::{Joiner, Written};
use crate::hub::core::writing::Next;
use crate::hub::counters::Tally;
use crate::hub::emit::Outgoing;
use crate::hub::event::Event;
use crate::hub::publish;
use crate::hub::runtime::command::Command;
use crate::hub::runtime::must_wake;
use crate::session::Millis;

/// What the shards share.
pub struct World {
    pub server: Arc<Context>,
    pub bus: Local,
    /// Shards without a client of the server, and those for which it is over, since it closes.
    pub drained: Cell<usize>,
    pub closed: Cell<usize>,
    /// Numbers what the layer announces: two that are told in one millisecond would be one text.
    pub announced: Cell<usize>,
}

/// One shard.
pub struct Node {
    pub core: Core,
    index: usize,
    links: Vec<(LinkId, Pipe)>,
    joiner: Joiner,
    effects: Vec<Effect>,
    commands: Vec<Command>,
    /// Until when its loop sleeps; none while it is awake.
    sleeps_until: Option<Millis>,
}

fn millis() -> Millis {
    clock::now().millis()
}

impl Node {
    pub fn new(index: usize, world: &World) -> Self {
        let mailboxes = &world.bus.mailboxes;
        Self {
            core: Core::new(index, mailboxes.len(), mailboxes[index].clone()),
            index,
            links: Vec::new(),
            joiner: Joiner::default(),
            effects: Vec::new(),
            commands: Vec::new(),
            sleeps_until: None,
        }
    }

    /// Has the core do something, does what it wants done, and writes for those for whom too much waits.
    fn with_core<T>(
        &mut self,
        world: &World,
        books: &mut Books,
        cause: Cause,
        step: impl FnOnce(&mut Core, &mut Vec<Effect>) -> T,
    ) -> T {
        let result = self.step(world, books, step);
        while let Some(next) = self.step(world, books, |core, effects| core.next_over(clock::now(), effects)) {
            if let Next::Link(link) = next {
                self.write(world, books, link);
            }
        }
        books.observe(self.index, &self.core, cause);
        result
    }

    fn step<T>(&mut self, world: &World, books: &mut Books, step: impl FnOnce(&mut Core, &mut Vec<Effect>) -> T) -> T {
        let mut effects = std::mem::take(&mut self.effects);
        let result = step(&mut self.core, &mut effects);
        effects.drain(..).for_each(|effect| self.carry_out(world, books, effect));
        self.effects = effects;
        result
    }

    fn carry_out(&mut self, world: &World, books: &mut Books, effect: Effect) {
        match effect {
            Effect::Reply(respond, answer) => respond(answer),
            Effect::Tell(server, event) => {
                if let Event::Connecting(arrival) = &event {
                    books.asks(arrival.socket, self.index);
                }
                server.sink.push(event);
            }
            Effect::Announce { server, text, to, key } => {
                let keep = Some(key.map_or(Keep::Gap, Keep::Latest));
                let number = world.announced.replace(world.announced.get() + 1);
                let text = format!("{},{number}]", text.strip_suffix(']').expect("an array"));
                let event = Outgoing { nsp: "/", to, keep, enveloped: true, text: &text, ..Outgoing::default() };
                publish::emit(&server, &world.bus, event);
            }
            Effect::Claim { owner, claim } => world.bus.tell(owner, Input::Claim(claim)),
            Effect::Claimed { shard, socket, session } => world.bus.tell(shard, Input::Claimed { socket, session }),
            Effect::Deflate(run, form) => {
                form.make(&run);
            }
            Effect::Read(link) => self.pipe(link).into_iter().for_each(|pipe| pipe.wake()),
            Effect::Finish(link) => self.pipe(link).into_iter().for_each(|pipe| pipe.end()),
            Effect::Drop(link) => {
                self.pipe(link).into_iter().for_each(|pipe| pipe.end());
                self.links.retain(|(known, _)| *known != link);
            }
            Effect::Release(_) => {}
            Effect::Drained(_) => world.drained.set(world.drained.get() + 1),
            Effect::Closed(_) => world.closed.set(world.closed.get() + 1),
        }
    }

    fn pipe(&self, link: LinkId) -> Option<Pipe> {
        self.links.iter().find(|(known, _)| *known == link).map(|(_, pipe)| pipe.clone())
    }

    fn write(&mut self, world: &World, books: &mut Books, link: LinkId) {
        let Some(pipe) = self.pipe(link) else { return };
        let Some(outbox) = self.core.outgoing(link) else { return };
        let mut tally = Tally::default();
        let written: Option<Written> = outbox.write(&mut self.joiner, &mut tally, |slices| pipe.write(slices)).ok();
        self.step(world, books, |core, effects| core.wrote(clock::now(), link, written, &tally, effects));
    }

    /// A WebSocket has come. False: the server takes nobody in.
    pub fn websocket(&mut self, world: &World, books: &mut Books, pipe: &Pipe, purpose: Purpose) {
        let server = world.server.clone();
        let link = self.with_core(world, books, Cause::Client, |core, effects| {
            core.websocket(clock::now(), server, purpose, Bytes::new(), None, effects)
        });
        match link {
            Some(link) => {
                pipe.wake();
                self.links.push((link, pipe.clone()));
            }
            None => pipe.end(),
        }
        self.look_after();
    }

    /// Something was done outside of the loop: it wakes if it would sleep too long.
    fn look_after(&mut self) {
        if must_wake(&self.core, self.sleeps_until) {
            self.sleeps_until = None;
        }
    }

    /// When the loop goes on by itself.
    pub fn wakes_at(&self, world: &World) -> Millis {
        match self.sleeps_until {
            Some(until) if world.bus.mailboxes[self.index].len() == 0 => until,
            _ => millis(),
        }
    }

    /// The loop does a part of what it has to do, or all of it; and so do the tasks of streams.
    pub fn work(&mut self, world: &World, books: &mut Books, random: &mut Random, whole: bool) {
        if self.wakes_at(world) <= millis() {
            self.sleeps_until = None;
            self.take_in(world, books);
            // A burst may gather for some passes.
            if whole || !random.one_in(3) {
                self.with_core(world, books, Cause::Settling, |core, effects| core.settle(clock::now(), effects));
                let most = if whole { usize::MAX } else { random.below(4) as usize };
                if !self.flush(world, books, most) {
                    self.sleep();
                }
            }
        }
        self.run_tasks(world, books, random, whole);
    }

    fn sleep(&mut self) {
        self.sleeps_until = Some(self.core.deadline().unwrap_or(Millis::MAX));
    }

    fn take_in(&mut self, world: &World, books: &mut Books) {
        if self.core.deadline().is_some_and(|at| at <= millis()) {
            self.with_core(world, books, Cause::Time, |core, effects| core.tick(clock::now(), effects));
        }
        let mut commands = std::mem::take(&mut self.commands);
        world.bus.mailboxes[self.index].take(&mut commands);
        for command in commands.drain(..) {
            self.command(world, books, command);
        }
        self.commands = commands;
    }

    fn command(&mut self, world: &World, books: &mut Books, command: Command) {
        let now = clock::now();
        match command {
            Command::Message(message, is_event) => {
                books.handles(self.index, &message);
                let cause = if is_event { Cause::Settling } else { Cause::Log };
                let input = Input::Message(message);
                self.with_core(world, books, cause, |core, effects| core.handle(now, input, effects));
            }
            Command::Core(input) => {
                let cause = Cause::of(&input);
                self.with_core(world, books, cause, |core, effects| core.handle(now, input, effects));
                books.after(self.index, &self.core, &cause);
            }
            Command::Ask(question, reply) => {
                let here = self.core.sessions();
                let answers =
                    self.with_core(world, books, Cause::Ending, |core, effects| core.ask(now, &question, effects));
                if let Question::End { ended, .. } = &question {
                    books.ended(self.index, &self.core, ended, &here);
                }
                reply(answers);
            }
            _ => unreachable!("nobody sends it"),
        }
    }

    /// Writes for some connections. True: there are more.
    fn flush(&mut self, world: &World, books: &mut Books, most: usize) -> bool {
        for _ in 0..most {
            let next = |core: &mut Core, effects: &mut Vec<Effect>| core.next_write(clock::now(), effects);
            match self.with_core(world, books, Cause::Settling, next) {
                Some(Next::Link(link)) => self.write(world, books, link),
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

    fn run_tasks(&mut self, world: &World, books: &mut Books, random: &mut Random, whole: bool) {
        for (link, pipe) in self.links.clone() {
            if (whole || !random.one_in(3)) && pipe.take_wake() {
                self.poll_link(world, books, random, link, &pipe);
            }
        }
    }

    fn poll_link(&mut self, world: &World, books: &mut Books, random: &mut Random, link: LinkId, pipe: &Pipe) {
        self.with_core(world, books, Cause::Settling, |core, effects| core.settle(clock::now(), effects));
        self.write(world, books, link);
        loop {
            if !self.core.may_read(link) || self.pipe(link).is_none() {
                break;
            }
            // However it is cut into pieces.
            let most = if random.one_in(8) { 1 + random.below(9) as usize } else { 4096 };
            match pipe.read(most) {
                None => break,
                Some(bytes) if bytes.is_empty() => {
                    self.with_core(world, books, Cause::Client, |core, effects| core.lost(clock::now(), link, effects));
                    break;
                }
                Some(bytes) => {
                    self.with_core(world, books, Cause::Client, |core, effects| {
                        core.bytes(clock::now(), link, &bytes, effects);
                    });
                }
            }
        }
        self.look_after();
    }

    /// Whether there is nothing to do before time passes.
    pub fn rests(&self, world: &World) -> bool {
        self.wakes_at(world) > millis()
    }

    /// What always holds between steps.
    pub fn check(&self) {
        self.core.check();
        if let Some(until) = self.sleeps_until {
            assert!(!self.core.is_dirty(), "the loop sleeps while something is to be written");
            let due = self.core.deadline();
            assert!(due.is_none_or(|due| due >= until), "due at {due:?}, and the loop sleeps until {until}");
        }
        for tail in self.core.tails() {
            assert!(tail.cost() <= CAP + LARGEST + 4096, "what a link that closes has to write costs {}", tail.cost());
        }
    }
}
