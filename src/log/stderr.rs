//! Lines to stderr, written by a thread of their own: whoever does not read them stops nobody. The thread is there only
//! while there is something to write.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Most lines that wait; more are dropped, and counted.
const LINES: usize = 1000;

/// Until a full pipe is tried again.
const PAUSE: Duration = Duration::from_millis(20);

struct Queue {
    lines: VecDeque<String>,
    lost: usize,
    /// A thread is at work.
    writing: bool,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { lines: VecDeque::new(), lost: 0, writing: false });
static WRITTEN: Condvar = Condvar::new();

/// Queues a line.
pub fn write(line: String) {
    let mut queue = QUEUE.lock();
    queue.add(line);
    if !queue.writing {
        // Without a thread the lines wait for the next try.
        queue.writing = std::thread::Builder::new().name("realtime-log".into()).spawn(run).is_ok();
    }
}

/// Waits until everything is written, or nobody has read it for so long.
pub fn settle(patience: Duration) {
    let mut queue = QUEUE.lock();
    WRITTEN.wait_while_for(&mut queue, |queue| queue.writing, patience);
}

fn run() {
    // A function of its own: the queue is not locked while somebody has to read.
    fn take() -> Option<String> {
        QUEUE.lock().take()
    }
    while let Some(text) = take() {
        put(text.as_bytes());
    }
    WRITTEN.notify_all();
}

/// Writes all of it, however long that takes.
fn put(mut text: &[u8]) {
    while !text.is_empty() {
        match std::io::stderr().lock().write(text) {
            Ok(written) if written > 0 => text = &text[written..],
            // Node makes its pipes such that a full one is an error.
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Nobody to tell.
            _ => return,
        }
    }
}

impl Queue {
    fn add(&mut self, line: String) {
        if self.lines.len() < LINES {
            self.lines.push_back(line);
        } else {
            self.lost += 1;
        }
    }

    /// All that waits. Nothing: the thread ends.
    fn take(&mut self) -> Option<String> {
        let mut text: String = self.lines.drain(..).collect();
        match std::mem::take(&mut self.lost) {
            0 => {}
            lost => text.push_str(&super::lost(lost, "stderr did not take them").to_line()),
        }
        self.writing = !text.is_empty();
        self.writing.then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_bound_are_counted() {
        let mut queue = Queue { lines: VecDeque::new(), lost: 0, writing: true };
        (0..LINES + 7).for_each(|number| queue.add(format!("{number}\n")));
        let text = queue.take().unwrap();
        assert_eq!(text.lines().count(), LINES + 1);
        assert_eq!(
            text.lines().last(),
            Some("nself-realtime warn: 7 lines of the log were dropped: stderr did not take them")
        );
        assert_eq!((queue.take(), queue.writing, queue.lost), (None, false, 0));
    }
}
