//! A proxy in front of the server: whom a request comes from, which host it asked for and how, by the word of that proxy.
//! Anybody can write these headers, so they count only when the operator says that proxies are there, and only the
//! entries that those wrote.

use std::net::{IpAddr, SocketAddr};

use crate::protocol::request::Request;

/// Which headers the proxies write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// `X-Forwarded-For`, `X-Forwarded-Host`, `X-Forwarded-Proto`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The proxies in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proxies {
    /// How many there are: of a list the entry so far from the right counts, or the first if there are fewer.
    pub hops: usize,
    /// What they write.
    pub header: Header,
}

impl Proxies {
    /// Puts in place what the proxies say of a request.
    pub fn resolve(self, request: &mut Request) {
        let (address, host, proto) = match self.header {
            Header::XForwarded => (
                self.entry(request, "x-forwarded-for"),
                self.entry(request, "x-forwarded-host"),
                self.entry(request, "x-forwarded-proto"),
            ),
            Header::Forwarded => {
                let entry = self.entry(request, "forwarded").unwrap_or_default();
                (parameter(&entry, "for"), parameter(&entry, "host"), parameter(&entry, "proto"))
            }
        };
        if let Some(address) = address.as_deref().and_then(parse_address) {
            request.remote = address.to_canonical().to_string();
        }
        if let Some(proto) = proto {
            request.secure = proto.eq_ignore_ascii_case("https");
        }
        request.forwarded_host = host.filter(|host| !host.is_empty());
    }

    /// The entry of a list that the outermost proxy wrote.
    fn entry(self, request: &Request, name: &str) -> Option<String> {
        let lines = request.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let lists: Vec<&str> = lines.map(|(_, value)| value.as_str()).collect();
        let entries = lists.into_iter().rev().flat_map(|list| match self.header {
            Header::XForwarded => list.rsplit(',').collect(),
            Header::Forwarded => unquoted_parts(list, b','),
        });
        entries.take(self.hops).last().map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned)
    }
}

/// A parameter of one `Forwarded` element, without its quotes. Of two the last counts.
fn parameter(element: &str, name: &str) -> Option<String> {
    unquoted_parts(element, b';').into_iter().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// What stands between separators that are not within quotes, the last part first. Read from the end, where our own
/// proxies wrote: a quote that a client left open before cannot swallow what they say, and a separator in a value that
/// they quote (a host that the client made up) does not end it.
fn unquoted_parts(text: &str, separator: u8) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let (mut end, mut is_quoted) = (text.len(), false);
    for at in (0..bytes.len()).rev() {
        let is_escaped = at > 0 && bytes[at - 1] == b'\\';
        if bytes[at] == b'"' && !(is_quoted && is_escaped) {
            is_quoted = !is_quoted;
        } else if bytes[at] == separator && !is_quoted {
            parts.push(&text[at + 1..end]);
            end = at;
        }
    }
    parts.push(&text[..end]);
    parts
}

/// An address as proxies write it: bare, with a port, in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(hops: usize, header: Header, headers: &[(&str, &str)]) -> (String, Option<String>, bool) {
        let mut request = Request {
            remote: "10.0.0.1".into(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Request::default()
        };
        Proxies { hops, header }.resolve(&mut request);
        (request.remote, request.forwarded_host, request.secure)
    }

    #[test]
    fn the_entry_of_the_outermost_proxy_counts() {
        let of = |hops, list| resolved(hops, Header::XForwarded, &[("X-Forwarded-For", list)]).0;
        assert_eq!(of(1, "6.6.6.6, 192.0.2.1"), "192.0.2.1");
        assert_eq!(of(2, "6.6.6.6, 192.0.2.1, 10.0.0.9"), "192.0.2.1");
        assert_eq!(of(3, "192.0.2.1"), "192.0.2.1");
        assert_eq!(of(1, "192.0.2.1:4711"), "192.0.2.1");
        assert_eq!(of(1, "[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(of(1, "[2001:db8::1]"), "2001:db8::1");
        assert_eq!(of(1, "::ffff:192.0.2.1"), "192.0.2.1");
        for nonsense in ["", "unknown", "192.0.2.1, ", "<script>"] {
            assert_eq!(of(1, nonsense), "10.0.0.1", "{nonsense}");
        }
        let lines = [("x-forwarded-for", "6.6.6.6"), ("X-Forwarded-For", "192.0.2.1")];
        assert_eq!(resolved(1, Header::XForwarded, &lines).0, "192.0.2.1");
    }

    #[test]
    fn host_and_protocol() {
        let headers = [("X-Forwarded-Host", "evil.example, admin.example"), ("X-Forwarded-Proto", "HTTPS")];
        assert_eq!(resolved(1, Header::XForwarded, &headers).1.as_deref(), Some("admin.example"));
        assert!(resolved(1, Header::XForwarded, &headers).2);
        assert_eq!(resolved(1, Header::Forwarded, &headers), ("10.0.0.1".into(), None, false));
    }

    #[test]
    fn forwarded_by_its_rfc() {
        let value =
            "for=6.6.6.6;host=evil.example, For=\"[2001:db8::1]:4711\";Proto=https;host=admin.example;by=10.0.0.1";
        let expected = ("2001:db8::1".to_owned(), Some("admin.example".to_owned()), true);
        assert_eq!(resolved(1, Header::Forwarded, &[("forwarded", value)]), expected);
    }

    #[test]
    fn what_is_quoted_is_one_value() {
        let of = |hops, list: String| resolved(hops, Header::Forwarded, &[("forwarded", &list)]).0;
        // A host that the client made up, as its proxy passes it on.
        for host in ["a,for=6.6.6.6", "a;for=6.6.6.6", "a\\\",for=6.6.6.6", "a\\\";for=6.6.6.6;x=\\\"", ",;"] {
            for element in [format!("for=192.0.2.1;host=\"{host}\""), format!("host=\"{host}\";for=192.0.2.1")] {
                assert_eq!(of(1, element.clone()), "192.0.2.1", "{element}");
                assert_eq!(of(2, format!("{element}, for=10.0.0.9")), "192.0.2.1", "{element}");
            }
        }
        // What the client wrote before.
        for open in ["for=\"", "for=6.6.6.6;x=\"", "for=6.6.6.6;x=\"\\", "\\\"", "\"\\\",for=\""] {
            assert_eq!(of(1, format!("{open}, for=192.0.2.1;host=admin")), "192.0.2.1", "{open}");
            assert_eq!(of(1, format!("{open}, for=\"192.0.2.1:1\"")), "192.0.2.1", "{open}");
        }
    }
}
