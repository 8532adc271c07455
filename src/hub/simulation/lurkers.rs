//! Clients that open a session and ask for no namespace, and those whose time is over: they have to go by themselves.

use super::client::{Client, Way};
use super::{CONNECT_TIMEOUT, LEAP, Simulation};
use crate::config::Config;
use crate::hub::ids::Id;
use crate::session::Millis;

/// How long a closed session may wait to be fetched, and how far the clock may have jumped beyond its end.
const CLOSING: Millis = Config::POLLING_CLOSE_TIMEOUT.as_millis() as Millis + LEAP;

#[derive(Default)]
pub struct Lurkers {
    /// Clients without a namespace.
    silent: Vec<Client>,
    /// Sessions, and the latest moment at which they may still be there.
    until: Vec<(Id, Millis)>,
}

impl Simulation {
    /// Somebody comes and asks for nothing, or says something that is no request for a namespace, or the time of somebody is
    /// over soon. `at`: one of the other clients.
    pub(super) async fn lurk(&mut self, at: Option<usize>) {
        let silent = self.lurkers.silent.len() as u64;
        match (self.random.below(3), at) {
            (0, Some(at)) => {
                // However that ends, its account does.
                self.clients[at].is_prompt = false;
                let sid = self.clients[at].sid.clone();
                self.expire(&sid);
            }
            (1, _) if silent > 0 => {
                let mut lurker = self.lurkers.silent.swap_remove(self.random.below(silent) as usize);
                match self.random.below(4) {
                    0 => lurker.says.push("3".into()),
                    1 => lurker.says.push("6".into()),
                    2 => self.expire(&lurker.sid),
                    _ => {}
                }
                self.serve(&mut lurker, usize::MAX);
                if !lurker.is_over {
                    self.lurkers.silent.push(lurker);
                }
            }
            _ if silent < 4 => {
                let is_websocket = self.random.one_in(3);
                let mut lurker = self.open(is_websocket);
                self.work(true).await;
                Self::hear(&mut lurker, usize::MAX);
                if let Way::Polling { asking, .. } = &mut lurker.way {
                    *asking = false;
                }
                let sid = Id::parse(&lurker.sid).expect("a session was opened");
                let now = self.shard.borrow().now;
                self.lurkers.until.push((sid, now + CONNECT_TIMEOUT + CLOSING));
                self.lurkers.silent.push(lurker);
            }
            _ => {}
        }
    }

    /// Its time is over in a while, as if its identity ended then.
    fn expire(&mut self, sid: &str) {
        let soon = self.random.below(3000);
        let mut shard = self.shard.borrow_mut();
        let Some(sid) = Id::parse(sid) else { return };
        let Some(key) = shard.sids.get(&sid).copied() else { return };
        let at = shard.now + soon;
        shard.connection(key).expect("its session is there").expires = Some(at);
        shard.rearm(key);
        self.lurkers.until.push((sid, at + CLOSING));
    }

    /// Whoever had to be gone is.
    pub(super) fn check_lurkers(&mut self) {
        let shard = self.shard.borrow();
        self.lurkers.until.retain(|(sid, until)| {
            let is_late = shard.now > *until;
            assert!(!is_late || !shard.sids.contains_key(sid), "the session {} is still there", sid.as_str());
            !is_late
        });
    }
}
