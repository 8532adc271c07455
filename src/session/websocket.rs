//! The WebSocket protocol of one connection (RFC 6455), on tungstenite: bytes in, messages out. What it answers by
//! itself (pong, close) is returned as bytes, so that the connection's one outbox stays in charge of order.

use std::io::{self, Read, Write};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::inflating::{Broken, Inflating, Part};
use crate::protocol::deflate::Agreed;
use crate::protocol::frame::{self, FragmentCounter};

/// Bytes that a connection keeps for half a frame.
const READ_BUFFER: usize = 512;

/// tungstenite's reason for a close code that may not be sent.
const BAD_CODE: &str = "Protocol violation";

/// What the client sent.
#[derive(Debug)]
pub enum Incoming {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping, to be answered with this frame.
    Ping(Bytes),
    /// The client closes, or answers our close. The frame answers it; empty if we closed first.
    Close(Bytes),
}

/// The client broke the protocol or a limit.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// The frame that tells it so (1002, 1007, 1008 or 1009).
    pub close: Bytes,
    /// What it broke.
    pub kind: ViolationKind,
}

/// What a client broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViolationKind {
    /// The protocol.
    Protocol,
    /// A message is too large: at least so many bytes.
    Size(usize),
    /// A message has too many pieces.
    Fragments,
}

/// One connection's WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    context: WebSocketContext,
    fragments: FragmentCounter,
    /// There if compression was agreed on.
    inflating: Option<Box<Inflating>>,
}

impl WebSocket {
    /// A server's WebSocket that takes messages of up to `max_message` bytes, in up to `max_fragments` pieces.
    pub fn new(max_message: usize, max_fragments: u32) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        Self {
            context: WebSocketContext::new(Role::Server, Some(config)),
            fragments: FragmentCounter::new(max_fragments),
            inflating: None,
        }
    }

    /// The same of a client that may deflate its messages; the limit is that of their inflated form.
    pub fn deflating(max_message: usize, max_fragments: u32, agreed: Agreed) -> Self {
        let inflating = Some(Box::new(Inflating::new(max_message, agreed.client_context)));
        Self { inflating, ..Self::new(max_message, max_fragments) }
    }

    /// Looks at the next bytes before [`WebSocket::next`] takes them. Returns how many fragments in them do not end their
    /// message.
    pub fn inspect(&mut self, input: &[u8]) -> Result<u32, Violation> {
        let violation = |_| Violation { close: frame::close(Some(1008), ""), kind: ViolationKind::Fragments };
        self.fragments.feed(input).map_err(violation)
    }

    /// The next message in `input`, which moves on; `None` when more bytes are needed.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Incoming>, Violation> {
        let Some(inflating) = &mut self.inflating else { return Self::next_plain(&mut self.context, input) };
        loop {
            // All that tungstenite was given comes first.
            let (mut plain, rest) = input.split_at(inflating.plain);
            let found = Self::next_plain(&mut self.context, &mut plain);
            inflating.plain = plain.len();
            *input = &input[input.len() - rest.len() - plain.len()..];
            if !matches!(found, Ok(None)) || inflating.plain > 0 {
                return found;
            }
            match inflating.next(input).map_err(broken)? {
                Some(Part::Plain) => {}
                Some(Part::Text(text)) => {
                    let text = Utf8Bytes::try_from(text).map_err(|_| broken(Broken::Utf8))?;
                    return Ok(Some(Incoming::Text(text)));
                }
                Some(Part::Binary(data)) => return Ok(Some(Incoming::Binary(data))),
                None => return Ok(None),
            }
        }
    }

    /// How many more bytes the last message had inflated than it had on the wire.
    pub fn take_growth(&mut self) -> usize {
        self.inflating.as_mut().map_or(0, |inflating| std::mem::take(&mut inflating.growth))
    }

    fn next_plain(context: &mut WebSocketContext, input: &mut &[u8]) -> Result<Option<Incoming>, Violation> {
        loop {
            let mut feed = Feed { input, output: Vec::new() };
            let message = match context.read(&mut feed) {
                Ok(message) => message,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(None);
                }
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Ok(None),
                Err(error) => return Err(violation(&error)),
            };
            return Ok(Some(match message {
                Message::Text(text) => Incoming::Text(text),
                Message::Binary(data) => Incoming::Binary(data),
                Message::Ping(data) => Incoming::Ping(pong(&data)),
                // tungstenite replaces a code that may not be sent by this one.
                Message::Close(Some(close)) if close.code == CloseCode::Protocol && close.reason == BAD_CODE => {
                    return Err(Violation { close: frame::close(Some(1002), ""), kind: ViolationKind::Protocol });
                }
                Message::Close(Some(close)) => Incoming::Close(frame::close(Some(close.code.into()), &close.reason)),
                Message::Close(None) => Incoming::Close(frame::close(None, "")),
                Message::Pong(_) | Message::Frame(_) => continue,
            }));
        }
    }
}

fn pong(data: &[u8]) -> Bytes {
    let mut out = vec![0x8a, data.len() as u8];
    out.extend_from_slice(data);
    out.into()
}

fn violation(error: &Error) -> Violation {
    tracing::debug!(%error, "bad WebSocket data");
    let (code, kind) = match error {
        Error::Capacity(CapacityError::MessageTooLong { size, .. }) => (1009, ViolationKind::Size(*size)),
        Error::Capacity(_) => (1009, ViolationKind::Size(0)),
        Error::Utf8(_) => (1007, ViolationKind::Protocol),
        _ => (1002, ViolationKind::Protocol),
    };
    Violation { close: frame::close(Some(code), ""), kind }
}

fn broken(broken: Broken) -> Violation {
    tracing::debug!(?broken, "bad compressed WebSocket data");
    let (code, kind) = match broken {
        Broken::Size(size) => (1009, ViolationKind::Size(size)),
        Broken::Utf8 | Broken::Data => (1007, ViolationKind::Protocol),
        Broken::Protocol => (1002, ViolationKind::Protocol),
    };
    Violation { close: frame::close(Some(code), ""), kind }
}

/// The bytes at hand as tungstenite's stream. It writes its own pongs and closes into `output`, which is dropped: ours
/// are returned with the message.
struct Feed<'a, 'b> {
    input: &'a mut &'b [u8],
    output: Vec<u8>,
}

impl Read for Feed<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Feed<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame as a client sends it.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first, 0x80 | payload.len() as u8, 1, 2, 3, 4];
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ [1, 2, 3, 4][i % 4]));
        out
    }

    fn all(socket: &mut WebSocket, bytes: &[u8]) -> Result<Vec<String>, Violation> {
        let mut input = bytes;
        let mut seen = Vec::new();
        while let Some(incoming) = socket.next(&mut input)? {
            seen.push(match incoming {
                Incoming::Text(text) => text.to_string(),
                Incoming::Binary(data) => format!("{data:?}"),
                Incoming::Ping(pong) => format!("ping {pong:?}"),
                Incoming::Close(reply) => format!("close {reply:?}"),
            });
        }
        Ok(seen)
    }

    #[test]
    fn messages_come_out_however_they_are_cut() {
        let bytes = [masked(0x81, b"one"), masked(0x89, b"p"), masked(0x01, b"tw"), masked(0x80, b"o")].concat();
        let expected = ["one", "ping b\"\\x8a\\x01p\"", "two"];
        assert_eq!(all(&mut WebSocket::new(100, 9), &bytes).unwrap(), expected);
        let mut socket = WebSocket::new(100, 9);
        let cut: Vec<String> = bytes.iter().flat_map(|byte| all(&mut socket, &[*byte]).unwrap()).collect();
        assert_eq!(cut, expected);
    }

    #[test]
    fn close_is_answered_with_its_code() {
        let reply = all(&mut WebSocket::new(100, 9), &masked(0x88, &[3, 232])).unwrap();
        assert_eq!(reply, ["close b\"\\x88\\x02\\x03\\xe8\""]);
        assert_eq!(all(&mut WebSocket::new(100, 9), &masked(0x88, &[])).unwrap(), ["close b\"\\x88\\0\""]);
    }

    #[test]
    fn violations_carry_their_code() {
        let code = |bytes: &[u8]| all(&mut WebSocket::new(10, 9), bytes).unwrap_err().close;
        let close = |code| frame::close(Some(code), "");
        assert_eq!(code(&masked(0x81, b"12345678901")), close(1009));
        assert_eq!(code(&masked(0x81, b"\xff")), close(1007));
        assert_eq!(code(b"\x81\x01a"), close(1002));
        assert_eq!(code(&masked(0xc1, b"a")), close(1002));
        assert_eq!(code(&masked(0x83, b"a")), close(1002));
        for bad in [999u16, 1005, 1006, 5000] {
            assert_eq!(code(&masked(0x88, &bad.to_be_bytes())), close(1002), "{bad}");
        }
    }
}
