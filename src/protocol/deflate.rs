//! permessage-deflate (RFC 7692): what a client and the server agree on, and the payloads of messages. The server never
//! keeps a context from one message to the next, so that what goes to many is deflated once.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The name of the extension.
const NAME: &str = "permessage-deflate";
/// What ends each deflated message, and is left out on the wire.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Window sizes that we deflate with, in bits. zlib has none of 8.
pub const WINDOWS: std::ops::RangeInclusive<u8> = 9..=15;
/// Least that the inflated form grows by.
const STEP: usize = 1024;

/// What a server wants of the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Smallest packet that is deflated, in bytes. Default 1024.
    pub threshold: usize,
    /// zlib's level, 0 to 9. Default 6.
    pub level: u32,
    /// Largest window that we deflate with, in bits, 9 to 15. Default 15.
    pub server_bits: u8,
    /// Largest window that clients deflate with, in bits, 8 to 15. Default: they choose.
    pub client_bits: Option<u8>,
    /// Clients may keep their context: that costs memory for each. Default false.
    pub client_context: bool,
    /// Most large messages that are deflated at a time. Default 10.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { threshold: 1024, level: 6, server_bits: 15, client_bits: None, client_context: false, threads: 10 }
    }
}

/// What was agreed with one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Our window, in bits.
    pub window: u8,
    /// The client keeps its context.
    pub client_context: bool,
}

/// A header that is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

type Offer = (String, Vec<(String, Option<String>)>);

/// The answer to a Sec-WebSocket-Extensions header: what is agreed on and the header that says so, by the first offer that
/// can be met. None: the connection goes without.
pub fn negotiate(options: &Options, header: &str) -> Result<Option<(Agreed, String)>, Malformed> {
    let offers = parse(header).ok_or(Malformed)?;
    Ok(offers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(NAME)).find_map(|offer| accept(options, &offer.1)))
}

fn accept(options: &Options, parameters: &[(String, Option<String>)]) -> Option<(Agreed, String)> {
    let mut window = options.server_bits;
    let (mut has_window, mut client_bits, mut client_keeps) = (false, None, true);
    for (place, (name, value)) in parameters.iter().enumerate() {
        if parameters[..place].iter().any(|(before, _)| before == name) {
            return None;
        }
        match (name.as_str(), value) {
            ("server_no_context_takeover", None) => {}
            ("client_no_context_takeover", None) => client_keeps = false,
            ("server_max_window_bits", Some(value)) => {
                window = window.min(bits(value).filter(|bits| WINDOWS.contains(bits))?);
                has_window = true;
            }
            ("client_max_window_bits", None) => client_bits = Some(15),
            ("client_max_window_bits", Some(value)) => client_bits = Some(bits(value)?),
            _ => return None,
        }
    }
    let client_context = options.client_context && client_keeps;
    let mut answer = format!("{NAME}; server_no_context_takeover");
    if !client_context {
        answer.push_str("; client_no_context_takeover");
    }
    if has_window || window < 15 {
        answer.push_str(&format!("; server_max_window_bits={window}"));
    }
    // Only a client that offers it may be told.
    if let (Some(wanted), Some(offered)) = (options.client_bits, client_bits) {
        answer.push_str(&format!("; client_max_window_bits={}", wanted.min(offered)));
    }
    Some((Agreed { window, client_context }, answer))
}

fn bits(value: &str) -> Option<u8> {
    value.parse().ok().filter(|bits| (8..=15).contains(bits) && !value.starts_with(['0', '+']))
}

/// RFC 6455, 9.1: names with parameters.
fn parse(header: &str) -> Option<Vec<Offer>> {
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    let mut offers = Vec::new();
    while !rest.is_empty() {
        let mut offer: Offer = (token(&mut rest)?, Vec::new());
        while take(&mut rest, ';') {
            let name = token(&mut rest)?;
            let value = if take(&mut rest, '=') { Some(value(&mut rest)?) } else { None };
            offer.1.push((name, value));
        }
        offers.push(offer);
        if !rest.is_empty() && !take(&mut rest, ',') {
            return None;
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    Some(offers)
}

fn skip(rest: &mut &str) {
    *rest = rest.trim_start_matches([' ', '\t']);
}

fn take(rest: &mut &str, wanted: char) -> bool {
    let found = rest.strip_prefix(wanted);
    if let Some(tail) = found {
        *rest = tail;
        skip(rest);
    }
    found.is_some()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn token(rest: &mut &str) -> Option<String> {
    let end = rest.bytes().position(|byte| !is_token(byte)).unwrap_or(rest.len());
    let (token, tail) = rest.split_at(end);
    *rest = tail;
    skip(rest);
    (!token.is_empty()).then(|| token.to_owned())
}

/// A token, or one in quotes.
fn value(rest: &mut &str) -> Option<String> {
    let Some(quoted) = rest.strip_prefix('"') else { return token(rest) };
    let mut out = String::new();
    let mut chars = quoted.char_indices();
    loop {
        match chars.next()? {
            (end, '"') => {
                *rest = &quoted[end + 1..];
                skip(rest);
                return out.bytes().all(is_token).then_some(out).filter(|out| !out.is_empty());
            }
            (_, '\\') => out.push(chars.next()?.1),
            (_, other) => out.push(other),
        }
    }
}

thread_local! {
    /// The last deflater that this thread used: a window and its tables are some hundred KiB.
    static DEFLATER: RefCell<Option<(u8, u32, Compress)>> = const { RefCell::new(None) };
    static INFLATER: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

/// The payload of a message, deflated. None: that would not make it smaller.
pub fn deflate(payload: &[u8], window: u8, level: u32) -> Option<Vec<u8>> {
    DEFLATER.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(bits, of, _)| (*bits, *of) != (window, level)) {
            *kept = Some((window, level, Compress::new_with_window_bits(Compression::new(level), false, window)));
        }
        let deflater = &mut kept.as_mut()?.2;
        deflater.reset();
        // Whatever does not fit is not smaller.
        let mut out = Vec::with_capacity(payload.len() + TAIL.len());
        deflater.compress_vec(payload, &mut out, FlushCompress::Sync).ok()?;
        let whole = deflater.total_in() == payload.len() as u64 && out.ends_with(&TAIL) && out.len() < out.capacity();
        out.truncate(out.len().saturating_sub(TAIL.len()));
        (whole && out.len() < payload.len()).then_some(out)
    })
}

/// Why a payload is not inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// It would be larger than allowed.
    Size,
    /// It is not deflated data.
    Data,
}

/// What a client's messages are inflated with.
#[derive(Debug, Default)]
pub struct Inflater {
    /// The client's context, if it keeps one and has said something.
    context: Option<Box<Decompress>>,
    keeps: bool,
}

impl Inflater {
    /// For a client that keeps its context, or does not.
    pub fn new(keeps: bool) -> Self {
        Self { context: None, keeps }
    }

    /// The message that was deflated to `payload`, if it is no longer than `most` bytes.
    pub fn inflate(&mut self, mut payload: Vec<u8>, most: usize) -> Result<Vec<u8>, Bad> {
        payload.extend_from_slice(&TAIL);
        if self.keeps {
            let context = self.context.get_or_insert_with(|| Box::new(Decompress::new(false)));
            return inflate(context, &payload, most);
        }
        INFLATER.with_borrow_mut(|kept| {
            let inflater = kept.get_or_insert_with(|| Decompress::new(false));
            inflater.reset(false);
            inflate(inflater, &payload, most)
        })
    }
}

fn inflate(inflater: &mut Decompress, mut rest: &[u8], most: usize) -> Result<Vec<u8>, Bad> {
    let mut out = Vec::with_capacity((4 * rest.len()).min(most.saturating_add(1)));
    loop {
        if out.len() == out.capacity() {
            let room = most.saturating_add(1).saturating_sub(out.len());
            out.reserve_exact(out.len().max(STEP).min(room));
        }
        let (taken, had) = (inflater.total_in(), out.len());
        let status = inflater.decompress_vec(rest, &mut out, FlushDecompress::Sync).map_err(|_| Bad::Data)?;
        rest = &rest[(inflater.total_in() - taken) as usize..];
        if out.len() > most {
            return Err(Bad::Size);
        }
        if status == Status::StreamEnd {
            // A last block: whatever comes next begins anew.
            inflater.reset(false);
            return Ok(out);
        }
        if rest.is_empty() && out.len() < out.capacity() {
            return Ok(out);
        }
        if out.len() == had && inflater.total_in() == taken && out.len() < out.capacity() {
            return Err(Bad::Data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(options: Options, header: &str) -> Option<String> {
        negotiate(&options, header).unwrap().map(|(_, answer)| answer)
    }

    #[test]
    fn offers_are_answered() {
        let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let with = |more: &str| Some(format!("{plain}{more}"));
        for (header, expected) in [
            ("permessage-deflate", with("")),
            ("Permessage-Deflate", with("")),
            ("permessage-deflate; client_max_window_bits", with("")),
            ("x-webkit-deflate-frame, permessage-deflate ; server_no_context_takeover", with("")),
            ("foo; bar=\"a\\b\", , permessage-deflate;client_max_window_bits=\"10\"", with("")),
            ("permessage-deflate; server_max_window_bits=15", with("; server_max_window_bits=15")),
            ("permessage-deflate; server_max_window_bits=10", with("; server_max_window_bits=10")),
            // What cannot be met is declined, and the next offer taken.
            ("permessage-deflate; server_max_window_bits=8, permessage-deflate", with("")),
            ("permessage-deflate; server_max_window_bits=8", None),
            ("permessage-deflate; server_max_window_bits", None),
            ("permessage-deflate; server_max_window_bits=16", None),
            ("permessage-deflate; server_max_window_bits=010", None),
            ("permessage-deflate; client_max_window_bits=7", None),
            ("permessage-deflate; client_max_window_bits=+9", None),
            ("permessage-deflate; server_no_context_takeover=1", None),
            ("permessage-deflate; client_no_context_takeover=\"1\"", None),
            ("permessage-deflate; client_max_window_bits; client_max_window_bits=9", None),
            ("permessage-deflate; unknown", None),
            ("deflate-stream", None),
            ("", None),
        ] {
            assert_eq!(answer(Options::default(), header), expected, "{header}");
        }
    }

    #[test]
    fn options_are_told() {
        let options = Options { server_bits: 12, client_bits: Some(11), ..Options::default() };
        let of = |header| answer(options, header).unwrap();
        assert!(of("permessage-deflate").ends_with("client_no_context_takeover; server_max_window_bits=12"));
        let both = of("permessage-deflate; client_max_window_bits; server_max_window_bits=13");
        assert!(both.ends_with("; server_max_window_bits=12; client_max_window_bits=11"), "{both}");
        assert!(of("permessage-deflate; client_max_window_bits=9").ends_with("client_max_window_bits=9"));
        let keeps = Options { client_context: true, ..Options::default() };
        let (agreed, text) = negotiate(&keeps, "permessage-deflate").unwrap().unwrap();
        assert!(agreed.client_context && text == "permessage-deflate; server_no_context_takeover");
        let (agreed, _) = negotiate(&keeps, "permessage-deflate; client_no_context_takeover").unwrap().unwrap();
        assert!(!agreed.client_context);
    }

    #[test]
    fn what_is_no_header_is_told_apart() {
        for header in
            [";", "a b", "a;", "a; =1", "a; b=", "a; b=\"", "a; b=\"\"", "a; b=\"x y\"", "a=1", "é", "a; b=c d"]
        {
            assert_eq!(negotiate(&Options::default(), header), Err(Malformed), "{header}");
        }
    }

    #[test]
    fn payloads_come_back() {
        let text: Vec<u8> = (0..5000u32).flat_map(|n| format!("{} ", n % 37).into_bytes()).collect();
        for window in WINDOWS {
            for level in [1, 6, 9] {
                let small = deflate(&text, window, level).unwrap();
                assert!(small.len() < text.len() / 2);
                assert_eq!(Inflater::new(false).inflate(small.clone(), text.len()).unwrap(), text);
                assert_eq!(Inflater::new(false).inflate(small, text.len() - 1), Err(Bad::Size));
            }
        }
        assert_eq!(deflate(&[7], 15, 6), None);
        let noise: Vec<u8> =
            (0..4096u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(7).to_be_bytes()).collect();
        let noise: Vec<u8> = noise
            .iter()
            .scan(7u8, |s, b| {
                *s = s.wrapping_mul(31).wrapping_add(*b);
                Some(*s)
            })
            .collect();
        if let Some(small) = deflate(&noise, 15, 6) {
            assert!(small.len() < noise.len());
        }
        assert_eq!(deflate(&text, 15, 0), None);
    }

    #[test]
    fn odd_payloads() {
        // RFC 7692, 7.2.3: two blocks, none compressed, a last block, an empty message.
        let hello =
            |bytes: &[u8]| String::from_utf8(Inflater::new(false).inflate(bytes.to_vec(), 100).unwrap()).unwrap();
        assert_eq!(hello(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]), "Hello");
        assert_eq!(hello(&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]), "Hello");
        assert_eq!(hello(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]), "Hello");
        assert_eq!(hello(&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]), "Hello");
        assert_eq!(hello(&[0x00]), "");
        let mut keeps = Inflater::new(true);
        keeps.inflate(vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], 100).unwrap();
        assert_eq!(keeps.inflate(vec![0xf2, 0x00, 0x11, 0x00, 0x00], 100).unwrap(), b"Hello");
        assert_eq!(Inflater::new(false).inflate(vec![0xf2, 0x00, 0x11, 0x00, 0x00], 100), Err(Bad::Data));
        assert_eq!(Inflater::new(false).inflate(vec![0x07, 1, 2, 3], 100), Err(Bad::Data));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = deflate(&vec![0; 50_000_000], 15, 9).unwrap();
        assert!(bomb.len() < 60_000);
        assert_eq!(Inflater::new(false).inflate(bomb, 1_000_000), Err(Bad::Size));
    }
}
