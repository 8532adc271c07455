//! Threads for what takes long and nobody else waits for: the compression of large answers and messages. They are there only
//! while there is something to do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

type Job = Box<dyn FnOnce() + Send>;

/// Most threads.
const THREADS: usize = 4;

struct Queue {
    jobs: VecDeque<Job>,
    /// Threads at work.
    working: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { jobs: VecDeque::new(), working: 0 });
static DONE: Condvar = Condvar::new();

/// Does a job elsewhere, with at most so many threads. There is one for each poll that waits, and one for each large message.
pub fn run(threads: usize, job: impl FnOnce() + Send + 'static) {
    let mut queue = QUEUE.lock();
    queue.jobs.push_back(Box::new(job));
    let most = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, THREADS));
    if queue.working >= most.min(threads.max(1)) {
        return;
    }
    queue.working += 1;
    drop(queue);
    if std::thread::Builder::new().name("realtime-zip".into()).spawn(work).is_err() {
        // The system has no thread to give.
        work();
    }
}

/// Waits until everything is done, for so long at most.
pub fn settle(patience: Duration) {
    let mut queue = QUEUE.lock();
    DONE.wait_while_for(&mut queue, |queue| queue.working > 0, patience);
}

fn next() -> Option<Job> {
    let mut queue = QUEUE.lock();
    let job = queue.jobs.pop_front();
    queue.working -= usize::from(job.is_none());
    job
}

fn work() {
    while let Some(job) = next() {
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("internal error; please report it");
        }
    }
    DONE.notify_all();
}
