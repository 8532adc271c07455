//! Which origins may open a WebSocket. Browsers do not stop a foreign page from opening one, so the server must: the
//! page's host has to be the server's, or one that `cors` allows.

use crate::config::{Cors, CorsOrigin};
use crate::session::handshake::{Refusal, Request};

/// Whether a request may come from the page that it says it comes from. Requests without Origin are no browser's.
pub fn may_connect(request: &Request, cors: Option<&Cors>) -> bool {
    let Some(origin) = request.header("origin") else {
        return true;
    };
    let same_host = host_of(origin).is_some_and(|host| {
        request.host().is_some_and(|ours| without_default_port(ours, origin).eq_ignore_ascii_case(host))
    });
    same_host || cors.is_some_and(|cors| allows(&cors.origin, origin))
}

/// What a page that may not connect is told.
pub fn refusal() -> Refusal {
    tracing::warn!("refused a foreign Origin; list it in the option cors.origin if it is yours");
    Refusal::forbidden(Some("Origin not allowed"))
}

/// Whether `cors.origin` names an origin.
pub fn allows(allowed: &CorsOrigin, origin: &str) -> bool {
    match allowed {
        CorsOrigin::Any | CorsOrigin::Reflect => true,
        CorsOrigin::One(one) => one == "*" || one == origin,
        CorsOrigin::List(list) => list.iter().any(|one| one == origin),
    }
}

fn host_of(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(scheme, host)| without_default_port(host, scheme))
}

/// `example.org:443` of an https origin is `example.org`.
fn without_default_port<'a>(host: &'a str, scheme: &str) -> &'a str {
    let port = if scheme.starts_with("https") { ":443" } else { ":80" };
    host.strip_suffix(port).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(host: &str, origin: Option<&str>, cors: Option<Cors>) -> bool {
        let mut headers = vec![("Host".to_owned(), host.to_owned())];
        headers.extend(origin.map(|origin| ("Origin".to_owned(), origin.to_owned())));
        may_connect(&Request { headers, ..Request::default() }, cors.as_ref())
    }

    #[test]
    fn same_host_by_default() {
        assert!(may("admin.local:3021", None, None));
        assert!(may("admin.local:3021", Some("http://admin.local:3021"), None));
        assert!(may("Admin.local", Some("https://admin.local:443"), None));
        assert!(may("admin.local:443", Some("https://admin.local"), None));
        assert!(!may("admin.local", Some("http://evil.example"), None));
        assert!(!may("admin.local:3021", Some("http://admin.local:3022"), None));
        assert!(!may("admin.local", Some("null"), None));
    }

    #[test]
    fn others_by_cors() {
        let cors = |origin| Some(Cors { origin, ..Cors::default() });
        assert!(may("a", Some("http://b"), cors(CorsOrigin::Any)));
        assert!(may("a", Some("http://b"), cors(CorsOrigin::List(vec!["http://b".into()]))));
        assert!(!may("a", Some("http://c"), cors(CorsOrigin::One("http://b".into()))));
    }
}
