//! The napi-rs binding: one kind of thing a file, no logic. Only this folder knows Node.

mod asking;
mod connection;
mod emit;
mod environment;
mod errors;
mod http;
mod inbox;
mod look;
mod options;
mod server;
mod socket;
mod text;
