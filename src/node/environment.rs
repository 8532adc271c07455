//! The life of a Node environment: the servers that it opened end with it, and no thread of ours runs on into its end.

use std::cell::RefCell;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Result;

use super::errors::{Code, contained};
use super::http;
use crate::compressor;
use crate::{hub, log};

/// How long an ending environment waits for its servers, in milliseconds.
const PATIENCE: u64 = 1000;

/// How long a process that ends waits for its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

thread_local! {
    /// The servers opened by this thread's environment.
    static OPENED: RefCell<Option<Vec<u32>>> = const { RefCell::new(None) };
}

/// A woken shard must not push JavaScript, which woke it, off its core: as a batch thread it waits for its turn. An emit
/// on the JavaScript thread costs a tenth of what it costs otherwise.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn be_patient() {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread; the parameters live for the length of the call; a refusal changes nothing.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) };
}

/// Elsewhere threads stay as they are.
#[cfg(not(target_os = "linux"))]
pub fn be_patient() {}

/// Notes that this environment opened a server.
pub fn opened(env: &Env, server: u32) -> Result<(), Code> {
    let first = OPENED.with_borrow_mut(|opened| match opened {
        Some(opened) => {
            opened.push(server);
            false
        }
        None => {
            *opened = Some(vec![server]);
            true
        }
    });
    if first {
        env.add_env_cleanup_hook((), |()| contained(end))
            .map_err(|error| napi::Error::new(Code("ERR_THREADS"), error.reason))?;
    }
    Ok(())
}

/// Waits until what was said last is out: answers that are being compressed, lines of the log.
pub fn last_words() {
    compressor::settle(LAST_WORDS);
    log::settle(LAST_WORDS);
}

fn end() {
    let opened = OPENED.take().unwrap_or_default();
    opened.iter().copied().for_each(http::forget);
    for server in opened.into_iter().filter_map(|id| hub::server(id).ok()) {
        server.close(PATIENCE, false);
        server.wait_closed(Duration::from_millis(2 * PATIENCE));
    }
    hub::join();
    last_words();
}
