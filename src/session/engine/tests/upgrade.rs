//! From polling to WebSocket.

use super::*;

#[test]
fn success() {
    let mut session = Session::polling();
    assert_eq!(session.get("a", false), []);
    assert!(session.engine.probe(1000));
    assert_eq!(session.engine.deadline(), Some(1300), "pings go on");
    assert_eq!(session.probe("2probe"), [ProbePong, Answered("a", Reply::Noop)]);
    assert_eq!(session.probe("2probe"), [ProbePong], "again");
    assert_eq!(session.get("b", false), [Answered("b", Reply::Noop)]);
    assert_eq!(session.engine.transport(), Transport::Polling);
    assert_eq!(session.probe("5"), [Upgraded]);
    assert_eq!(session.engine.transport(), Transport::WebSocket);
    assert_eq!(session.message("4a"), Some(Message::Text("a")));
    assert_eq!(session.engine.deadline(), Some(1300));
}

#[test]
fn packets_still_leave_by_polling_before_the_switch() {
    let mut session = Session::probed();
    assert_eq!(session.get("a", true), [Answered("a", Reply::Flush)]);
    assert_eq!(session.post("p"), []);
    assert!(session.engine.post_received(id("p")));
    assert_eq!(session.message("4late"), Some(Message::Text("late")));
    assert_eq!(session.run(|engine, _, fx| engine.post_taken(fx)), [Answered("p", Reply::Ok)]);
}

#[test]
fn the_switch_needs_no_probe_and_releases_what_is_pending() {
    let mut session = Session::polling();
    session.get("get", false);
    assert!(session.engine.probe(1000));
    assert_eq!(session.probe("5"), [Answered("get", Reply::Close), Upgraded]);
    let mut session = Session::polling();
    session.post("post");
    session.engine.post_received(id("post"));
    assert!(session.engine.probe(1000));
    assert_eq!(session.probe("5"), [Answered("post", Reply::Ok), Upgraded]);
}

#[test]
fn an_open_ping_stays_open_over_the_switch() {
    let mut session = Session::probed();
    assert_eq!(session.at(1300), [Ping]);
    assert_eq!(session.probe("5"), [Upgraded]);
    assert_eq!(session.engine.deadline(), Some(1500));
    assert_eq!(session.at(1500), [CloseWebSocket, Closed(Reason::PingTimeout), Gone]);
}

#[test]
fn one_probe_at_a_time_and_none_for_a_websocket_session() {
    let mut session = Session::probed();
    assert!(!session.engine.probe(1000));
    assert_eq!(session.probe("5"), [Upgraded]);
    assert!(!session.engine.probe(1000), "upgraded already");
    assert!(!Session::websocket().engine.probe(1000), "born so");
    let mut closed = Session::polling();
    closed.packet("1");
    assert!(!closed.engine.probe(1000));
}

#[test]
fn anything_else_ends_the_attempt_alone() {
    for text in ["", "1", "2", "2pro", "2probe2", "3", "4a", "6", "x", "bAQ=="] {
        let mut session = Session::polling();
        session.get("get", false);
        assert!(session.engine.probe(1000));
        assert_eq!(session.probe(text), [CloseProbe], "{text}");
        assert_eq!(session.probe("2probe"), [], "{text}");
        assert!(session.engine.is_open() && session.engine.has_poll());
        assert!(session.engine.probe(1000), "another may try");
    }
}

#[test]
fn a_lost_probe_ends_the_attempt_alone() {
    let mut session = Session::probed();
    session.engine.probe_closed();
    assert_eq!(session.engine.deadline(), Some(1300));
    assert_eq!(session.get("get", false), [], "no probe to hurry for");
    assert!(session.engine.probe(1000));
}

#[test]
fn an_attempt_times_out_alone() {
    let timing = Timing { ping_interval: 60_000, ..TIMING };
    let mut session = Session::polling();
    session.engine = Engine::new(Transport::Polling, timing, 1000);
    assert!(session.engine.probe(2000));
    assert_eq!(session.probe("2probe"), [ProbePong]);
    assert_eq!(session.engine.deadline(), Some(12_000));
    assert_eq!(session.at(11_999), []);
    assert_eq!(session.at(12_000), [CloseProbe]);
    assert_eq!(session.engine.deadline(), Some(61_000));
    assert!(session.engine.is_open());
}

#[test]
fn the_end_of_the_session_ends_the_attempt() {
    let mut session = Session::probed();
    session.get("get", true);
    session.post("post");
    session.engine.post_received(id("post"));
    assert_eq!(session.packet("1"), [Answered("post", Reply::Ok), Closed(Reason::TransportClose), CloseProbe, Gone]);
    assert_eq!(session.probe("5"), []);
    session.is_silent();
}

#[test]
fn after_the_switch_the_old_channel_name_still_means_the_websocket() {
    let mut session = Session::upgraded();
    let mut effects = Vec::new();
    let message = session.engine.packet(1000, Channel::Probe, Packet::Text("a"), &mut effects);
    assert_eq!((message, effects), (Some(Message::Text("a")), vec![]));
}
