//! socketioxide on axum, as it comes, under the control of the benchmark's runner.
//! The commands are those of `bench/servers/harness.mjs`.

use axum::serve::ListenerExt;
use nself_realtime_loadgen::control::say;
use nself_realtime_loadgen::measure::{cpu_us, event, meant, rss_kib};
use nself_realtime_loadgen::now_ns;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use std::time::Duration;

/// Events that one packet of kind `array` carries.
const ARRAY: usize = 10;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Command {
    Usage { id: u64 },
    Memory { id: u64 },
    Members { id: u64, room: String },
    Burst { id: u64, room: String, events: usize, kind: String },
    Steady { id: u64, room: String, events: usize, rate: f64 },
    Rooms { id: u64, prefix: String, rooms: usize, rounds: usize },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Join {
    room_id: String,
}

#[tokio::main]
async fn main() {
    let joined = std::env::args().any(|arg| arg == "join");
    let (layer, io) = SocketIo::builder().max_buffer_size(1024).build_layer();
    io.ns("/", async move |socket: SocketRef| {
        if joined {
            socket.join("bench");
        }
        socket.on("join:room", async |socket: SocketRef, Data(join): Data<Join>, ack: AckSender| {
            socket.join(join.room_id);
            ack.send(&json!({ "ok": true })).expect("an open connection");
        });
        socket.on("echo", async |ack: AckSender| ack.send(&json!({ "ok": true })).expect("an open connection"));
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (commands, mut inbox) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            commands.send(serde_json::from_str(&line).expect("a known command")).expect("a running server");
        }
    });
    say(json!({ "port": port, "path": "/socket.io/", "versions": { "socketioxide": version() } }));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("TCP_NODELAY"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().layer(layer)).await });
    // The channel ends when the runner goes.
    while let Some(command) = inbox.recv().await {
        say(run(&io, command).await);
    }
}

async fn run(io: &SocketIo, command: Command) -> serde_json::Value {
    let cpu = cpu_us();
    match command {
        Command::Usage { id } => json!({ "id": id, "cpu": cpu }),
        Command::Memory { id } => json!({ "id": id, "rss": rss_kib() }),
        Command::Members { id, room } => json!({ "id": id, "members": io.to(room).sockets().len() }),
        Command::Burst { id, room, events, kind } => {
            let packed = if kind == "array" { ARRAY } else { 1 };
            let started = now_ns();
            for _ in 0..events / packed {
                emit(io, &room, packed, now_ns()).await;
            }
            json!({ "id": id, "cpu": cpu, "micros": (now_ns() - started) as f64 / 1000.0 / events as f64 })
        }
        Command::Steady { id, room, events, rate } => {
            let mut timer = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
            let mut due = now_ns();
            let mut micros = Vec::new();
            for _ in 0..events {
                timer.tick().await;
                let started = now_ns();
                emit(io, &room, 1, meant(due)).await;
                micros.push((now_ns() - started) / 1000);
                due += (1e9 / rate) as u64;
            }
            micros.sort_unstable();
            json!({ "id": id, "cpu": cpu, "micros": micros[micros.len() / 2] })
        }
        Command::Rooms { id, prefix, rooms, rounds } => {
            for _ in 0..rounds {
                for room in 0..rooms {
                    emit(io, &format!("{prefix}{room}"), 1, now_ns()).await;
                }
            }
            json!({ "id": id, "cpu": cpu })
        }
    }
}

/// One packet with `packed` events. The room "" is everybody.
async fn emit(io: &SocketIo, room: &str, packed: usize, time: u64) {
    let data = if packed == 1 { event(time) } else { format!("[{}]", vec![event(time); packed].join(",")) };
    let data: Box<RawValue> = RawValue::from_string(data).expect("JSON");
    let sent = match room {
        "" => io.emit("logs:stream", &data).await,
        room => io.to(room.to_owned()).emit("logs:stream", &data).await,
    };
    sent.expect("every client takes it");
}

/// The version that this binary was built with.
fn version() -> &'static str {
    let (_, rest) = include_str!("../Cargo.lock").split_once("name = \"socketioxide\"\nversion = \"").expect("locked");
    rest.split('"').next().unwrap_or_default()
}
