//! GET and POST: who is answered what, and which mistakes end the session.

use super::*;

#[test]
fn a_get_waits_until_there_is_something() {
    let mut session = Session::polling();
    assert_eq!(session.get("a", false), []);
    assert!(session.engine.has_poll());
    assert_eq!(session.engine.take_poll(), Some("a"));
    assert_eq!(session.get("b", true), [Answered("b", Reply::Flush)]);
    assert!(!session.engine.has_poll());
}

#[test]
fn a_second_get_ends_the_session() {
    let mut session = Session::polling();
    session.get("a", false);
    assert_eq!(
        session.get("b", false),
        [Answered("a", Reply::Close), Answered("b", Reply::BadRequest), Closed(Reason::TransportError), Gone]
    );
    session.is_silent();
}

#[test]
fn a_post_is_answered_behind_its_packets() {
    let mut session = Session::polling();
    assert_eq!(session.post("p"), []);
    assert!(!session.engine.post_received(id("other")));
    assert!(session.engine.post_received(id("p")));
    assert!(!session.engine.post_received(id("p")), "once");
    assert_eq!(session.message("4a"), Some(Message::Text("a")));
    assert_eq!(session.run(|engine, _, fx| engine.post_taken(fx)), [Answered("p", Reply::Ok)]);
    assert_eq!(session.run(|engine, _, fx| engine.post_taken(fx)), []);
    assert_eq!(session.post("q"), [], "the next one may come");
}

#[test]
fn a_second_post_ends_the_session() {
    let mut session = Session::polling();
    session.post("a");
    assert_eq!(
        session.post("b"),
        [Answered("a", Reply::Cut), Answered("b", Reply::BadRequest), Closed(Reason::TransportError), Gone]
    );
    session.is_silent();
}

#[test]
fn a_get_and_a_post_go_side_by_side() {
    let mut session = Session::polling();
    assert_eq!(session.get("get", false), []);
    assert_eq!(session.post("post"), []);
    assert!(session.engine.post_received(id("post")));
    assert_eq!(session.run(|engine, _, fx| engine.post_taken(fx)), [Answered("post", Reply::Ok)]);
    assert!(session.engine.has_poll());
}

#[test]
fn octet_streams_end_the_session() {
    let mut session = Session::polling();
    session.get("get", false);
    assert_eq!(
        session.run(|engine, _, fx| engine.post(1, "post", true, fx)),
        [Answered("post", Reply::BadRequest), Answered("get", Reply::Close), Closed(Reason::TransportError), Gone]
    );
}

#[test]
fn a_body_too_large_is_refused_and_the_session_lives() {
    let mut session = Session::polling();
    session.post("p");
    assert_eq!(session.run(|engine, _, fx| engine.post_too_large(id("other"), fx)), []);
    assert_eq!(session.run(|engine, _, fx| engine.post_too_large(id("p"), fx)), [Answered("p", Reply::TooLarge)]);
    assert!(!session.engine.post_received(id("p")));
    assert_eq!(session.post("q"), []);
    assert!(session.engine.is_open());
}

#[test]
fn an_aborted_get_ends_the_session() {
    let mut session = Session::polling();
    session.get("get", false);
    session.post("post");
    assert_eq!(session.aborted("get"), [Answered("post", Reply::Cut), Closed(Reason::TransportError), Gone]);
    session.is_silent();
}

#[test]
fn a_post_aborted_in_its_body_ends_the_session() {
    let mut session = Session::polling();
    session.get("get", false);
    session.post("post");
    assert_eq!(session.aborted("post"), [Answered("get", Reply::Close), Closed(Reason::TransportError), Gone]);
}

#[test]
fn a_late_abort_changes_nothing() {
    let mut session = Session::polling();
    session.get("get", true);
    session.post("post");
    session.engine.post_received(id("post"));
    assert_eq!(session.aborted("get"), []);
    assert_eq!(session.aborted("post"), []);
    assert!(session.engine.is_open());
}

#[test]
fn the_clients_close_answers_both_requests() {
    let mut session = Session::polling();
    session.get("get", false);
    session.post("post");
    session.engine.post_received(id("post"));
    assert_eq!(
        session.packet("1"),
        [Answered("get", Reply::Noop), Answered("post", Reply::Ok), Closed(Reason::TransportClose), Gone]
    );
    session.is_silent();
}

#[test]
fn a_bad_packet_closes_but_the_post_is_answered() {
    let mut session = Session::polling();
    session.get("get", false);
    session.post("post");
    session.engine.post_received(id("post"));
    assert_eq!(session.message("4before"), Some(Message::Text("before")));
    assert_eq!(
        session.packet("x"),
        [Answered("get", Reply::Close), Answered("post", Reply::Ok), Closed(Reason::ParseError), Gone]
    );
}
