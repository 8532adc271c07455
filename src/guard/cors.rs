//! CORS response headers, as the `cors` package writes them for Socket.IO.

use super::origin;
use crate::config::{Cors, CorsOrigin};
use crate::protocol::request::Request;

/// Response headers: name, value.
pub type Headers = Vec<(&'static str, String)>;

const METHODS: &str = "GET,HEAD,PUT,PATCH,POST,DELETE";

/// The headers of any response, errors included.
pub fn headers(cors: &Cors, request: &Request) -> Headers {
    let mut out = Headers::new();
    let mut vary = Vec::new();
    push_origin(cors, request, &mut out, &mut vary);
    push_common(cors, &mut out);
    push_vary(vary, &mut out);
    out
}

/// Status and headers of the answer to a preflight (OPTIONS).
pub fn preflight(cors: &Cors, request: &Request) -> (u16, Headers) {
    let mut out = Headers::new();
    let mut vary = Vec::new();
    push_origin(cors, request, &mut out, &mut vary);
    push_common(cors, &mut out);
    out.push(("Access-Control-Allow-Methods", cors.methods.clone().unwrap_or_else(|| METHODS.into())));
    let allowed = match &cors.allowed_headers {
        Some(allowed) => Some(allowed.clone()),
        None => {
            vary.push("Access-Control-Request-Headers");
            request.header("access-control-request-headers").map(str::to_owned)
        }
    };
    out.extend(allowed.filter(|allowed| !allowed.is_empty()).map(|allowed| ("Access-Control-Allow-Headers", allowed)));
    out.extend(cors.max_age.map(|seconds| ("Access-Control-Max-Age", seconds.to_string())));
    push_vary(vary, &mut out);
    out.push(("Content-Length", "0".into()));
    (cors.options_status.unwrap_or(204), out)
}

fn push_origin(cors: &Cors, request: &Request, out: &mut Headers, vary: &mut Vec<&'static str>) {
    let from = request.header("origin");
    let allowed = match &cors.origin {
        CorsOrigin::Any => Some("*"),
        CorsOrigin::One(one) => Some(one.as_str()),
        _ => from.filter(|from| origin::allows(&cors.origin, from)),
    };
    if cors.origin != CorsOrigin::Any {
        vary.push("Origin");
    }
    out.extend(allowed.map(|allowed| ("Access-Control-Allow-Origin", allowed.to_owned())));
}

fn push_common(cors: &Cors, out: &mut Headers) {
    if cors.credentials {
        out.push(("Access-Control-Allow-Credentials", "true".into()));
    }
    out.extend(cors.exposed_headers.clone().map(|exposed| ("Access-Control-Expose-Headers", exposed)));
}

fn push_vary(vary: Vec<&'static str>, out: &mut Headers) {
    if !vary.is_empty() {
        out.push(("Vary", vary.join(", ")));
    }
}
