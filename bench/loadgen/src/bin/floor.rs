//! The floor: the least that a server can do. It answers the handshake, and sends one ready-made buffer to each member
//! with one write, on one thread. What another server takes above this is its own work, not the kernel's.

use nself_realtime_loadgen::control::{Input, say};
use nself_realtime_loadgen::measure::{cpu_us, event, meant, rss_kib};
use nself_realtime_loadgen::members::Members;
use nself_realtime_loadgen::poll::{Poll, STDIN};
use nself_realtime_loadgen::{frame, now_ns};
use rustix::net::{AddressFamily, SocketAddrV4, SocketFlags, SocketType, ipproto};
use serde::Deserialize;
use serde_json::json;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

const LISTENER: u64 = u64::MAX - 1;

/// The same commands as those of the servers in JavaScript; `bench/servers/harness.mjs` says what they mean.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Command {
    Usage { id: u64 },
    Memory { id: u64 },
    Members { id: u64, room: String },
    Burst { id: u64, room: String, events: usize },
    Steady { id: u64, room: String, events: usize, rate: f64 },
    Rooms { id: u64, prefix: String, rooms: usize, rounds: usize },
}

struct Steady {
    id: u64,
    room: String,
    left: usize,
    next: u64,
    gap: u64,
    cpu: u64,
}

fn main() {
    let listener = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
        Some(ipproto::TCP),
    )
    .expect("a socket");
    rustix::net::bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    rustix::net::listen(&listener, 4096).expect("listen");
    let address = rustix::net::getsockname(&listener).expect("an address");
    let port = SocketAddrV4::try_from(address).expect("IPv4").port();

    let mut poll = Poll::new().expect("epoll");
    poll.add(&listener, LISTENER, false).expect("epoll");
    say(json!({ "port": port, "path": "/socket.io/", "versions": {} }));
    let mut input = Input::default();
    let mut members = Members::default();
    let mut steady: Option<Steady> = None;
    loop {
        let wait = steady.as_ref().map(|steady| Duration::from_nanos(steady.next.saturating_sub(now_ns())));
        let mut commands = Vec::new();
        let mut ended = false;
        poll.wait(wait, |poll, token, writable| match token {
            STDIN => match input.commands::<Command>() {
                Some(more) => commands.extend(more),
                None => ended = true,
            },
            LISTENER => members.accept(poll, &listener),
            token => members.ready(poll, token as usize, writable),
        });
        if ended {
            return;
        }
        for command in commands {
            match command {
                Command::Usage { id } => say(json!({ "id": id, "cpu": cpu_us() })),
                Command::Memory { id } => say(json!({ "id": id, "rss": rss_kib() })),
                Command::Members { id, room } => say(json!({ "id": id, "members": members.count(&room) })),
                Command::Burst { id, room, events } => {
                    let cpu = cpu_us();
                    members.broadcast(&poll, &room, &event_frames(events, now_ns()));
                    say(json!({ "id": id, "cpu": cpu }));
                }
                Command::Steady { id, room, events, rate } => {
                    let (next, gap) = (now_ns() + 10_000_000, (1e9 / rate) as u64);
                    steady = Some(Steady { id, room, left: events, next, gap, cpu: cpu_us() });
                }
                Command::Rooms { id, prefix, rooms, rounds } => {
                    let cpu = cpu_us();
                    let bytes = event_frames(rounds, now_ns());
                    for room in 0..rooms {
                        members.broadcast(&poll, &format!("{prefix}{room}"), &bytes);
                    }
                    say(json!({ "id": id, "cpu": cpu }));
                }
            }
        }
        if let Some(run) = steady.as_mut().filter(|run| run.next <= now_ns()) {
            members.broadcast(&poll, &run.room, &event_frames(1, meant(run.next)));
            run.next += run.gap;
            run.left -= 1;
            if run.left == 0 {
                say(json!({ "id": run.id, "cpu": run.cpu }));
                steady = None;
            }
        }
    }
}

/// `count` frames of the event that was meant to be sent at `time`.
fn event_frames(count: usize, time: u64) -> Rc<[u8]> {
    let packet = format!("42[\"logs:stream\",{}]", event(time));
    let mut out = Vec::with_capacity(count * (packet.len() + 4));
    for _ in 0..count {
        frame::push_server(&mut out, frame::TEXT, packet.as_bytes());
    }
    out.into()
}
