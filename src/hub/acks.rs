//! Acks of many: what the receivers of one event answer, counted and kept until all have answered or the time is over. Whoever
//! asked has the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde_json::Value;

use super::context::Context;
use super::event::Event;
use crate::protocol::json;

/// Names a group of answers; a number of JavaScript holds it.
pub type GroupId = u64;

/// What an answer costs beside its bytes.
const OVERHEAD: usize = 128;

/// That a socket was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    /// Where its answer belongs.
    pub group: GroupId,
    /// The event's ack id.
    pub id: f64,
}

/// An answer: the first argument, which is all that whoever asked gets of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// JSON; empty for an answer without arguments.
    pub value: Box<str>,
    /// In the order of their placeholders.
    pub attachments: Vec<Bytes>,
}

impl Answer {
    /// Of an ack's JSON array. None: it names attachments that it has not.
    pub fn new(data: &str, attachments: &[Bytes]) -> Option<Self> {
        let value = json::first_value(data).unwrap_or_default();
        if attachments.is_empty() {
            return Some(Self { value: value.into(), attachments: Vec::new() });
        }
        let fits = value.is_empty() || serde_json::from_str(value).is_ok_and(|value| fits(&value, attachments.len()));
        fits.then(|| Self { value: value.into(), attachments: attachments.to_vec() })
    }

    fn bytes(&self) -> usize {
        self.value.len() + self.attachments.iter().map(Bytes::len).sum::<usize>() + OVERHEAD
    }
}

/// Whether each placeholder in a value names one of so many attachments.
fn fits(value: &Value, count: usize) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| fits(item, count)),
        Value::Object(object) if object.get("_placeholder") == Some(&Value::Bool(true)) => {
            let place = object.get("num").and_then(Value::as_f64);
            place.is_some_and(|place| place.fract() == 0.0 && place >= 0.0 && place < count as f64)
        }
        Value::Object(object) => object.values().all(|item| fits(item, count)),
        _ => true,
    }
}

/// Answers as JavaScript takes them: `[[attachments, value], …]`, without a value where there was none.
pub fn text(answers: &[Answer]) -> String {
    let items = answers.iter().map(|Answer { value, attachments }| {
        let comma = if value.is_empty() { "" } else { "," };
        format!("[{}{comma}{value}]", attachments.len())
    });
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// What JavaScript is told when all have answered.
pub fn told(server: &Arc<Context>, group: GroupId, answers: Vec<Answer>) -> Event {
    let credit = server.ledger.charge(answers.iter().map(Answer::bytes).sum());
    Event::Answers(group, answers, credit)
}

/// The answers to one event.
#[derive(Debug)]
struct Group {
    /// Shards that have not said yet how many they asked.
    shards: usize,
    /// How many were asked.
    awaited: usize,
    /// How many answered.
    answered: usize,
    got: Vec<Answer>,
}

impl Group {
    fn is_whole(&self) -> bool {
        self.shards == 0 && self.answered >= self.awaited
    }
}

#[derive(Debug, Default)]
struct Inside {
    groups: FxHashMap<GroupId, Group>,
    /// Of all answers that are kept.
    bytes: usize,
}

impl Inside {
    fn take(&mut self, id: GroupId) -> Option<Vec<Answer>> {
        let group = self.groups.remove(&id)?;
        self.bytes -= group.got.iter().map(Answer::bytes).sum::<usize>();
        Some(group.got)
    }

    fn take_whole(&mut self, id: GroupId) -> Option<Vec<Answer>> {
        if self.groups.get(&id)?.is_whole() { self.take(id) } else { None }
    }
}

/// All groups of a server that wait for answers.
#[derive(Debug)]
pub struct Acks {
    /// Most bytes that may be kept.
    most: usize,
    next: AtomicU64,
    inside: Mutex<Inside>,
}

impl Acks {
    /// None yet. They keep at most so many bytes.
    pub fn new(most: usize) -> Self {
        Self { most, next: AtomicU64::new(1), inside: Mutex::default() }
    }

    /// An event is about to be sent by so many shards.
    pub fn begin(&self, shards: usize) -> GroupId {
        let id = self.next.fetch_add(1, Relaxed);
        let group = Group { shards, awaited: 0, answered: 0, got: Vec::new() };
        self.inside.lock().groups.insert(id, group);
        id
    }

    /// A shard has sent the event to so many. Returns the answers, if these are all.
    pub fn sent(&self, id: GroupId, count: usize) -> Option<Vec<Answer>> {
        let mut inside = self.inside.lock();
        let group = inside.groups.get_mut(&id)?;
        group.shards = group.shards.saturating_sub(1);
        group.awaited += count;
        inside.take_whole(id)
    }

    /// Somebody who was asked answers. Returns the answers, if these are all. Beyond the bound an answer is as if it had not
    /// come: the event's time runs out.
    pub fn answered(&self, id: GroupId, answer: Answer) -> Option<Vec<Answer>> {
        let mut inside = self.inside.lock();
        let bytes = inside.bytes + answer.bytes();
        let group = inside.groups.get_mut(&id)?;
        if bytes > self.most {
            tracing::warn!(limit = self.most, "an answer to a broadcast is dropped: too much waits (maxInboxTotal)");
            return None;
        }
        group.answered += 1;
        group.got.push(answer);
        inside.bytes = bytes;
        inside.take_whole(id)
    }

    /// The time is over: what has come. None: all had come before.
    pub fn end(&self, id: GroupId) -> Option<Vec<Answer>> {
        self.inside.lock().take(id)
    }

    /// Whether answers still count.
    pub fn is_open(&self, id: GroupId) -> bool {
        self.inside.lock().groups.contains_key(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(data: &str) -> Answer {
        Answer::new(data, &[]).unwrap()
    }

    #[test]
    fn a_group_is_whole_when_all_shards_have_sent_and_all_have_answered() {
        let acks = Acks::new(1 << 20);
        let group = acks.begin(2);
        assert_eq!(acks.sent(group, 1), None);
        assert_eq!(acks.answered(group, answer("[1]")), None, "the other shard has not sent yet");
        assert_eq!(acks.sent(group, 1), None);
        let whole = acks.answered(group, answer("[\"b\",2]")).expect("all have answered");
        assert_eq!(text(&whole), "[[0,1],[0,\"b\"]]");
        assert!(!acks.is_open(group));
        assert_eq!(acks.answered(group, answer("[3]")), None, "too late");
        assert_eq!(acks.end(group), None);
        let nobody = acks.begin(1);
        assert_eq!(acks.sent(nobody, 0), Some(Vec::new()));
    }

    #[test]
    fn what_came_in_time_is_kept_and_bounded() {
        let acks = Acks::new(2 * OVERHEAD);
        let group = acks.begin(1);
        acks.sent(group, 9);
        (0..9).for_each(|_| assert_eq!(acks.answered(group, answer("[]")), None));
        assert_eq!(acks.end(group).map(|got| got.len()), Some(2));
        assert_eq!(acks.inside.lock().bytes, 0);
    }

    #[test]
    fn attachments_are_checked() {
        let one = [Bytes::from_static(b"1")];
        let good = Answer::new("[{\"a\":[{\"_placeholder\":true,\"num\":0}]}]", &one).unwrap();
        assert_eq!(text(&[good, answer("[]")]), "[[1,{\"a\":[{\"_placeholder\":true,\"num\":0}]}],[0]]");
        for bad in ["1", "-1", "0.5", "null", "\"0\""] {
            assert_eq!(Answer::new(&format!("[{{\"_placeholder\":true,\"num\":{bad}}}]"), &one), None, "{bad}");
        }
        assert!(Answer::new("[{\"_placeholder\":true,\"num\":7}]", &[]).is_some(), "no binary packet");
    }
}
