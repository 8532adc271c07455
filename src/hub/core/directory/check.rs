//! What always holds of the directory between steps.

use super::Directory;
use crate::hub::core::socket::{Socket, SocketId, Stage};
use crate::hub::core::space::Member;

impl Directory {
    /// All sockets.
    pub fn sockets(&self) -> impl Iterator<Item = (SocketId, &Socket)> {
        self.sockets.iter()
    }

    /// What always holds between steps.
    pub fn check(&self) {
        assert!(self.doomed.is_empty(), "somebody is doomed and still here");
        for (id, connection) in self.connections.iter() {
            assert_eq!(self.sids.get(&connection.sid), Some(&id));
            assert!(connection.doom.is_none());
            for socket in connection.members.iter() {
                assert_eq!(
                    self.sockets.get(socket).map(|socket| socket.connection),
                    Some(id),
                    "a member that is not here"
                );
            }
            for link in [connection.link, connection.probe].into_iter().flatten() {
                assert_eq!(self.links.get(link).map(|link| link.connection), Some(Some(id)), "a link that is not here");
            }
        }
        assert_eq!(self.sids.len(), self.connections.len());
        for (id, socket) in self.sockets.iter() {
            let connection = self.connections.get(socket.connection).expect("a socket without a connection");
            assert!(connection.members.iter().any(|member| member == id) && socket.ending.is_none());
            if socket.stage != Stage::Joined {
                continue;
            }
            let space = &self.spaces[&socket.nsp.id];
            let member = Member { socket: id, connection: socket.connection };
            assert!(space.members().any(|other| other == member), "a socket outside of its namespace");
            if let Some(user) = &socket.user {
                assert!(space.of_user(user).any(|other| other == member), "a socket that its user does not have");
            }
            for room in socket.rooms.keys() {
                assert!(space.in_room(room).any(|other| other == member), "a socket that its room does not know");
            }
        }
        for (nsp, space) in &self.spaces {
            assert!(!space.is_empty(), "a namespace without sockets");
            for member in space.members() {
                let socket = self.sockets.get(member.socket).expect("a member that is gone");
                assert!(socket.connection == member.connection && socket.nsp.id == *nsp);
            }
            let stays: usize = space.stays();
            let owned =
                space.members().filter(|member| self.sockets.get(member.socket).unwrap().user.is_some()).count();
            assert_eq!(space.owned(), owned, "a user with a socket that is not its own");
            let known: usize = space.members().map(|member| self.sockets.get(member.socket).unwrap().rooms.len()).sum();
            assert_eq!(stays, known, "a room with a member that does not know it");
        }
        for (id, link) in self.links.iter() {
            assert!(!link.doomed);
            if let Some(owner) = link.connection {
                let owner = self.connections.get(owner).expect("a link of nobody");
                assert!(owner.link == Some(id) || owner.probe == Some(id));
            }
        }
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.sockets.is_empty() && self.links.is_empty() && self.spaces.is_empty()
    }
}
