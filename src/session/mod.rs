//! One connection's state machines: the Engine.IO session, the Socket.IO sockets on it, and the verdict on its
//! requests. Pure: packets and the time go in; messages, effects and deadlines come out.

pub mod engine;
pub mod handshake;
pub mod inflating;
pub mod socket;
pub mod websocket;

/// Milliseconds on a clock that only goes forward; its start does not matter.
pub type Millis = u64;
