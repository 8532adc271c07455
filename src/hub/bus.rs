//! The way from a server to the shards that have its clients: messages for many, and questions. A cluster would carry them
//! to other processes, too.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::core::look::{Answers, Question};
use super::message::Message;
use super::runtime::command::{Command, Input};
use super::runtime::mailbox::Mailbox;
use crate::error::Error;

/// Longest wait for a shard; it answers in microseconds unless the machine is stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// Carries messages and questions.
pub trait Bus: Send + Sync {
    /// Sends a message to all. Messages arrive everywhere in the order of these calls, which the caller keeps.
    fn publish(&self, message: Arc<Message>);
    /// Asks all, and waits. `ERR_BUSY` if somebody does not answer in time: that is not the same as nothing.
    fn ask(&self, question: &Question) -> Result<Vec<Answers>, Error>;
    /// How many answer a question.
    fn shards(&self) -> usize;
    /// Asks all, and does not wait: `reply` gets each answer.
    fn survey(&self, question: &Question, reply: &Reply);
}

/// Gets an answer, on the thread of whoever gives it.
pub type Reply = Arc<dyn Fn(Answers) + Send + Sync>;

/// The shards of this process.
#[derive(Clone)]
pub struct Local {
    /// One for each shard.
    pub mailboxes: Arc<[Arc<Mailbox>]>,
    /// Held while several mailboxes get something: all of them get it in one order.
    order: Arc<Mutex<()>>,
}

impl Local {
    /// Of so many shards.
    pub fn new(shards: usize) -> Self {
        Self { mailboxes: (0..shards).map(|_| Arc::default()).collect(), order: Arc::default() }
    }

    /// Gives one shard something: behind what was published before, whoever did.
    pub fn tell(&self, shard: usize, input: Input) {
        let _order = self.order.lock();
        self.mailboxes[shard % self.mailboxes.len()].push(input);
    }

    /// Asks one shard, and waits. `ERR_BUSY`.
    pub fn ask_one(&self, shard: usize, question: &Question) -> Result<Answers, Error> {
        let mut answers =
            self.collect(std::slice::from_ref(&self.mailboxes[shard % self.mailboxes.len()]), question)?;
        answers.pop().ok_or_else(busy)
    }

    fn collect(&self, mailboxes: &[Arc<Mailbox>], question: &Question) -> Result<Vec<Answers>, Error> {
        let (answer, answers) = mpsc::channel();
        for mailbox in mailboxes {
            let answer = answer.clone();
            let reply = Box::new(move |found| {
                let _ = answer.send(found);
            });
            mailbox.push(Command::Ask(question.clone(), reply));
        }
        let by = Instant::now() + PATIENCE;
        let left = || by.saturating_duration_since(Instant::now());
        mailboxes.iter().map(|_| answers.recv_timeout(left()).map_err(|_| busy())).collect()
    }
}

fn busy() -> Error {
    Error::new("ERR_BUSY", "the server's threads did not answer in time: the machine is overloaded, or stood still")
}

impl Bus for Local {
    fn publish(&self, message: Arc<Message>) {
        let is_event = message.event().is_some();
        let _order = self.order.lock();
        for mailbox in self.mailboxes.iter() {
            mailbox.push(Command::Message(message.clone(), is_event));
        }
    }

    fn ask(&self, question: &Question) -> Result<Vec<Answers>, Error> {
        self.collect(&self.mailboxes, question)
    }

    fn shards(&self) -> usize {
        self.mailboxes.len()
    }

    fn survey(&self, question: &Question, reply: &Reply) {
        let _order = self.order.lock();
        for mailbox in self.mailboxes.iter() {
            let reply = reply.clone();
            mailbox.push(Command::Ask(question.clone(), Box::new(move |answer| reply(answer))));
        }
    }
}
