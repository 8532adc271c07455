//! WebSocket frames, as far as a benchmark needs them: no fragments, no extensions.

pub const TEXT: u8 = 0x1;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// Where one frame lies in a buffer.
pub struct Frame {
    pub opcode: u8,
    /// The masking key, if the frame is masked (those of a client are).
    pub mask: Option<[u8; 4]>,
    pub payload: std::ops::Range<usize>,
}

/// The frame at the start of `buf`, or None when it is not complete yet.
pub fn parse(buf: &[u8]) -> Option<Frame> {
    let (first, second) = (*buf.first()?, *buf.get(1)?);
    let (mut start, length) = match second & 0x7f {
        126 => (4, u16::from_be_bytes(buf.get(2..4)?.try_into().ok()?) as usize),
        127 => (10, u64::from_be_bytes(buf.get(2..10)?.try_into().ok()?) as usize),
        short => (2, short as usize),
    };
    let mut mask = None;
    if second & 0x80 != 0 {
        mask = Some(buf.get(start..start + 4)?.try_into().ok()?);
        start += 4;
    }
    let payload = start..start.checked_add(length)?;
    (payload.end <= buf.len()).then_some(Frame { opcode: first & 0xf, mask, payload })
}

/// Appends a frame as a server sends it.
pub fn push_server(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a frame as a client sends it. The key is zero: the server has its full work, and we have none.
pub fn push_client(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

fn push_head(out: &mut Vec<u8>, opcode: u8, length: usize, mask: u8) {
    out.push(0x80 | opcode);
    if length < 126 {
        out.push(mask | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(mask | 126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(mask | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// The length of an HTTP head at the start of `buf`, with its empty line.
pub fn head_length(buf: &[u8]) -> Option<usize> {
    memchr::memmem::find(buf, b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_come_back() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let payload = vec![7u8; length];
            for push in [push_server, push_client] {
                let mut bytes = Vec::new();
                push(&mut bytes, TEXT, &payload);
                assert!(parse(&bytes[..bytes.len() - 1]).is_none());
                bytes.push(0x81);
                let frame = parse(&bytes).unwrap();
                assert_eq!((frame.opcode, frame.payload.end), (TEXT, bytes.len() - 1));
                assert_eq!(bytes[frame.payload], payload);
            }
        }
    }
}
