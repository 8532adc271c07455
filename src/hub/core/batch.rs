//! When batched events leave. The first event to a room leaves at once and opens a window; those that follow within it
//! wait in their receivers' outboxes, in order with everything else, until the window ends or enough have gathered.

use std::collections::HashMap;

use crate::config::Batch;
use crate::hub::message::Selection;
use crate::hub::seeded::Seeded;
use crate::session::Millis;

/// What a batch belongs to: a namespace, and a room or a user of it, or (without one) all its sockets.
pub type Target = (u32, Selection);

/// What is to be done with a batched event.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves now, with all that waits for its receivers.
    Send,
    /// It waits for the end of its window.
    Hold,
}

#[derive(Debug)]
struct Window {
    limits: Batch,
    ends: Millis,
    held: u32,
}

/// The open windows of a shard.
#[derive(Debug, Default)]
pub struct Batches {
    windows: HashMap<Target, Window, Seeded>,
}

impl Batches {
    /// Takes a batched event into account. `opened` gets the end of a window that begins with it.
    pub fn add(&mut self, target: &Target, now: Millis, limits: Batch, opened: &mut Option<Millis>) -> Verdict {
        match self.windows.get_mut(target) {
            None => {
                let ends = now + limits.window;
                *opened = Some(ends);
                self.windows.insert(target.clone(), Window { limits, ends, held: 0 });
                Verdict::Send
            }
            Some(window) => {
                window.held += 1;
                if window.held < window.limits.max_events {
                    return Verdict::Hold;
                }
                window.held = 0;
                Verdict::Send
            }
        }
    }

    /// A window's timer has come. If events wait they are to be sent, and the window goes on until the returned time; a
    /// window in which nothing came is forgotten.
    pub fn expire(&mut self, target: &Target, now: Millis) -> Option<Millis> {
        let window = self.windows.get_mut(target)?;
        if window.ends > now {
            return None;
        }
        if window.held == 0 {
            self.windows.remove(target);
            return None;
        }
        window.held = 0;
        window.ends = now + window.limits.window;
        Some(window.ends)
    }

    /// The target has nobody left.
    pub fn forget(&mut self, target: &Target) {
        self.windows.remove(target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Batch = Batch { max_events: 3, window: 100 };

    #[test]
    fn the_first_leaves_at_once_and_the_others_gather() {
        let mut batches = Batches::default();
        let target: Target = (1, Selection::room("logs".into()));
        let mut opened = None;
        let mut add = |batches: &mut Batches, now| {
            opened = None;
            (batches.add(&target, now, LIMITS, &mut opened), opened)
        };
        assert_eq!(add(&mut batches, 0), (Verdict::Send, Some(100)));
        assert_eq!(add(&mut batches, 1), (Verdict::Hold, None));
        assert_eq!(add(&mut batches, 2), (Verdict::Hold, None));
        assert_eq!(add(&mut batches, 3), (Verdict::Send, None), "three have gathered");
        assert_eq!(add(&mut batches, 4), (Verdict::Hold, None));
        assert_eq!(batches.expire(&target, 100), Some(200), "one waits, the stream goes on");
        assert_eq!(batches.expire(&target, 200), None, "quiet");
        assert_eq!(add(&mut batches, 201), (Verdict::Send, Some(301)));
    }
}
