//! Names stay in step whatever is done, by a model that knows all ids that ever were.

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::error::Reason;
use crate::hub::account;
use crate::hub::event::{Event, Sink};
use crate::hub::ids::Ids;
use crate::protocol::request::Request;
use crate::session::engine::{Channel, Transport};

const ENDING: Ending = Ending { reason: Reason::ForcedClose, taken_over: false };

struct Nothing;

impl Sink for Nothing {
    fn push(&self, _: Event) {}
}

impl account::Shard for Nothing {
    fn resume(&self, _: u64) {}
    fn cut(&self, _: u64) {}
}

/// A directory, and all ids that it ever gave.
struct Model {
    server: Arc<Context>,
    ids: Ids,
    directory: Directory,
    connections: Vec<ConnectionId>,
    sockets: Vec<SocketId>,
    links: Vec<LinkId>,
}

impl Model {
    fn new() -> Self {
        let server = Arc::new(Context::new(1, Config::default(), Arc::new(Nothing), 1));
        server.declare("/other", false, false);
        let (connections, sockets, links) = (Vec::new(), Vec::new(), Vec::new());
        Self { server, ids: Ids::new(0, 1), directory: Directory::default(), connections, sockets, links }
    }

    fn connection(&mut self) -> Connection {
        let seat = self.server.admit(&Request::default()).expect("there is no limit");
        Connection::new(self.ids.make(), Transport::WebSocket, self.server.clone(), seat, 0)
    }

    fn socket(&mut self, connection: ConnectionId, nsp: &str) -> Socket {
        Socket {
            connection,
            nsp: self.server.registry.get(nsp).expect("it is declared"),
            id: self.ids.make_marked(),
            stage: Stage::Waiting,
            rooms: Rooms::default(),
            joining: Vec::new(),
            asks: Vec::new(),
            told: false,
            heard: false,
            user: None,
            since: 0,
            auth: None,
            returning: None,
            refused: Vec::new(),
            track: None,
            ending: None,
        }
    }

    /// One step: `what` is done with whomever `who` names, with whatever that still finds.
    fn step(&mut self, what: u8, who: u8, room: u8) {
        let (connection, socket) = (pick(&self.connections, who), pick(&self.sockets, who));
        let user = [None, Some("ann"), Some("bob")][usize::from(room / 3) % 3].map(Arc::from);
        let link = pick(&self.links, room);
        let room: Arc<str> = ["a", "b", "c"][usize::from(room) % 3].into();
        match (what % 16, connection, socket) {
            (0 | 1, ..) => {
                let new = self.connection();
                self.connections.push(self.directory.open(new));
            }
            (2 | 3, Some(connection), _) => {
                let new = self.socket(connection, if who.is_multiple_of(3) { "/other" } else { "/" });
                let is_there = self.directory.see(connection).is_some_and(|one| one.doom.is_none());
                let asked = if is_there { self.directory.ask(new) } else { None };
                if let Some(socket) = asked.and_then(|id| self.directory.socket_mut(id)) {
                    socket.user = user;
                }
                self.sockets.extend(asked);
            }
            (4, Some(connection), _) => self.attach(connection, who.is_multiple_of(2)),
            (5 | 6, _, Some(socket)) => {
                let wishes = self.directory.admit(socket).unwrap_or_default();
                for (room, stay) in &wishes {
                    self.directory.enter(socket, room, *stay);
                }
            }
            (7..10, _, Some(socket)) => {
                let stay = Stay { since: 0, asked: false };
                let before = self.directory.socket(socket).is_some_and(|socket| socket.is_in(&room));
                assert!(self.directory.enter(socket, &room, stay).is_none() || !before);
            }
            (10 | 11, _, Some(socket)) => {
                let is_in = |one: &Socket| one.is_joined() && one.rooms.contains_key(&room);
                let before = self.directory.socket(socket).is_some_and(is_in);
                assert_eq!(self.directory.exit(socket, &room).is_some(), before);
            }
            (12, _, Some(socket)) => self.directory.end_socket(socket, ENDING),
            (13, Some(connection), _) => self.directory.doom(connection, Doom::Slow),
            (14, ..) => link.into_iter().for_each(|link| self.directory.drop_link(link)),
            (15, _, Some(socket)) => {
                let name = self.ids.make_marked();
                self.directory.rename(socket, name);
            }
            _ => {}
        }
    }

    fn attach(&mut self, connection: ConnectionId, is_main: bool) {
        let link = self.directory.attach(Link::new(self.server.clone()));
        self.links.push(link);
        let Some(found) = self.directory.connection(connection).filter(|one| one.doom.is_none()) else { return };
        let place = if is_main { &mut found.link } else { &mut found.probe };
        if place.is_some() {
            return;
        }
        *place = Some(link);
        if let Some(link) = self.directory.link(link) {
            link.connection = Some(connection);
            link.channel = if is_main { Channel::Main } else { Channel::Probe };
        }
    }

    /// As the core does it.
    fn reap(&mut self) {
        while self.directory.has_doomed() {
            for doomed in self.directory.take_doomed() {
                match doomed {
                    Doomed::Socket(id) => self.bury(id),
                    Doomed::Connection(id) => {
                        self.directory.sockets_of(id).into_iter().for_each(|socket| self.bury(socket));
                        self.directory.bury_connection(id);
                    }
                    Doomed::Link(id) => drop(self.directory.bury_link(id)),
                }
            }
        }
    }

    fn bury(&mut self, id: SocketId) {
        let rooms = self.directory.socket(id).map(|socket| socket.rooms.keys().cloned().collect::<Vec<_>>());
        for room in rooms.into_iter().flatten() {
            self.directory.exit(id, &room);
        }
        self.directory.bury_socket(id);
    }

    /// Whoever is selected is there, once, and is meant.
    fn select(&mut self, rooms: &[&str], except: &[&str], user: Option<&str>) {
        let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        let to = Selection { rooms: names(rooms), except: names(except), user: user.map(Arc::from) };
        let nsp = self.server.registry.get("/").expect("it is there").id;
        let mut selected = Vec::new();
        self.directory.visit(nsp, &to, |member, _, _| selected.push(member.socket));
        let meant = |socket: &Socket| {
            socket.is_joined() && socket.nsp.id == nsp && to.selects(socket.user.as_deref(), |room| socket.is_in(room))
        };
        let mut expected: Vec<SocketId> =
            self.directory.sockets().filter(|(_, socket)| meant(socket)).map(|(id, _)| id).collect();
        expected.sort_unstable();
        selected.sort_unstable();
        assert_eq!(selected, expected);
    }
}

fn pick<T: Copy>(from: &[T], which: u8) -> Option<T> {
    (!from.is_empty()).then(|| from[usize::from(which) % from.len()])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn names_stay_in_step_whatever_is_done(steps in prop::collection::vec(any::<(u8, u8, u8)>(), 0..400)) {
        let mut model = Model::new();
        for (place, (what, who, room)) in steps.into_iter().enumerate() {
            model.step(what, who, room);
            if place % 3 == 0 {
                model.reap();
                model.directory.check();
                model.select(&["a", "b"], &["c"], None);
                model.select(&[], &["a"], Some("ann"));
                model.select(&["a", "b"], &[], Some("bob"));
            }
        }
        model.connections.clone().into_iter().for_each(|id| model.directory.doom(id, Doom::Gone));
        model.links.clone().into_iter().for_each(|id| model.directory.drop_link(id));
        model.reap();
        prop_assert!(model.directory.is_empty());
    }
}
