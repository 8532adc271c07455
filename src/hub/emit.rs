//! An event on its way out, as the emitter gives it, and what may happen to it in a full outbox.

use std::sync::Arc;

use bytes::Bytes;

use super::ids::Id;
use super::message::Selection;
use super::registry::Namespace;
use super::run::{Policy, Stream};
use crate::config::Config;
use crate::events::Keep;
use crate::protocol::json::{self, First};

/// An event on its way out.
#[derive(Debug, Default)]
pub struct Outgoing<'a> {
    /// The namespace.
    pub nsp: &'a str,
    /// Who gets it.
    pub to: Selection,
    /// Dropped for those who cannot be written to now.
    pub volatile: bool,
    /// May wait for others of its room.
    pub batch: bool,
    /// Not to be compressed.
    pub plain: bool,
    /// What may happen to it in a full outbox; by default what is set for its name, or nothing.
    pub keep: Option<Keep>,
    /// Its data is in the envelope of the nself layer.
    pub enveloped: bool,
    /// `["name", …]`
    pub text: &'a str,
    /// In the order of their placeholders.
    pub attachments: &'a [Bytes],
}

/// What may happen to an event: what the emitter says, or what is set for its name.
pub fn policy(config: &Config, nsp: &Namespace, event: &Outgoing<'_>) -> Policy {
    let (name, keep) = match &event.keep {
        Some(keep) => (None, keep.clone()),
        None if config.policies.is_empty() => return Policy::Close,
        None => {
            let (First::String(name), rest) = json::first_item(event.text) else { return Policy::Close };
            let Some(rule) = config.policies.get(&*name) else { return Policy::Close };
            let keep = rule.keep(json::second_item(rest));
            (Some(name), keep)
        }
    };
    if keep == Keep::Close {
        return Policy::Close;
    }
    let name = name.unwrap_or_else(|| match json::first_item(event.text).0 {
        First::String(name) => name,
        _ => "".into(),
    });
    let room = match event.to.rooms.as_slice() {
        [room] if Id::parse(room).is_none() => Some(room.clone()),
        _ => None,
    };
    match keep {
        Keep::Close => Policy::Close,
        Keep::Gap => Policy::Gap(Arc::new(Stream {
            nsp: nsp.name.clone(),
            event: name.into(),
            room,
            enveloped: event.enveloped,
        })),
        Keep::Latest(key) => {
            // Something between the parts that none of them holds.
            let parts = [&*nsp.name, &*name, room.as_deref().unwrap_or_default(), &key];
            Policy::Latest(parts.join("\0").into())
        }
    }
}
