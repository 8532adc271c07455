//! Pings, pongs, time-outs.

use super::*;

#[test]
fn pings_after_the_interval_and_ends_after_the_timeout_to_the_millisecond() {
    for mut session in [Session::polling(), Session::websocket()] {
        let websocket = session.engine.transport() == Transport::WebSocket;
        assert_eq!(session.engine.deadline(), Some(1300));
        assert_eq!(session.at(1299), []);
        assert_eq!(session.at(1300), [Ping]);
        assert_eq!(session.engine.deadline(), Some(1500));
        assert_eq!(session.at(1499), []);
        let mut end = vec![Closed(Reason::PingTimeout), Gone];
        if websocket {
            end.insert(0, CloseWebSocket);
        }
        assert_eq!(session.at(1500), end);
        session.is_silent();
    }
}

#[test]
fn the_next_ping_comes_an_interval_after_the_pong() {
    let mut session = Session::websocket();
    session.at(1300);
    session.now = 1450;
    assert_eq!(session.packet("3"), []);
    assert_eq!(session.engine.deadline(), Some(1750));
    assert_eq!(session.at(1749), []);
    assert_eq!(session.at(1750), [Ping]);
    assert_eq!(session.engine.deadline(), Some(1950));
}

#[test]
fn a_late_timer_does_not_add_up_but_a_stalled_one_grants_the_whole_timeout() {
    let mut session = Session::websocket();
    assert_eq!(session.at(1300 + TIMER_SLACK), [Ping]);
    assert_eq!(session.engine.deadline(), Some(1500));
    let mut session = Session::websocket();
    assert_eq!(session.at(1301 + TIMER_SLACK), [Ping]);
    assert_eq!(session.engine.deadline(), Some(1501 + TIMER_SLACK));
}

#[test]
fn a_short_timeout_is_not_eaten_up_by_a_late_timer() {
    for ping_timeout in 1..=2 * TIMER_SLACK {
        for late in 0..=2 * TIMER_SLACK {
            let timing = Timing { ping_timeout, ..TIMING };
            let mut engine = Engine::<u32>::new(Transport::WebSocket, timing, 0);
            let (now, mut effects) = (300 + late, Vec::new());
            engine.tick(now, &mut effects);
            assert_eq!(effects, [Ping]);
            assert!(engine.deadline() > Some(now), "timeout {ping_timeout}, {late} late");
        }
    }
}

#[test]
fn anything_received_extends_the_timeout_once() {
    let mut session = Session::websocket();
    session.at(1300);
    session.now = 1400;
    assert_eq!(session.message("4a"), Some(Message::Text("a")));
    assert_eq!(session.engine.deadline(), Some(1600));
    session.now = 1450;
    session.message("4b");
    assert_eq!(session.engine.deadline(), Some(1600), "once");
    assert_eq!(session.at(1600), [CloseWebSocket, Closed(Reason::PingTimeout), Gone]);
}

#[test]
fn each_ping_may_be_extended_again() {
    let mut session = Session::websocket();
    session.at(1300);
    session.now = 1400;
    session.message("4a");
    session.packet("3");
    assert_eq!(session.at(1700), [Ping]);
    session.now = 1800;
    session.message("4a");
    assert_eq!(session.engine.deadline(), Some(2000));
}

#[test]
fn without_an_open_ping_messages_move_nothing() {
    let mut session = Session::websocket();
    session.now = 1299;
    session.message("4a");
    assert_eq!(session.engine.deadline(), Some(1300));
}

#[test]
fn a_paused_client_gets_its_whole_timeout_again() {
    let mut session = Session::websocket();
    session.engine.forgive(1200);
    assert_eq!(session.engine.deadline(), Some(1300), "no ping is open");
    session.at(1300);
    session.engine.forgive(1490);
    assert_eq!(session.engine.deadline(), Some(1690));
}

#[test]
fn a_ping_timeout_releases_what_is_pending() {
    let mut session = Session::polling();
    session.get("get", false);
    session.post("post");
    session.at(1300);
    assert_eq!(
        session.at(1500),
        [Answered("get", Reply::Close), Answered("post", Reply::Cut), Closed(Reason::PingTimeout), Gone]
    );
}
