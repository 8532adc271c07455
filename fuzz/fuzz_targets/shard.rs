//! A whole shard without its thread, told anything in any order: no panic, its directory stays in step, and in the end
//! nobody is left. The first byte chooses the options; a step is three bytes: what happens, to whom, and how many of the
//! bytes behind them are what a client says.

#![no_main]

#[path = "../../tests/support/shard.rs"]
mod shard;

use std::collections::BTreeMap;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use nself_realtime::config::{Access, Batch, Config, Limits, Recovery};
use nself_realtime::events::Keep;
use nself_realtime::guard::rate::Rate;
use nself_realtime::hub::context::State;
use nself_realtime::hub::core::access::{Ended, Identity};
use nself_realtime::hub::core::input::Input;
use nself_realtime::hub::core::look::Question;
use nself_realtime::hub::emit::Outgoing;
use nself_realtime::hub::message::{Change, Selection};
use shard::Shard;

const NAMESPACES: [&str; 2] = ["/", "/ask"];
const ROOMS: [&str; 3] = ["a", "b", "c"];
const USERS: [&str; 2] = ["ann", "bob"];

fn shard(first: u8) -> Shard {
    let is_set = |bit: u8| first & bit > 0;
    let mut shard = Shard::new(Config {
        nself: is_set(1),
        max_outbox: 6000,
        max_inbox: 2000,
        batch: Batch { max_events: 3, window: 100 },
        recovery: is_set(2).then_some(Recovery { max_disconnection_duration: 10_000, skip_middlewares: is_set(4) }),
        limits: Limits { events: is_set(8).then(|| Rate::new(5, 10)), ..Limits::default() },
        access: Access {
            authenticate: is_set(16),
            authorize_join: is_set(32),
            max_rooms_per_socket: 3,
            ..Access::default()
        },
        ..Config::default()
    });
    shard.heard = Some(BTreeMap::new());
    shard.server.declare("/ask", true, true);
    if is_set(64) {
        shard.server.attendance.watch();
    }
    shard
}

/// Rooms, a user, or everybody.
fn selection(who: u8) -> Selection {
    let room = ROOMS[usize::from(who) % 3].into();
    match who / 16 % 4 {
        0 => Selection::default(),
        1 => Selection::user(USERS[usize::from(who) % 2].into()),
        2 => Selection { except: [room].into(), ..Selection::default() },
        _ => Selection::room(room),
    }
}

/// What one of those who ever were here was told.
fn told(shard: &Shard, who: u8) -> (String, String) {
    let heard = shard.heard.as_ref().expect("it listens");
    let link = heard.keys().nth(usize::from(who / 4) % heard.len().max(1)).copied();
    let (pid, mark) = link.map(|link| shard.told(link)).unwrap_or_default();
    (pid.unwrap_or_default(), mark.unwrap_or_default())
}

fn step(shard: &mut Shard, what: u8, who: u8, said: &[u8]) {
    let link = shard.links.get_index(usize::from(who) % shard.links.len().max(1)).copied();
    let (nsp, room) = (NAMESPACES[usize::from(who) % 2], ROOMS[usize::from(who) % 3]);
    let user: Arc<str> = USERS[usize::from(who) % 2].into();
    let wall = (shard.micros / 1000) as i64;
    match (what % 20, link) {
        (0, _) => drop(shard.open(false)),
        (1, _) => drop(shard.open(true)),
        (2, _) => shard.open_polling(),
        (3, _) => shard.poll(who.into(), "GET", said),
        (4, _) => shard.poll(who.into(), "POST", said),
        (5, Some(link)) => shard.bytes(link, said),
        (6 | 7, Some(link)) => shard.say(link, said),
        (8, Some(link)) => {
            // As somebody who comes back: it cannot be guessed.
            let (pid, mark) = told(shard, who);
            let said = String::from_utf8_lossy(said).replace("$P", &pid).replace("$M", &mark);
            shard.say(link, said.as_bytes());
        }
        (9, Some(link)) => shard.lose(link),
        (10 | 11, _) => {
            let keep = Some([Keep::Close, Keep::Gap, Keep::Latest(String::new())][usize::from(who) % 3].clone());
            let text = format!("[\"e\",\"{}\"]", "x".repeat(usize::from(who) * 4));
            let (batch, volatile) = (who & 4 > 0, who & 24 == 24);
            let to = selection(who);
            shard.emit(Outgoing { nsp, to, batch, volatile, keep, text: &text, ..Outgoing::default() });
        }
        (12, _) => {
            let change = match who % 5 {
                0 => Change::Disconnect(who & 8 > 0),
                1 => Change::Leave(vec![room.into()]),
                2 => Change::LeaveAll,
                _ => Change::Join(vec![room.into()]),
            };
            shard.change(nsp, &selection(who), &change);
        }
        (13, _) => {
            let asked = shard.script.0.lock().unwrap().sockets.pop();
            let Some(socket) = asked else { return };
            if who & 3 == 3 {
                shard.handle(Input::Deny { socket, error: "{\"message\":\"no\"}".into() });
            } else {
                let until = (who & 4 > 0).then_some(wall + i64::from(who) * 10);
                let identity = Identity { user: Some(user).filter(|_| who & 8 > 0), until, ..Identity::default() };
                shard.handle(Input::Accept { socket, identity });
            }
            shard.server.release_decision();
        }
        (14, _) => {
            let asked = shard.script.0.lock().unwrap().rooms.pop();
            let Some((socket, token)) = asked else { return };
            shard.handle(Input::Joined { socket, token, error: (who & 1 > 0).then(|| "no".into()) });
        }
        (15, _) if who & 3 == 3 => {
            let mut state = shard.server.state.lock();
            if *state == State::Open {
                *state = State::Closing;
                drop(state);
                let server = shard.server.clone();
                shard.handle(Input::Close { server, deadline: u64::from(who) * 20, patient: who & 4 > 0 });
            }
        }
        (15, _) => {
            let question = Question::End { server: shard.server.id, ended: Ended::User(user) };
            shard.with_core(|core, now, effects| core.ask(now, &question, effects));
        }
        (16, _) => shard.room = usize::from(who) * 16,
        (17, _) => shard.room = usize::MAX,
        (18, _) => shard.micros += u64::from(who) * 20_000,
        _ => shard.work(),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else { return };
    let mut shard = shard(*first);
    while let [what, who, length, behind @ ..] = rest {
        // What nobody says is the next step.
        let speaks = matches!(what % 20, 4..9);
        let (said, next) = behind.split_at(if speaks { behind.len().min(usize::from(*length)) } else { 0 });
        rest = next;
        step(&mut shard, *what, *who, said);
    }
    shard.links.clone().into_iter().for_each(|link| shard.lose(link));
    for _ in 0..20 {
        shard.micros += 10_000_000;
        shard.work();
    }
    assert!(shard.core.is_empty(), "something is left: {}", shard.core.rest());
});
