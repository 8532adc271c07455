//! The load generator: many WebSocket Socket.IO clients on one thread, cheap enough not to be what is measured.

use nself_realtime_loadgen::clients::{Clients, Question};
use nself_realtime_loadgen::control::{Input, say};
use nself_realtime_loadgen::poll::{Poll, STDIN};
use serde::Deserialize;
use serde_json::json;

/// Every command is answered by one line with its `id`, when it is done.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Command {
    /// Opens `clients` more connections, at most `inflight` of them half open at a time.
    Connect { id: u64, port: u16, path: String, clients: usize, inflight: usize },
    /// Answers at once, and says `done` with the same id when `deliveries` packets of `event` have arrived.
    Expect { id: u64, event: String, deliveries: u64, latency: bool },
    /// `total` events with an acknowledgement, `outstanding` at a time, one for each connection in turn.
    /// Connection i names the room `<room><i / size>`.
    Acks { id: u64, event: String, room: String, size: usize, total: usize, outstanding: usize },
    /// What arrived so far.
    Status { id: u64 },
}

fn main() {
    let mut poll = Poll::new().expect("epoll");
    let mut input = Input::default();
    let mut clients = Clients::default();
    loop {
        let mut commands = Vec::new();
        let mut ended = false;
        poll.wait(None, |poll, token, writable| match token {
            STDIN => match input.commands::<Command>() {
                Some(more) => commands.extend(more),
                None => ended = true,
            },
            token => clients.ready(poll, token as usize, writable),
        });
        if ended {
            return;
        }
        for command in commands {
            match command {
                Command::Connect { id, port, path, clients: count, inflight } => {
                    clients.connect(&poll, id, port, &path, count, inflight);
                }
                Command::Expect { id, event, deliveries, latency } => clients.expect(id, event, deliveries, latency),
                Command::Acks { id, event, room, size, total, outstanding } => {
                    clients.acks(id, Question { event, room, size }, total, outstanding);
                }
                Command::Status { id } => say(json!({ "id": id, "status": clients.status() })),
            }
        }
    }
}
