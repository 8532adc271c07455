//! Compressed messages from a client (RFC 7692). tungstenite knows no extensions: the frames of such messages are read
//! here, and it never sees them; all other frames, control frames among them and whatever is against the protocol, are its.

use bytes::Bytes;

use crate::protocol::deflate::{Bad, Inflater};
use crate::protocol::frame::{RSV1, payload_length};

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
/// Longest header, with a mask.
const MAX_HEADER: usize = 14;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes that are tungstenite's: see [`Inflating::plain`].
    Plain,
    /// A text message, inflated; its UTF-8 is not checked yet.
    Text(Bytes),
    /// A binary message, inflated.
    Binary(Bytes),
}

/// How a client broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A new message within another, or a frame without a mask.
    Protocol,
    /// The message is too large, deflated or inflated: it has at least so many bytes.
    Size(usize),
    /// It is no deflated data.
    Data,
    /// It is no text.
    Utf8,
}

#[derive(Debug)]
struct Message {
    is_text: bool,
    payload: Vec<u8>,
}

/// One connection's compressed messages.
#[derive(Debug)]
pub struct Inflating {
    /// Bytes at the head of the input that are tungstenite's.
    pub plain: usize,
    /// How many more bytes the last message had inflated than it had on the wire.
    pub growth: usize,
    most: usize,
    header: [u8; MAX_HEADER],
    have: u8,
    /// Bytes of the frame at hand that are still to come.
    left: u64,
    /// The frame at hand is of a compressed message.
    is_ours: bool,
    /// tungstenite is within a message.
    within_plain: bool,
    mask: [u8; 4],
    message: Option<Message>,
    inflater: Inflater,
}

impl Inflating {
    /// Messages of up to `most` bytes, inflated. `keeps`: the client keeps its context.
    pub fn new(most: usize, keeps: bool) -> Self {
        Self {
            plain: 0,
            growth: 0,
            most,
            header: [0; MAX_HEADER],
            have: 0,
            left: 0,
            is_ours: false,
            within_plain: false,
            mask: [0; 4],
            message: None,
            inflater: Inflater::new(keeps),
        }
    }

    /// The next message or bytes of tungstenite's in `input`, which moves on over the former; `None` when more bytes are
    /// needed. To be asked when nothing of tungstenite's is left.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Part>, Broken> {
        debug_assert_eq!(self.plain, 0);
        while let Some(byte) = input.get(self.plain).copied() {
            if self.left > 0 {
                let length = self.left.min((input.len() - self.plain) as u64) as usize;
                self.left -= length as u64;
                if !self.is_ours {
                    self.plain += length;
                    continue;
                }
                let (payload, rest) = input.split_at(length);
                *input = rest;
                self.add(payload);
            } else {
                if self.have == 0 {
                    let is_ours = self.begins_ours(byte);
                    if is_ours && self.plain > 0 {
                        break;
                    }
                    self.is_ours = is_ours;
                }
                self.header[self.have as usize] = byte;
                self.have += 1;
                if self.is_ours {
                    *input = &input[1..];
                } else {
                    self.plain += 1;
                }
                if !self.begin()? {
                    continue;
                }
            }
            if self.is_ours && self.left == 0 && self.header[0] & FIN != 0 {
                return self.finish().map(Some);
            }
        }
        Ok((self.plain > 0).then_some(Part::Plain))
    }

    /// Whether a frame with this first byte is of a compressed message.
    fn begins_ours(&self, first: u8) -> bool {
        let (opcode, reserved) = (first & 0x0f, first & RESERVED);
        match &self.message {
            // A new message within this one is for us to refuse.
            Some(_) => opcode == 0 && reserved == 0 || opcode == 1 || opcode == 2,
            None => !self.within_plain && reserved == RSV1 && (opcode == 1 || opcode == 2),
        }
    }

    /// Looks at the header so far. False: it is not whole.
    fn begin(&mut self) -> Result<bool, Broken> {
        let header = &self.header[..self.have as usize];
        let Some(length) = payload_length(header) else { return Ok(false) };
        let (first, is_masked) = (header[0], header[1] & MASKED != 0);
        let before_mask = match header[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if is_masked && header.len() < before_mask + 4 {
            return Ok(false);
        }
        self.have = 0;
        self.left = length;
        if !self.is_ours {
            if first & 0x08 == 0 {
                self.within_plain = first & FIN == 0;
            }
            return Ok(true);
        }
        let is_new = first & 0x0f != 0;
        if !is_masked || is_new && self.message.is_some() {
            return Err(Broken::Protocol);
        }
        self.mask.copy_from_slice(&header[before_mask..]);
        let message = self.message.get_or_insert_with(|| Message { is_text: first & 0x0f == 1, payload: Vec::new() });
        if length > (self.most - message.payload.len().min(self.most)) as u64 {
            return Err(Broken::Size(message.payload.len().saturating_add(length as usize)));
        }
        Ok(true)
    }

    fn add(&mut self, payload: &[u8]) {
        let Some(message) = &mut self.message else { return };
        let before = message.payload.len();
        message.payload.extend_from_slice(payload);
        let mask = self.mask;
        for (byte, mask) in message.payload[before..].iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        self.mask.rotate_left(payload.len() % 4);
    }

    fn finish(&mut self) -> Result<Part, Broken> {
        let Message { is_text, payload } = self.message.take().ok_or(Broken::Protocol)?;
        let length = payload.len();
        let data: Bytes = match self.inflater.inflate(payload, self.most) {
            Ok(data) => data.into(),
            Err(Bad::Size) => return Err(Broken::Size(self.most.saturating_add(1))),
            Err(Bad::Data) => return Err(Broken::Data),
        };
        self.growth = data.len().saturating_sub(length);
        Ok(if is_text { Part::Text(data) } else { Part::Binary(data) })
    }
}
