//! HTTP requests and upgrades that Node accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, Result};
use napi_derive::napi;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use super::errors::{Code, coded, whole};
use super::inbox::Inbox;
use super::options::NativeCors;
use crate::guard::{cors, origin};
use crate::hub;
use crate::hub::server::Said;
use crate::protocol::request::Token;
use crate::session::handshake::{Refusal, Request, verify as check};
use crate::transport::polling::Exchange;
use crate::transport::served;

/// The head of an HTTP request. `headers` is Node's rawHeaders: name, value, name, value, …
#[napi(object)]
pub struct RequestHead {
    pub method: String,
    pub url: String,
    pub headers: Vec<String>,
    pub remote_address: String,
    pub secure: bool,
    /// The text of allowRequest's refusal; the request is then answered 403 (code 4) after the checks that precede it.
    pub forbidden: Option<String>,
    /// Headers for the response of an upgrade that is accepted: name, value, name, value, …
    pub response_headers: Option<Vec<String>>,
    /// Names the request: ConnectInfo has it again, and a `released` event says that nobody holds it any more.
    pub token: Option<u32>,
    /// What was decided about CORS for this request, instead of the server's option.
    pub cors: Option<NativeCors>,
    /// By which HTTP server it came: see closeVia.
    pub via: Option<u32>,
}

impl From<RequestHead> for Request {
    fn from(head: RequestHead) -> Self {
        Self {
            method: head.method,
            url: head.url,
            headers: pairs(head.headers),
            remote: head.remote_address,
            secure: head.secure,
            forbidden: head.forbidden,
            cors: head.cors.map(|cors| Box::new(cors.into())),
            via: head.via.unwrap_or(0),
            forwarded_host: None,
            response_headers: pairs(head.response_headers.unwrap_or_default()),
            token: None,
        }
    }
}

fn pairs(flat: Vec<String>) -> Vec<(String, String)> {
    let mut texts = flat.into_iter();
    let mut pairs = Vec::with_capacity(texts.len() / 2);
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        pairs.push((name, value));
    }
    pairs
}

/// The request, which tells the server's inbox when it is gone, if it has a token.
fn named(server: u32, head: RequestHead) -> Request {
    let token = head.token.zip(inbox(server));
    let mut request = Request::from(head);
    request.token = token.map(|(id, inbox)| Token::new(id, move |id| inbox.release(id)));
    request
}

#[derive(Default)]
struct Open {
    inboxes: FxHashMap<u32, Arc<Inbox>>,
    exchanges: FxHashMap<(u32, u32), Exchange>,
    /// Questions to JavaScript about requests.
    questions: FxHashMap<u32, oneshot::Sender<Said>>,
    last_question: u32,
}

static OPEN: Mutex<Option<Open>> = Mutex::new(None);

fn open<T>(with: impl FnOnce(&mut Open) -> T) -> T {
    with(OPEN.lock().get_or_insert_default())
}

/// Notes where a server's responses go.
pub fn register(server: u32, inbox: Arc<Inbox>) {
    open(|open| {
        // Servers that are over leave their entry to the next one that opens.
        open.inboxes.retain(|id, inbox| hub::server(*id).is_ok() || !inbox.is_over());
        open.exchanges.retain(|(id, _), _| open.inboxes.contains_key(id));
        open.inboxes.insert(server, inbox)
    });
}

/// The environment that a server's responses would go to ends.
pub fn forget(server: u32) {
    open(|open| open.inboxes.remove(&server));
}

/// The inbox of a server.
pub fn inbox(server: u32) -> Option<Arc<Inbox>> {
    open(|open| open.inboxes.get(&server).cloned())
}

/// Engine.IO's verdict on a request before `allowRequest` is asked: null, or an error code.
#[napi(catch_unwind)]
pub fn verify(server: u32, request: RequestHead, upgrade: bool) -> Result<Option<u8>, Code> {
    let server = hub::server(server).map_err(coded)?;
    Ok(check(served(&server.config), &request.into(), upgrade)
        .err()
        .map(|refusal| refusal.code)
        .filter(|code| *code != Refusal::BAD_VERSION.code))
}

/// Answers to CORS for what is not answered here: headers, name and value each; of a preflight also its status.
#[napi(object)]
pub struct CorsAnswer {
    /// A preflight: this is the whole answer.
    pub status: Option<u16>,
    pub headers: Vec<Vec<String>>,
}

/// What a response to this request says about CORS.
#[napi(catch_unwind)]
pub fn cors_answer(server: u32, request: RequestHead) -> Result<CorsAnswer, Code> {
    let server = hub::server(server).map_err(coded)?;
    let mut request = Request::from(request);
    if let Some(proxies) = server.config.access.proxies {
        proxies.resolve(&mut request);
    }
    let Some(cors) = request.cors(&server.config) else {
        return Ok(CorsAnswer { status: None, headers: Vec::new() });
    };
    let (status, headers) = if request.method == "OPTIONS" {
        let (status, headers) = cors::preflight(cors, &request);
        (Some(status), headers)
    } else {
        (None, cors::headers(cors, &request))
    };
    let headers = headers.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    Ok(CorsAnswer { status, headers })
}

/// Whether what came with a request may be what its cookies say: not, where a page of another origin sent it that may
/// not use them.
#[napi(catch_unwind)]
pub fn may_use_cookies(server: u32, request: RequestHead) -> Result<bool, Code> {
    let server = hub::server(server).map_err(coded)?;
    let mut request = Request::from(request);
    if let Some(proxies) = server.config.access.proxies {
        proxies.resolve(&mut request);
    }
    Ok(origin::may_use_cookies(&request, request.cors(&server.config)))
}

/// Notes where the answer to a `request` event goes, and names it.
pub fn question(answer: oneshot::Sender<Said>) -> u32 {
    open(|open| {
        // Nobody waits for these any more.
        open.questions.retain(|_, answer| !answer.is_closed());
        open.last_question = open.last_question.wrapping_add(1);
        open.questions.insert(open.last_question, answer);
        open.last_question
    })
}

/// The answer to a `request` event: with a status it is the response, otherwise Rust serves the request, by these rules of
/// CORS if there are any.
#[napi(object)]
pub struct RequestAnswer {
    pub cors: Option<NativeCors>,
    pub status: Option<u16>,
    /// Name and value each.
    pub headers: Option<Vec<Vec<String>>>,
    pub body: Option<Buffer>,
}

/// Answers a `request` event, by its id.
#[napi(catch_unwind)]
pub fn answer_request(id: u32, answer: RequestAnswer) {
    let RequestAnswer { cors, status, headers, body } = answer;
    let said = match status {
        None => Said::Serve(cors.map(|cors| Box::new(cors.into()))),
        Some(status) => {
            let pairs = headers.unwrap_or_default().into_iter().filter_map(|pair| pair.try_into().ok());
            let headers = pairs.map(|[name, value]: [String; 2]| (name, value)).collect();
            Said::Answer(status, headers, body.map(|body| body.to_vec()).unwrap_or_default())
        }
    };
    if let Some(answer) = open(|open| open.questions.remove(&id)) {
        let _ = answer.send(said);
    }
}

/// Begins a plain HTTP request on the server's path (any method). The answer is a `response` event with `id`.
#[napi(catch_unwind)]
pub fn request_begin(server: u32, id: u32, request: RequestHead) -> Result<(), Code> {
    let owner = hub::server(server).map_err(coded)?;
    let Some(inbox) = inbox(server) else {
        return Err(coded(crate::error::Error::closed()));
    };
    let answered = Arc::new(AtomicBool::new(false));
    let done = answered.clone();
    let exchange = Exchange::begin(&owner, named(server, request), move |response| {
        done.store(true, Ordering::Release);
        open(|open| open.exchanges.remove(&(server, id)));
        inbox.respond(id, response);
    });
    open(|open| {
        if !answered.load(Ordering::Acquire) {
            open.exchanges.insert((server, id), exchange);
        }
    });
    Ok(())
}

/// More of a request's body.
#[napi(catch_unwind)]
pub fn request_body(server: u32, id: u32, chunk: Buffer) {
    open(|open| open.exchanges.get_mut(&(server, id)).into_iter().for_each(|exchange| exchange.body(&chunk)));
}

/// A request's body is whole.
#[napi(catch_unwind)]
pub fn request_end(server: u32, id: u32) {
    open(|open| open.exchanges.get_mut(&(server, id)).into_iter().for_each(Exchange::end));
}

/// The client went away before the response was sent.
#[napi(catch_unwind)]
pub fn request_abort(server: u32, id: u32) {
    if let Some(mut exchange) = open(|open| open.exchanges.remove(&(server, id))) {
        exchange.abort();
    }
}

/// A request's body did not come in time.
#[napi(catch_unwind)]
pub fn request_late(server: u32) {
    if let Ok(server) = hub::server(server) {
        server.refusals.timeout.add(1);
    }
}

/// A connection could not be served for want of descriptors.
#[napi(catch_unwind)]
pub fn without_descriptor(server: u32) {
    if let Ok(server) = hub::server(server) {
        server.refusals.descriptors.add(1);
    }
}

fn descriptor(fd: f64) -> Result<i32, Code> {
    whole("fd", fd, i32::MAX as u64).map(|fd| fd as i32)
}

/// Takes an upgrade over: duplicates `fd`; answers 101 or the refusal itself. Destroy the Node socket afterwards.
/// Throws ERR_TAKEOVER.
#[napi(catch_unwind)]
pub fn upgrade(server: u32, fd: f64, request: RequestHead, head: Buffer) -> Result<(), Code> {
    let fd = descriptor(fd)?;
    let request = named(server, request);
    let server = hub::server(server).map_err(coded)?;
    #[cfg(unix)]
    {
        let head = Bytes::copy_from_slice(&head);
        crate::transport::takeover::take_over(&server, fd, request, head).map_err(coded)
    }
    #[cfg(not(unix))]
    unsupported((server, fd, request.url, head.len()))
}

/// The fallback: Rust serves one end of a socket pair; returns the other end's descriptor. Throws ERR_TAKEOVER.
#[napi(catch_unwind)]
pub fn upgrade_bridge(server: u32, request: RequestHead, head: Buffer) -> Result<i32, Code> {
    let request = named(server, request);
    let server = hub::server(server).map_err(coded)?;
    #[cfg(unix)]
    {
        let head = Bytes::copy_from_slice(&head);
        crate::transport::takeover::bridge(&server, request, head).map_err(coded)
    }
    #[cfg(not(unix))]
    unsupported((server, request.url, head.len()))
}

/// Serves the ports behind listening sockets of Node's, and connections that it has not read from, until the server
/// closes: for the end of the process, as Node is not to serve them any more. Throws ERR_TAKEOVER.
#[napi(catch_unwind)]
pub fn take_ports(server: u32, listening: Vec<i32>, accepted: Vec<i32>) -> Result<(), Code> {
    let server = hub::server(server).map_err(coded)?;
    #[cfg(unix)]
    return crate::transport::takeover::take_ports(&server, &listening, &accepted).map_err(coded);
    #[cfg(not(unix))]
    unsupported((server, listening, accepted))
}

/// Self-test of the take-over: on a duplicate of `fd` waits for one byte, answers with `token`, then closes the
/// duplicate. Send the byte after Node's own socket is destroyed.
#[napi(catch_unwind)]
pub fn takeover_self_test(fd: f64, token: String) -> Result<(), Code> {
    let fd = descriptor(fd)?;
    #[cfg(unix)]
    return crate::transport::takeover::self_test(fd, token).map_err(coded);
    #[cfg(not(unix))]
    unsupported((fd, token))
}

/// Self-test of the fallback: waits for one byte on one end of a socket pair, answers with `token`, then closes it;
/// returns the other end's descriptor. Throws ERR_TAKEOVER.
#[napi(catch_unwind)]
pub fn bridge_self_test(token: String) -> Result<i32, Code> {
    #[cfg(unix)]
    return crate::transport::takeover::bridge_self_test(token).map_err(coded);
    #[cfg(not(unix))]
    unsupported(token)
}

#[cfg(not(unix))]
fn unsupported<T, U>(_: U) -> Result<T, Code> {
    let message = "sockets cannot be taken over on this system; clients stay on HTTP long-polling";
    Err(coded(crate::error::Error::new("ERR_TAKEOVER", message)))
}
