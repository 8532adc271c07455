//! Room tickets: a text that says who somebody is, which rooms are theirs and until when, signed by HMAC-SHA256. The
//! application mints them where it knows the user; they are verified without it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::error::Error;
use crate::events;

/// The first part of every ticket: what the others mean.
const VERSION: &str = "t1";
/// Longest ticket, in bytes.
const MAX_LENGTH: usize = 16 * 1024;
/// Most rooms of one ticket.
const MAX_ROOMS: usize = 256;
/// Shortest key, in bytes: as long as what the hash gives.
const MIN_KEY: usize = 32;
/// Most keys.
const MAX_KEYS: usize = 16;

/// What a ticket says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Who comes with it.
    pub user: String,
    /// Rooms that may be joined: names, or prefixes that end in `*`. None: it says nothing about rooms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<String>>,
    /// When it ends, and the connection with it, in milliseconds since 1970.
    pub until: i64,
}

/// Why a ticket is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// It is none, or none of the keys signed it.
    Invalid,
    /// Its time is over.
    Expired,
}

/// The keys: the newest signs, any of them verifies, so that keys can be changed while tickets are out.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Vec<Vec<u8>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// The newest first. `ERR_INVALID_OPTION`.
    pub fn new(keys: Vec<String>) -> Result<Self, Error> {
        if !(1..=MAX_KEYS).contains(&keys.len()) || keys.iter().any(|key| key.len() < MIN_KEY) {
            let must = format!("must hold 1 to {MAX_KEYS} keys of at least {MIN_KEY} bytes, the newest first");
            return Err(Error::option("tickets.keys", &must));
        }
        Ok(Self(keys.into_iter().map(String::into_bytes).collect()))
    }

    /// A ticket as text. `ERR_INVALID_TICKET`, `ERR_INVALID_ROOM`.
    pub fn sign(&self, ticket: &Ticket) -> Result<String, Error> {
        let invalid = |message: &str| Err(Error::new("ERR_INVALID_TICKET", message));
        let rooms = ticket.rooms.as_deref().unwrap_or_default();
        if ticket.user.is_empty() {
            return invalid("a ticket needs a userId");
        }
        if rooms.len() > MAX_ROOMS {
            return invalid(&format!("a ticket may name {MAX_ROOMS} rooms at most; a prefix that ends in * may help"));
        }
        for room in rooms {
            let name = room.strip_suffix('*').unwrap_or(room);
            if room != "*" {
                events::check_room(name)?;
            }
        }
        let said = serde_json::to_vec(ticket).expect("a ticket is JSON");
        let signed = format!("{VERSION}.{}", URL_SAFE_NO_PAD.encode(said));
        let signature = mac(&self.0[0], &signed).finalize().into_bytes();
        let text = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        if text.len() > MAX_LENGTH {
            return invalid("the ticket is too long: name fewer rooms");
        }
        Ok(text)
    }

    /// What a ticket says, if one of the keys signed it and it has not ended by `now` (milliseconds since 1970). The
    /// signatures are compared in constant time.
    pub fn verify(&self, text: &str, now: i64) -> Result<Ticket, Bad> {
        if text.len() > MAX_LENGTH {
            return Err(Bad::Invalid);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Bad::Invalid)?;
        let (version, said) = signed.split_once('.').ok_or(Bad::Invalid)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Bad::Invalid)?;
        let is_signed = self.0.iter().any(|key| mac(key, signed).verify_slice(&signature).is_ok());
        if version != VERSION || !is_signed {
            return Err(Bad::Invalid);
        }
        let said = URL_SAFE_NO_PAD.decode(said).map_err(|_| Bad::Invalid)?;
        let ticket: Ticket = serde_json::from_slice(&said).map_err(|_| Bad::Invalid)?;
        if ticket.until <= now { Err(Bad::Expired) } else { Ok(ticket) }
    }
}

/// Whether a ticket's rooms hold a room.
pub fn allows(rooms: &[String], room: &str) -> bool {
    rooms.iter().any(|allowed| match allowed.strip_suffix('*') {
        Some(prefix) => room.starts_with(prefix),
        None => allowed == room,
    })
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(letters: &str) -> Keys {
        Keys::new(letters.chars().map(|letter| letter.to_string().repeat(MIN_KEY)).collect()).unwrap()
    }

    fn ticket() -> Ticket {
        Ticket { user: "ann".into(), rooms: Some(vec!["lobby".into(), "logs:*".into()]), until: 1000 }
    }

    #[test]
    fn what_was_signed_is_what_is_read() {
        let text = keys("a").sign(&ticket()).unwrap();
        assert_eq!(keys("a").verify(&text, 999), Ok(ticket()));
        assert_eq!(keys("a").verify(&text, 1000), Err(Bad::Expired));
        assert_eq!(keys("b").verify(&text, 999), Err(Bad::Invalid));
        assert_eq!(keys("b").verify(&text, 1000), Err(Bad::Invalid), "a forger learns nothing of time");
    }

    #[test]
    fn keys_are_changed_while_tickets_are_out() {
        let (old, both, new) = (keys("a"), keys("ba"), keys("b"));
        let text = old.sign(&ticket()).unwrap();
        assert!(both.verify(&text, 0).is_ok() && new.verify(&text, 0).is_err());
        let text = both.sign(&ticket()).unwrap();
        assert!(new.verify(&text, 0).is_ok() && old.verify(&text, 0).is_err());
    }

    #[test]
    fn any_change_is_a_forgery() {
        let keys = keys("a");
        let text = keys.sign(&ticket()).unwrap();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(keys.verify(&changed, 0), Err(Bad::Invalid), "{at}");
        }
        let unsigned = text.rsplit_once('.').unwrap().0;
        for text in ["", ".", "..", "t1", "t1..", unsigned, &format!("{unsigned}."), &format!("{text}.x")] {
            assert_eq!(keys.verify(text, 0), Err(Bad::Invalid), "{text}");
        }
    }

    #[test]
    fn rooms_are_names_or_prefixes() {
        let rooms = ticket().rooms.unwrap();
        for (room, expected) in
            [("lobby", true), ("lobby2", false), ("logs:api", true), ("logs:", true), ("log", false), ("", false)]
        {
            assert_eq!(allows(&rooms, room), expected, "{room}");
        }
        assert!(allows(&["*".into()], "anything") && !allows(&[], "anything"));
        for rooms in [vec!["a b".into()], vec!["a*b".into()], vec!["".into()], vec!["x".into(); MAX_ROOMS + 1]] {
            assert!(keys("a").sign(&Ticket { rooms: Some(rooms), ..ticket() }).is_err());
        }
        assert!(keys("a").sign(&Ticket { user: "".into(), ..ticket() }).is_err());
    }

    #[test]
    fn keys_are_long_and_never_shown() {
        assert!(Keys::new(vec![]).is_err() && Keys::new(vec!["short".into()]).is_err());
        assert_eq!(format!("{:?}", keys("ab")), "Keys(2)");
    }
}
