//! The way to JavaScript: events gather in a queue, and one call on the JavaScript thread takes all that is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use napi::bindgen_prelude::{Buffer, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::hub::server::{Arrival, Event, Packet, Sink};
use crate::protocol::socket::Kind;
use crate::transport::Response;

/// One thing that Rust tells JavaScript. Events of one socket arrive in order; many share one call.
///
/// | kind | socket | id | text | data |
/// |---|---|---|---|---|
/// | connecting: answer once, with accept, deny or abandon | key | – | JSON ConnectInfo | – |
/// | connect: joined, without a question | key | – | JSON ConnectInfo | – |
/// | event | key | ack id, if the client asked for one | JSON array, event name first | attachments |
/// | ack | key | ack id | JSON array of arguments | attachments |
/// | join: a client wants to join a room; answer with decideJoin | key | of the question | the room | – |
/// | disconnect | key | – | JSON {reason, rooms} | – |
/// | response | 0 | request id | JSON {status, headers: [[name, value], …]}; status 0: destroy the socket | body, if any |
/// | room: it has its first member, or none any more | 0 | – | JSON {nsp, room, active} | – |
/// | log: a line for the application's logger | 0 | – | JSON {level, target, message, fields} | – |
/// | closed | 0 | – | JSON report of the shutdown | – |
///
/// ConnectInfo: `{id, nsp, connection, auth, userId, known, recovered, session, handshake: {headers, time, address, xdomain,
/// secure, issued, url, query}}`. `connection`: the same for all sockets of one connection. `known`: it is settled who is
/// behind it, by a ticket or an earlier socket. `session`: `{id, userId}` of the socket to which the client comes back, if it
/// is accepted as the same user.
#[napi(object)]
pub struct InboxEvent {
    #[napi(
        ts_type = "'connecting' | 'connect' | 'event' | 'ack' | 'join' | 'disconnect' | 'response' | 'room' | 'log' | 'closed'"
    )]
    pub kind: String,
    pub socket: f64,
    pub id: Option<f64>,
    pub text: Option<String>,
    pub data: Option<Vec<Buffer>>,
}

enum Item {
    Event(Event),
    Response(u32, Response),
}

type Call = ThreadsafeFunction<(), (), Vec<InboxEvent>, napi::Status, false, true, 0>;

/// The queue of one server.
pub struct Inbox {
    queue: Arc<Mutex<Vec<Item>>>,
    called: Arc<AtomicBool>,
    call: Call,
}

impl Inbox {
    /// An inbox that calls `callback` with what has gathered. It does not keep the process alive.
    pub fn new(callback: Function<'_, Vec<InboxEvent>, ()>) -> napi::Result<Self> {
        let queue: Arc<Mutex<Vec<Item>>> = Arc::default();
        let called = Arc::new(AtomicBool::new(false));
        let (items, pending) = (queue.clone(), called.clone());
        let call = callback
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<0>()
            .build_callback(move |_| {
                pending.store(false, Ordering::Release);
                let taken = std::mem::take(&mut *items.lock());
                Ok(taken.into_iter().map(InboxEvent::from).collect())
            })?;
        Ok(Self { queue, called, call })
    }

    /// Takes what has gathered.
    pub fn drain(&self) -> Vec<InboxEvent> {
        std::mem::take(&mut *self.queue.lock()).into_iter().map(InboxEvent::from).collect()
    }

    /// Queues the response to an HTTP request.
    pub fn respond(&self, id: u32, response: Response) {
        self.add(Item::Response(id, response));
    }

    fn add(&self, item: Item) {
        self.queue.lock().push(item);
        if !self.called.swap(true, Ordering::AcqRel) {
            // An environment that is ending refuses the call: nobody is left to hear.
            let _ = self.call.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

impl Sink for Inbox {
    fn push(&self, event: Event) {
        self.add(Item::Event(event));
    }
}

impl From<Item> for InboxEvent {
    fn from(item: Item) -> Self {
        let event = |kind: &str, socket: u64, text: String| Self {
            kind: kind.to_owned(),
            socket: socket as f64,
            id: None,
            text: Some(text),
            data: None,
        };
        match item {
            Item::Event(Event::Connecting(arrival)) => {
                let Arrival { socket, info, credit: _credit } = *arrival;
                event("connecting", socket, info)
            }
            Item::Event(Event::Connect(arrival)) => {
                let Arrival { socket, info, credit: _credit } = *arrival;
                event("connect", socket, info)
            }
            Item::Event(Event::Disconnect(socket, info)) => event("disconnect", socket, info),
            Item::Event(Event::Join(join)) => {
                Self { id: Some(join.token.into()), ..event("join", join.socket, join.room.to_string()) }
            }
            Item::Event(Event::Room(room)) => event("room", 0, room),
            Item::Event(Event::Log(line)) => event("log", 0, line),
            Item::Event(Event::Closed(report)) => event("closed", 0, report),
            Item::Event(Event::Packet(packet)) => {
                let Packet { socket, kind, id, data, attachments, credit: _credit } = *packet;
                let buffers = attachments.iter().map(|data| data.to_vec().into()).collect();
                Self {
                    id,
                    data: (!attachments.is_empty()).then_some(buffers),
                    ..event(if kind == Kind::Ack { "ack" } else { "event" }, socket, data)
                }
            }
            Item::Response(id, Response { status, headers, body }) => {
                let headers = serde_json::to_string(&headers).expect("strings are JSON");
                Self {
                    id: Some(f64::from(id)),
                    data: (!body.is_empty()).then(|| vec![body.into()]),
                    ..event("response", 0, format!("{{\"status\":{status},\"headers\":{headers}}}"))
                }
            }
        }
    }
}
