//! A shard without its thread, with a bus and WebSockets that are driven by hand: for fuzzing, and for what counts costs.

#![allow(dead_code)] // Each crate uses its part.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use indexmap::IndexSet;
use nself_realtime::config::Config;
use nself_realtime::events::Keep;
use nself_realtime::hub::bus::Local;
use nself_realtime::hub::context::Context;
use nself_realtime::hub::core::effect::{Answer, Effect, Respond};
use nself_realtime::hub::core::input::{Input, Purpose, SessionRequest};
use nself_realtime::hub::core::link::LinkId;
use nself_realtime::hub::core::outbox::Joiner;
use nself_realtime::hub::core::writing::Next;
use nself_realtime::hub::core::{Core, Now};
use nself_realtime::hub::counters::Tally;
use nself_realtime::hub::emit::Outgoing;
use nself_realtime::hub::event::{Event, Sink, SocketKey};
use nself_realtime::hub::ids::Id;
use nself_realtime::hub::message::{Change, Selection};
use nself_realtime::hub::publish;
use nself_realtime::hub::runtime::command::Command;
use nself_realtime::protocol::request::Request;

/// What JavaScript was asked: sockets, and rooms by their tokens.
#[derive(Default)]
pub struct Asked {
    pub sockets: Vec<SocketKey>,
    pub rooms: Vec<(SocketKey, u32)>,
}

/// JavaScript, which answers nothing by itself.
#[derive(Default)]
pub struct Script(pub Mutex<Asked>);

impl Sink for Script {
    fn push(&self, event: Event) {
        match event {
            Event::Connecting(arrival) => self.0.lock().unwrap().sockets.push(arrival.socket),
            Event::Join(join) => self.0.lock().unwrap().rooms.push((join.socket, join.token)),
            _ => {}
        }
    }
}

/// The shard.
pub struct Shard {
    pub core: Core,
    pub bus: Local,
    pub server: Arc<Context>,
    pub script: Arc<Script>,
    /// Its time.
    pub micros: u64,
    /// WebSockets that are there.
    pub links: IndexSet<LinkId>,
    /// Sessions that were opened by polling.
    pub sids: Arc<Mutex<Vec<Id>>>,
    /// What WebSockets still take, in bytes.
    pub room: usize,
    /// What was written to each WebSocket, if somebody wants to know.
    pub heard: Option<BTreeMap<LinkId, Vec<u8>>>,
    joiner: Joiner,
    requests: u64,
}

impl Shard {
    pub fn new(config: Config) -> Self {
        let (script, bus) = (Arc::<Script>::default(), Local::new(1));
        let server = Arc::new(Context::new(1, config, script.clone(), 1));
        Self {
            core: Core::new(0, 1, bus.mailboxes[0].clone()),
            bus,
            server,
            script,
            micros: 1_000_000,
            links: IndexSet::new(),
            sids: Arc::default(),
            room: usize::MAX,
            heard: None,
            joiner: Joiner::default(),
            requests: 0,
        }
    }

    fn now(&self) -> Now {
        Now { micros: self.micros, wall: (self.micros / 1000) as i64 }
    }

    /// Has the core do something, does what it wants done, and writes for those for whom too much waits.
    pub fn with_core<T>(&mut self, step: impl FnOnce(&mut Core, Now, &mut Vec<Effect>) -> T) -> T {
        let result = self.run(step);
        self.check();
        result
    }

    /// What always holds, when nothing is half done.
    fn check(&self) {
        #[cfg(fuzzing)]
        self.core.check();
    }

    fn run<T>(&mut self, step: impl FnOnce(&mut Core, Now, &mut Vec<Effect>) -> T) -> T {
        let (now, mut effects) = (self.now(), Vec::new());
        let result = step(&mut self.core, now, &mut effects);
        while let Some(next) = self.core.next_over(now, &mut effects) {
            if let Next::Link(link) = next {
                self.write(link, &mut effects);
            }
        }
        effects.into_iter().for_each(|effect| self.carry_out(effect));
        result
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Reply(respond, answer) => respond(answer),
            Effect::Tell(server, event) => server.sink.push(event),
            Effect::Announce { server, text, to, key } => {
                let keep = Some(key.map_or(Keep::Gap, Keep::Latest));
                let event = Outgoing { nsp: "/", to, keep, enveloped: true, text: &text, ..Outgoing::default() };
                publish::emit(&server, &self.bus, event);
            }
            Effect::Claim { .. } | Effect::Claimed { .. } => unreachable!("there is one shard"),
            Effect::Deflate(run, form) => {
                form.make(&run);
            }
            Effect::Drop(link) => drop(self.links.swap_remove(&link)),
            Effect::Release(_) | Effect::Read(_) | Effect::Finish(_) | Effect::Drained(_) | Effect::Closed(_) => {}
        }
    }

    fn write(&mut self, link: LinkId, effects: &mut Vec<Effect>) {
        let now = self.now();
        let Some(outbox) = self.core.outgoing(link) else { return };
        let (mut tally, room, heard) = (Tally::default(), &mut self.room, &mut self.heard);
        let written = outbox.write(&mut self.joiner, &mut tally, |slices| {
            let taken = slices.iter().map(|slice| slice.len()).sum::<usize>().min(*room);
            *room -= taken;
            if let Some(heard) = heard {
                let heard = heard.entry(link).or_default();
                let all = slices.iter().flat_map(|slice| slice.iter().copied());
                heard.extend(all.take(taken));
            }
            if taken == 0 { Poll::Pending } else { Poll::Ready(Ok(taken)) }
        });
        self.core.wrote(now, link, written.ok(), &tally, effects);
    }

    /// Tells the core something.
    pub fn handle(&mut self, input: Input) {
        self.with_core(|core, now, effects| core.handle(now, input, effects));
    }

    /// Does what is due and what came in by the bus, and writes.
    pub fn work(&mut self) {
        self.with_core(|core, now, effects| core.tick(now, effects));
        let mut commands = Vec::new();
        self.bus.mailboxes[0].take(&mut commands);
        for command in commands {
            match command {
                Command::Message(message, _) => self.handle(Input::Message(message)),
                Command::Core(input) => self.handle(input),
                _ => unreachable!("nobody sends it"),
            }
        }
        self.with_core(|core, now, effects| core.settle(now, effects));
        while let Some(next) = self.run(|core, now, effects| core.next_write(now, effects)) {
            if let Next::Link(link) = next {
                let mut effects = Vec::new();
                self.write(link, &mut effects);
                self.run(|_, _, out| out.append(&mut effects));
            }
        }
        self.check();
    }

    /// What a WebSocket's client was told last: its `pid`, and the place that an event carried.
    pub fn told(&self, link: LinkId) -> (Option<String>, Option<String>) {
        let heard = self.heard.as_ref().and_then(|heard| heard.get(&link)).map_or(&[][..], Vec::as_slice);
        let heard = String::from_utf8_lossy(heard);
        let pid = heard.rsplit_once("\"pid\":\"").and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned);
        let mark = heard.rsplit_once("\"]").and_then(|(before, _)| before.rsplit('"').next()).map(str::to_owned);
        (pid, mark)
    }

    /// A WebSocket for a new session, or (`probe`) to try out for the session that polls last.
    pub fn open(&mut self, probe: bool) -> Option<LinkId> {
        let request = Request { remote: "127.0.0.1".into(), ..Request::default() };
        let seat = self.server.admit(&request).ok()?;
        let sid = self.sids.lock().unwrap().last().map(|sid| sid.as_str().to_owned());
        let purpose = match sid.filter(|_| probe) {
            Some(sid) => Purpose::Probe { sid, current: true, websocket: true, request: None },
            None => Purpose::Open(Box::new(request), seat),
        };
        let server = self.server.clone();
        let link =
            self.with_core(|core, now, effects| core.websocket(now, server, purpose, Bytes::new(), None, effects));
        self.links.extend(link);
        link
    }

    /// Bytes from a WebSocket, unless JavaScript has to catch up first.
    pub fn bytes(&mut self, link: LinkId, bytes: &[u8]) {
        if self.core.may_read(link) {
            self.with_core(|core, now, out| core.bytes(now, link, bytes, out));
        }
    }

    /// A text, as a client sends it over its WebSocket.
    pub fn say(&mut self, link: LinkId, text: &[u8]) {
        let length = text.len().min(usize::from(u16::MAX));
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend_from_slice(&(length as u16).to_be_bytes());
        if length < 126 {
            frame.truncate(1);
            frame.push(0x80 | length as u8);
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&text[..length]);
        self.bytes(link, &frame);
    }

    /// The end of a WebSocket.
    pub fn lose(&mut self, link: LinkId) {
        self.with_core(|core, now, out| core.lost(now, link, out));
    }

    fn respond(&self) -> Respond {
        let sids = self.sids.clone();
        Box::new(move |answer| {
            if let Answer::Payload { opened: Some(sid), .. } = answer {
                sids.lock().unwrap().push(sid);
            }
        })
    }

    /// A polling handshake.
    pub fn open_polling(&mut self) {
        let request = Request { remote: "127.0.0.1".into(), ..Request::default() };
        let Ok(seat) = self.server.admit(&request) else { return };
        let (server, respond) = (self.server.clone(), self.respond());
        self.handle(Input::OpenPolling { server, request: Box::new(request), seat, respond });
    }

    /// A request to one of the sessions that poll.
    pub fn poll(&mut self, who: usize, method: &str, body: &[u8]) {
        let sids = self.sids.lock().unwrap();
        let found = sids.get(who % sids.len().max(1)).copied();
        drop(sids);
        let Some(sid) = found else { return };
        self.requests += 1;
        let (id, server, respond) = (self.requests, self.server.clone(), self.respond());
        let (websocket, current, binary) = (false, true, false);
        let method = method.to_owned();
        let request = SessionRequest { server, sid, id, method, websocket, current, binary, respond };
        let is_post = request.method == "POST";
        self.handle(Input::Request(Box::new(request)));
        if is_post {
            self.handle(Input::Body { sid, id, body: Bytes::copy_from_slice(body) });
        }
    }

    /// Emits.
    pub fn emit(&self, event: Outgoing<'_>) {
        publish::emit(&self.server, &self.bus, event);
    }

    /// Changes many sockets.
    pub fn change(&self, nsp: &str, to: &Selection, change: &Change) {
        publish::change(&self.server, &self.bus, nsp, to, change);
    }
}
