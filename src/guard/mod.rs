//! Who may ask, how often, and how many: checks that depend on the server's options, and on what others did before.

pub mod cors;
pub mod gate;
pub mod origin;
pub mod proxy;
pub mod rate;
pub mod ticket;
