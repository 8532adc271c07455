//! A Socket.IO server that lives inside a Next.js process. A map of the crate, from the inside out:
//!
//! - [`protocol`]: bytes and packets; [`session`]: one connection's state machines. Both pure.
//! - [`guard`]: who may ask; [`events`]: the six events of the nself layer.
//! - [`hub`]: the process's servers, and the shards that own connections and rooms.
//! - [`transport`]: HTTP requests, WebSockets, the listener, sockets taken over from Node: the only I/O.
//! - [`compressor`]: threads for what takes long.
//! - [`log`]: where `tracing` goes.
//! - `node`: the napi-rs binding; nothing else knows Node.

pub mod compressor;
pub mod config;
pub mod error;
pub mod events;
pub mod guard;
pub mod hub;
pub mod log;
// The binding exists in the addon alone: a test binary has no Node to call it.
#[cfg(all(feature = "node", not(test)))]
mod node;
pub mod protocol;
pub mod session;
pub mod transport;
