//! The server closes; a polling client may still fetch what waits.

use super::*;

#[test]
fn a_websocket_closes_at_once() {
    for empty in [true, false] {
        let mut session = Session::websocket();
        assert_eq!(session.close(empty), [CloseWebSocket, Closed(Reason::ForcedClose), Gone]);
        session.is_silent();
    }
}

#[test]
fn a_waiting_poll_hears_of_it_at_once() {
    let mut session = Session::polling();
    session.get("get", false);
    assert_eq!(session.close(true), [Answered("get", Reply::Close), Closed(Reason::ForcedClose), Gone]);
}

#[test]
fn what_waits_is_fetched_first() {
    let mut session = Session::polling();
    assert_eq!(session.close(false), [Closed(Reason::ForcedClose)]);
    assert!(!session.engine.is_open());
    assert_eq!(session.engine.deadline(), Some(31_000));
    assert_eq!(session.get("a", true), [Answered("a", Reply::Flush)]);
    assert_eq!(session.get("b", false), [Answered("b", Reply::NoopClose), Gone]);
    session.is_silent();
}

#[test]
fn nothing_waits_and_nobody_polls() {
    let mut session = Session::polling();
    assert_eq!(session.close(true), [Closed(Reason::ForcedClose)]);
    assert_eq!(session.get("a", false), [Answered("a", Reply::NoopClose), Gone]);
}

#[test]
fn unread_packets_are_kept_for_thirty_seconds() {
    let mut session = Session::polling();
    session.close(false);
    assert_eq!(session.at(30_999), [], "no pings either");
    assert_eq!(session.at(31_000), [Gone]);
    session.is_silent();
}

#[test]
fn a_body_that_is_still_coming_is_cut() {
    let mut session = Session::polling();
    session.post("post");
    assert_eq!(session.close(true), [Answered("post", Reply::Cut), Closed(Reason::ForcedClose)]);
}

#[test]
fn every_request_is_answered_before_the_session_is_gone() {
    // A POST whose packets wait for their reader when the close comes, ended by the last GET or by time.
    for by_time in [false, true] {
        let mut session = Session::polling();
        session.post("post");
        session.engine.post_received(id("post"));
        assert_eq!(session.close(true), [Closed(Reason::ForcedClose)]);
        if by_time {
            assert_eq!(session.at(31_000), [Answered("post", Reply::Ok), Gone], "by time");
        } else {
            assert_eq!(
                session.get("get", false),
                [Answered("get", Reply::NoopClose), Answered("post", Reply::Ok), Gone]
            );
        }
    }
}

#[test]
fn a_poll_left_over_is_answered_when_the_time_is_up() {
    let mut session = Session::polling();
    session.get("get", false);
    assert_eq!(session.close(false), [Closed(Reason::ForcedClose)]);
    assert_eq!(session.at(31_000), [Answered("get", Reply::Close), Gone]);
}

#[test]
fn messages_are_not_taken_in_any_more() {
    let mut session = Session::polling();
    session.close(false);
    session.post("post");
    session.engine.post_received(id("post"));
    for text in ["4a", "1", "3", "x"] {
        assert_eq!(session.packet(text), [], "{text}");
    }
    assert_eq!(session.run(|engine, _, fx| engine.post_taken(fx)), [Answered("post", Reply::Ok)]);
}

#[test]
fn a_client_that_goes_away_meanwhile_ends_it_silently() {
    let mut session = Session::polling();
    session.get("get", false);
    session.close(false);
    assert_eq!(session.aborted("get"), [Gone], "closed is said once");
    session.is_silent();
}

#[test]
fn an_upgrade_may_still_fetch_what_waits() {
    let mut session = Session::probed();
    assert_eq!(session.close(false), [Closed(Reason::ForcedClose)]);
    assert_eq!(session.probe("5"), [Upgraded, CloseWebSocket, Gone]);
    session.is_silent();
}

#[test]
fn a_closing_session_takes_no_probe_and_drops_the_one_it_has() {
    let mut session = Session::probed();
    session.close(false);
    assert!(!session.engine.probe(1000));
    assert_eq!(session.at(31_000), [CloseProbe, Gone]);
}

#[test]
fn closing_twice_is_closing_once() {
    let mut session = Session::polling();
    session.close(false);
    assert_eq!(session.close(true), []);
    assert_eq!(session.run(|engine, _, fx| engine.end(Reason::ServerShutdown, fx)), [Gone]);
    assert_eq!(session.run(|engine, _, fx| engine.end(Reason::ServerShutdown, fx)), []);
}
