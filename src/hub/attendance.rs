//! Which rooms of a server have members, on whichever shard; and coming and going without the noise of a page that
//! reloads: who is gone for a moment has not left, and a room that is empty for a moment is not forsaken. Shared by the
//! shards, for a client may come back on another.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::seeded::Seeded;

/// Names one absence or one empty room among others.
pub type Ticket = u64;

/// A room by its namespace.
pub type Place = (u32, Arc<str>);

/// A user in a room.
type Visit = (Arc<str>, Arc<str>);

/// How many rooms there are that the clients of one address made.
pub type Made = Arc<AtomicUsize>;

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
    /// Who made it counts it as long as it has members.
    maker: Option<Made>,
    /// JavaScript was told that somebody is there.
    told: bool,
    crowd: Crowd,
}

/// Members that have come or gone since it was told, of a room that is too large to tell of each.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Crowd {
    /// Members on all shards.
    pub count: usize,
    /// JSON objects `{socketId, userId}`.
    pub joined: Vec<String>,
    /// The same.
    pub left: Vec<String>,
    /// More have come or gone than are named.
    pub more: bool,
    /// Somebody will tell.
    due: bool,
}

/// How a coming or going is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// To everybody in the room, at once.
    Now,
    /// With others, by the shard that is told this: when the time has come.
    Begin,
    /// With others; somebody will do it.
    Later,
}

/// Rooms that the clients of one address may make, as long as there may be any more.
const FAIR: usize = 1000;
/// Most members that one message names, of those who came and of those who went.
const NAMED: usize = 100;

/// Of one server.
#[derive(Debug)]
pub struct Attendance {
    max_rooms: usize,
    /// Whether JavaScript wants to know which rooms have members.
    watched: AtomicBool,
    tickets: AtomicU64,
    /// Rooms with members.
    count: AtomicUsize,
    rooms: Mutex<HashMap<Place, Room, Seeded>>,
    absent: Mutex<HashMap<Visit, VecDeque<Ticket>, Seeded>>,
}

impl Attendance {
    /// Of a server with at most so many rooms that clients make.
    pub fn new(max_rooms: usize) -> Self {
        Self {
            max_rooms,
            watched: AtomicBool::new(false),
            tickets: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            rooms: Mutex::default(),
            absent: Mutex::default(),
        }
    }

    fn ticket(&self) -> Ticket {
        self.tickets.fetch_add(1, Relaxed) + 1
    }

    /// Whether a client may join a room: it is there, or one more may be. An address that made many must leave as many free:
    /// it can never take them all. The error is what the client is told.
    pub fn may_exist(&self, nsp: u32, room: &Arc<str>, maker: Option<&Made>) -> Result<(), &'static str> {
        let count = self.count.load(Relaxed);
        let made = maker.map_or(0, |made| made.load(Relaxed));
        let refusal = if count >= self.max_rooms {
            "the server has too many rooms"
        } else if made >= FAIR && made >= self.max_rooms - count {
            "the clients of this address have made too many rooms"
        } else {
            return Ok(());
        };
        let is_there = self.rooms.lock().get(&(nsp, room.clone())).is_some_and(|room| room.shards > 0);
        is_there.then_some(()).ok_or(refusal)
    }

    /// A shard has its first member of a room.
    pub fn inhabited(&self, nsp: u32, room: &Arc<str>, maker: Option<&Made>) -> Change {
        let mut rooms = self.rooms.lock();
        let found = rooms.entry((nsp, room.clone())).or_default();
        found.shards += 1;
        if found.shards == 1 {
            self.count.fetch_add(1, Relaxed);
            found.maker = maker.cloned();
            if let Some(made) = maker {
                made.fetch_add(1, Relaxed);
            }
        }
        let tells = self.watched.load(Relaxed) && !found.told;
        found.told |= tells;
        if tells { Change::Inhabited } else { Change::None }
    }

    /// A shard has no member of a room left.
    pub fn deserted(&self, nsp: u32, room: &Arc<str>) -> Change {
        let mut rooms = self.rooms.lock();
        let Entry::Occupied(mut entry) = rooms.entry((nsp, room.clone())) else { return Change::None };
        let found = entry.get_mut();
        found.shards = found.shards.saturating_sub(1);
        found.empty = self.ticket();
        if found.shards > 0 {
            return Change::None;
        }
        self.count.fetch_sub(1, Relaxed);
        if let Some(made) = found.maker.take() {
            made.fetch_sub(1, Relaxed);
        }
        if found.told {
            return Change::Empty(found.empty);
        }
        entry.remove();
        Change::None
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

    /// Rooms with members.
    pub fn rooms(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// JavaScript wants to know from now on which rooms have members. Returns those that it was not told of.
    pub fn watch(&self) -> Vec<Place> {
        let mut rooms = self.rooms.lock();
        self.watched.store(true, Relaxed);
        let untold = rooms.iter_mut().filter(|(_, room)| !room.told && room.shards > 0);
        untold
            .map(|(place, room)| {
                room.told = true;
                place.clone()
            })
            .collect()
    }

    /// A room of the nself layer has a member more, or one less.
    pub fn count(&self, nsp: u32, room: &Arc<str>, came: bool) {
        if let Some(Room { crowd, .. }) = self.rooms.lock().get_mut(&(nsp, room.clone())) {
            crowd.count = if came { crowd.count + 1 } else { crowd.count.saturating_sub(1) };
        }
    }

    /// How a room is told that somebody (`who`: JSON) came or left. `small`: most members of a room that hears of each.
    pub fn tell(&self, nsp: u32, room: &Arc<str>, came: bool, who: &str, small: usize) -> Telling {
        let mut rooms = self.rooms.lock();
        let Some(Room { crowd, .. }) = rooms.get_mut(&(nsp, room.clone())) else { return Telling::Now };
        if crowd.count <= small && !crowd.due {
            return Telling::Now;
        }
        let list = if came { &mut crowd.joined } else { &mut crowd.left };
        if list.len() < NAMED {
            list.push(who.to_owned());
        } else {
            crowd.more = true;
        }
        if std::mem::replace(&mut crowd.due, true) { Telling::Later } else { Telling::Begin }
    }

    /// Takes out who has come and gone, to be told.
    pub fn crowd(&self, nsp: u32, room: &Arc<str>) -> Option<Crowd> {
        let mut rooms = self.rooms.lock();
        let crowd = &mut rooms.get_mut(&(nsp, room.clone()))?.crowd;
        let count = crowd.count;
        Some(std::mem::replace(crowd, Crowd { count, ..Crowd::default() }))
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
        let attendance = Attendance::new(10);
        attendance.watch();
        let room: Arc<str> = "logs".into();
        assert_eq!(attendance.inhabited(1, &room, None), Change::Inhabited);
        assert_eq!(attendance.inhabited(1, &room, None), Change::None, "on a second shard");
        assert_eq!(attendance.rooms(), 1, "rooms and not shards");
        assert_eq!(attendance.deserted(1, &room), Change::None);
        let Change::Empty(first) = attendance.deserted(1, &room) else { panic!("empty") };
        assert_eq!(attendance.inhabited(1, &room, None), Change::None, "within the grace");
        let Change::Empty(second) = attendance.deserted(1, &room) else { panic!("empty") };
        assert!(!attendance.is_forsaken(1, &room, first));
        assert!(attendance.is_forsaken(1, &room, second));
        assert!(!attendance.is_forsaken(1, &room, second), "once");
        assert_eq!(attendance.inhabited(1, &room, None), Change::Inhabited);
        assert_eq!(attendance.inhabited(2, &room, None), Change::Inhabited, "of another namespace");
    }

    #[test]
    fn rooms_from_before_the_watch_are_told_once() {
        let attendance = Attendance::new(10);
        let room: Arc<str> = "logs".into();
        assert_eq!(attendance.inhabited(1, &room, None), Change::None);
        assert_eq!(attendance.watch(), [(1, room.clone())]);
        assert_eq!((attendance.watch().len(), attendance.inhabited(1, &room, None)), (0, Change::None));
    }

    #[test]
    fn one_address_cannot_take_all_rooms() {
        let attendance = Attendance::new(10_000);
        let (mine, other) = (Made::default(), Made::default());
        let make = |maker: &Made, name: String| {
            let room: Arc<str> = name.into();
            let may = attendance.may_exist(1, &room, Some(maker)).is_ok();
            if may {
                attendance.inhabited(1, &room, Some(maker));
            }
            may
        };
        let made = (0..10_000).take_while(|number| make(&mine, format!("mine {number}"))).count();
        assert_eq!(made, 5000);
        assert!((0..2500).all(|number| make(&other, format!("other {number}"))));
        assert!(attendance.may_exist(1, &"mine 1".into(), Some(&mine)).is_ok(), "it is there");
        for number in 0..5000 {
            attendance.deserted(1, &format!("mine {number}").into());
        }
        assert_eq!((mine.load(Relaxed), other.load(Relaxed), attendance.rooms()), (0, 2500, 2500));
    }

    #[test]
    fn a_crowd_is_told_together() {
        let attendance = Attendance::new(10);
        let room: Arc<str> = "r".into();
        attendance.inhabited(1, &room, None);
        let moved = |came, who: &str| {
            attendance.count(1, &room, came);
            attendance.tell(1, &room, came, who, 2)
        };
        assert_eq!([moved(true, "a"), moved(true, "b")], [Telling::Now, Telling::Now]);
        assert_eq!(
            [moved(true, "c"), moved(true, "d"), moved(false, "a")],
            [Telling::Begin, Telling::Later, Telling::Later]
        );
        assert_eq!(moved(false, "b"), Telling::Later, "small again, but behind what is to be told");
        let crowd = attendance.crowd(1, &room).unwrap();
        assert_eq!((crowd.count, crowd.more), (2, false));
        assert_eq!((crowd.joined.join(""), crowd.left.join("")), ("cd".into(), "ab".into()));
        assert_eq!(moved(false, "c"), Telling::Now);
        (0..2 * NAMED).for_each(|_| {
            moved(true, "x");
        });
        let crowd = attendance.crowd(1, &room).unwrap();
        assert_eq!((crowd.joined.len(), crowd.more, crowd.count), (NAMED, true, 2 * NAMED + 1));
    }

    #[test]
    fn who_comes_back_has_not_left() {
        let attendance = Attendance::new(10);
        let (room, user): (Arc<str>, Arc<str>) = ("r".into(), "u".into());
        assert!(!attendance.is_back(&room, &user));
        let (tab, other) = (attendance.absent(&room, &user), attendance.absent(&room, &user));
        assert!(attendance.is_back(&room, &user));
        assert!(!attendance.is_gone(&room, &user, tab));
        assert!(attendance.is_gone(&room, &user, other), "the second tab was closed");
        assert!(!attendance.is_back(&room, &user));
    }
}
