//! Tickets that the simulation's clients show: good ones as a rule, and all kinds of others.

use super::Simulation;
use crate::guard::ticket::{self, Keys};
use crate::hub::clock;

/// The key that counts.
pub fn keys() -> Keys {
    Keys::new(vec!["k".repeat(32)]).expect("it is long enough")
}

/// A ticket as a client has it.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub text: String,
    /// Signed with the key that counts.
    is_real: bool,
    /// In milliseconds since 1970.
    until: i64,
}

impl Ticket {
    /// Whether it may let somebody in now.
    pub fn is_good(&self) -> bool {
        self.is_real && self.until > clock::now().wall
    }
}

impl Simulation {
    /// A client has something to show when it asks: mostly a fresh ticket, of whatever rooms, or the one that it had.
    pub(super) fn renew(&mut self, at: usize) {
        if self.world.server.config.access.tickets.is_none() {
            return;
        }
        let (kind, wall) = (self.random.below(10), clock::now().wall);
        if kind == 0 {
            return;
        }
        let rooms: Option<&[&str]> = self.random.pick(&[None, Some(&["a", "b"]), Some(&["c*"]), Some(&[])]);
        let last = if kind == 1 { wall } else { wall + 200 + self.random.below(20_000) as i64 };
        let client = &mut self.clients[at];
        let Some(user) = client.user.filter(|_| kind != 2) else { return client.ticket = None };
        let rooms = rooms.map(|rooms| rooms.iter().map(|&room| room.to_owned()).collect());
        let signed = ticket::Ticket { user: user.to_owned(), rooms, until: last };
        let is_real = kind != 3;
        let keys = if is_real { keys() } else { Keys::new(vec!["x".repeat(32)]).expect("it is long enough") };
        client.ticket = Some(Ticket { text: keys.sign(&signed).expect("it can be signed"), is_real, until: last });
    }
}
