//! Headers, one line each, behind two lines that do not matter: no panic, and nothing that a client writes into the headers of
//! proxies changes what our own one says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nself_realtime::guard::proxy::{Header, Proxies};
use nself_realtime::protocol::request::Request;

fn request(text: &str) -> Request {
    let headers = text.lines().skip(2).filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Request { remote: "10.0.0.1".into(), headers, ..Request::default() }
}

/// The proxy appends to what came, in the last line of the name or in one more.
fn pass(request: &mut Request, name: &str, said: &str, joins: bool) {
    match request.headers.iter_mut().rev().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, value)) if joins => *value = format!("{value}, {said}"),
        _ => request.headers.push((name.into(), said.into())),
    }
}

fuzz_target!(|text: &str| {
    let asked = request(text);
    for header in [Header::XForwarded, Header::Forwarded] {
        for hops in [1, 2, 1000] {
            Proxies { hops, header }.resolve(&mut asked.clone());
        }
        for joins in [false, true] {
            let mut passed = asked.clone();
            match header {
                Header::XForwarded => {
                    pass(&mut passed, "X-Forwarded-For", "192.0.2.7", joins);
                    pass(&mut passed, "X-Forwarded-Host", "app.example", joins);
                    pass(&mut passed, "X-Forwarded-Proto", "https", joins);
                }
                Header::Forwarded => {
                    pass(&mut passed, "Forwarded", "for=192.0.2.7;host=\"app.example\";proto=https", joins);
                }
            }
            Proxies { hops: 1, header }.resolve(&mut passed);
            assert_eq!((&*passed.remote, passed.host(), passed.secure), ("192.0.2.7", Some("app.example"), true));
        }
    }
});
