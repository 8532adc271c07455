//! What a socket must have got, and whether it has: its events in order and once, and none of them lost that no policy lets
//! go.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::books::{Entry, Session};
use crate::hub::message::{Body, Change, Selection};
use crate::hub::run::Policy;

/// A room that JavaScript refused to a socket that came back.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub room: Arc<str>,
    /// The first message that the client may have lacked.
    pub from: usize,
    /// How many messages had been handled when it was refused.
    pub at: usize,
}

/// The part of the log that a socket was there for.
pub struct Stretch<'a> {
    session: &'a Session,
}

/// An event that a socket is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// It has a right to it.
    Must,
    /// It may get it.
    May,
}

impl<'a> Stretch<'a> {
    pub fn of(session: &'a Session) -> Self {
        Self { session }
    }

    fn user(&self) -> Option<&'a str> {
        self.session.user.as_deref()
    }

    /// Goes through the log up to `until`, with the rooms at each place, its own too. None: it was kicked there.
    fn walk(
        &self,
        log: &[Entry],
        until: usize,
        mut visit: impl FnMut(usize, &Entry, &[Arc<str>]),
    ) -> Option<Vec<Arc<str>>> {
        let mut rooms: Vec<Arc<str>> = Vec::new();
        let mut moves = self.session.moves.iter().peekable();
        let enter = |rooms: &mut Vec<Arc<str>>, room: &Arc<str>| {
            if !rooms.contains(room) {
                rooms.push(room.clone());
            }
        };
        for place in self.session.start..=until {
            while let Some((_, room, came)) = moves.next_if(|(at, ..)| *at <= place) {
                if *came { enter(&mut rooms, room) } else { rooms.retain(|known| known != room) }
            }
            let Some(entry) = log.get(place).filter(|_| place < until) else { break };
            if entry.message.nsp != self.session.nsp {
                continue;
            }
            let is_in = |room: &str| rooms.iter().any(|known| **known == *room);
            match &entry.message.body {
                Body::Event(_) => visit(place, entry, &rooms),
                Body::Change(change) if entry.message.to.selects(self.user(), is_in) => match change {
                    Change::Join(names) => names.iter().for_each(|room| enter(&mut rooms, room)),
                    Change::Leave(names) => rooms.retain(|known| !names.contains(known)),
                    Change::LeaveAll => rooms.clear(),
                    Change::Disconnect(_) => return None,
                },
                Body::Change(_) => {}
            }
        }
        Some(rooms)
    }

    /// Its rooms when so many messages have been handled. None: it was kicked before.
    pub fn rooms(&self, log: &[Entry], handled: usize) -> Option<Vec<Arc<str>>> {
        self.walk(log, handled, |_, _, _| {})
    }

    fn claims(&self, log: &[Entry], until: usize) -> Vec<(usize, Claim)> {
        let mut claims = Vec::new();
        self.walk(log, until, |place, entry, rooms| {
            let Some(event) = entry.message.event() else { return };
            let refused = |room: &str| {
                self.session.refusals.iter().any(|one| *one.room == *room && place >= one.from && place < one.at)
            };
            let is_in = |room: &str| rooms.iter().any(|known| **known == *room);
            let to: &Selection = &entry.message.to;
            let user = self.user();
            match (to.selects(user, is_in), to.selects(user, |room| is_in(room) && !refused(room))) {
                (true, true) if !event.volatile => claims.push((place, Claim::Must)),
                (_, true) => claims.push((place, Claim::May)),
                (_, false) => {}
            }
        });
        claims
    }
}

/// What a client got of one socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    /// An event of the log.
    Event(usize),
    /// It was told that so many events of a stream (name and room) went.
    Gap(String, u64),
    /// It asked to be taken up again, lacking this place and what came behind it, and was.
    Back(usize),
}

/// The stream that a `gap` event names.
pub fn stream(event: &str, room: Option<&str>) -> String {
    format!("{event}\n{}", room.unwrap_or_default())
}

/// Looks at what a socket got. `complete`: it has read everything, and is still there.
pub fn settle(who: &str, session: &Session, log: &[Entry], got: &[Got], complete: Option<usize>) {
    let last = got.iter().rev().find_map(|one| if let Got::Event(place) = one { Some(*place) } else { None });
    let until = complete.or(last.map(|last| last + 1)).unwrap_or_default();
    let claims = Stretch::of(session).claims(log, until);
    let streamed = |place: usize| match policy(log, place) {
        Policy::Gap(of) => Some(stream(&of.event, of.room.as_deref())),
        _ => None,
    };
    let received: HashSet<usize> =
        got.iter().filter_map(|one| if let Got::Event(place) = one { Some(*place) } else { None }).collect();
    // In order, once, and none that is not for it.
    let mut told: HashMap<String, u64> = HashMap::new();
    let lost = claims.iter().filter(|(place, claim)| *claim == Claim::Must && !received.contains(place));
    let lost: Vec<(usize, String)> = lost.filter_map(|(place, _)| Some((*place, streamed(*place)?))).collect();
    let missing =
        |of: &str, before: usize| lost.iter().filter(|(place, stream)| *place < before && stream == of).count() as u64;
    let mut before = None;
    for one in got {
        match one {
            Got::Event(place) => {
                let text = &log[*place].text;
                assert!(
                    claims.binary_search_by_key(place, |(claim, _)| *claim).is_ok(),
                    "{who}: {place} was not for it: {text}"
                );
                assert!(before.is_none_or(|before| before < *place), "{who}: {place} after {before:?}: {text}");
                before = Some(*place);
                if let Some(of) = streamed(*place) {
                    let told = told.get(&of).copied().unwrap_or_default();
                    assert_eq!(missing(&of, *place), told, "{who}: events of {of:?} before {place}");
                }
            }
            Got::Gap(of, count) => *told.entry(of.clone()).or_default() += count,
            // What it was told is gone came again.
            Got::Back(after) => told.iter_mut().for_each(|(of, told)| *told = missing(of, *after).min(*told)),
        }
    }
    check_kept(who, &claims, &received, log, complete.is_some());
    if complete.is_none() {
        return;
    }
    let mut streams: Vec<String> = claims.iter().filter_map(|(place, _)| streamed(*place)).collect();
    streams.sort_unstable();
    streams.dedup();
    for of in streams {
        let told = told.get(&of).copied().unwrap_or_default();
        assert_eq!(missing(&of, usize::MAX), told, "{who}: events of {of:?}");
    }
}

fn policy(log: &[Entry], place: usize) -> &Policy {
    &log[place].message.event().expect("an event").run.items()[0].policy
}

/// What may not be lost has come; in the end (`complete`) the newest of each key, too.
fn check_kept(who: &str, claims: &[(usize, Claim)], received: &HashSet<usize>, log: &[Entry], complete: bool) {
    let mut newest: HashMap<&Arc<str>, usize> = HashMap::new();
    for (place, _) in claims.iter().filter(|(_, claim)| *claim == Claim::Must) {
        match policy(log, *place) {
            Policy::Close => assert!(received.contains(place), "{who}: {place} is lost: {}", log[*place].text),
            Policy::Latest(key) => {
                newest.insert(key, *place);
            }
            _ => {}
        }
    }
    for place in newest.into_values().filter(|_| complete) {
        assert!(received.contains(&place), "{who}: {place}, the newest of its key, is lost: {}", log[place].text);
    }
}
