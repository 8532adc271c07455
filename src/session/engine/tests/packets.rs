//! What the client sends, by either transport.

use super::*;

#[test]
fn messages_come_out() {
    let mut session = Session::websocket();
    assert_eq!(session.message("4"), Some(Message::Text("")));
    assert_eq!(session.message("4é"), Some(Message::Text("é")));
    assert_eq!(session.message("bAQI="), Some(Message::Binary(Bytes::from_static(&[1, 2]))));
}

#[test]
fn strays_are_ignored() {
    for text in ["0", "5", "6"] {
        let mut session = Session::websocket();
        assert_eq!(session.packet(text), [], "{text}");
        assert_eq!(session.engine.deadline(), Some(1300), "{text}");
    }
    let mut session = Session::websocket();
    session.now = 1100;
    assert_eq!(session.packet("3"), []);
    assert_eq!(session.engine.deadline(), Some(1400), "as in Engine.IO");
}

#[test]
fn what_ends_a_websocket_session() {
    for (text, reason) in [
        ("1", Reason::TransportClose),
        ("2", Reason::TransportError),
        ("2probe", Reason::TransportError),
        ("7", Reason::ParseError),
        ("", Reason::ParseError),
        ("é", Reason::ParseError),
    ] {
        let mut session = Session::websocket();
        assert_eq!(session.packet(text), [CloseWebSocket, Closed(reason), Gone], "{text}");
        assert!(!session.engine.is_open());
        session.is_silent();
    }
}

#[test]
fn nothing_is_taken_in_after_the_end() {
    let mut session = Session::websocket();
    session.packet("1");
    for text in ["4a", "1", "2", "3", "", "bAQ=="] {
        assert_eq!(session.packet(text), [], "{text}");
    }
    assert_eq!(session.close(true), []);
    assert_eq!(session.run(|engine, _, fx| engine.lost(Reason::TransportClose, fx)), []);
    session.is_silent();
}

#[test]
fn a_lost_websocket_ends_the_session() {
    let mut session = Session::websocket();
    assert_eq!(
        session.run(|engine, _, fx| engine.lost(Reason::TransportClose, fx)),
        [CloseWebSocket, Closed(Reason::TransportClose), Gone]
    );
    session.is_silent();
}
