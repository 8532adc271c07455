//! The six events of the nself layer: their shapes, the envelope that they travel in, and room names.

use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::Error;
use crate::protocol::json;

/// The known events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `service:status`
    ServiceStatus,
    /// `build:progress`
    BuildProgress,
    /// `deploy:progress`
    DeployProgress,
    /// `logs:stream`
    LogStream,
    /// `docker:stats`
    DockerStats,
    /// `db:query:result`
    DbQueryResult,
}

impl Kind {
    /// The kind of an event name; other events exist too, but have no fixed shape.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "service:status" => Self::ServiceStatus,
            "build:progress" => Self::BuildProgress,
            "deploy:progress" => Self::DeployProgress,
            "logs:stream" => Self::LogStream,
            "docker:stats" => Self::DockerStats,
            "db:query:result" => Self::DbQueryResult,
            _ => return None,
        })
    }

    /// Whether the event is gathered into batches unless the caller says otherwise.
    pub fn is_batched(self) -> bool {
        matches!(self, Self::LogStream | Self::DockerStats)
    }

    /// Checks an event's data, a JSON text. `ERR_INVALID_EVENT` names the field. Tells what may happen to the event when a
    /// client's outbox is full.
    pub fn validate(self, name: &str, data: &str) -> Result<Keep, Error> {
        match self {
            Self::ServiceStatus => check::<ServiceStatus>(name, data),
            Self::BuildProgress => check::<BuildProgress>(name, data),
            Self::DeployProgress => check::<DeployProgress>(name, data),
            Self::LogStream => check::<LogStream>(name, data),
            Self::DockerStats => check::<DockerStats>(name, data),
            Self::DbQueryResult => check::<DbQueryResult>(name, data),
        }
    }
}

/// What may happen to an event that waits in a full outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: the client is disconnected instead.
    Close,
    /// It may go, and a `gap` event tells the client so.
    Gap,
    /// It may go when a newer one with this key, of its name and room, waits.
    Latest(String),
}

/// What a `gap` event tells: how many events of one name and room a client did not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// How many.
    pub count: u64,
    /// When the first of them was emitted, in milliseconds since 1970.
    pub from: i64,
    /// When the last of them was emitted.
    pub to: i64,
    /// When the first of them was emitted, by the clock of the process.
    pub at: u64,
}

impl Gap {
    /// Of one event.
    pub fn of(wall: i64, at: u64) -> Self {
        Self { count: 1, from: wall, to: wall, at }
    }

    /// Takes in those that follow.
    pub fn extend(&mut self, later: Self) {
        self.count += later.count;
        self.to = later.to;
    }

    /// The event's arguments: `["gap", {event, room?, count, from, to}]`, the times as ISO 8601; in the envelope if it
    /// stands for events that were.
    pub fn event(&self, event: &str, room: Option<&str>, enveloped: bool) -> String {
        let room_field = room.map_or(String::new(), |room| format!(",\"room\":{}", json::quoted(room)));
        let (from, to) = (iso(self.from), iso(self.to));
        let data = format!(
            "{{\"event\":{}{room_field},\"count\":{},\"from\":\"{from}\",\"to\":\"{to}\"}}",
            json::quoted(event),
            self.count
        );
        if enveloped { envelope("gap", &data, &to, room) } else { format!("[\"gap\",{data}]") }
    }
}

/// Milliseconds since 1970 as ISO 8601.
pub fn iso(millis: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap_or_default())
}

/// The name that a client may not give to its own events: those that the layer answers.
pub const JOIN: &str = "join:room";
/// See [`JOIN`].
pub const LEAVE: &str = "leave:room";
/// nself-admin's own keep-alive, answered by `pong`.
pub const HEARTBEAT: &str = "heartbeat";

/// An event in its envelope, as a Socket.IO event's arguments:
/// `["type",{"type":…,"data":…,"timestamp":…,"room":…}]`. `data` is JSON.
pub fn envelope(name: &str, data: &str, timestamp: &str, room: Option<&str>) -> String {
    let name = json::quoted(name);
    let mut out = String::with_capacity(2 * name.len() + data.len() + 80);
    for part in ["[", &name, ",{\"type\":", &name, ",\"data\":", data, ",\"timestamp\":\"", timestamp, "\""] {
        out.push_str(part);
    }
    if let Some(room) = room {
        out.push_str(",\"room\":");
        json::push_string(&mut out, room);
    }
    out.push_str("}]");
    out
}

/// Checks a room name: 1 to 128 of `A–Z a–z 0–9 _ . : -`. `ERR_INVALID_ROOM`.
pub fn check_room(room: &str) -> Result<(), Error> {
    let valid = (1..=128).contains(&room.len())
        && room.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
    if valid {
        return Ok(());
    }
    Err(Error::new("ERR_INVALID_ROOM", "a room name has 1 to 128 characters out of A-Z a-z 0-9 _ . : -"))
}

/// What `join:room` and `leave:room` carry: `{roomId}`, or the same inside an envelope's `data`.
pub fn room_of(data: Option<&str>) -> Option<String> {
    #[derive(Deserialize)]
    struct Room {
        #[serde(rename = "roomId")]
        room_id: Option<String>,
        data: Option<Box<Room>>,
    }
    let room: Room = serde_json::from_str(data?).ok()?;
    room.room_id.or_else(|| room.data?.room_id)
}

fn check<T: DeserializeOwned + Shape>(name: &str, data: &str) -> Result<Keep, Error> {
    // Good events are the rule, and need no path.
    if let Ok(event) = serde_json::from_str::<T>(data) {
        return Ok(event.keep());
    }
    let mut json = serde_json::Deserializer::from_str(data);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(event) => Ok(event.keep()),
        Err(error) => {
            let path = error.path().to_string();
            let why = error.into_inner().to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            let at = if path == "." { String::new() } else { format!("field \"{path}\": ") };
            Err(Error::event(format!("{name}: {at}{why}")))
        }
    }
}

/// Any string; read as bytes, since a log line may be cut inside a surrogate pair.
struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, _: &[u8]) -> Result<Text, E> {
                Ok(Text)
            }
        }
        deserializer.deserialize_bytes(Any)
    }
}

/// A string that tells events of one kind apart.
#[derive(Deserialize)]
struct Key(#[serde(deserialize_with = "any_string")] String);

fn any_string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Any;
    impl Visitor<'_> for Any {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
    }
    deserializer.deserialize_bytes(Any)
}

/// What may happen to an event of a shape in a full outbox.
trait Shape {
    fn keep(self) -> Keep;
}

impl Shape for ServiceStatus {
    fn keep(self) -> Keep {
        Keep::Latest(self.service.0)
    }
}

impl Shape for BuildProgress {
    fn keep(self) -> Keep {
        Keep::Latest(self.step.0)
    }
}

impl Shape for DeployProgress {
    fn keep(self) -> Keep {
        Keep::Latest(format!("{:?}\0{}", self.environment, self.stage.0))
    }
}

impl Shape for LogStream {
    fn keep(self) -> Keep {
        Keep::Gap
    }
}

impl Shape for DockerStats {
    fn keep(self) -> Keep {
        Keep::Latest(self.container_id.0)
    }
}

impl Shape for DbQueryResult {
    fn keep(self) -> Keep {
        Keep::Close
    }
}

/// 0 to 100.
struct Percent;

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if (0.0..=100.0).contains(&value) {
            return Ok(Self);
        }
        Err(serde::de::Error::custom(format!("{value} is not between 0 and 100")))
    }
}

/// An optional field: it may be missing, but if it is there it has its type, and null has none.
struct Optional<T>(#[allow(dead_code)] Option<T>);

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

macro_rules! shapes {
    ($($shape:ident {
        $($field:ident $(= $wire:literal)? : $type:ty),* $(; $($optional:ident : $inner:ty),*)? $(,)?
    })*) => {$(
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[allow(dead_code)]
        struct $shape {
            $($(#[serde(rename = $wire)])? $field: $type,)*
            $($(#[serde(default)] $optional: Optional<$inner>,)*)?
        }
    )*};
}

// Required fields, then optional ones.
shapes! {
    ServiceStatus { service: Key, status: ServiceState, timestamp: Text;
        container_id: Text, health: Health, resources: Resources }
    Health { status: HealthState; last_check: Text }
    Resources { ; cpu: f64, memory: f64 }
    BuildProgress { step: Key, progress: Percent, status: StepState, timestamp: Text;
        message: Text, total_steps: f64, current_step: f64, logs: Vec<Text> }
    DeployProgress { stage: Key, environment: Environment, status: StepState, logs: Vec<Text>, timestamp: Text;
        progress: Percent, error: Text }
    LogStream { service: Text, line: Text, timestamp: Text; level: Level, source: Source }
    DockerStats { container_id: Key, container_name: Text, stats: Stats, timestamp: Text }
    Stats { cpu: f64, memory: f64, memory_limit: f64, memory_percent: f64, network: Network,
        block_io = "blockIO": BlockIo }
    Network { rx: f64, tx: f64 }
    BlockIo { read: f64, write: f64 }
    DbQueryResult { query_id: Text, rows: Vec<IgnoredAny>, row_count: f64, fields: Vec<Field>, timestamp: Text;
        execution_time: f64, error: Text }
    Field { name: Text, data_type_id = "dataTypeID": f64 }
}

macro_rules! choices {
    ($($name:ident { $($variant:ident),* })*) => {$(
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum $name { $($variant),* }
    )*};
}

choices! {
    ServiceState { Running, Stopped, Starting, Stopping, Unhealthy }
    HealthState { Healthy, Unhealthy, Pending }
    StepState { Pending, InProgress, Complete, Failed }
    Environment { Local, Staging, Production }
    Level { Info, Warn, Error, Debug }
    Source { Stdout, Stderr }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATS: &str = r#"{"containerId":"c","containerName":"n","timestamp":"t","stats":{"cpu":1.5,"memory":1,
        "memoryLimit":2,"memoryPercent":50,"network":{"rx":1,"tx":2},"blockIO":{"read":1,"write":2}}}"#;

    #[test]
    fn good_events_pass() {
        for (name, data) in [
            ("service:status", r#"{"service":"a","status":"running","timestamp":"t","extra":[1]}"#),
            ("build:progress", r#"{"step":"a","progress":100,"status":"in-progress","timestamp":"t","logs":["x"]}"#),
            ("deploy:progress", r#"{"stage":"a","environment":"local","status":"failed","logs":[],"timestamp":"t"}"#),
            ("logs:stream", r#"{"service":"a","line":"cut \ud83d","timestamp":"t","level":"info","source":"stderr"}"#),
            ("docker:stats", STATS),
            (
                "db:query:result",
                r#"{"queryId":"q","rows":[{"a":1e400}],"rowCount":1,"fields":[{"name":"a","dataTypeID":23}],"timestamp":"t"}"#,
            ),
        ] {
            Kind::of(name).unwrap().validate(name, data).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn bad_events_name_the_field() {
        for (name, data, part) in [
            ("service:status", r#"{"service":"a","timestamp":"t"}"#, "missing field `status`"),
            ("service:status", r#"{"service":"a","status":"on","timestamp":"t"}"#, "field \"status\""),
            ("service:status", r#"{"service":7,"status":"running","timestamp":"t"}"#, "field \"service\""),
            (
                "build:progress",
                r#"{"step":"a","progress":101,"status":"failed","timestamp":"t"}"#,
                "field \"progress\"",
            ),
            ("docker:stats", &STATS.replace("\"rx\":1", "\"rx\":\"1\""), "field \"stats.network.rx\""),
            (
                "service:status",
                r#"{"service":"a","status":"running","timestamp":"t","containerId":null}"#,
                "containerId",
            ),
            (
                "service:status",
                r#"{"service":"a","status":"running","timestamp":"t","resources":{"cpu":null}}"#,
                "resources.cpu",
            ),
            ("logs:stream", "null", "logs:stream"),
            ("logs:stream", "[]", "logs:stream"),
        ] {
            let error = Kind::of(name).unwrap().validate(name, data).unwrap_err();
            assert_eq!(error.code, "ERR_INVALID_EVENT");
            assert!(error.message.contains(part), "{}", error.message);
        }
    }

    #[test]
    fn rooms() {
        for room in ["logs:all", "a", "document-1.b_c", &"x".repeat(128)] {
            assert!(check_room(room).is_ok(), "{room}");
        }
        for room in ["", "a b", "é", "a/b", &"x".repeat(129)] {
            assert_eq!(check_room(room).unwrap_err().code, "ERR_INVALID_ROOM", "{room}");
        }
        assert_eq!(room_of(Some(r#"{"roomId":"a"}"#)).as_deref(), Some("a"));
        assert_eq!(
            room_of(Some(r#"{"type":"join:room","data":{"roomId":"b"},"timestamp":"t"}"#)).as_deref(),
            Some("b")
        );
        assert_eq!(room_of(Some(r#"{"roomId":7}"#)), None);
        assert_eq!(room_of(None), None);
    }

    #[test]
    fn the_envelope() {
        assert_eq!(
            envelope("logs:stream", "{\"a\":1}", "now", Some("logs:api")),
            r#"["logs:stream",{"type":"logs:stream","data":{"a":1},"timestamp":"now","room":"logs:api"}]"#
        );
        assert_eq!(envelope("pong", "null", "now", None), r#"["pong",{"type":"pong","data":null,"timestamp":"now"}]"#);
    }
}
