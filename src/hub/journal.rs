//! What a namespace remembers of its messages, so that who lost the connection gets what was missed (socketio/
//! socket.io-protocol, "connection state recovery") and loses what was taken. A message's place is given under the same order
//! in which it goes to the shards, so whoever knows a place knows what came before it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};

use super::message::{Change, Selection};
use super::run::Run;
use super::seeded::Seeded;
use crate::protocol::json;
use crate::session::Millis;

/// A place in a journal: how many messages came up to it. 0 is the beginning.
pub type Position = u64;

/// Characters of an epoch.
const EPOCH: usize = 8;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Most bytes of events that a ring keeps; the oldest go first, and who needs them starts anew.
const MAX_BYTES: usize = 16 << 20;
/// What an event costs beside its bytes.
const OVERHEAD: usize = 128;

/// What a look into a journal found.
#[derive(Debug, Default)]
pub struct Piece {
    /// Events, in order.
    pub runs: Vec<Arc<Run>>,
    /// The place of the last of them; 0 if there is none.
    pub last: Position,
    /// All up to here were looked at.
    pub next: Position,
}

/// Who somebody was, and in which rooms, at a place of the journal.
pub trait Wants {
    /// The rooms to look into: all that they were in at any time.
    fn rooms(&self) -> Vec<Arc<str>>;
    /// Whose they are.
    fn user(&self) -> Option<Arc<str>>;
    /// Whether an event at this place was for them.
    fn wants(&self, at: Position, to: &Selection) -> bool;
}

/// Keeps messages by their places. Whoever appends holds what orders messages.
pub trait Journal: Send + Sync {
    /// Takes an event in. `encode` gets the text of its place, and gives the event.
    fn append(&self, now: Millis, to: &Selection, encode: &mut dyn FnMut(&str) -> Arc<Run>) -> (Position, Arc<Run>);
    /// Takes a change in.
    fn note(&self, now: Millis, to: &Selection, change: &Change) -> Position;
    /// The changes behind `after` up to `until`, in order, with their places. None: some are forgotten.
    fn changes(&self, after: Position, until: Position) -> Option<Vec<(Position, Selection, Change)>>;
    /// The last place.
    fn head(&self) -> Position;
    /// The first place that is still known; everything behind it is, too.
    fn start(&self) -> Position;
    /// The text of a place, which events carry to clients.
    fn mark(&self, position: Position) -> String;
    /// The place of such a text. None if it is none of this journal's: a client takes any last text for one.
    fn place(&self, mark: &str) -> Option<Position>;
    /// Events behind `after` up to `until` that somebody wants, at most about `bytes`. None: some are forgotten.
    fn read(&self, after: Position, until: Position, whose: &dyn Wants, bytes: usize) -> Option<Piece>;
}

enum Body {
    Event(Arc<Run>),
    Change(Change),
}

struct Entry {
    at: Millis,
    to: Selection,
    body: Body,
}

impl Entry {
    fn cost(&self) -> usize {
        OVERHEAD
            + match &self.body {
                Body::Event(run) => run.cost(),
                Body::Change(Change::Join(rooms) | Change::Leave(rooms)) => OVERHEAD * rooms.len(),
                Body::Change(_) => 0,
            }
    }
}

/// Whom events are for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Audience {
    Everybody,
    Room(Arc<str>),
    User(Arc<str>),
}

impl Audience {
    /// Those among which whoever is selected is.
    fn of(to: &Selection) -> SmallVec<[Self; 1]> {
        match (&to.user, to.rooms.as_slice()) {
            (Some(user), _) => smallvec![Self::User(user.clone())],
            (None, []) => smallvec![Self::Everybody],
            (None, rooms) => rooms.iter().cloned().map(Self::Room).collect(),
        }
    }
}

#[derive(Default)]
struct Inside {
    /// The place before the first entry.
    start: Position,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The places of events, by whom they are for.
    lists: HashMap<Audience, VecDeque<Position>, Seeded>,
    /// The places of changes.
    changes: VecDeque<Position>,
}

/// A journal in memory: it keeps events for a time.
pub struct Ring {
    epoch: [u8; EPOCH],
    /// In milliseconds.
    duration: Millis,
    inside: Mutex<Inside>,
}

impl Ring {
    /// Keeps events for this long, in milliseconds. `seed`: random.
    pub fn new(duration: Millis, seed: u64) -> Self {
        let epoch = std::array::from_fn(|place| DIGITS[(seed >> (8 * place)) as usize % DIGITS.len()]);
        Self { epoch, duration, inside: Mutex::default() }
    }
}

impl Journal for Ring {
    fn append(&self, now: Millis, to: &Selection, encode: &mut dyn FnMut(&str) -> Arc<Run>) -> (Position, Arc<Run>) {
        let position = self.head() + 1;
        let run = encode(&self.mark(position));
        let mut inside = self.inside.lock();
        for audience in Audience::of(to) {
            inside.lists.entry(audience).or_default().push_back(position);
        }
        inside.add(Entry { at: now, to: to.clone(), body: Body::Event(run.clone()) }, self.duration);
        (position, run)
    }

    fn note(&self, now: Millis, to: &Selection, change: &Change) -> Position {
        let mut inside = self.inside.lock();
        let position = inside.head() + 1;
        inside.changes.push_back(position);
        inside.add(Entry { at: now, to: to.clone(), body: Body::Change(change.clone()) }, self.duration);
        position
    }

    fn changes(&self, after: Position, until: Position) -> Option<Vec<(Position, Selection, Change)>> {
        let inside = self.inside.lock();
        if after < inside.start {
            return None;
        }
        let from = inside.changes.partition_point(|place| *place <= after);
        let places = inside.changes.range(from..).take_while(|place| **place <= until);
        let found = places.filter_map(|place| match inside.entry(*place) {
            Entry { to, body: Body::Change(change), .. } => Some((*place, to.clone(), change.clone())),
            _ => None,
        });
        Some(found.collect())
    }

    fn head(&self) -> Position {
        self.inside.lock().head()
    }

    fn start(&self) -> Position {
        self.inside.lock().start
    }

    fn mark(&self, mut position: Position) -> String {
        let mut digits = Vec::new();
        while position > 0 || digits.is_empty() {
            digits.push(DIGITS[(position % 36) as usize]);
            position /= 36;
        }
        let number = digits.iter().rev();
        self.epoch.iter().chain(b".").chain(number).map(|byte| char::from(*byte)).collect()
    }

    fn place(&self, mark: &str) -> Option<Position> {
        let number = mark.strip_prefix(std::str::from_utf8(&self.epoch).ok()?)?.strip_prefix('.')?;
        let position = Position::from_str_radix(number, 36).ok()?;
        (position <= self.head() && self.mark(position) == mark).then_some(position)
    }

    fn read(&self, after: Position, until: Position, whose: &dyn Wants, bytes: usize) -> Option<Piece> {
        let rooms = whose.rooms().into_iter().map(Audience::Room);
        let audiences = rooms.chain(whose.user().map(Audience::User)).chain([Audience::Everybody]);
        let inside = self.inside.lock();
        if after < inside.start {
            return None;
        }
        let mut places: Vec<Position> = Vec::new();
        for audience in audiences {
            let Some(list) = inside.lists.get(&audience) else { continue };
            let from = list.partition_point(|place| *place <= after);
            places.extend(list.range(from..).take_while(|place| **place <= until));
        }
        places.sort_unstable();
        places.dedup();
        let mut piece = Piece { runs: Vec::new(), last: 0, next: until };
        let mut cost = 0;
        for place in places {
            let Entry { to, body: Body::Event(run), .. } = inside.entry(place) else { continue };
            if !whose.wants(place, to) {
                continue;
            }
            if cost >= bytes {
                piece.next = place - 1;
                break;
            }
            cost += run.cost();
            piece.last = place;
            piece.runs.push(run.clone());
        }
        Some(piece)
    }
}

impl Inside {
    fn head(&self) -> Position {
        self.start + self.entries.len() as Position
    }

    fn entry(&self, place: Position) -> &Entry {
        &self.entries[(place - self.start - 1) as usize]
    }

    fn add(&mut self, entry: Entry, duration: Millis) {
        self.forget(entry.at.saturating_sub(duration));
        self.bytes += entry.cost();
        self.entries.push_back(entry);
    }

    /// Forgets what is older, or too much.
    fn forget(&mut self, oldest: Millis) {
        while let Some(first) = self.entries.front() {
            if self.bytes <= MAX_BYTES && first.at >= oldest {
                break;
            }
            self.bytes -= first.cost();
            let Some(Entry { to, body, .. }) = self.entries.pop_front() else { break };
            self.start += 1;
            if let Body::Change(_) = body {
                self.changes.pop_front();
                continue;
            }
            for audience in Audience::of(&to) {
                let Some(list) = self.lists.get_mut(&audience) else { continue };
                while list.front().is_some_and(|place| *place <= self.start) {
                    list.pop_front();
                }
                if list.is_empty() {
                    self.lists.remove(&audience);
                }
            }
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} events)", self.inside.lock().entries.len())
    }
}

/// An event's text with a mark behind its arguments.
pub fn marked(text: &str, mark: &str) -> String {
    let open = text.trim_end().strip_suffix(']').unwrap_or(text);
    format!("{open},{}]", json::quoted(mark))
}

/// Whether a client takes the last item of an event for a mark: any text is one to it, the name of an event without
/// arguments included.
pub fn looks_marked(text: &str) -> bool {
    text.trim_end().strip_suffix(']').is_some_and(|rest| rest.trim_end().ends_with('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::run::Policy;
    use crate::protocol::frame::Frame;

    /// Ann, who was in these rooms from each one's place on.
    struct Somebody(Vec<(Arc<str>, Position)>);

    impl Wants for Somebody {
        fn rooms(&self) -> Vec<Arc<str>> {
            self.0.iter().map(|(room, _)| room.clone()).collect()
        }

        fn user(&self) -> Option<Arc<str>> {
            Some("ann".into())
        }

        fn wants(&self, at: Position, to: &Selection) -> bool {
            to.selects(Some("ann"), |room| self.0.iter().any(|(known, since)| **known == *room && at > *since))
        }
    }

    fn append(ring: &Ring, now: Millis, rooms: &[&str], except: &[&str]) -> Position {
        let names = |list: &[&str]| list.iter().map(|room| Arc::from(*room)).collect();
        let to = Selection { rooms: names(rooms), except: names(except), user: None };
        place(ring, now, &to)
    }

    fn place(ring: &Ring, now: Millis, to: &Selection) -> Position {
        ring.append(now, to, &mut |mark| Run::one(smallvec![Frame::text(&[mark])], 0, Policy::Close)).0
    }

    fn read(ring: &Ring, after: Position, until: Position, whose: &Somebody) -> Option<Vec<Position>> {
        let piece = ring.read(after, until, whose, usize::MAX)?;
        assert_eq!(piece.next, until);
        let place = |run: &Arc<Run>| ring.place(std::str::from_utf8(&run.bytes()[2..]).unwrap()).unwrap();
        Some(piece.runs.iter().map(place).collect())
    }

    #[test]
    fn what_was_missed_is_found_and_nothing_else() {
        let ring = Ring::new(1000, 7);
        for (rooms, except) in
            [(&["a"][..], &[][..]), (&["b"], &[]), (&[], &[]), (&["a", "b"], &[]), (&["a"], &["b"]), (&[], &["a"])]
        {
            append(&ring, 0, rooms, except);
        }
        let ann = Somebody(vec![("a".into(), 0)]);
        assert_eq!(read(&ring, 0, 6, &ann).unwrap(), [1, 3, 4, 5]);
        assert_eq!(read(&ring, 3, 4, &ann).unwrap(), [4]);
        assert_eq!(read(&ring, 0, 6, &Somebody(vec![("a".into(), 1), ("b".into(), 3)])).unwrap(), [3, 4]);
        let piece = ring.read(0, 6, &ann, 1).unwrap();
        assert_eq!((piece.runs.len(), piece.last, piece.next), (1, 1, 2), "the next one begins behind 2");
    }

    #[test]
    fn a_users_events_are_that_users() {
        let ring = Ring::new(1000, 7);
        let of = |user: &str, rooms: &[&str]| Selection {
            rooms: rooms.iter().map(|room| Arc::from(*room)).collect(),
            ..Selection::user(user.into())
        };
        for to in [of("ann", &[]), of("bob", &[]), of("ann", &["a"]), of("ann", &["b"]), of("", &[])] {
            place(&ring, 0, &to);
        }
        append(&ring, 0, &["ann"], &[]);
        let ann = Somebody(vec![("a".into(), 0)]);
        assert_eq!(read(&ring, 0, 6, &ann).unwrap(), [1, 3]);
        append(&ring, 9000, &[], &[]);
        assert_eq!(ring.inside.lock().lists.len(), 1, "forgotten with the last of it");
    }

    #[test]
    fn what_is_forgotten_is_said() {
        let ring = Ring::new(1000, 7);
        append(&ring, 0, &["a"], &[]);
        append(&ring, 500, &["a", "b"], &[]);
        append(&ring, 1400, &[], &[]);
        let ann = Somebody(vec![("b".into(), 0)]);
        assert_eq!((ring.start(), ring.head(), read(&ring, 0, 3, &ann)), (1, 3, None));
        assert_eq!(read(&ring, 1, 3, &ann).unwrap(), [2, 3]);
        append(&ring, 9000, &[], &[]);
        let inside = ring.inside.lock();
        assert_eq!((inside.entries.len(), inside.lists.len()), (1, 1));
    }

    #[test]
    fn only_a_mark_of_its_own_is_a_place() {
        let (ring, other) = (Ring::new(1000, 7), Ring::new(1000, 8));
        (0..50).for_each(|_| {
            append(&ring, 0, &[], &[]);
        });
        assert_eq!(ring.place(&ring.mark(40)), Some(40));
        assert_eq!(ring.mark(40).len(), EPOCH + 3);
        for text in ["1", "", ".1", &ring.mark(51), &other.mark(4), &format!("{}0", &ring.mark(0)), "x\u{301}.1"] {
            assert_eq!(ring.place(text), None, "{text}");
        }
        assert_eq!(marked("[\"a\",1]", "m"), "[\"a\",1,\"m\"]");
        for (text, looks) in
            [("[\"a\"]", true), ("[\"a\",\"b\"]", true), ("[\"a\",1]", false), ("[\"a\",{\"b\":\"c\"}]", false)]
        {
            assert_eq!(looks_marked(text), looks, "{text}");
        }
    }
}
