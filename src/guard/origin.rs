//! Which pages may speak to the server. Browsers do not stop a foreign page from opening a WebSocket, so the server must:
//! the page's host has to be the server's, or one that `cors` allows.

use crate::config::{Cors, CorsOrigin};
use crate::protocol::request::Request;
use crate::session::handshake::Refusal;

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

/// What a page that may not connect is told. The log says what was compared. `trusts_proxy`: a proxy's headers count.
pub fn refusal(request: &Request, trusts_proxy: bool) -> Refusal {
    let origin = shown(request.header("origin"));
    let host = shown(request.host());
    let forwarded = PROXY_HEADERS.into_iter().find(|name| request.header(name).is_some());
    match forwarded {
        Some(name) if !trusts_proxy => {
            let header = format!("{name}: {}", shown(request.header(name)));
            tracing::warn!(
                origin,
                host,
                header,
                "refused a foreign Origin: it is not the Host. A proxy seems to be in front: have it pass Host on, or set \
                 the option trustProxy; if it is another site's page, list it in cors.origin"
            );
        }
        _ => tracing::warn!(
            origin,
            host,
            "refused a foreign Origin: it is not the Host; list it in the option cors.origin if it is yours"
        ),
    }
    Refusal::forbidden(Some("Origin not allowed"))
}

/// What a proxy in front writes, the most telling first.
const PROXY_HEADERS: [&str; 4] = ["x-forwarded-host", "forwarded", "x-forwarded-proto", "x-forwarded-for"];

/// As much of a header as a line of the log needs.
fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "none".into(), |value| value.chars().take(200).collect())
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
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let Some(port) = default_port(scheme) else { return false };
    let bare = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    request.host().is_some_and(|ours| bare(ours) == bare(host))
}

/// What may be left out of a host. Browsers write `http` and `https`; clients outside of them also the scheme that they
/// connect by. The host of an extension or an app's own scheme is not on the network.
fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" | "ws" => Some(":80"),
        "https" | "wss" => Some(":443"),
        _ => None,
    }
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
        assert!(may("admin.local:3021", Some("ws://admin.local:3021"), None));
        assert!(may("admin.local:443", Some("wss://admin.local"), None));
        assert!(may("admin.local", Some("ws://admin.local:80"), None));
        assert!(!may("admin.local:443", Some("ws://admin.local"), None));
        assert!(!may("admin.local", Some("wss://evil.example"), None));
    }

    #[test]
    fn the_host_of_http_2_is_its_authority() {
        let may = |host: Option<&str>, authority: &str| {
            let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let mut headers = vec![named(":authority", authority), named("origin", "https://admin.local")];
            headers.extend(host.map(|host| named("host", host)));
            may_connect(&Request { headers, ..Request::default() }, None)
        };
        assert!(may(None, "admin.local") && may(None, "admin.local:443") && !may(None, "evil.example"));
        assert!(
            may(Some("b"), "admin.local") && !may(Some("admin.local"), "b"),
            "it goes before Host (RFC 9113, 8.3.1)"
        );
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
