//! `auth` of a CONNECT, and tickets. The first line is a key's letter, the second a ticket, the rest JSON: no panic, nobody
//! forges a ticket, what was signed is what is read, and a field is what JSON says it is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nself_realtime::guard::ticket::{Bad, Keys, Ticket, allows};
use nself_realtime::protocol::json;

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (letter, ticket, auth) =
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(keys) = Keys::new(vec![letter.chars().next().unwrap_or('k').to_string().repeat(64)]) else { return };
    // Nobody knows this key.
    let own = Keys::new(vec!["0123456789abcdef0123456789abcdef".into()]).expect("long enough");
    assert_eq!(own.verify(ticket, 0), Err(Bad::Invalid));

    let rooms: Vec<String> = auth.lines().map(str::to_owned).collect();
    for room in &rooms {
        assert!(allows(&rooms, room) || room.ends_with('*'));
    }
    let given = Ticket { user: ticket.to_owned(), rooms: Some(rooms), until: 1 };
    if let Ok(signed) = keys.sign(&given) {
        assert_eq!(keys.verify(&signed, 0), Ok(given));
        assert_eq!(keys.verify(&signed, 1), Err(Bad::Expired));
        assert_eq!(own.verify(&signed, 0), Err(Bad::Invalid));
    }

    let found = json::field(auth, "ticket");
    if !json::is_valid(auth) || !json::is_object(auth) {
        assert_eq!(found, None);
    } else {
        assert!(found.is_none() || auth.contains("ticket") || auth.contains('\\'));
    }
});
