//! The way to JavaScript: events gather in a queue, and one call on the JavaScript thread takes many of them. Not all of
//! them: what has gathered while JavaScript was busy would fill its heap, and its event loop would stand still.

use std::collections::VecDeque;
use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use parking_lot::Mutex;

use super::asking::Answers;
use super::errors::contained;
use super::http;
use crate::hub::server::{Arrival, Asked, Event, Happening, Line, Packet, Sink, Wish};
use crate::log;
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
/// | request: on a port of Rust's; answer with answerRequest | 0 | of the question | JSON {method, url, headers, rawHeaders, remoteAddress} | – |
/// | room: it has its first member, or none any more | 0 | – | JSON {nsp, room, active} | – |
/// | stay: a socket came into a room or left it, in a namespace that is watched | 0 | – | JSON {nsp, room, id, joined} | – |
/// | answers: all that askAll asked | 0 | of the group | JSON [[attachments, value?], …] | their attachments, one after another |
/// | namespace: a client asks for one that is not there; answer with decideNamespace | key of the connection | of the question | JSON {name, auth} | – |
/// | log: a line for the application's logger | 0 | – | JSON {level, target, message, fields} | – |
/// | closed | 0 | – | JSON report of the shutdown | – |
/// | fault: its client sent something unreadable | key | – | what is wrong | – |
/// | refused: a request, see watchServer | 0 | – | JSON {code, message, method, token, request} | – |
/// | released: nobody holds a request's token any more | 0 | token | – | – |
/// | opened: a connection, see watchServer | of the connection | – | JSON {sid, transport, token, handshake} | – |
/// | upgraded: a connection with a socket that was told, to WebSocket | of the connection | – | – | – |
/// | packet, sent: see watchConnection | of the connection | – | its type and text; `b`: binary | the data, if binary |
/// | drained: see watchConnection | of the connection | – | – | – |
/// | ended: a connection, see watchConnection | of the connection | – | JSON {reason, description} | – |
///
/// ConnectInfo: `{id, nsp, connection, sid, transport, token, auth, userId, known, recovered, session, handshake: {headers, time, address, xdomain,
/// secure, issued, url, query}}`. `connection`: the same for all sockets of one connection. `known`: it is settled who is
/// behind it, by a ticket or an earlier socket. `session`: `{id, userId}` of the socket to which the client comes back, if it
/// is accepted as the same user.
#[napi(object)]
pub struct InboxEvent {
    #[napi(
        ts_type = "'connecting' | 'connect' | 'event' | 'ack' | 'join' | 'disconnect' | 'response' | 'request' | 'room' | 'stay' | 'answers' | 'namespace' | 'log' | 'closed' | 'fault' | 'refused' | 'released' | 'opened' | 'upgraded' | 'packet' | 'sent' | 'drained' | 'ended'"
    )]
    pub kind: String,
    pub socket: f64,
    pub id: Option<f64>,
    pub text: Option<String>,
    pub data: Option<Vec<Buffer>>,
}

/// Most bytes that JavaScript takes at once; the last event may pass it.
const SLICE: usize = 1 << 20;
/// Most events that it takes when it is called.
const FIRST: usize = 32;
/// Most lines for the application's logger that wait.
const LOG_LINES: usize = 1000;

enum Item {
    Event(Event),
    Response(u32, Response),
    Released(u32),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Event(Event::Packet(packet)) => packet.credit.bytes(),
            Self::Event(Event::Connecting(arrival) | Event::Connect(arrival)) => arrival.credit.bytes(),
            Self::Event(Event::Join(join)) => join.credit.bytes(),
            Self::Event(Event::Asked(asked)) => asked.credit.bytes(),
            Self::Event(
                Event::Disconnect(_, _, credit)
                | Event::Room(_, credit)
                | Event::Stay(_, credit)
                | Event::Answers(_, _, credit),
            ) => credit.bytes(),
            Self::Event(Event::Namespace(wish)) => wish.credit.bytes(),
            Self::Event(Event::Log(text) | Event::Closed(text)) => text.len(),
            Self::Event(Event::Refused(_, credit) | Event::Fault(_, _, credit)) => credit.bytes(),
            Self::Event(Event::Line(line)) => line.credit.bytes(),
            Self::Released(_) => 0,
            Self::Response(_, response) => response.body.len(),
        }
    }
}

#[derive(Default)]
struct Queue {
    /// What waits for nobody's events: responses, of which there is one a request, and the end.
    first: VecDeque<Item>,
    /// Everything else. The server's ledger has its sum, but for lines of the log, which are counted here.
    rest: VecDeque<Item>,
    lines: usize,
    lost_lines: usize,
    /// JavaScript was called, and will come back until nothing is left.
    called: bool,
    /// The end was told.
    closed: bool,
}

impl Queue {
    /// Takes what comes first, and `most` of the rest, as far as JavaScript can take it at once.
    fn slice(&mut self, most: usize) -> Vec<Item> {
        let mut slice = Vec::new();
        let (mut bytes, mut events) = (0, 0);
        while bytes < SLICE {
            let item = match self.first.pop_front() {
                Some(item) => item,
                None if events < most => {
                    let Some(item) = self.rest.pop_front() else { break };
                    events += 1;
                    item
                }
                None => break,
            };
            bytes += item.bytes();
            match &item {
                Item::Event(Event::Closed(_)) => self.closed = true,
                Item::Event(Event::Log(_)) => self.lines -= 1,
                _ => {}
            }
            slice.push(item);
            if self.lines == 0 && self.lost_lines > 0 {
                let lost = log::lost(std::mem::take(&mut self.lost_lines), "JavaScript was busy");
                slice.push(Item::Event(Event::Log(lost.to_json())));
            }
        }
        if slice.is_empty() && most > 0 {
            self.called = false;
        }
        slice
    }

    fn add(&mut self, item: Item) {
        match item {
            Item::Response(..) | Item::Event(Event::Closed(_)) => self.first.push_back(item),
            Item::Event(Event::Log(_)) if self.lines == LOG_LINES => self.lost_lines += 1,
            Item::Event(Event::Log(_)) => {
                self.lines += 1;
                self.rest.push_back(item);
            }
            Item::Event(_) | Item::Released(_) => self.rest.push_back(item),
        }
    }
}

type Call = ThreadsafeFunction<(), (), Vec<InboxEvent>, napi::Status, false, true, 0>;

/// The queue of one server.
pub struct Inbox {
    queue: Arc<Mutex<Queue>>,
    call: Call,
}

impl Inbox {
    /// An inbox that calls `callback` with a first slice of what has gathered; JavaScript then takes more until nothing is
    /// left. It does not keep the process alive.
    pub fn new(callback: Function<'_, Vec<InboxEvent>, ()>) -> napi::Result<Self> {
        let queue: Arc<Mutex<Queue>> = Arc::default();
        let items = queue.clone();
        let call = callback
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<0>()
            .build_callback(move |_| Ok(contained(|| take(&items, FIRST))))?;
        Ok(Self { queue, call })
    }

    /// Takes the next slice, with `most` events beside those that come first. With none left the callback is called anew
    /// when something comes.
    pub fn take(&self, most: usize) -> Vec<InboxEvent> {
        take(&self.queue, most)
    }

    /// Takes the responses that wait, and drops the rest: for a thread that handles nothing any more.
    pub fn drain(&self) -> Vec<InboxEvent> {
        let (first, rest) = {
            let mut queue = self.queue.lock();
            queue.lines = 0;
            queue.closed |= queue.first.iter().any(|item| matches!(item, Item::Event(Event::Closed(_))));
            (std::mem::take(&mut queue.first), std::mem::take(&mut queue.rest))
        };
        // What is given back here may wake shards, which may want to tell something.
        drop(rest);
        first.into_iter().filter(|item| matches!(item, Item::Response(..))).map(InboxEvent::from).collect()
    }

    /// Whether JavaScript was told of the end and has nothing more to take.
    pub fn is_over(&self) -> bool {
        let queue = self.queue.lock();
        queue.closed && queue.first.is_empty() && queue.rest.is_empty()
    }

    /// Queues the response to an HTTP request.
    pub fn respond(&self, id: u32, response: Response) {
        self.add(Item::Response(id, response));
    }

    /// Tells that nobody holds the token of a request any more.
    pub fn release(&self, token: u32) {
        self.add(Item::Released(token));
    }

    fn add(&self, item: Item) {
        let calls = {
            let mut queue = self.queue.lock();
            queue.add(item);
            !std::mem::replace(&mut queue.called, true)
        };
        if calls {
            // An environment that is ending refuses the call: nobody is left to hear.
            let _ = self.call.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

fn take(queue: &Mutex<Queue>, most: usize) -> Vec<InboxEvent> {
    // Not under the lock: shards must not wait for JavaScript's objects.
    let slice = queue.lock().slice(most);
    slice.into_iter().map(InboxEvent::from).collect()
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
            Item::Event(Event::Disconnect(socket, info, _credit)) => event("disconnect", socket, info),
            Item::Event(Event::Join(join)) => {
                Self { id: Some(join.token.into()), ..event("join", join.socket, join.room.to_string()) }
            }
            Item::Event(Event::Asked(asked)) => {
                let Asked { head, answer, credit: _credit } = *asked;
                Self { id: Some(http::question(answer).into()), ..event("request", 0, head) }
            }
            Item::Event(Event::Room(room, _credit)) => event("room", 0, room),
            Item::Event(Event::Refused(refusal, _credit)) => event("refused", 0, refusal),
            Item::Event(Event::Fault(socket, what, _credit)) => event("fault", socket, what),
            Item::Event(Event::Line(line)) => {
                let Line { connection, what, text, data, credit: _credit } = *line;
                let kind = match what {
                    Happening::Opened => "opened",
                    Happening::Upgraded => "upgraded",
                    Happening::Packet => "packet",
                    Happening::Sent => "sent",
                    Happening::Drained => "drained",
                    Happening::Ended => "ended",
                };
                Self { data: data.map(|data| vec![data.to_vec().into()]), ..event(kind, connection, text) }
            }
            Item::Released(token) => Self { id: Some(token.into()), text: None, ..event("released", 0, String::new()) },
            Item::Event(Event::Stay(stay, _credit)) => event("stay", 0, stay),
            Item::Event(Event::Answers(group, answers, _credit)) => {
                let Answers { text, data } = Answers::from(answers);
                Self { id: Some(group as f64), data: Some(data), ..event("answers", 0, text) }
            }
            Item::Event(Event::Namespace(wish)) => {
                let Wish { connection, token, info, credit: _credit } = *wish;
                Self { id: Some(token.into()), ..event("namespace", connection, info) }
            }
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
