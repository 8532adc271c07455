//! How many: connections in all and from one address, new ones a second, and the buckets that connections of one address
//! or user share. Of one server, for all shards. A connection keeps a handle, so that an event looks nothing up.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::rate::{Micros, SharedBucket};
use crate::config::Limits;

/// Parts of a table, each with its own lock.
const STRIPES: usize = 16;
/// Most addresses, and users, that are told apart; those beyond share one entry.
const MOST: usize = 64 * 1024;
/// A part of a table is looked through for idle entries no sooner than at this size,
const SWEEP_FROM: usize = 64;
/// and, when it is full, no sooner than after this time.
const SWEEP_EVERY: Micros = 1_000_000;

/// Which limit stands against a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Too many handshakes a second from its address.
    Handshakes,
    /// Too many connections from its address.
    Address,
    /// Too many connections.
    Full,
}

/// What takes a place.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Session,
    Tcp,
}

/// What is known of an address.
#[derive(Debug, Default)]
pub struct Address {
    /// By kind.
    places: [AtomicU32; 2],
    handshakes: SharedBucket,
    /// Of its clients' events.
    pub events: SharedBucket,
    /// Rooms that its clients made, by joining them.
    pub rooms: Arc<AtomicUsize>,
}

trait Idle {
    /// Whether a new entry would be the same.
    fn is_idle(&self, now: Micros) -> bool;
}

impl Idle for Address {
    fn is_idle(&self, now: Micros) -> bool {
        self.events.is_full(now) && self.handshakes.is_full(now) && self.rooms.load(Relaxed) == 0
    }
}

impl Idle for SharedBucket {
    fn is_idle(&self, now: Micros) -> bool {
        self.is_full(now)
    }
}

/// A part of a table.
#[derive(Debug)]
struct Stripe<K, V> {
    entries: HashMap<K, Arc<V>>,
    /// The size and the time at which idle entries are looked for.
    sweep_at: (usize, Micros),
}

impl<K: Hash + Eq, V: Idle> Stripe<K, V> {
    /// Forgets who is idle. False: there is no room for one more.
    fn make_room(&mut self, now: Micros) -> bool {
        let most = MOST / STRIPES;
        if self.entries.len() < self.sweep_at.0 {
            return true;
        }
        if now < self.sweep_at.1 {
            return self.entries.len() < most;
        }
        self.entries.retain(|_, entry| Arc::strong_count(entry) > 1 || !entry.is_idle(now));
        self.entries.shrink_to(SWEEP_FROM);
        let size = self.entries.len();
        let again = if size < most { 0 } else { now + SWEEP_EVERY };
        self.sweep_at = ((2 * size).clamp(SWEEP_FROM, most), again);
        size < most
    }
}

#[derive(Debug)]
struct Table<K, V> {
    hasher: RandomState,
    stripes: [Mutex<Stripe<K, V>>; STRIPES],
    rest: Arc<V>,
}

impl<K: Hash + Eq, V: Idle + Default> Table<K, V> {
    fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            stripes: std::array::from_fn(|_| Mutex::new(Stripe { entries: HashMap::new(), sweep_at: (SWEEP_FROM, 0) })),
            rest: Arc::default(),
        }
    }

    fn entry(&self, key: K, now: Micros) -> Arc<V> {
        let stripe = &self.stripes[self.hasher.hash_one(&key) as usize % STRIPES];
        let mut stripe = stripe.lock();
        if let Some(found) = stripe.entries.get(&key) {
            return found.clone();
        }
        if !stripe.make_room(now) {
            return self.rest.clone();
        }
        stripe.entries.entry(key).or_default().clone()
    }
}

/// The gate of one server.
#[derive(Debug)]
pub struct Gate {
    limits: Limits,
    /// By kind.
    places: [AtomicU32; 2],
    addresses: Table<u64, Address>,
    users: Table<Arc<str>, SharedBucket>,
}

impl Gate {
    /// Nobody is in yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, places: Default::default(), addresses: Table::new(), users: Table::new() })
    }

    /// Lets a new session in, as long as the seat is kept. `remote`: its address, as text.
    pub fn admit(self: &Arc<Self>, remote: &str, now: Micros) -> Result<Seat, Limit> {
        let address = remote.parse().ok().and_then(|remote| self.address(remote, now));
        if let (Some(rate), Some(address)) = (self.limits.handshakes, &address)
            && !address.handshakes.take(rate, now)
        {
            return Err(Limit::Handshakes);
        }
        self.place(address, Kind::Session).map(Seat)
    }

    /// Lets a TCP connection in that has not said yet what it wants. `remote`: its address, if it counts.
    pub fn visit(self: &Arc<Self>, remote: Option<IpAddr>, now: Micros) -> Result<Visit, Limit> {
        let address = remote.and_then(|remote| self.address(remote, now));
        self.place(address, Kind::Tcp).map(|place| Visit { _place: place })
    }

    fn place(self: &Arc<Self>, address: Option<Arc<Address>>, kind: Kind) -> Result<Place, Limit> {
        let place = Place { gate: self.clone(), address, kind };
        // It gives back what it took, whether it is kept or not.
        let before = self.places[kind as usize].fetch_add(1, Relaxed);
        let from_there = place.address.as_ref().map(|address| address.places[kind as usize].fetch_add(1, Relaxed));
        if self.limits.max_connections.is_some_and(|most| before >= most) {
            return Err(Limit::Full);
        }
        match (self.limits.max_connections_per_address, from_there) {
            (Some(most), Some(others)) if others >= most => Err(Limit::Address),
            _ => Ok(place),
        }
    }

    /// The bucket of a user's events, if there is one.
    pub fn user(&self, user: &Arc<str>, now: Micros) -> Option<Arc<SharedBucket>> {
        self.limits.user_events.map(|_| self.users.entry(user.clone(), now))
    }

    fn address(&self, remote: IpAddr, now: Micros) -> Option<Arc<Address>> {
        let Limits { handshakes, address_events, max_connections_per_address, .. } = self.limits;
        let wanted = handshakes.is_some() || address_events.is_some() || max_connections_per_address.is_some();
        wanted.then(|| self.addresses.entry(name_of(remote), now))
    }
}

/// An address as a number: of IPv6 the first half, as the other is its owner's to choose.
fn name_of(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => u64::from(u32::from(address)),
        IpAddr::V6(address) => (u128::from(address) >> 64) as u64,
    }
}

/// It is free again when this is dropped.
#[derive(Debug)]
struct Place {
    gate: Arc<Gate>,
    address: Option<Arc<Address>>,
    kind: Kind,
}

impl Drop for Place {
    fn drop(&mut self) {
        let of_all = &self.gate.places;
        let of_address = self.address.as_ref().map(|address| &address.places);
        for places in [Some(of_all), of_address].into_iter().flatten() {
            places[self.kind as usize].fetch_sub(1, Relaxed);
        }
    }
}

/// One session's place, as long as it is kept.
#[derive(Debug)]
pub struct Seat(Place);

impl Seat {
    /// Its address, if addresses are limited and it has one.
    pub fn address(&self) -> Option<&Address> {
        self.0.address.as_deref()
    }
}

/// The place of a TCP connection, as long as it is kept.
#[derive(Debug)]
pub struct Visit {
    _place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::rate::Rate;

    fn gate(limits: Limits) -> Arc<Gate> {
        Gate::new(limits)
    }

    #[test]
    fn seats_are_counted_and_given_back() {
        let gate = gate(Limits { max_connections: Some(3), max_connections_per_address: Some(2), ..Limits::default() });
        let first = gate.admit("10.0.0.1", 0).unwrap();
        let _second = gate.admit("::ffff:10.0.0.1", 0).unwrap();
        assert_eq!(gate.admit("10.0.0.1", 0).unwrap_err(), Limit::Address);
        let _other = gate.admit("10.0.0.2", 0).unwrap();
        assert_eq!(gate.admit("10.0.0.3", 0).unwrap_err(), Limit::Full);
        drop(first);
        assert!(gate.admit("10.0.0.1", 0).is_ok());
        // A pipe has no address.
        assert!(gate.admit("", 0).is_ok());
    }

    #[test]
    fn handshakes_are_counted_by_address_and_a_network_is_one() {
        let gate = gate(Limits { handshakes: Some(Rate::new(1, 2)), ..Limits::default() });
        for address in ["2001:db8::1", "2001:db8::2"] {
            assert!(gate.admit(address, 0).is_ok());
        }
        assert_eq!(gate.admit("2001:db8::3", 0).unwrap_err(), Limit::Handshakes);
        assert!(gate.admit("2001:db8:0:1::1", 0).is_ok());
        assert!(gate.admit("2001:db8::3", 1_000_000).is_ok());
    }

    #[test]
    fn tables_forget_who_is_idle_and_are_bounded() {
        let gate = gate(Limits { handshakes: Some(Rate::new(1, 2)), ..Limits::default() });
        let count = || gate.addresses.stripes.iter().map(|stripe| stripe.lock().entries.len()).sum::<usize>();
        for number in 0..2 * MOST as u32 {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string();
            let _ = gate.admit(&address, 0);
        }
        assert!(count() <= MOST, "{}", count());
        assert_eq!(gate.admit("11.0.0.1", 0).unwrap_err(), Limit::Handshakes, "those beyond are one");
        for number in 0..MOST as u32 {
            let address = std::net::Ipv4Addr::from(0x0b00_0000 + number).to_string();
            assert!(gate.admit(&address, 10_000_000 + u64::from(number) * 10_000_000).is_ok());
        }
        assert!(count() <= STRIPES * 2 * SWEEP_FROM, "{}", count());
    }
}
