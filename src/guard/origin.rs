//! Which pages may speak to the server. Browsers do not stop a foreign page from opening a WebSocket, so the server must:
//! the page's host has to be the server's, or one that `cors` allows.

use crate::config::{Cors, CorsOrigin};
use crate::session::handshake::{Refusal, Request};

/// Whether a request may come from the page that it says it comes from. Requests without Origin are no foreign page's.
pub fn may_connect(request: &Request, cors: Option<&Cors>) -> bool {
    let Some(origin) = request.header("origin") else {
        return true;
    };
    is_same_host(request, origin) || cors.is_some_and(|cors| allows(&cors.origin, origin))
}

/// Whether the cookies of such a request count. Where any page may come, it does not come as its visitor: a browser sends
/// cookies along with a foreign WebSocket whatever the server thinks of it.
pub fn may_use_cookies(request: &Request, cors: Option<&Cors>) -> bool {
    let is_any = cors.is_some_and(|cors| matches!(cors.origin, CorsOrigin::Any | CorsOrigin::Reflect));
    !is_any || request.header("origin").is_none_or(|origin| is_same_host(request, origin))
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
        CorsOrigin::One(one) => one == origin,
        CorsOrigin::List(list) => list.iter().any(|one| one == origin),
    }
}

fn is_same_host(request: &Request, origin: &str) -> bool {
    host_of(origin).is_some_and(|host| {
        request.host().is_some_and(|ours| without_default_port(ours, origin).eq_ignore_ascii_case(host))
    })
}

/// The host of a page; that of an extension or an app's own scheme is not on the network.
fn host_of(origin: &str) -> Option<&str> {
    let (scheme, host) = origin.split_once("://")?;
    ["http", "https"].contains(&scheme).then(|| without_default_port(host, scheme))
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

    #[test]
    fn who_may_be_anybody_comes_without_cookies() {
        let may = |origin: &str, cors| {
            let headers = vec![("host".to_owned(), "a".to_owned()), ("origin".to_owned(), origin.to_owned())];
            let cors = Cors { origin: cors, ..Cors::default() };
            may_use_cookies(&Request { headers, ..Request::default() }, Some(&cors))
        };
        assert!(!may("http://b", CorsOrigin::Any) && !may("http://b", CorsOrigin::Reflect));
        assert!(may("http://a", CorsOrigin::Any) && may("http://b", CorsOrigin::One("http://b".into())));
        assert!(
            may_use_cookies(&Request::default(), Some(&Cors::default())) && may_use_cookies(&Request::default(), None)
        );
    }
}
