//! The namespaces of one server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;

use super::ids::Id;
use super::journal::{Journal, Ring};
use super::seeded::Seeded;
use crate::config::Recovery;

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A namespace of a server.
pub struct Namespace {
    /// Unique in the process.
    pub id: u32,
    /// With its leading `/`.
    pub name: Arc<str>,
    /// JavaScript wants to know of its sockets and their events.
    pub listen: AtomicBool,
    /// JavaScript decides who gets in.
    pub ask: AtomicBool,
    /// What it keeps for clients that come back, if that is wanted.
    pub memory: Option<Memory>,
}

/// What a namespace keeps for clients that come back.
pub struct Memory {
    /// Its events.
    pub journal: Box<dyn Journal>,
    /// How clients are taken up again.
    pub options: Recovery,
    /// Whose the session of a `pid` is, of sockets that are there and of those that were cut off.
    owners: Mutex<FxHashMap<Id, Owner>>,
}

/// Where a session is, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The shard that has it.
    pub shard: usize,
    /// The socket's id.
    pub id: Id,
    /// The user.
    pub user: Option<Arc<str>>,
}

impl Memory {
    /// Where a session is.
    pub fn owner(&self, pid: &Id) -> Option<Owner> {
        self.owners.lock().get(pid).cloned()
    }

    /// A session is there now.
    pub fn own(&self, pid: Id, owner: Owner) {
        self.owners.lock().insert(pid, owner);
    }

    /// How many sessions there are.
    #[cfg(test)]
    pub fn owners(&self) -> usize {
        self.owners.lock().len()
    }

    /// A session is over, if it is still this shard's.
    pub fn disown(&self, pid: &Id, shard: usize) {
        let mut owners = self.owners.lock();
        if owners.get(pid).is_some_and(|owner| owner.shard == shard) {
            owners.remove(pid);
        }
    }
}

/// What a name that a client gives stands for.
pub enum Resolved {
    /// This namespace.
    Known(Arc<Namespace>),
    /// None so far; JavaScript may make it.
    Ask,
    /// None.
    Unknown,
}

/// Namespaces by their names.
#[derive(Default)]
pub struct Registry {
    namespaces: RwLock<HashMap<Arc<str>, Arc<Namespace>, Seeded>>,
    /// JavaScript may make a namespace when a client asks for it.
    dynamic: AtomicBool,
}

impl Registry {
    /// Creates a namespace, or changes what JavaScript wants of it.
    pub fn declare(&self, name: &str, listen: bool, ask: bool, recovery: Option<Recovery>) {
        let mut namespaces = self.namespaces.write();
        let nsp = namespaces.entry(name.into()).or_insert_with_key(|name| {
            Arc::new(Namespace {
                id: NEXT.fetch_add(1, Relaxed),
                name: name.clone(),
                listen: AtomicBool::new(false),
                ask: AtomicBool::new(false),
                memory: recovery.map(|options| Memory {
                    journal: Box::new(Ring::new(options.max_disconnection_duration, random())),
                    options,
                    owners: Mutex::default(),
                }),
            })
        });
        nsp.listen.store(listen, Relaxed);
        nsp.ask.store(ask, Relaxed);
    }

    /// From now on JavaScript is asked about names that nobody knows.
    pub fn set_dynamic(&self) {
        self.dynamic.store(true, Relaxed);
    }

    /// What a name stands for.
    pub fn resolve(&self, name: &str) -> Resolved {
        match self.get(name) {
            Some(nsp) => Resolved::Known(nsp),
            None if self.dynamic.load(Relaxed) => Resolved::Ask,
            None => Resolved::Unknown,
        }
    }

    /// Forgets a namespace in which nobody is: no socket, no session that may be taken up again. False: somebody is.
    pub fn forget(&self, name: &str) -> bool {
        let mut namespaces = self.namespaces.write();
        // Whoever is in it holds it, and finds it under the same lock.
        let is_free = namespaces.get(name).is_some_and(|nsp| Arc::strong_count(nsp) == 1);
        if is_free {
            namespaces.remove(name);
        }
        is_free
    }

    /// A namespace, if it exists.
    pub fn get(&self, name: &str) -> Option<Arc<Namespace>> {
        self.namespaces.read().get(name).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Namespace>> {
        self.namespaces.read().values().cloned().collect()
    }

    /// Whether JavaScript wants to know of sockets in any of them.
    pub fn is_any_heard(&self) -> bool {
        let is_heard = |nsp: &Arc<Namespace>| nsp.listen.load(Relaxed) || nsp.ask.load(Relaxed);
        self.dynamic.load(Relaxed) || self.namespaces.read().values().any(is_heard)
    }
}

fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_or_asked_for_and_a_namespace_goes_when_nobody_holds_it() {
        let registry = Registry::default();
        assert!(matches!(registry.resolve("/a"), Resolved::Unknown));
        registry.set_dynamic();
        assert!(matches!(registry.resolve("/a"), Resolved::Ask) && registry.is_any_heard());
        registry.declare("/a", false, false, None);
        let Resolved::Known(held) = registry.resolve("/a") else { panic!("it is declared") };
        assert!(!registry.forget("/a"), "somebody is in it");
        drop(held);
        assert!(registry.forget("/a") && !registry.forget("/a"));
        assert!(registry.get("/a").is_none());
    }
}
