//! The Socket.IO 5 side of one connection (socketio/socket.io-protocol): which namespaces it joined, packets whose
//! attachments are still to come, and the time in which it must join one.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::Millis;
use crate::error::Reason;
use crate::protocol::socket::{DecodeError, Kind, Packet};

/// How many times `maxHttpBufferSize` the attachments of one packet may add up to.
const ATTACHMENT_BUDGET: usize = 4;

/// What a message from the client means. `K` names one of its sockets.
#[derive(Debug, PartialEq)]
pub enum Input<'a, K> {
    /// It asks for a namespace that it has not joined. The official client asks again, before it was answered, when its
    /// socket was closed and opened meanwhile.
    Connect {
        /// The namespace as the client wrote it; it may not exist.
        nsp: &'a str,
        /// A JSON object.
        auth: Option<&'a str>,
        /// The socket for which it asked before.
        instead: Option<K>,
    },
    /// An event. `data` is a JSON array whose first item is the name.
    Event {
        /// To which socket.
        socket: K,
        /// The client wants an ack with this id.
        id: Option<f64>,
        /// The name, if it is a string.
        name: Option<Cow<'a, str>>,
        /// JSON array.
        data: Cow<'a, str>,
        /// In the order of their placeholders.
        attachments: Vec<Bytes>,
    },
    /// The answer to an event of ours. `data` is a JSON array.
    Ack {
        /// Of which socket.
        socket: K,
        /// The event's ack id.
        id: f64,
        /// JSON array.
        data: Cow<'a, str>,
        /// In the order of their placeholders.
        attachments: Vec<Bytes>,
    },
    /// It leaves a namespace.
    Leave {
        /// The socket that is over.
        socket: K,
    },
    /// Nothing to do.
    Nothing,
    /// More attachments than allowed, or larger ones: the connection must be closed.
    OverLimit,
    /// It cannot be read: the connection must be closed.
    Unreadable(DecodeError),
    /// The connection must be closed for this reason.
    Refused(Reason),
}

#[derive(Debug)]
struct Pending {
    text: String,
    attachments: Vec<Bytes>,
    missing: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Member<K> {
    nsp: Arc<str>,
    socket: K,
    joined: bool,
}

/// The sockets of one connection.
#[derive(Debug)]
pub struct Sockets<K> {
    members: Vec<Member<K>>,
    pending: Option<Box<Pending>>,
    connect_by: Option<Millis>,
    max_attachments: usize,
    max_attachment_bytes: usize,
}

impl<K: Copy + PartialEq> Sockets<K> {
    /// No sockets yet; one must come before `connect_by`.
    pub fn new(connect_by: Millis, max_message: usize, max_attachments: usize) -> Self {
        Self {
            members: Vec::new(),
            pending: None,
            connect_by: Some(connect_by),
            max_attachments,
            max_attachment_bytes: max_message.saturating_mul(ATTACHMENT_BUDGET),
        }
    }

    /// When the connection is closed unless it has joined a namespace.
    pub fn deadline(&self) -> Option<Millis> {
        self.connect_by
    }

    /// Bytes of a packet whose attachments have not all come.
    pub fn unfinished(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.text.len() + pending.bytes)
    }

    /// A text message.
    pub fn text<'a>(&mut self, text: &'a str) -> Input<'a, K> {
        if self.pending.is_some() {
            return refused(DecodeError::UnexpectedText);
        }
        let packet = match Packet::decode(text) {
            Ok(packet) => packet,
            Err(error) => return refused(error),
        };
        if packet.attachments > self.max_attachments {
            return Input::OverLimit;
        }
        if packet.attachments > 0 {
            self.pending = Some(Box::new(Pending {
                text: text.to_owned(),
                missing: packet.attachments,
                attachments: Vec::new(),
                bytes: 0,
            }));
            return Input::Nothing;
        }
        self.input(packet, Vec::new())
    }

    /// A binary message: the next attachment.
    pub fn binary(&mut self, data: Bytes) -> Input<'static, K> {
        let Some(pending) = &mut self.pending else {
            return refused(DecodeError::UnexpectedBinary);
        };
        pending.bytes += data.len();
        if pending.bytes > self.max_attachment_bytes {
            return Input::OverLimit;
        }
        pending.attachments.push(data);
        pending.missing -= 1;
        if pending.missing > 0 {
            return Input::Nothing;
        }
        let Pending { text, attachments, .. } = *self.pending.take().expect("just seen");
        let packet = Packet::decode(&text).expect("decoded once already");
        match self.input(packet, attachments) {
            Input::Event { socket, id, name, data, attachments } => Input::Event {
                socket,
                id,
                name: name.map(|name| Cow::Owned(name.into_owned())),
                data: Cow::Owned(data.into_owned()),
                attachments,
            },
            Input::Ack { socket, id, data, attachments } => {
                Input::Ack { socket, id, data: Cow::Owned(data.into_owned()), attachments }
            }
            Input::OverLimit => Input::OverLimit,
            Input::Refused(reason) => Input::Refused(reason),
            _ => Input::Nothing,
        }
    }

    fn input<'a>(&self, packet: Packet<'a>, attachments: Vec<Bytes>) -> Input<'a, K> {
        let member = self.members.iter().find(|member| *member.nsp == *packet.nsp);
        let socket = match (member, packet.kind) {
            (None, Kind::Connect) => {
                return Input::Connect { nsp: packet.nsp, auth: packet.data, instead: None };
            }
            (Some(member), Kind::Connect) if !member.joined => {
                return Input::Connect { nsp: packet.nsp, auth: packet.data, instead: Some(member.socket) };
            }
            (Some(_), Kind::Connect | Kind::ConnectError) | (None, _) => {
                return Input::Refused(Reason::ForcedClose);
            }
            (Some(member), _) if !member.joined => {
                return Input::Refused(Reason::ForcedClose);
            }
            (Some(member), _) => member.socket,
        };
        match (packet.kind, packet.data, packet.id) {
            (Kind::Disconnect, ..) => Input::Leave { socket },
            (Kind::Event, Some(data), id) => {
                Input::Event { socket, id, name: packet.name, data: Cow::Borrowed(data), attachments }
            }
            (Kind::Ack, data, Some(id)) => {
                Input::Ack { socket, id, data: Cow::Borrowed(data.unwrap_or("[]")), attachments }
            }
            _ => Input::Nothing,
        }
    }

    /// A namespace exists and the client waits for its answer.
    pub fn ask(&mut self, nsp: Arc<str>, socket: K) {
        if self.members.capacity() == 0 {
            // As a rule there is one.
            self.members.reserve_exact(1);
        }
        self.members.push(Member { nsp, socket, joined: false });
    }

    /// The client is let in.
    pub fn join(&mut self, socket: K) {
        self.connect_by = None;
        if let Some(member) = self.members.iter_mut().find(|member| member.socket == socket) {
            member.joined = true;
        }
    }

    /// A socket is over, by whichever side.
    pub fn remove(&mut self, socket: K) {
        self.members.retain(|member| member.socket != socket);
    }

    /// All sockets, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = K> + '_ {
        self.members.iter().map(|member| member.socket)
    }

    /// Whether the time to join a namespace has run out. True once: a session may take its time to close, and a deadline
    /// that stayed behind would be due again and again.
    pub fn is_late(&mut self, now: Millis) -> bool {
        self.connect_by.take_if(|at| *at <= now).is_some()
    }
}

fn refused<K>(error: DecodeError) -> Input<'static, K> {
    tracing::debug!(%error, "bad Socket.IO packet");
    Input::Unreadable(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined() -> Sockets<u32> {
        let mut sockets = Sockets::new(100, 10, 10);
        sockets.ask("/".into(), 1);
        sockets.join(1);
        sockets
    }

    #[test]
    fn connect_event_leave() {
        let mut sockets = Sockets::<u32>::new(100, 10, 10);
        assert_eq!(sockets.text("0/a,{}"), Input::Connect { nsp: "/a", auth: Some("{}"), instead: None });
        sockets.ask("/a".into(), 7);
        assert_eq!(sockets.text("0/a,"), Input::Connect { nsp: "/a", auth: None, instead: Some(7) });
        assert_eq!(sockets.text("2/a,[\"x\"]"), Input::Refused(Reason::ForcedClose));
        assert!(!sockets.is_late(99));
        sockets.join(7);
        assert!(!sockets.is_late(100));
        assert!(matches!(sockets.text("2/a,3[\"x\"]"), Input::Event { socket: 7, id: Some(3.0), .. }));
        assert_eq!(sockets.text("0/a,"), Input::Refused(Reason::ForcedClose));
        assert_eq!(sockets.text("1/a,"), Input::Leave { socket: 7 });
        sockets.remove(7);
        assert_eq!(sockets.text("2/a,[\"x\"]"), Input::Refused(Reason::ForcedClose));
    }

    #[test]
    fn who_joins_nothing_is_late_once() {
        let mut sockets = Sockets::<u32>::new(100, 10, 10);
        assert!(!sockets.is_late(99) && sockets.is_late(100) && !sockets.is_late(100));
        assert_eq!(sockets.deadline(), None);
    }

    #[test]
    fn bare_packets_are_ignored() {
        let mut sockets = joined();
        for text in ["2", "21", "3[]", "3"] {
            assert_eq!(sockets.text(text), Input::Nothing, "{text}");
        }
    }

    #[test]
    fn attachments_come_behind_their_packet() {
        let mut sockets = joined();
        assert_eq!(sockets.text("52-[\"b\",{\"_placeholder\":true,\"num\":0}]"), Input::Nothing);
        assert_eq!(sockets.binary(Bytes::from_static(b"1")), Input::Nothing);
        match sockets.binary(Bytes::from_static(b"2")) {
            Input::Event { attachments, .. } => assert_eq!(attachments, ["1", "2"]),
            other => panic!("{other:?}"),
        }
        assert_eq!(sockets.binary(Bytes::new()), Input::Unreadable(DecodeError::UnexpectedBinary));
        sockets.text("51-[\"b\"]");
        assert_eq!(sockets.text("2[\"x\"]"), Input::Unreadable(DecodeError::UnexpectedText));
    }

    #[test]
    fn attachments_have_a_budget() {
        let mut sockets = joined();
        sockets.text("59-[\"b\"]");
        for _ in 0..ATTACHMENT_BUDGET {
            assert_eq!(sockets.binary(Bytes::from_static(b"0123456789")), Input::Nothing);
        }
        assert_eq!(sockets.binary(Bytes::from_static(b"0")), Input::OverLimit);
        assert_eq!(joined().text("511-[\"b\"]"), Input::OverLimit);
    }
}
