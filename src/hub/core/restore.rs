//! A client comes back to its socket: the session is fetched from whichever shard has it, what was done to it meanwhile is
//! done, its rights are asked anew, and it is given exactly what it missed, as fast as it reads.

use std::sync::Arc;

use super::access::Ended;
use super::compressing::Forms;
use super::connection::{ConnectionId, Ending};
use super::effect::Effect;
use super::recovery::{Asked, Away, Claim, Session, Track, Was};
use super::socket::{Joining, SocketId, Stage};
use super::{Core, Due};
use crate::error::Reason;
use crate::hub::event::SocketKey;
use crate::hub::ids::Id;
use crate::hub::journal::Position;
use crate::hub::registry::{Namespace, Owner};
use crate::protocol::json;

impl Core {
    /// A socket takes up its client's session.
    pub(super) fn take_up(&mut self, id: SocketId) {
        let key = self.key(id);
        let Some(socket) = self.directory.socket_mut(id) else { return };
        let Some((returning, memory)) = socket.returning.as_ref().zip(socket.nsp.memory.as_ref()) else { return };
        let (pid, user, nsp) = (returning.pid, socket.user.clone(), socket.nsp.id);
        match memory.owner(&pid).map(|owner| owner.shard) {
            Some(owner) if owner != self.index => {
                socket.stage = Stage::Claiming;
                let nsp_here = socket.nsp.clone();
                let server = self.directory.server_of(id).map_or(0, |server| server.id);
                self.endings.wait();
                let asked = Asked { at: self.endings.now(), nsp: nsp_here, server, pid, owner, is_over: false };
                self.recovery.claims.insert(key, asked);
                let claim = Box::new(Claim { nsp, pid, user, socket: key, shard: self.index });
                self.effects.push(Effect::Claim { owner, claim });
            }
            Some(_) => {
                let session = self.give_up(nsp, &pid, user.as_ref(), Some(id));
                // Whom it is taken from is gone before it is given.
                self.reap();
                self.has_session(id, session);
            }
            None => self.has_session(id, None),
        }
    }

    /// Another shard wants a session of this one.
    pub(super) fn claimed_from(&mut self, claim: Claim) {
        let Claim { nsp, pid, user, socket, shard } = claim;
        let session = self.give_up(nsp, &pid, user.as_ref(), None);
        self.effects.push(Effect::Claimed { shard, socket, session });
    }

    /// Takes a session out of what is here, if it is this user's: of a client that was cut off, or of one whose old
    /// connection has not been noticed to be dead. `to`: the socket that wants it, if it is here.
    fn give_up(&mut self, nsp: u32, pid: &Id, user: Option<&Arc<str>>, to: Option<SocketId>) -> Option<Box<Session>> {
        if let Some(away) = self.recovery.away.get(pid) {
            if away.nsp.id != nsp || away.session.user.as_ref() != user {
                return None;
            }
            self.deadlines.clear(&Due::Away((*pid).into()));
            return self.recovery.away.remove(pid).map(|away| away.session);
        }
        let id = *self.recovery.present.get(pid)?;
        let socket = self.directory.socket(id)?;
        let owner = socket.connection;
        let is_own = to.and_then(|to| self.directory.socket(to)).is_some_and(|to| to.connection == owner);
        if socket.nsp.id != nsp || socket.user.as_ref() != user || socket.ending.is_some() || is_own {
            return None;
        }
        let mut session = self.session_of(id)?;
        session.silent = true;
        self.directory.end_socket(id, Ending { reason: Reason::TransportClose, taken_over: true });
        self.with_engine(owner, |engine, effects| engine.end(Reason::TransportClose, effects));
        Some(Box::new(session))
    }

    /// What a socket that is in would come back to.
    pub(super) fn session_of(&self, id: SocketId) -> Option<Session> {
        let socket = self.directory.socket(id)?;
        let (track, memory) = (socket.track.as_ref()?, socket.nsp.memory.as_ref()?);
        let connection = self.directory.see(socket.connection)?;
        let cursor = self.recovery.cursor(socket.nsp.id);
        Some(Session {
            id: socket.id,
            pid: track.pid,
            identity: connection.identity.clone(),
            user: socket.user.clone(),
            rooms: socket.rooms.clone(),
            own: track.own,
            past: track.past.clone(),
            since: track.since,
            sent: track.sent,
            cut: track.replay.unwrap_or(cursor),
            changed: cursor,
            until: self.millis() + memory.options.max_disconnection_duration,
            silent: false,
        })
    }

    /// Another shard has answered a claim.
    pub(super) fn claimed(&mut self, key: SocketKey, session: Option<Box<Session>>) {
        let Some(asked) = self.recovery.claims.remove(&key) else { return };
        let Asked { at, nsp, server, pid, owner, is_over } = asked;
        let ended = |session: &Session| {
            is_over || session.identity.as_deref().is_some_and(|identity| self.endings.has_ended(server, identity, at))
        };
        let session = session.filter(|session| !ended(session));
        self.endings.answered();
        match (&nsp.memory, &session) {
            (Some(memory), Some(session)) => {
                memory.own(pid, Owner { shard: self.index, id: session.id, user: session.user.clone() });
            }
            (Some(memory), None) => memory.disown(&pid, owner),
            (None, _) => {}
        }
        match (self.find(key).filter(|id| self.stage(*id) == Some(Stage::Claiming)), session) {
            (Some(id), session) => self.has_session(id, session),
            // It was cut off again meanwhile.
            (None, Some(session)) => self.put_back(nsp, server, session),
            (None, None) => {}
        }
    }

    fn stage(&self, id: SocketId) -> Option<Stage> {
        self.directory.socket(id).map(|socket| socket.stage)
    }

    /// A session that could not be taken up waits on for its client, as long as before.
    pub(super) fn put_back(&mut self, nsp: Arc<Namespace>, server: u32, session: Box<Session>) {
        let pid = session.pid;
        if let Some(memory) = &nsp.memory {
            memory.own(pid, Owner { shard: self.index, id: session.id, user: session.user.clone() });
        }
        self.deadlines.set(Due::Away(pid.into()), session.until);
        self.recovery.away.insert(pid, Away { nsp, server, session });
    }

    /// A socket ends that was about to come back.
    pub(super) fn return_failed(&mut self, nsp: &Arc<Namespace>, server: u32, session: Box<Session>, reason: Reason) {
        if !is_final(reason) {
            return self.put_back(nsp.clone(), server, session);
        }
        if let Some(memory) = &nsp.memory {
            memory.disown(&session.pid, self.index);
        }
    }

    /// The session of a socket that comes back is here; none: it is over.
    fn has_session(&mut self, id: SocketId, session: Option<Box<Session>>) {
        let Some(socket) = self.directory.socket_mut(id) else { return };
        socket.stage = Stage::Waiting;
        let Some((memory, returning)) = socket.nsp.memory.as_ref().zip(socket.returning.as_mut()) else { return };
        let cursor = self.recovery.cursor(socket.nsp.id);
        let (wall, journal) = (self.now.wall, &*memory.journal);
        let session = session.filter(|session| !session.identity.as_ref().is_some_and(|one| one.is_over(wall)));
        let session = session.and_then(|mut session| {
            let from = session.lacks_from(returning.mark.as_deref(), journal)?;
            session.catch_up(journal, cursor).then_some((session, from))
        });
        let Some((session, from)) = session else { return self.start_anew(id) };
        (returning.session, returning.lacks_from) = (Some(session), from);
        self.ask_rights(id, from);
    }

    /// A session cannot be taken up: its client starts anew. JavaScript may take the socket for recovered; then the client
    /// has to come again.
    fn start_anew(&mut self, id: SocketId) {
        let Some(socket) = self.directory.socket_mut(id) else { return };
        let Some(returning) = socket.returning.take() else { return };
        if let Some(memory) = &socket.nsp.memory {
            memory.disown(&returning.pid, self.index);
        }
        let owner = socket.connection;
        if returning.offered {
            return self.with_engine(owner, |engine, effects| engine.end(Reason::TransportClose, effects));
        }
        self.admit(id);
    }

    /// A client that comes back may be in its rooms if it could join them now.
    fn ask_rights(&mut self, id: SocketId, from: Position) {
        let Some((is_layer, server)) = self.directory.server_of(id).map(|server| (self.is_layer(id), server.clone()))
        else {
            return;
        };
        let named = |core: &Self, room: &str| core.is_named(id, room);
        let limits_rooms = is_layer && (server.config.access.authorize_join || named(self, "").is_some());
        let Some(session) = self.directory.socket(id).and_then(|socket| socket.returning.as_ref()?.session.as_ref())
        else {
            return;
        };
        if limits_rooms && session.past.iter().any(|past| past.to > from) {
            // What was said in a room that was left may be missing, and may not be given.
            return self.start_anew(id);
        }
        let asked = session.rooms.iter().filter(|(_, stay)| stay.asked).map(|(room, _)| room.clone());
        let mut questions = Vec::new();
        for room in asked.filter(|_| limits_rooms).collect::<Vec<Arc<str>>>() {
            match named(self, &room) {
                Some(true) => {}
                _ if server.config.access.authorize_join => questions.push(room),
                Some(false) => self.room_returned(id, &room, false),
                None => {}
            }
        }
        let Some(socket) = self.directory.socket_mut(id) else { return };
        if questions.is_empty() {
            return self.restore(id);
        }
        if !socket.told {
            // JavaScript does not know the socket yet about which it would be asked.
            return self.start_anew(id);
        }
        socket.stage = Stage::Returning;
        for room in questions {
            self.ask_about_room(id, Joining { token: 0, room, ack: None, returns: true });
        }
    }

    /// It is decided whether a client that comes back may be in a room.
    pub(super) fn room_returned(&mut self, id: SocketId, room: &Arc<str>, may: bool) {
        let Some(socket) = self.directory.socket_mut(id) else { return };
        let Some(session) = socket.returning.as_mut().and_then(|returning| returning.session.as_mut()) else { return };
        if !may {
            session.rooms.swap_remove(room);
            session.past.retain(|past| past.room != *room);
            // Said behind what it missed.
            socket.refused.push(room.clone());
        }
    }

    /// Lets a client in that comes back.
    pub(super) fn restore(&mut self, id: SocketId) {
        let cursor = self.directory.socket(id).map_or(0, |socket| self.recovery.cursor(socket.nsp.id));
        let shard = self.index;
        let Some(socket) = self.directory.socket_mut(id) else { return };
        let Some(memory) = &socket.nsp.memory else { return };
        let Some(returning) = &mut socket.returning else { return };
        let from = returning.lacks_from;
        let Some(mut session) = returning.session.take() else { return };
        // JavaScript may have taken its time.
        if from < memory.journal.start() || !session.catch_up(&*memory.journal, cursor) {
            return self.start_anew(id);
        }
        let Session { id: name, pid, rooms, own, past, since, sent, silent, .. } = *session;
        memory.own(pid, Owner { shard, id: name, user: socket.user.clone() });
        // Into its own room it comes in any case.
        let own = own.or(Some(cursor));
        socket.track = Some(Box::new(Track { pid, since, sent, own, past, replay: Some(from), deferred: Vec::new() }));
        self.recovery.present.insert(pid, id);
        self.directory.rename(id, name);
        let wishes = self.directory.admit(id).unwrap_or_default();
        if let Some(server) = self.directory.server_of(id) {
            server.counters(shard).sockets.up();
        }
        self.tell_own_stay(id, true);
        for (room, stay) in &rooms {
            self.enter_since(id, room, *stay, !silent);
        }
        for (room, stay) in &wishes {
            self.enter(id, room, stay.asked);
        }
        self.recovery.replaying.push(id);
        // What it missed comes before the answer, as with the official server; the rest as it reads.
        self.pull(id);
        self.say_connected(id);
        let refused = self.directory.socket_mut(id).map(|socket| std::mem::take(&mut socket.refused));
        for room in refused.into_iter().flatten() {
            let error = json::quoted(&format!("you may not be in room \"{room}\" any more"));
            self.tell(
                id,
                "error",
                &format!("{{\"code\":\"ERR_FORBIDDEN\",\"error\":{error},\"room\":{}}}", json::quoted(&room)),
            );
        }
        self.tell_connected(id);
    }

    /// Gives a socket more of what it missed, as far as there is room. Behind the last of it comes what is new.
    fn pull(&mut self, id: SocketId) {
        let Some(socket) = self.directory.socket(id) else { return };
        let Some((track, memory)) = socket.track.as_ref().zip(socket.nsp.memory.as_ref()) else { return };
        let Some(after) = track.replay else { return };
        let (owner, cursor) = (socket.connection, self.recovery.cursor(socket.nsp.id));
        let was =
            Was { user: socket.user.as_ref(), id: &socket.id, own: track.own, rooms: &socket.rooms, past: &track.past };
        let Some(connection) = self.directory.see(owner).filter(|connection| connection.doom.is_none()) else { return };
        let room = (connection.server.config.max_outbox / 2).saturating_sub(connection.outbox.cost());
        if room == 0 {
            return;
        }
        let piece = if cursor > after { memory.journal.read(after, cursor, &was, room) } else { None };
        let is_forgotten = cursor > after && piece.is_none();
        let (last, next) = piece.as_ref().map_or((0, after), |piece| (piece.last, piece.next));
        if is_forgotten {
            // It reads more slowly than the journal forgets.
            return self.directory.doom(owner, super::Doom::Slow);
        }
        let runs = piece.map(|piece| piece.runs).unwrap_or_default();
        let count = runs.len() as u64;
        if let Some(connection) = self.directory.connection(owner) {
            let mut forms = Forms { shard: &self.way, effects: &mut self.effects };
            runs.into_iter().for_each(|run| forms.queue_run(connection, &run));
            connection.server.counters(self.index).deliveries.add(count);
            if count > 0 {
                connection.touch(owner, false, &mut self.dirty);
            }
        }
        let Some(track) = self.directory.socket_mut(id).and_then(|socket| socket.track.as_mut()) else { return };
        track.sent = track.sent.max(last);
        track.replay = Some(next);
        if next == cursor {
            track.replay = None;
            let deferred = std::mem::take(&mut track.deferred);
            self.push(owner, &deferred);
        }
    }

    /// Something was settled: sockets that are still given what they missed get more of it, or are in step from now on.
    pub(super) fn replay_all(&mut self) {
        if self.recovery.replaying.is_empty() {
            return;
        }
        let replaying = std::mem::take(&mut self.recovery.replaying);
        for id in &replaying {
            self.pull(*id);
        }
        let still = |id: &SocketId| {
            let track = self.directory.socket(*id).and_then(|socket| socket.track.as_ref());
            track.is_some_and(|track| track.replay.is_some())
        };
        let mut left: Vec<SocketId> = replaying.into_iter().filter(still).collect();
        left.append(&mut self.recovery.replaying);
        self.recovery.replaying = left;
    }

    /// A client has taken what waited: there is room for more of what it missed.
    pub(super) fn catch_up(&mut self, owner: ConnectionId) {
        if self.recovery.replaying.is_empty() {
            return;
        }
        for id in self.directory.sockets_of(owner) {
            self.pull(id);
        }
    }

    /// A client that was cut off may come back to its socket.
    pub(super) fn remember(&mut self, id: SocketId, reason: Reason) {
        let Some(session) = self.session_of(id) else { return };
        let Some(socket) = self.directory.socket(id) else { return };
        let (nsp, pid) = (socket.nsp.clone(), session.pid);
        let Some(server) = self.directory.server_of(id).cloned() else { return };
        if is_final(reason) || server.state() != crate::hub::context::State::Open {
            if let Some(memory) = &nsp.memory {
                memory.disown(&pid, self.index);
            }
            return;
        }
        self.put_back(nsp, server.id, Box::new(session));
    }

    /// A logout ends what could be recovered, too.
    pub(super) fn end_away(&mut self, server: u32, ended: &Ended) {
        let is_theirs = |away: &Away| {
            away.server == server && away.session.identity.as_ref().is_some_and(|identity| ended.is_of(identity))
        };
        let theirs = self.recovery.away.iter().filter(|(_, away)| is_theirs(away)).map(|(pid, _)| *pid);
        theirs.collect::<Vec<_>>().iter().for_each(|pid| self.forget_session(pid));
    }
}

/// Whether a socket that ends so may not come back.
pub(super) fn is_final(reason: Reason) -> bool {
    matches!(reason, Reason::ClientLeft | Reason::ServerKicked | Reason::RateLimit)
}
