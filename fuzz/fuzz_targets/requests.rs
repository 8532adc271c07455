//! The head of a request, as a listener reads it, past every check that comes before a session: no panic; a foreign page
//! stays one; what a proxy says is an address; one field of a JSON object is that which a whole parser finds.

#![no_main]

use std::collections::HashMap;
use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use nself_realtime::config::{Cors, CorsOrigin};
use nself_realtime::guard::proxy::{Header, Proxies};
use nself_realtime::guard::ticket::Keys;
use nself_realtime::guard::{cors, origin};
use nself_realtime::protocol::json;
use nself_realtime::protocol::request::Request;
use nself_realtime::session::handshake::{Transports, verify};
use serde_json::value::RawValue;

/// Lines: the URL, then headers, `name: value` each.
fn request(text: &str) -> Request {
    let mut lines = text.lines();
    let url = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Request { method: "GET".into(), url, headers, remote: "192.0.2.1".into(), ..Request::default() }
}

fuzz_target!(|text: &str| {
    let plain = request(text);
    for upgrade in [false, true] {
        let _ = verify(Transports { polling: true, websocket: true }, &plain, upgrade);
    }
    assert!(json::is_valid(&plain.handshake_json(0, "", true)));

    let one = Cors { origin: CorsOrigin::List(vec!["https://friend.example".into()]), ..Cors::default() };
    if let (Some(page), Some(host)) = (plain.header("origin"), plain.host()) {
        let is_ours = page
            .to_ascii_lowercase()
            .contains(&host.trim_end_matches(|c: char| c == ':' || c.is_ascii_digit()).to_ascii_lowercase());
        assert!(is_ours || !origin::may_connect(&plain, None), "{page} is not {host}");
        assert!(is_ours || page == "https://friend.example" || !origin::may_connect(&plain, Some(&one)));
    }
    let _ = (cors::headers(&one, &plain), cors::preflight(&one, &plain));

    for header in [Header::XForwarded, Header::Forwarded] {
        for hops in [1, 3] {
            let mut resolved = plain.clone();
            Proxies { hops, header }.resolve(&mut resolved);
            assert!(resolved.remote.parse::<IpAddr>().is_ok());
            let _ = origin::may_connect(&resolved, Some(&one));
        }
    }

    let keys = Keys::new(vec!["k".repeat(32)]).expect("the key is long enough");
    assert!(keys.verify(text, 0).is_err(), "nobody signed it");
    // Values stay text: 1e400 is JSON, whatever a number can hold.
    let object: Option<HashMap<String, &RawValue>> = serde_json::from_str(text).ok();
    for name in ["ticket", "a", ""] {
        let expected = object.as_ref().and_then(|object| object.get(name));
        assert_eq!(json::field(text, name).is_some(), expected.is_some(), "{name}");
    }
});
