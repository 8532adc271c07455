//! Bytes to packets and packets to bytes: Engine.IO 4, Socket.IO 5, WebSocket frames; and a request's head. Pure: no I/O, no clock, no state
//! beyond one decoder.

pub mod deflate;
pub mod engine;
pub mod frame;
pub mod json;
pub mod request;
pub mod socket;
