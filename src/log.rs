//! What the crate logs by `tracing`: to the loggers of the open servers, or, if none has one, to stderr. The same line
//! more than a few times a second becomes one line with a count. Nothing that is logged holds a session id, a cookie or
//! a token: the calls see to it, and a test.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata};
use tracing_subscriber::filter::Targets;

use crate::protocol::json;

mod stderr;

pub use stderr::settle;

/// Lines of one kind that are written within a second.
const LINES: u64 = 5;
const SECOND: Duration = Duration::from_secs(1);

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// The module.
    pub target: &'static str,
    /// For people.
    pub message: String,
    /// Name, value.
    pub fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// `{level, target, message, fields}`
    pub fn to_json(&self) -> String {
        let mut fields = String::new();
        for (name, value) in &self.fields {
            let comma = if fields.is_empty() { "" } else { "," };
            let _ = write!(fields, "{comma}{}:{}", json::quoted(name), json::quoted(value));
        }
        format!(
            "{{\"level\":\"{}\",\"target\":\"{}\",\"message\":{},\"fields\":{{{fields}}}}}",
            self.level,
            self.target,
            json::quoted(&self.message)
        )
    }

    fn to_line(&self) -> String {
        let mut line = format!("nself-realtime {}: {}", self.level, self.message);
        for (name, value) in &self.fields {
            // Whoever sends control characters writes no lines of its own here.
            let _ = write!(line, " {name}={}", value.escape_debug());
        }
        line.push('\n');
        line
    }
}

/// The entry that tells of lines that were dropped.
pub fn lost(count: usize, why: &str) -> Entry {
    Entry {
        level: "warn",
        target: module_path!(),
        message: format!("{count} lines of the log were dropped: {why}"),
        fields: Vec::new(),
    }
}

/// Takes lines. It must not block, and must not log.
pub type Logger = Arc<dyn Fn(&Entry) + Send + Sync>;

struct Output {
    server: u32,
    level: LevelFilter,
    logger: Option<Logger>,
}

static OUTPUTS: RwLock<Vec<Output>> = RwLock::new(Vec::new());
static FLOODS: LazyLock<Mutex<HashMap<Identifier, Flood>>> = LazyLock::new(Mutex::default);
/// When the next count is due, in milliseconds since `START`.
static DUE: AtomicU64 = AtomicU64::new(u64::MAX);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static WAKE: OnceLock<fn()> = OnceLock::new();

/// Lines of one kind.
struct Flood {
    since: Instant,
    count: u64,
    entry: Entry,
}

/// Begins to log; only the first call does something. `wake`: has somebody call [`flush`] soon.
pub fn start(wake: fn()) {
    if WAKE.set(wake).is_ok() {
        // A process that has a subscriber already keeps it.
        let _ = tracing::subscriber::set_global_default(Log);
    }
}

/// A level by its name.
pub fn level(name: &str) -> Option<LevelFilter> {
    LevelFilter::from_str(name).ok()
}

/// A server is open: from now on its lines of this level and above go to its logger, or to stderr.
pub fn open(server: u32, level: LevelFilter, logger: Option<Logger>) {
    OUTPUTS.write().push(Output { server, level, logger });
    tracing::callsite::rebuild_interest_cache();
}

/// A server is closed.
pub fn close(server: u32) {
    OUTPUTS.write().retain(|output| output.server != server);
    tracing::callsite::rebuild_interest_cache();
}

/// In how many milliseconds [`flush`] has something to do.
pub fn due() -> Option<u64> {
    let due = DUE.load(Relaxed);
    (due < u64::MAX).then(|| due.saturating_sub(START.elapsed().as_millis() as u64))
}

/// Writes the counts of lines that came too often.
pub fn flush() {
    if due() != Some(0) {
        return;
    }
    let mut counted = Vec::new();
    {
        let mut floods = FLOODS.lock();
        floods.retain(|_, flood| {
            let over = flood.since.elapsed() >= SECOND;
            if over && flood.count > LINES {
                counted.push((flood.entry.clone(), flood.count - LINES));
            }
            !over
        });
        let waits = floods.values().any(|flood| flood.count > LINES);
        let next = START.elapsed().as_millis() as u64 + 1000;
        DUE.store(if waits { next } else { u64::MAX }, Relaxed);
    }
    for (mut entry, count) in counted {
        let _ = write!(entry.message, " ({count} more times within a second)");
        entry.fields.clear();
        give(&entry);
    }
}

fn give(entry: &Entry) {
    let level = level(entry.level).unwrap_or(LevelFilter::ERROR);
    let outputs = OUTPUTS.read();
    // Without a server there is still somebody to tell.
    let mut by_stderr = outputs.is_empty();
    // RUST_LOG, where it is set, has said already what is wanted.
    for output in outputs.iter().filter(|output| level <= output.level || asked().is_some()) {
        match &output.logger {
            Some(logger) => logger(entry),
            None => by_stderr = true,
        }
    }
    drop(outputs);
    if by_stderr {
        stderr::write(entry.to_line());
    }
}

/// What RUST_LOG says.
fn asked() -> Option<&'static Targets> {
    static ASKED: LazyLock<Option<Targets>> =
        LazyLock::new(|| std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty())?.parse().ok());
    ASKED.as_ref()
}

struct Log;

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if let Some(asked) = asked() {
            return asked.would_enable(metadata.target(), metadata.level());
        }
        let outputs = OUTPUTS.read();
        let most = outputs.iter().map(|output| output.level).max().unwrap_or(LevelFilter::WARN);
        metadata.target().starts_with(env!("CARGO_CRATE_NAME")) && *metadata.level() <= most
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let entry = Entry {
            level: name_of(*metadata.level()),
            target: metadata.target(),
            message: fields.message,
            fields: fields.others,
        };
        let count = {
            let mut floods = FLOODS.lock();
            let flood = floods.entry(metadata.callsite()).or_insert_with(|| Flood {
                since: Instant::now(),
                count: 0,
                entry: entry.clone(),
            });
            if flood.since.elapsed() >= SECOND && flood.count <= LINES {
                (flood.since, flood.count) = (Instant::now(), 0);
            }
            flood.count += 1;
            flood.count
        };
        if count <= LINES {
            return give(&entry);
        }
        let at = START.elapsed().as_millis() as u64 + 1000;
        if DUE.compare_exchange(u64::MAX, at, Relaxed, Relaxed).is_ok()
            && let Some(wake) = WAKE.get()
        {
            wake();
        }
        flush();
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match asked() {
            Some(_) => LevelFilter::TRACE,
            None => OUTPUTS.read().iter().map(|output| output.level).max().unwrap_or(LevelFilter::WARN),
        })
    }

    // Spans are not used.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn name_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "message" => self.message = value,
            name => self.others.push((name, value)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.others.push((field.name(), value.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_as_text() {
        let entry = Entry {
            level: "warn",
            target: "a::b",
            message: "it \"happened\"".into(),
            fields: vec![("count", "1".into()), ("what", "a\nb".into())],
        };
        assert_eq!(
            entry.to_json(),
            r#"{"level":"warn","target":"a::b","message":"it \"happened\"","fields":{"count":"1","what":"a\nb"}}"#
        );
        assert_eq!(entry.to_line(), "nself-realtime warn: it \"happened\" count=1 what=a\\nb\n");
        assert_eq!((level("warn"), level("off"), level("x")), (Some(LevelFilter::WARN), Some(LevelFilter::OFF), None));
    }

    #[test]
    fn floods_become_one_line_with_a_count() {
        static SEEN: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
        static WOKEN: AtomicU64 = AtomicU64::new(0);
        start(|| {
            WOKEN.fetch_add(1, Relaxed);
        });
        open(u32::MAX, LevelFilter::INFO, Some(Arc::new(|entry| SEEN.lock().push(entry.clone()))));
        let flooded = |message: &str| {
            let mut found = Vec::new();
            SEEN.lock().retain(|entry| {
                let ours = entry.message.starts_with(message);
                found.extend(ours.then(|| entry.message.clone()));
                !ours
            });
            found
        };
        for number in 0..100 {
            tracing::info!(number, "flooded");
        }
        tracing::debug!("not asked for");
        assert_eq!(flooded("flooded"), vec!["flooded"; LINES as usize]);
        assert_eq!(WOKEN.load(Relaxed), 1);
        assert!(due().is_some_and(|wait| wait <= 1000));
        let start = Instant::now();
        while due().is_some() && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
            flush();
        }
        assert_eq!(flooded("flooded"), ["flooded (95 more times within a second)"]);
        tracing::info!("flooded");
        assert_eq!(flooded("flooded"), ["flooded"]);
        assert!(flooded("not asked").is_empty());
        close(u32::MAX);
    }
}
