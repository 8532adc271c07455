//! One client: its session, its sockets, and what waits to be sent to it.

use std::collections::VecDeque;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::access::Identity;
use super::arena;
use super::effect::{Answer, Respond};
use super::limits::Allowance;
use super::link::LinkId;
use super::outbox::Outbox;
use super::socket::SocketId;
use crate::config::Config;
use crate::error::Reason;
use crate::guard::gate::Seat;
use crate::hub::account::Account;
use crate::hub::context::Context;
use crate::hub::counters::Tally;
use crate::hub::ids::Id;
use crate::protocol::request::Token;
use crate::session::Millis;
use crate::session::engine::{Engine, Reply, Timing, Transport};
use crate::session::socket::Sockets;

/// Names a connection on its shard.
pub type ConnectionId = arena::Id<Connection>;

/// Who has something to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dirty {
    /// A connection, by whatever way is open.
    Connection(ConnectionId),
    /// A WebSocket that is no connection's transport.
    Link(LinkId),
}

/// Why a connection goes at the end of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doom {
    /// Its session is over.
    Gone,
    /// What waits for it is too much: it goes, and what waits with it.
    Slow,
    /// An internal error: whatever state it is in.
    Broken,
}

/// One client.
pub struct Connection {
    /// Whose it is.
    pub server: Arc<Context>,
    /// By which of the application's HTTP servers it came; 0 is none.
    pub via: u32,
    /// The Engine.IO session's id.
    pub sid: Id,
    /// The Engine.IO session.
    pub engine: Engine<Respond>,
    /// Its sockets, and what they say.
    pub members: Sockets<SocketId>,
    /// What waits for it.
    pub outbox: Outbox,
    /// The WebSocket in use.
    pub link: Option<LinkId>,
    /// The WebSocket that an upgrade tries out.
    pub probe: Option<LinkId>,
    /// It is among those that are written.
    pub dirty: bool,
    /// All that waits belongs to batches whose windows are open.
    pub held: bool,
    /// The last write did not take everything.
    pub blocked: bool,
    /// So, because something has to be deflated first.
    pub waits_for_form: bool,
    /// The window that messages to it are deflated with, in bits, if that was agreed on.
    pub window: Option<NonZeroU8>,
    /// More waits than may; the next write decides what comes of it.
    pub over: bool,
    /// Its place among the receivers of the events at hand; it counts if it is found there.
    pub receiver: u32,
    /// When the client was last heard of.
    pub seen: Millis,
    /// Who is behind it, once that is known.
    pub identity: Option<Arc<Identity>>,
    /// Which logouts had come when its first socket asked to be let in.
    pub asked_at: u64,
    /// `socket.handshake` as JSON, if JavaScript wanted it when the connection came.
    pub handshake: Option<Box<str>>,
    /// What of it waits for JavaScript.
    pub account: Option<Arc<Account>>,
    /// What the client may still say.
    pub allowance: Allowance,
    /// A POST whose answer waits for JavaScript to catch up.
    pub post_waits: bool,
    /// The server closes: until then the client may fetch what waits.
    pub leaves_by: Option<Millis>,
    /// Namespaces that it asked for, about which JavaScript has yet to decide.
    pub wishes: Vec<Wish>,
    /// It goes at the end of the step.
    pub doom: Option<Doom>,
    /// How the outside names the request that began it.
    pub token: Option<Token>,
    /// What JavaScript wants to know: bits of `eye`.
    pub eye: u8,
    /// Its session is over, for this reason.
    pub ended: Option<Reason>,
    /// What broke the transport, in the words of Engine.IO.
    pub description: Option<&'static str>,
}

/// A namespace that a client asked for, and that is not there yet.
pub struct Wish {
    /// Names the question.
    pub token: u32,
    /// The namespace's name.
    pub name: Box<str>,
    /// CONNECT's auth.
    pub auth: Option<Box<str>>,
}

impl Connection {
    /// A client of a server that has just come.
    pub fn new(sid: Id, transport: Transport, server: Arc<Context>, seat: Seat, now: Millis) -> Self {
        let config = &server.config;
        let timing = Timing {
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            upgrade_timeout: config.upgrade_timeout,
            close_timeout: Config::POLLING_CLOSE_TIMEOUT.as_millis() as u64,
        };
        let connect_by = now + server.connect_timeout.load(Relaxed);
        let members = Sockets::new(connect_by, config.max_http_buffer_size, config.limits.max_attachments);
        Self {
            server,
            via: 0,
            sid,
            engine: Engine::new(transport, timing, now),
            members,
            outbox: Outbox::default(),
            link: None,
            probe: None,
            dirty: false,
            held: false,
            blocked: false,
            waits_for_form: false,
            window: None,
            over: false,
            receiver: 0,
            seen: now,
            identity: None,
            asked_at: 0,
            handshake: None,
            account: None,
            allowance: Allowance::new(seat),
            post_waits: false,
            leaves_by: None,
            wishes: Vec::new(),
            doom: None,
            token: None,
            eye: 0,
            ended: None,
            description: None,
        }
    }

    /// Whether a packet would leave at once.
    pub fn is_writable(&self) -> bool {
        self.engine.is_open() && !self.blocked && (self.link.is_some() || self.engine.has_poll())
    }

    /// Whether an event may wait for its batch: behind something that waits for a poll alone there is nothing to hold.
    pub fn may_hold(&self) -> bool {
        self.held || self.outbox.is_empty()
    }

    /// Something was queued: it leaves with this pass, or (`hold`) may wait for its batch.
    pub fn touch(&mut self, id: ConnectionId, hold: bool, dirty: &mut VecDeque<Dirty>) {
        if hold && !self.dirty && !self.blocked {
            self.held = true;
            return;
        }
        self.held = false;
        if !self.dirty {
            self.dirty = true;
            dirty.push_back(Dirty::Connection(id));
        }
    }

    /// Whether so many more events fit. A single one always does.
    pub fn fits(&self, cost: usize, events: usize) -> bool {
        self.outbox.is_empty() && events == 1 || self.outbox.cost() + cost <= self.server.config.max_outbox
    }

    /// All packets that wait, as a polling payload.
    pub fn payload(&mut self, shard: usize, now: u64) -> Vec<u8> {
        let mut tally = Tally::default();
        let body = self.outbox.take_payload(&mut tally);
        self.over = false;
        self.server.counters(shard).wrote(&tally, now);
        body
    }

    /// What a session replies to a polling request.
    pub fn answer(&mut self, reply: Reply, shard: usize, now: u64) -> Answer {
        let payload = |body: Vec<u8>| Answer::Payload { body, opened: None, plain: false };
        match reply {
            Reply::Flush => {
                let plain = self.outbox.is_plain();
                Answer::Payload { body: self.payload(shard, now), opened: None, plain }
            }
            Reply::Noop => payload(b"6".into()),
            Reply::Close => payload(b"1".into()),
            Reply::NoopClose => payload(b"6\x1e1".into()),
            Reply::Ok => Answer::Ok,
            Reply::BadRequest => Answer::Status(400),
            Reply::TooLarge => Answer::Status(413),
            Reply::NotAllowed => Answer::Status(500),
            Reply::Cut => Answer::Cut,
        }
    }

    /// Whether it is not read, for JavaScript has to catch up.
    pub fn is_paused(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.is_paused())
    }

    /// The user behind it.
    pub fn user(&self) -> Option<Arc<str>> {
        self.identity.as_ref().and_then(|identity| identity.user.clone())
    }

    /// No socket is left: whoever comes over it next says anew who it is.
    pub fn forget_identity(&mut self) {
        self.identity = None;
        self.allowance.user = None;
    }
}

/// Why a socket goes at the end of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// For its client and JavaScript.
    pub reason: Reason,
    /// Another connection of the same client takes it over: nobody else hears of it.
    pub taken_over: bool,
}
