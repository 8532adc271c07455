//! How the simulation's clients speak with the shard: over a pipe instead of a WebSocket's connection, and by polling
//! requests.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::Simulation;
use super::client::{Client, Way};
use super::pipe::{End, Pipe};
use crate::guard::gate::Seat;
use crate::hub::command::{Answer, Command, Incoming, Purpose, SessionRequest, Stream};
use crate::hub::ids::Id;
use crate::session::handshake::Request;

impl Simulation {
    fn request() -> Request {
        Request {
            method: "GET".into(),
            url: "/socket.io/?EIO=4".into(),
            remote: "127.0.0.1".into(),
            ..Request::default()
        }
    }

    fn seat(&self) -> Seat {
        self.server.admit(&Self::request()).expect("there is no limit")
    }

    /// A session is opened.
    pub(super) fn open(&mut self, websocket: bool) -> Client {
        let is_prompt = self.random.one_in(2);
        self.names += 1;
        let way = if websocket {
            let pipe = Pipe::default();
            pipe.receive(usize::MAX);
            let end = pipe.clone();
            let incoming = Incoming {
                server: self.server.clone(),
                stream: Box::new(|| Ok(Box::new(End(end)) as Box<dyn Stream>)),
                preface: Bytes::new(),
                head: Bytes::new(),
                purpose: Purpose::Open(Box::new(Self::request()), self.seat()),
            };
            self.mailbox.push(Command::WebSocket(Box::new(incoming)));
            Way::WebSocket(pipe)
        } else {
            let answers = Arc::new(Mutex::new(Vec::new()));
            let respond = Self::respond(&answers);
            let (server, request, seat) = (self.server.clone(), Box::new(Self::request()), self.seat());
            self.mailbox.push(Command::OpenPolling { server, request, seat, respond });
            Way::Polling { answers, asking: true }
        };
        Client::new(self.names, way, is_prompt)
    }

    pub(super) async fn connect(&mut self, websocket: bool) {
        let client = self.open(websocket);
        self.clients.push(client);
        self.rooms.push(Vec::new());
        let last = self.clients.len() - 1;
        self.clients[last].says.push("40".into());
        for _ in 0..6 {
            self.work(true).await;
            self.read(last, usize::MAX);
        }
        assert!(!self.clients[last].socket.is_empty(), "client {} came in", self.names);
    }

    fn respond(answers: &Arc<Mutex<Vec<Answer>>>) -> Box<dyn FnOnce(Answer) + Send> {
        let answers = answers.clone();
        Box::new(move |answer| answers.lock().push(answer))
    }

    fn ask(&mut self, client: &mut Client, method: &str) {
        let Way::Polling { answers, .. } = &client.way else { return };
        let Some(sid) = Id::parse(&client.sid) else { return };
        self.requests += 1;
        let (server, method, respond) = (self.server.clone(), method.to_owned(), Self::respond(answers));
        self.mailbox.push(Command::Request(Box::new(SessionRequest {
            server,
            sid,
            id: self.requests,
            method: method.clone(),
            websocket: false,
            current: true,
            binary: false,
            respond,
        })));
        if method == "POST" {
            let body = std::mem::take(&mut client.says).join("\u{1e}");
            self.mailbox.push(Command::Body { sid, id: self.requests, body: body.into() });
        }
    }

    /// A client takes what is there, answers, and asks for more.
    pub(super) fn read(&mut self, at: usize, room: usize) {
        let mut client = self.clients.swap_remove(at);
        self.serve(&mut client, room);
        self.clients.push(client);
        let last = self.clients.len() - 1;
        self.clients.swap(at, last);
    }

    /// It takes what is there, up to `room` bytes. True: a poll was answered.
    pub(super) fn hear(client: &mut Client, room: usize) -> bool {
        match &client.way {
            Way::WebSocket(pipe) => {
                let pipe = pipe.clone();
                let bytes = pipe.receive(room);
                client.frames(&bytes);
                client.is_over |= pipe.is_over();
                false
            }
            Way::Polling { answers, .. } => {
                let answers: Vec<Answer> = std::mem::take(&mut *answers.lock());
                let answered = answers.iter().any(|answer| matches!(answer, Answer::Payload { .. }));
                for answer in answers {
                    match answer {
                        Answer::Payload { body, .. } => {
                            let body = String::from_utf8(body).unwrap();
                            body.split('\u{1e}').for_each(|packet| client.packet(packet));
                        }
                        Answer::Ok => {}
                        _ => client.is_over = true,
                    }
                }
                answered
            }
        }
    }

    pub(super) fn serve(&mut self, client: &mut Client, room: usize) {
        let answered = Self::hear(client, room);
        match &mut client.way {
            Way::WebSocket(pipe) => {
                for packet in std::mem::take(&mut client.says) {
                    let mut frame = vec![0x81, 0x80 | packet.len() as u8, 0, 0, 0, 0];
                    frame.extend_from_slice(packet.as_bytes());
                    pipe.send(&frame);
                }
            }
            Way::Polling { asking, .. } => {
                let polls = answered || !*asking;
                *asking = true;
                if client.is_over || client.sid.is_empty() {
                    return;
                }
                if !client.says.is_empty() {
                    self.ask(client, "POST");
                }
                if polls {
                    self.ask(client, "GET");
                }
            }
        }
    }
}
