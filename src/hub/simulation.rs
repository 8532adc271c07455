//! A shard, its sessions, batches, outboxes and policies, driven by a seeded scheduler with a time of its own: clients
//! come and go, read slowly, poll or not, are cut off or expire, or never ask for a namespace, while events are emitted at
//! random. Whatever happens, each client gets its events in order and once, nothing is lost that no policy allows, no
//! outbox grows beyond its cap, the shard comes to rest, and whoever must go is gone in time.
//!
//! `SIMULATION_SEED=n cargo test simulation` runs one seed again; `SIMULATION_SEEDS=n` runs so many.

mod client;
mod lurkers;
mod network;
mod pipe;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use self::client::{Client, Fate, Way};
use self::lurkers::Lurkers;
use super::clock;
use super::command::{Change, Command};
use super::mailbox::Mailbox;
use super::rooms::Selection;
use super::server::{Event, Outgoing, Server, Sink};
use super::shard::{Shard, flush_step, settle, take_in};
use crate::config::{Batch, Config};
use crate::events::Keep;

const ROOMS: [&str; 3] = ["a", "b", "c"];
const CAP: usize = 6000;
/// In milliseconds; the others ask for their namespace without time passing.
const CONNECT_TIMEOUT: u64 = 1500;
/// The clock jumps so far at most, in milliseconds.
const LEAP: u64 = 10_000;
/// Largest event, and what may be urgent beside a full outbox.
const SLACK: usize = 3000;

struct Silent;

impl Sink for Silent {
    fn push(&self, _: Event) {}
}

/// A small generator (xorshift64*): a seed is a whole run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }
}

struct Simulation {
    random: Random,
    server: Arc<Server>,
    mailbox: Arc<Mailbox>,
    shard: Rc<RefCell<Shard>>,
    clients: Vec<Client>,
    /// By client: the rooms it is in.
    rooms: Vec<Vec<&'static str>>,
    number: u64,
    requests: u64,
    names: usize,
    lurkers: Lurkers,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        clock::VIRTUAL.set(Some(1_000_000));
        let mailbox: Arc<Mailbox> = Arc::default();
        let config = Config {
            max_outbox: CAP,
            batch: Batch { max_events: 4, window: 100 },
            ping_interval: 25_000,
            ping_timeout: 20_000,
            connect_timeout: CONNECT_TIMEOUT,
            ..Config::default()
        };
        let server = Server::new(1, config.validated().unwrap(), Arc::new(Silent), [mailbox.clone()].into());
        Self {
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            server,
            shard: Shard::new(0, 1, mailbox.clone()),
            mailbox,
            clients: Vec::new(),
            rooms: Vec::new(),
            number: 0,
            requests: 0,
            names: 0,
            lurkers: Lurkers::default(),
        }
    }

    fn pass(millis: u64) {
        clock::VIRTUAL.set(clock::VIRTUAL.get().map(|time| time + millis * 1000));
    }

    /// Tasks of connections run as far as they can.
    async fn tasks() {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }

    /// The shard works, by whole passes or in part.
    async fn work(&mut self, whole: bool) {
        let mut commands = Vec::new();
        take_in(&self.shard, &self.mailbox, &mut commands);
        // A burst may gather for some passes.
        if whole || !self.random.one_in(3) {
            settle(&self.shard);
        }
        while flush_step(&self.shard) && whole {
            take_in(&self.shard, &self.mailbox, &mut commands);
            settle(&self.shard);
        }
        Self::tasks().await;
        if whole {
            take_in(&self.shard, &self.mailbox, &mut commands);
            settle(&self.shard);
            while flush_step(&self.shard) {}
            self.come_to_rest(&mut commands);
        }
        for (_, connection) in &self.shard.borrow().connections {
            let cost = connection.outbox.cost();
            assert!(cost <= CAP + SLACK, "an outbox of {cost} bytes");
        }
    }

    /// While the clock stands still there is an end to what is due.
    fn come_to_rest(&mut self, commands: &mut Vec<Command>) {
        let rests = |shard: &Shard| shard.timers.next().is_none_or(|at| at > shard.now);
        for _ in 0..3 {
            if rests(&self.shard.borrow()) {
                return;
            }
            take_in(&self.shard, &self.mailbox, commands);
            settle(&self.shard);
            while flush_step(&self.shard) {}
        }
        assert!(rests(&self.shard.borrow()), "a timer is due again and again");
    }

    fn emit(&mut self) {
        let count = 1 + self.random.below(3) * self.random.below(4);
        let to: Vec<&'static str> = match self.random.below(5) {
            0 => Vec::new(),
            1 => vec!["a", "b"],
            which => vec![ROOMS[which as usize - 2]],
        };
        let except: Vec<&'static str> = if self.random.one_in(6) { vec!["c"] } else { Vec::new() };
        for _ in 0..count {
            self.number += 1;
            let (volatile, batch) = (self.random.one_in(9), self.random.one_in(2));
            let one = (to.len() == 1).then(|| to[0]);
            let key = format!("k{}", self.random.below(3));
            let (name, keep, fate) = match self.random.below(5) {
                _ if volatile => ("volatile", Keep::Close, Fate::Volatile),
                0 => ("close", Keep::Close, Fate::Close),
                1 | 2 => ("line", Keep::Gap, Fate::Gap { room: one.unwrap_or_default().into() }),
                _ => ("state", Keep::Latest(key.clone()), Fate::Latest { key: format!("{one:?} {key}") }),
            };
            let longest = if self.random.one_in(12) { 2500 } else { 200 };
            let pad = "x".repeat(self.random.below(longest) as usize);
            let text = format!("[\"{name}\",{{\"n\":{},\"pad\":\"{pad}\"}}]", self.number);
            let names = |rooms: &[&str]| rooms.iter().map(|room| Arc::from(*room)).collect();
            let selection = Selection { rooms: names(&to), except: names(&except) };
            let accepted = self.server.emit(Outgoing {
                nsp: "/",
                to: selection,
                volatile,
                batch: batch && !volatile,
                keep: Some(keep),
                text: &text,
                ..Outgoing::default()
            });
            assert!(accepted);
            for (client, rooms) in self.clients.iter_mut().zip(&self.rooms) {
                let is_in = |list: &[&str]| list.iter().any(|room| rooms.contains(room));
                if (to.is_empty() || is_in(&to)) && !is_in(&except) {
                    client.expected.push((self.number, fate.clone()));
                }
            }
        }
    }

    /// Puts a client into a room, or takes it out of it. By the same queue as emits, so the account is exact.
    fn move_about(&mut self, at: usize) {
        let room = ROOMS[self.random.below(3) as usize];
        let own = Selection::room(self.clients[at].socket.as_str().into());
        let rooms = &mut self.rooms[at];
        let change = match rooms.iter().position(|known| *known == room) {
            Some(place) => {
                rooms.remove(place);
                Change::Leave(vec![room.into()])
            }
            None => {
                rooms.push(room);
                Change::Join(vec![room.into()])
            }
        };
        self.server.change_all("/", &own, &change);
    }

    async fn step(&mut self) {
        let count = self.clients.len() as u64;
        let at = (count > 0).then(|| self.random.below(count) as usize);
        match (self.random.below(12), at) {
            (0, _) if count < 6 => {
                let websocket = !self.random.one_in(3);
                self.connect(websocket).await;
            }
            (1 | 2, Some(at)) => self.move_about(at),
            (3, Some(at)) => {
                let room = [0, 0, 300, 5000][self.random.below(4) as usize];
                if !self.clients[at].is_prompt {
                    self.read(at, room);
                }
            }
            (4, Some(at)) if self.random.one_in(4) => {
                if let Way::WebSocket(pipe) = &self.clients[at].way {
                    pipe.cut();
                    self.drop_client(at);
                }
            }
            (4, at) => self.lurk(at).await,
            (5, _) => Self::pass(self.random.below(60)),
            (6, _) if self.random.one_in(10) => Self::pass(self.random.below(8000)),
            _ => self.emit(),
        }
        let whole = !self.random.one_in(3);
        self.work(whole).await;
        self.read_promptly();
        self.bury();
        self.check_lurkers();
    }

    fn read_promptly(&mut self) {
        for at in 0..self.clients.len() {
            if self.clients[at].is_prompt {
                self.read(at, usize::MAX);
            }
        }
    }

    /// Who was closed by the server is gone; none that was prompt.
    fn bury(&mut self) {
        for at in (0..self.clients.len()).rev() {
            let client = &self.clients[at];
            let over = client.is_over || matches!(&client.way, Way::WebSocket(pipe) if pipe.is_over());
            if over {
                assert!(!client.is_prompt, "client {} was closed although it was prompt", client.name);
                self.drop_client(at);
            }
        }
    }

    fn drop_client(&mut self, at: usize) {
        self.clients.swap_remove(at);
        self.rooms.swap_remove(at);
    }

    /// Everybody reads to the end; then accounts are settled, and all go.
    async fn finish(mut self) {
        for round in 0..40 {
            self.work(true).await;
            for at in 0..self.clients.len() {
                self.read(at, usize::MAX);
            }
            if round == 10 {
                // Batches that wait have their window's end.
                Self::pass(200);
            }
            self.bury();
        }
        self.clients.iter().for_each(Client::settle_accounts);
        for client in &self.clients {
            if let Way::WebSocket(pipe) = &client.way {
                pipe.cut();
            }
        }
        self.clients.clear();
        // Those who poll no more are gone by their heartbeat; what is left of timers finds nobody.
        for _ in 0..12 {
            Self::pass(LEAP);
            self.work(true).await;
            self.check_lurkers();
        }
        let shard = self.shard.borrow();
        assert!(shard.connections.is_empty() && shard.links.is_empty() && shard.sockets.is_empty(), "clients are left");
        assert!(shard.spaces.is_empty() && shard.sids.is_empty() && shard.population.is_empty(), "rooms are left");
        assert_eq!(shard.timers.next(), None, "timers are left");
    }
}

fn run(seed: u64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build_local(tokio::runtime::LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let mut simulation = Simulation::new(seed);
        for _ in 0..150 {
            simulation.step().await;
        }
        simulation.finish().await;
    });
    clock::VIRTUAL.set(None);
}

#[test]
fn whatever_happens_events_arrive_in_order_once_and_as_their_policies_say() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(2000),
    };
    for seed in seeds {
        if std::panic::catch_unwind(|| run(seed)).is_err() {
            panic!(
                "seed {seed} failed; again with: SIMULATION_SEED={seed} cargo test --no-default-features simulation"
            );
        }
    }
}
