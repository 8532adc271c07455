//! Outgoing WebSocket frames (RFC 6455, section 5), encoded once and shared by every connection they go to, and a
//! counter of incoming fragments.

use bytes::Bytes;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
/// Of the first byte: the message's payload is deflated (RFC 7692).
pub const RSV1: u8 = 0x40;
/// Longest header of an unmasked frame.
const MAX_HEADER: usize = 10;

/// One Engine.IO packet, stored as the finished WebSocket frame that carries it. Polling reads the payload out of it.
/// Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// A text packet, its pieces joined: the Engine.IO type character is part of them.
    pub fn text(parts: &[&str]) -> Self {
        Self::encode(TEXT, parts.iter().map(|part| part.as_bytes()))
    }

    /// A binary packet: over WebSocket the raw bytes, without a type.
    pub fn binary(data: &[u8]) -> Self {
        Self::encode(BINARY, [data].into_iter())
    }

    fn encode<'a>(first: u8, parts: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let length: usize = parts.clone().map(<[u8]>::len).sum();
        // Exactly, so that the bytes can be shared as they are.
        let mut out = Vec::with_capacity(header_for(length) + length);
        push_header(&mut out, first, length);
        for part in parts {
            out.extend_from_slice(part);
        }
        Self(Bytes::from(out))
    }

    /// The whole frame, header included.
    pub fn wire(&self) -> &Bytes {
        &self.0
    }

    /// The same, for one who keeps it.
    pub fn into_wire(self) -> Bytes {
        self.0
    }

    /// The packet inside.
    pub fn packet(&self) -> Packet<'_> {
        Packet { payload: &self.0[header_length(&self.0)..], is_binary: self.0[0] == BINARY }
    }

    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: a frame has a header.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An Engine.IO packet in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Text with its Engine.IO type, or raw bytes.
    pub payload: &'a [u8],
    /// Which of both.
    pub is_binary: bool,
}

/// Calls `visit` for the packet of each frame in `wire`, which holds whole frames of ours.
pub fn each<'a>(wire: &'a [u8], mut visit: impl FnMut(Packet<'a>)) {
    each_frame(wire, |_, packet| visit(packet));
}

/// The same, with the whole frame before its packet.
pub fn each_frame<'a>(mut wire: &'a [u8], mut visit: impl FnMut(&'a [u8], Packet<'a>)) {
    while !wire.is_empty() {
        let header = header_length(wire);
        let length = match header {
            4 => usize::from(u16::from_be_bytes([wire[2], wire[3]])),
            10 => u64::from_be_bytes([wire[2], wire[3], wire[4], wire[5], wire[6], wire[7], wire[8], wire[9]]) as usize,
            _ => usize::from(wire[1]),
        };
        let (frame, rest) = wire.split_at(header + length);
        visit(frame, Packet { payload: &frame[header..], is_binary: frame[0] == BINARY });
        wire = rest;
    }
}

/// Appends the frame of a packet whose payload was deflated.
pub fn push_deflated(out: &mut Vec<u8>, is_binary: bool, deflated: &[u8]) {
    push_header(out, RSV1 | if is_binary { BINARY } else { TEXT }, deflated.len());
    out.extend_from_slice(deflated);
}

fn header_length(frame: &[u8]) -> usize {
    match frame[1] {
        126 => 4,
        127 => MAX_HEADER,
        _ => 2,
    }
}

/// Length of the header of an unmasked frame.
fn header_for(length: usize) -> usize {
    match length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => MAX_HEADER,
    }
}

fn push_header(out: &mut Vec<u8>, first: u8, length: usize) {
    out.push(first);
    match header_for(length) {
        2 => out.push(length as u8),
        4 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// A close frame; without a code its payload is empty, as `ws` sends it.
pub fn close(code: Option<u16>, reason: &str) -> Bytes {
    let payload = 2 * usize::from(code.is_some()) + reason.len();
    let mut out = Vec::with_capacity(2 + payload);
    push_header(&mut out, CLOSE, payload);
    if let Some(code) = code {
        out.extend_from_slice(&code.to_be_bytes());
        out.extend_from_slice(reason.as_bytes());
    }
    Bytes::from(out)
}

/// Counts the data frames of the message that is coming in, from the frame headers alone. A message cut into endless
/// tiny fragments costs work long before it reaches any limit in bytes (ws CVE-2026-48779).
#[derive(Debug)]
pub struct FragmentCounter {
    most: u32,
    header: [u8; 10],
    have: u8,
    skip: u64,
    fragments: u32,
}

/// A message came in too many pieces.
#[derive(Debug, PartialEq, Eq)]
pub struct TooManyFragments;

impl FragmentCounter {
    /// `most`: fragments of one message.
    pub fn new(most: u32) -> Self {
        Self { most, header: [0; 10], have: 0, skip: 0, fragments: 0 }
    }

    /// Walks over the next bytes of the connection, however they are cut. Returns how many data frames among them do not
    /// end their message.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<u32, TooManyFragments> {
        let mut pieces = 0;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let step = self.skip.min(bytes.len() as u64);
                self.skip -= step;
                bytes = &bytes[step as usize..];
                continue;
            }
            self.header[self.have as usize] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if let Some(skip) = self.frame_length() {
                self.skip = skip;
                self.have = 0;
                let first = self.header[0];
                let is_control = first & 0x08 != 0;
                if !is_control {
                    let ends = first & 0x80 != 0;
                    pieces += u32::from(!ends);
                    self.fragments = if ends { 0 } else { self.fragments + 1 };
                    if self.fragments > self.most {
                        return Err(TooManyFragments);
                    }
                }
            }
        }
        Ok(pieces)
    }

    /// Mask and payload length, once the header's bytes are there.
    fn frame_length(&self) -> Option<u64> {
        let mask = if self.header[1] & 0x80 != 0 { 4 } else { 0 };
        Some(payload_length(&self.header[..self.have as usize])?.saturating_add(mask))
    }
}

/// The payload's length, once so much of the header is there as says it.
pub fn payload_length(header: &[u8]) -> Option<u64> {
    match (header.get(1)? & 0x7f, header) {
        (126, [_, _, a, b, ..]) => Some(u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [_, _, long @ ..]) => Some(u64::from_be_bytes(*long.first_chunk()?)),
        (126, _) => None,
        (short, _) => Some(u64::from(short)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_shortest_form() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)] {
            let frame = Frame::binary(&vec![7; length]);
            assert_eq!(frame.len(), header + length);
            assert_eq!(frame.packet().payload.len(), length);
            assert!(frame.packet().is_binary);
            let two = [&frame.wire()[..], &frame.wire()[..]].concat();
            let mut seen = Vec::new();
            each(&two, |packet| seen.push(packet));
            assert_eq!(seen, [frame.packet(), frame.packet()]);
        }
        assert_eq!(Frame::text(&["4", "2[]"]).wire().as_ref(), b"\x81\x0442[]");
    }

    #[test]
    fn close_frames() {
        assert_eq!(close(None, "").as_ref(), b"\x88\x00");
        assert_eq!(close(Some(1009), "").as_ref(), b"\x88\x02\x03\xf1");
    }

    #[test]
    fn fragments_are_counted_across_cuts() {
        let mut counter = FragmentCounter::new(100);
        let fragment = [0x01, 0x80, 1, 2, 3, 4];
        for _ in 0..100 {
            for byte in fragment {
                assert!(counter.feed(&[byte]).is_ok());
            }
        }
        assert_eq!(counter.feed(&fragment), Err(TooManyFragments));
        assert_eq!(FragmentCounter::new(100).feed(&fragment.repeat(3)), Ok(3));
    }

    #[test]
    fn whole_messages_and_pings_are_no_fragments() {
        let mut counter = FragmentCounter::new(100);
        for _ in 0..300 {
            assert_eq!(counter.feed(&[0x81, 0x81, 1, 2, 3, 4, b'x']), Ok(0));
            assert_eq!(counter.feed(&[0x89, 0x80, 1, 2, 3, 4]), Ok(0));
        }
    }
}
