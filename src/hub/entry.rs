//! What asks for a place at a server: handshakes, connections, requests.

use std::net::IpAddr;

use super::clock;
use super::context::Context;
use crate::guard::gate::{Limit, Seat, Visit};
use crate::session::handshake::{Refusal, Request};

impl Context {
    /// Lets a handshake in, or says why not.
    pub fn admit(&self, request: &Request) -> Result<Seat, Refusal> {
        self.gate.admit(&request.remote, clock::micros()).map_err(|limit| self.turn_away(limit))
    }

    /// Lets a TCP connection in, or says why not.
    pub fn visit(&self, remote: IpAddr) -> Result<Visit, Refusal> {
        // With a proxy in front all of them come from there.
        let remote = self.config.access.proxies.is_none().then_some(remote);
        self.gate.visit(remote, clock::micros()).map_err(|limit| self.turn_away(limit))
    }

    /// The answer to a client for whom a limit leaves no place.
    fn turn_away(&self, limit: Limit) -> Refusal {
        let (counter, refusal) = match limit {
            Limit::Handshakes => (&self.refusals.handshakes, Refusal::TOO_MANY),
            Limit::Address => (&self.refusals.address, Refusal::TOO_MANY),
            Limit::Full => (&self.refusals.full, Refusal::FULL),
        };
        counter.add(1);
        refusal
    }

    /// Refuses a request whose head is too large.
    pub fn check_size(&self, request: &Request) -> Result<(), Refusal> {
        if request.size() <= self.config.limits.max_header_size {
            return Ok(());
        }
        self.refusals.headers.add(1);
        Err(Refusal::HEAD_TOO_LARGE)
    }
}
