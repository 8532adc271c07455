//! A thin epoll loop (level-triggered) and non-blocking reads and writes.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// The token of standard input.
pub const STDIN: u64 = u64::MAX;

pub struct Poll {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poll {
    /// Watches standard input from the start, and allows as many descriptors as the system lets us have.
    pub fn new() -> rustix::io::Result<Self> {
        let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current = limit.maximum;
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
        let poll = Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, events: Vec::with_capacity(1024) };
        poll.add(std::io::stdin(), STDIN, false)?;
        Ok(poll)
    }

    pub fn add(&self, fd: impl AsFd, token: u64, writable: bool) -> rustix::io::Result<()> {
        epoll::add(&self.epoll, fd, EventData::new_u64(token), interest(writable))
    }

    pub fn change(&self, fd: impl AsFd, token: u64, writable: bool) -> rustix::io::Result<()> {
        epoll::modify(&self.epoll, fd, EventData::new_u64(token), interest(writable))
    }

    pub fn remove(&self, fd: impl AsFd) {
        // It fails only if the descriptor is not watched, which is what we want.
        let _ = epoll::delete(&self.epoll, fd);
    }

    /// Waits for readiness; calls `ready(token, writable)` for each event.
    pub fn wait(&mut self, timeout: Option<Duration>, mut ready: impl FnMut(&Self, u64, bool)) {
        let timeout =
            timeout.map(|t| rustix::event::Timespec { tv_sec: t.as_secs() as i64, tv_nsec: t.subsec_nanos().into() });
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("epoll_wait: {error}"),
        }
        for event in &events {
            let flags = event.flags;
            ready(self, event.data.u64(), flags.contains(EventFlags::OUT));
        }
        self.events = events;
    }
}

fn interest(writable: bool) -> EventFlags {
    if writable { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN }
}

/// Reads what is there: Some(0) when nothing is, None when the other side is gone.
pub fn read(fd: impl AsFd, buf: &mut [u8]) -> Option<usize> {
    match rustix::io::read(fd, buf) {
        Ok(0) => None,
        Ok(n) => Some(n),
        Err(Errno::AGAIN | Errno::INTR) => Some(0),
        Err(_) => None,
    }
}

/// Writes what fits; None when the other side is gone.
pub fn write(fd: impl AsFd, buf: &[u8]) -> Option<usize> {
    match rustix::net::send(fd, buf, rustix::net::SendFlags::NOSIGNAL) {
        Ok(n) => Some(n),
        Err(Errno::AGAIN | Errno::INTR) => Some(0),
        Err(_) => None,
    }
}
