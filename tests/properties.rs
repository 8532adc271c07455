//! Properties of the pure layers: packets, payloads, JSON, WebSocket input, sessions. Bounded, a few seconds in all.

#[path = "support/driver.rs"]
mod driver;
mod properties {
    mod json;
    mod packets;
    mod sessions;
    mod websocket;
}
