//! Who may ask: checks of a request that depend on the server's options alone.

pub mod cors;
pub mod origin;
pub mod proxy;
pub mod ticket;
