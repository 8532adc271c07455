//! Coming and going, without the noise of a page that reloads: who is gone for a moment has not left, and a room that is
//! empty for a moment is not forsaken. Shared by the shards, for a client may come back on another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Names one absence or one empty room among others.
pub type Ticket = u64;

/// A room by its namespace.
type Place = (u32, Arc<str>);

/// A user in a room.
type Visit = (Arc<str>, Arc<str>);

/// What a room's producers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Somebody is there now.
    Inhabited,
    /// Nobody is there; if so when the grace is over, it is forsaken.
    Empty(Ticket),
}

#[derive(Debug, Default)]
struct Room {
    /// Shards that have members of it.
    shards: u32,
    /// It was empty last with this ticket.
    empty: Ticket,
}

/// Of one server.
#[derive(Debug, Default)]
pub struct Attendance {
    tickets: AtomicU64,
    rooms: Mutex<FxHashMap<Place, Room>>,
    absent: Mutex<FxHashMap<Visit, VecDeque<Ticket>>>,
}

impl Attendance {
    fn ticket(&self) -> Ticket {
        self.tickets.fetch_add(1, Relaxed) + 1
    }

    /// A shard has its first member of a room.
    pub fn inhabited(&self, nsp: u32, room: &Arc<str>) -> Change {
        let mut rooms = self.rooms.lock();
        let known = rooms.contains_key(&(nsp, room.clone()));
        rooms.entry((nsp, room.clone())).or_default().shards += 1;
        if known { Change::None } else { Change::Inhabited }
    }

    /// A shard has no member of a room left.
    pub fn deserted(&self, nsp: u32, room: &Arc<str>) -> Change {
        let ticket = self.ticket();
        match self.rooms.lock().get_mut(&(nsp, room.clone())) {
            None => Change::None,
            Some(found) => {
                found.shards = found.shards.saturating_sub(1);
                found.empty = ticket;
                if found.shards == 0 { Change::Empty(ticket) } else { Change::None }
            }
        }
    }

    /// The grace of an empty room is over. True: nobody has come meanwhile.
    pub fn is_forsaken(&self, nsp: u32, room: &Arc<str>, ticket: Ticket) -> bool {
        let mut rooms = self.rooms.lock();
        let place = (nsp, room.clone());
        let forsaken = rooms.get(&place).is_some_and(|room| room.shards == 0 && room.empty == ticket);
        if forsaken {
            rooms.remove(&place);
        }
        forsaken
    }

    /// A user's socket was cut off while in a room. It has not left until the grace is over.
    pub fn absent(&self, room: &Arc<str>, user: &Arc<str>) -> Ticket {
        let ticket = self.ticket();
        self.absent.lock().entry((room.clone(), user.clone())).or_default().push_back(ticket);
        ticket
    }

    /// A user comes into a room. True: for the others it had not left.
    pub fn is_back(&self, room: &Arc<str>, user: &Arc<str>) -> bool {
        let mut absent = self.absent.lock();
        if absent.is_empty() {
            return false;
        }
        let key = (room.clone(), user.clone());
        let Some(tickets) = absent.get_mut(&key) else { return false };
        tickets.pop_front();
        if tickets.is_empty() {
            absent.remove(&key);
        }
        true
    }

    /// The grace of an absence is over. True: the user has not come back.
    pub fn is_gone(&self, room: &Arc<str>, user: &Arc<str>, ticket: Ticket) -> bool {
        let mut absent = self.absent.lock();
        let key = (room.clone(), user.clone());
        let Some(tickets) = absent.get_mut(&key) else { return false };
        let before = tickets.len();
        tickets.retain(|known| *known != ticket);
        let gone = tickets.len() < before;
        if tickets.is_empty() {
            absent.remove(&key);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_forsaken_when_nobody_came_within_the_grace() {
        let attendance = Attendance::default();
        let room: Arc<str> = "logs".into();
        assert_eq!(attendance.inhabited(1, &room), Change::Inhabited);
        assert_eq!(attendance.inhabited(1, &room), Change::None, "on a second shard");
        assert_eq!(attendance.deserted(1, &room), Change::None);
        let Change::Empty(first) = attendance.deserted(1, &room) else { panic!("empty") };
        assert_eq!(attendance.inhabited(1, &room), Change::None, "within the grace");
        let Change::Empty(second) = attendance.deserted(1, &room) else { panic!("empty") };
        assert!(!attendance.is_forsaken(1, &room, first));
        assert!(attendance.is_forsaken(1, &room, second));
        assert!(!attendance.is_forsaken(1, &room, second), "once");
        assert_eq!(attendance.inhabited(1, &room), Change::Inhabited);
        assert_eq!(attendance.inhabited(2, &room), Change::Inhabited, "of another namespace");
    }

    #[test]
    fn who_comes_back_has_not_left() {
        let attendance = Attendance::default();
        let (room, user): (Arc<str>, Arc<str>) = ("r".into(), "u".into());
        assert!(!attendance.is_back(&room, &user));
        let (tab, other) = (attendance.absent(&room, &user), attendance.absent(&room, &user));
        assert!(attendance.is_back(&room, &user));
        assert!(!attendance.is_gone(&room, &user, tab));
        assert!(attendance.is_gone(&room, &user, other), "the second tab was closed");
        assert!(!attendance.is_back(&room, &user));
    }
}
