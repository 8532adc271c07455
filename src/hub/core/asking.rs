//! Events that ask all who get them, and their answers.

use std::sync::Arc;

use bytes::Bytes;

use super::Core;
use super::connection::{ConnectionId, Doom};
use super::effect::Effect;
use super::socket::SocketId;
use crate::error::Reason;
use crate::hub::acks::{self, Answer, Ask};
use crate::hub::message::Selection;
use crate::hub::run::Run;
use crate::protocol::socket::Frames;

/// Answers that a socket owes before those are forgotten whose time is over.
const KEPT: usize = 16;

/// An event that asks all who get it.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The namespace's number.
    pub nsp: u32,
    /// Who gets it.
    pub to: Selection,
    /// Its frames.
    pub frames: Frames,
    /// The same, for outboxes.
    pub run: Arc<Run>,
    /// Dropped for those who cannot be written to now.
    pub volatile: bool,
    /// Where answers belong.
    pub ask: Ask,
}

impl Core {
    /// Sends an event that asks all who get it. Returns how many they are.
    pub(super) fn ask_all(&mut self, asking: &Asking) -> usize {
        let mut selected = Vec::new();
        if let Some(space) = self.directory.space(asking.nsp) {
            space.select(&asking.to, |member| selected.push(member.socket));
        }
        selected.into_iter().filter(|id| self.ask_one(*id, asking)).count()
    }

    fn ask_one(&mut self, id: SocketId, asking: &Asking) -> bool {
        let shard = self.index;
        let Some((socket, connection)) = self.directory.pair(id) else { return false };
        if connection.doom.is_some() || socket.ending.is_some() {
            return false;
        }
        let replay = socket.track.as_mut().filter(|track| track.replay.is_some());
        if asking.volatile && (!connection.is_writable() || replay.is_some()) {
            connection.server.counters(shard).dropped_volatile.add(1);
            return false;
        }
        if socket.asks.len() >= KEPT {
            let acks = &connection.server.acks;
            socket.asks.retain(|ask| acks.is_open(ask.group));
        }
        socket.asks.push(asking.ask);
        connection.allowance.owes_ack();
        connection.server.counters(shard).deliveries.add(1);
        let owner = socket.connection;
        match replay {
            // Behind what it missed.
            Some(track) => {
                if track.defer(asking.frames.clone()) > connection.server.config.max_outbox {
                    self.directory.doom(owner, Doom::Slow);
                }
            }
            None => self.push_events(owner, &asking.run, &(0..1), false),
        }
        true
    }

    /// Takes an ack for an answer to such an event. False: it is none.
    pub(super) fn answers_many(
        &mut self,
        id: ConnectionId,
        socket: SocketId,
        ack: f64,
        data: &str,
        attachments: &[Bytes],
    ) -> bool {
        let Some(asked) = self.directory.socket_mut(socket) else { return false };
        let Some(place) = asked.asks.iter().position(|ask| ask.id == ack) else { return false };
        let Ask { group, .. } = asked.asks.swap_remove(place);
        let Some(server) = self.directory.server_of(socket).cloned() else { return true };
        match Answer::new(data, attachments) {
            // As for any packet that cannot be read.
            None => self.close_connection(id, Reason::ForcedClose),
            Some(answer) => {
                if let Some(answers) = server.acks.answered(group, answer) {
                    let told = acks::told(&server, group, answers);
                    self.effects.push(Effect::Tell(server, told));
                }
            }
        }
        true
    }
}
