//! What waits for JavaScript, in bytes: a share for each connection, and a sum over all connections of a server. While
//! JavaScript is busy, connections are not read on; what they send stays with them.
//!
//! - A connection beyond its own share is not read.
//! - From half of the sum on, a connection that has something waiting is not read. One that has nothing still gets a
//!   message in: who floods does not silence the others.
//! - At the whole of the sum nobody is read.
//!
//! Who has nothing waiting and is not read stands in a line: each event that JavaScript takes lets the first of it in.
//!
//! Messages that are not whole yet have a sum of their own, as large. JavaScript cannot make room there, so not to read would
//! not help: the connection that has held one for longest has to go.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::Serialize;

/// The way to a shard from whoever does something for its connections.
pub trait Shard: Send + Sync {
    /// JavaScript has caught up with a connection: it is read on.
    fn resume(&self, connection: u64);
    /// A connection takes too long over a message: it is closed.
    fn cut(&self, connection: u64);
    /// Something that its connections wait for is deflated.
    fn deflated(&self) {}
}

/// What an event costs beside its bytes, on both sides of the way.
const OVERHEAD: usize = 256;

/// What waits for JavaScript on a server, by a look at it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Bytes.
    pub bytes: u64,
    /// Connections that are not read until JavaScript catches up.
    pub paused: u64,
    /// Bytes of messages that are not whole yet.
    pub unfinished: u64,
}

/// The sum of what waits for JavaScript over all connections of a server.
#[derive(Debug)]
pub struct Ledger {
    limit: usize,
    waiting: AtomicUsize,
    paused: AtomicUsize,
    /// Connections that have nothing waiting, and are not read; first come, first served.
    line: Mutex<VecDeque<Weak<Account>>>,
    /// How many they are.
    standing: AtomicUsize,
    /// Bytes of messages that are not whole yet.
    unfinished: AtomicUsize,
    /// Whose they are, in the order in which they began.
    holders: Mutex<BTreeMap<u64, Weak<Account>>>,
    /// How many messages were not whole at once when they came.
    begun: AtomicU64,
}

impl Ledger {
    /// Nothing waits; at most about `limit` bytes may.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            waiting: AtomicUsize::new(0),
            paused: AtomicUsize::new(0),
            line: Mutex::default(),
            standing: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(0),
            holders: Mutex::default(),
            begun: AtomicU64::new(0),
        })
    }

    /// Counts something in that no connection is stopped for: it has to be told in any case.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Credit {
        let bytes = bytes + OVERHEAD;
        self.waiting.fetch_add(bytes, SeqCst);
        Credit { owner: Owner::Nobody(self.clone()), bytes }
    }

    /// Whether so much waits that nobody is read.
    pub fn is_full(&self) -> bool {
        self.waiting.load(SeqCst) > self.limit
    }

    /// Whether so much waits that nobody is read of whom something waits.
    fn is_half_full(&self) -> bool {
        self.waiting.load(SeqCst) > self.limit / 2
    }

    /// What waits now.
    pub fn backlog(&self) -> Backlog {
        let now = |number: &AtomicUsize| number.load(SeqCst) as u64;
        Backlog { bytes: now(&self.waiting), paused: now(&self.paused), unfinished: now(&self.unfinished) }
    }

    fn stand_in_line(&self, account: &Arc<Account>) {
        if account.stands.swap(true, SeqCst) {
            return;
        }
        let mut line = self.line.lock();
        if account.let_in.swap(false, SeqCst) {
            // Others were quicker: it keeps its place.
            line.push_front(Arc::downgrade(account));
        } else {
            line.push_back(Arc::downgrade(account));
        }
        self.standing.fetch_add(1, SeqCst);
    }

    /// Lets the first of the line in; all of it, once there is room for everybody.
    fn let_in(&self) {
        while self.standing.load(SeqCst) > 0 && !self.is_full() {
            let Some(first) = self.line.lock().pop_front() else { return };
            self.standing.fetch_sub(1, SeqCst);
            let Some(account) = first.upgrade() else { continue };
            account.let_in.store(true, SeqCst);
            account.stands.store(false, SeqCst);
            account.resume();
            if self.is_half_full() {
                return;
            }
        }
    }
}

/// What of one connection waits for JavaScript.
pub struct Account {
    /// The connection, as the shard names it.
    connection: u64,
    shard: Arc<dyn Shard>,
    ledger: Arc<Ledger>,
    limit: usize,
    waiting: AtomicUsize,
    /// The connection is not read; a `Resume` to its shard will end that.
    paused: AtomicBool,
    /// It is in the ledger's line.
    stands: AtomicBool,
    /// It was let in, and has not had its event yet.
    let_in: AtomicBool,
    /// Bytes of messages that are not whole yet, and when the first of them began.
    unfinished: AtomicUsize,
    began: AtomicU64,
}

impl Account {
    /// An account of a connection. `limit`: bytes of its own that may wait.
    pub fn new(connection: u64, shard: Arc<dyn Shard>, ledger: Arc<Ledger>, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            connection,
            shard,
            ledger,
            limit,
            waiting: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            stands: AtomicBool::new(false),
            let_in: AtomicBool::new(false),
            unfinished: AtomicUsize::new(0),
            began: AtomicU64::new(0),
        })
    }

    /// Counts an event in. Look at [`Account::may_read`] before the connection is read on.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Credit {
        let bytes = bytes + OVERHEAD;
        self.waiting.fetch_add(bytes, SeqCst);
        self.ledger.waiting.fetch_add(bytes, SeqCst);
        self.let_in.store(false, SeqCst);
        Credit { owner: Owner::Account(self.clone()), bytes }
    }

    /// Whether the connection may be read on. If not, a `Resume` comes to its shard when it may; it can have come already.
    pub fn may_read(self: &Arc<Self>) -> bool {
        if self.is_paused() {
            return false;
        }
        let own = self.waiting.load(SeqCst);
        let too_much = match own {
            0 => self.ledger.is_full(),
            own => own > self.limit || self.ledger.is_half_full(),
        };
        if too_much {
            self.ledger.paused.fetch_add(1, SeqCst);
            self.paused.store(true, SeqCst);
            // JavaScript may have taken all of it before it could see that somebody is paused.
            self.settle();
            if self.stands.load(SeqCst) {
                self.ledger.let_in();
            }
        }
        !too_much
    }

    /// Whether the connection is not read.
    pub fn is_paused(&self) -> bool {
        self.paused.load(SeqCst)
    }

    /// Notes how many bytes there are of messages of the connection that are not whole yet; 0 when it is over. If all of a
    /// server's are too many, the shard of the connection that has had some for longest gets `Cut`.
    pub fn hold(self: &Arc<Self>, bytes: usize) {
        if bytes > 0 && self.unfinished.load(SeqCst) == 0 {
            let began = self.ledger.begun.fetch_add(1, SeqCst);
            self.began.store(began, SeqCst);
            self.ledger.holders.lock().insert(began, Arc::downgrade(self));
        }
        if bytes == 0 && self.unfinished.load(SeqCst) > 0 {
            self.ledger.holders.lock().remove(&self.began.load(SeqCst));
        }
        let before = self.unfinished.swap(bytes, SeqCst);
        self.ledger.unfinished.fetch_add(bytes, SeqCst);
        self.ledger.unfinished.fetch_sub(before, SeqCst);
        while bytes > before && self.ledger.unfinished.load(SeqCst) > self.ledger.limit {
            let Some((_, first)) = self.ledger.holders.lock().pop_first() else { return };
            let Some(first) = first.upgrade() else { continue };
            // It will say nothing more; what it holds goes with it.
            self.ledger.unfinished.fetch_sub(first.unfinished.swap(0, SeqCst), SeqCst);
            first.shard.cut(first.connection);
        }
    }

    /// Something of a paused connection was taken, or it has just paused: does it go on?
    fn settle(self: &Arc<Self>) {
        let own = self.waiting.load(SeqCst);
        if own > self.limit / 2 {
            return;
        }
        if !self.ledger.is_half_full() {
            self.resume();
        } else if own == 0 {
            self.ledger.stand_in_line(self);
        }
    }

    fn resume(&self) {
        if self.paused.swap(false, SeqCst) {
            self.ledger.paused.fetch_sub(1, SeqCst);
            self.shard.resume(self.connection);
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({} bytes)", self.waiting.load(SeqCst))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.is_paused() {
            self.ledger.paused.fetch_sub(1, SeqCst);
        }
        self.ledger.unfinished.fetch_sub(self.unfinished.load(SeqCst), SeqCst);
    }
}

#[derive(Debug)]
enum Owner {
    Account(Arc<Account>),
    Nobody(Arc<Ledger>),
}

/// An event's share of what may wait; given back when dropped.
#[derive(Debug)]
pub struct Credit {
    owner: Owner,
    bytes: usize,
}

impl Credit {
    /// What the event counts for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        let ledger = match &self.owner {
            Owner::Account(account) => &account.ledger,
            Owner::Nobody(ledger) => ledger,
        };
        ledger.waiting.fetch_sub(self.bytes, SeqCst);
        if let Owner::Account(account) = &self.owner {
            account.waiting.fetch_sub(self.bytes, SeqCst);
            if account.is_paused() {
                account.settle();
            }
        }
        ledger.let_in();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::runtime::command::{Command, Input};
    use crate::hub::runtime::mailbox::Mailbox;

    const OWN: usize = 100_000;
    const SUM: usize = 20_000;
    /// With what is counted beside it, a tenth of the sum.
    const EVENT: usize = SUM / 10 - OVERHEAD;

    struct Connections {
        ledger: Arc<Ledger>,
        mailbox: Arc<Mailbox>,
        accounts: Vec<Arc<Account>>,
    }

    impl Connections {
        fn new(count: u64) -> Self {
            let (ledger, mailbox) = (Ledger::new(SUM), Arc::<Mailbox>::default());
            let account = |connection| Account::new(connection, mailbox.clone(), ledger.clone(), OWN);
            Self { accounts: (0..count).map(account).collect(), ledger: ledger.clone(), mailbox: mailbox.clone() }
        }

        /// Reads one event of each of these that may be read.
        fn read(&self, connections: impl IntoIterator<Item = u64>) -> VecDeque<(u64, Credit)> {
            let mut read = VecDeque::new();
            for connection in connections {
                let account = &self.accounts[connection as usize];
                if account.may_read() {
                    read.push_back((connection, account.charge(EVENT)));
                    account.may_read();
                }
            }
            read
        }

        /// Who was resumed since the last look.
        fn resumed(&self) -> Vec<u64> {
            let mut taken = Vec::new();
            self.mailbox.take(&mut taken);
            let connection = |command| match command {
                Command::Core(Input::Resume { connection }) => connection,
                _ => panic!("a resume"),
            };
            taken.into_iter().map(connection).collect()
        }
    }

    #[test]
    fn a_connection_stops_at_its_own_share_and_goes_on_at_half_of_it() {
        let (ledger, mailbox) = (Ledger::new(usize::MAX), Arc::<Mailbox>::default());
        let account = Account::new(7, mailbox.clone(), ledger.clone(), 3 * (EVENT + OVERHEAD));
        let mut credits: Vec<Credit> = Vec::new();
        while account.may_read() {
            credits.push(account.charge(EVENT));
        }
        assert_eq!((credits.len(), ledger.backlog().paused), (4, 1));
        assert!(!account.may_read());
        credits.truncate(2);
        assert_eq!(mailbox.len(), 0);
        credits.truncate(1);
        assert_eq!((mailbox.len(), account.may_read(), ledger.backlog().paused), (1, true, 0));
        drop(credits);
        assert_eq!((mailbox.len(), ledger.backlog()), (1, Backlog::default()));
    }

    #[test]
    fn from_half_of_the_sum_who_has_something_waiting_stops_and_at_all_of_it_everybody() {
        let connections = Connections::new(30);
        let mut waiting = connections.read(0..5);
        assert!((0..5).all(|one| connections.accounts[one].may_read()));
        waiting.extend(connections.read(5..30));
        // The one that went beyond the sum is the last.
        assert_eq!(waiting.len(), 11);
        assert!(connections.ledger.is_full());
        assert!((5..30).all(|one| connections.accounts[one].is_paused()));
        // Also who sent before that stops at its next read.
        assert!(!connections.accounts[0].may_read());
        assert!(connections.resumed().is_empty());
    }

    #[test]
    fn nobody_starves() {
        let connections = Connections::new(200);
        let mut waiting = connections.read(0..200);
        let mut read = vec![0; 200];
        for _ in 0..20_000 {
            let (taken, credit) = waiting.pop_front().unwrap();
            read[taken as usize] += 1;
            drop(credit);
            waiting.extend(connections.read(0..200));
            assert!(connections.ledger.backlog().bytes <= (SUM + EVENT + OVERHEAD) as u64);
        }
        let (least, most) = (read.iter().min().unwrap(), read.iter().max().unwrap());
        assert!(*least >= 90 && *most <= 110, "{least} to {most}");
    }

    #[test]
    fn who_has_no_more_to_say_does_not_hold_up_the_line() {
        let connections = Connections::new(200);
        let mut waiting = connections.read(0..200);
        let mut resumed = Vec::new();
        while waiting.pop_front().is_some() {
            resumed.extend(connections.resumed());
        }
        resumed.sort_unstable();
        // The first five were not stopped.
        assert_eq!(resumed, (5..200).collect::<Vec<_>>());
        assert_eq!((connections.ledger.backlog(), connections.ledger.line.lock().len()), (Backlog::default(), 0));
    }

    #[test]
    fn a_connection_that_is_gone_leaves_no_trace() {
        let mut connections = Connections::new(30);
        let mut waiting = connections.read(0..30);
        connections.accounts.truncate(3);
        waiting.retain(|(connection, _)| *connection < 3);
        assert_eq!(connections.ledger.backlog().paused, 0);
        assert!(connections.accounts.iter().all(|account| account.may_read()));
        drop(waiting);
        assert_eq!((connections.ledger.backlog(), connections.ledger.line.lock().len()), (Backlog::default(), 0));
    }

    #[test]
    fn what_must_be_told_counts_too() {
        let connections = Connections::new(1);
        let told: Vec<Credit> = (0..11).map(|_| connections.ledger.charge(EVENT)).collect();
        assert!(!connections.accounts[0].may_read());
        drop(told);
        assert_eq!(connections.resumed(), [0]);
    }

    #[test]
    fn who_has_not_finished_for_longest_has_to_go() {
        let connections = Connections::new(10);
        let cut = || {
            let mut taken = Vec::new();
            connections.mailbox.take(&mut taken);
            let connection = |command| match command {
                Command::Core(Input::Cut { connection }) => connection,
                _ => panic!("a cut"),
            };
            taken.into_iter().map(connection).collect::<Vec<_>>()
        };
        connections.accounts[..4].iter().for_each(|account| account.hold(SUM / 4));
        // This one finishes, and begins anew.
        connections.accounts[0].hold(0);
        connections.accounts[0].hold(SUM / 4);
        assert_eq!(connections.ledger.backlog().unfinished, SUM as u64);
        assert!(cut().is_empty());
        connections.accounts[4].hold(SUM / 2);
        assert_eq!(cut(), [1, 2]);
        assert_eq!(connections.ledger.backlog().unfinished, SUM as u64);
        connections.accounts[1].hold(0);
        // Beyond the sum by itself.
        connections.accounts[5].hold(SUM + 1);
        assert_eq!(cut(), [3, 0, 4, 5]);
        assert_eq!((connections.ledger.backlog(), connections.ledger.holders.lock().len()), (Backlog::default(), 0));
    }

    #[test]
    fn threads_that_take_while_others_read_leave_nobody_paused() {
        let connections = Connections::new(50);
        let (give, take) = std::sync::mpsc::channel::<(u64, Credit)>();
        std::thread::scope(|scope| {
            let connections = &connections;
            scope.spawn(move || take.into_iter().for_each(drop));
            let mut left = [200; 50];
            let mut ready: Vec<u64> = (0..50).collect();
            while left.iter().any(|left| *left > 0) {
                ready.retain(|connection| left[*connection as usize] > 0);
                for read in connections.read(ready.iter().copied()) {
                    left[read.0 as usize] -= 1;
                    give.send(read).unwrap();
                }
                ready.extend(connections.resumed());
                ready.retain(|connection| !connections.accounts[*connection as usize].is_paused());
                ready.sort_unstable();
                ready.dedup();
            }
            drop(give);
        });
        assert_eq!(connections.ledger.backlog(), Backlog::default());
    }
}
