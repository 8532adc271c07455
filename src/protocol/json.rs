//! Just enough JSON: is a text well formed, what is the first item of an array, what string does a field hold. Values
//! stay text: JavaScript's own parser reads them, so lone surrogates, 1e400 or duplicate keys survive unchanged.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Whether a text is one JSON value by RFC 8259, exactly what `JSON.parse` accepts; any depth, without recursion.
pub fn is_valid(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether a valid JSON text is an object.
pub fn is_object(text: &str) -> bool {
    first_byte(text) == Some(b'{')
}

/// Whether a valid JSON text is an array.
pub fn is_array(text: &str) -> bool {
    first_byte(text) == Some(b'[')
}

fn first_byte(text: &str) -> Option<u8> {
    trim(text).bytes().next()
}

fn trim(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

/// The first item of an array.
#[derive(Debug, PartialEq, Eq)]
pub enum First<'a> {
    /// A string; lone surrogates read as U+FFFD.
    String(Cow<'a, str>),
    /// A number.
    Number,
    /// Anything else, or nothing.
    Other,
}

/// The first item of a valid JSON array, and where the rest of the array begins: behind that item. Anything else has none.
pub fn first_item(array: &str) -> (First<'_>, &str) {
    let Some(inner) = trim(array).strip_prefix('[').map(trim) else { return (First::Other, "") };
    match inner.bytes().next() {
        Some(b'"') => {
            let Some(end) = string_end(inner) else { return (First::Other, "") };
            let raw = &inner[1..end - 1];
            let name = if raw.contains('\\') {
                Cow::Owned(serde_json::from_str(&inner[..end]).unwrap_or_else(|_| raw.to_owned()))
            } else {
                Cow::Borrowed(raw)
            };
            (First::String(name), &inner[end..])
        }
        Some(b'-' | b'0'..=b'9') => (First::Number, inner),
        _ => (First::Other, inner),
    }
}

/// Where the string that starts `text` ends, its closing quote included.
fn string_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The first item of an array as text, if there is one.
pub fn first_value(array: &str) -> Option<&str> {
    let rest = trim(array).strip_prefix('[')?;
    let mut items = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
    items.next()?.ok().map(RawValue::get)
}

/// The second item of an event's array as text, if there is one: `["name", item, …]`.
pub fn second_item(rest: &str) -> Option<&str> {
    let rest = trim(rest).strip_prefix(',')?;
    let mut items = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
    items.next()?.ok().map(RawValue::get)
}

/// The value of an object's field as text: a string's content, anything else as it is written. Of a repeated field the
/// last counts. Other fields are passed by, not kept: whoever wrote them chose their names and their number.
pub fn field(object: &str, name: &str) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_str(object);
    let value = reader.deserialize_map(FieldOf(name)).ok()??;
    reader.end().ok()?;
    let value = value.get();
    Some(serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned()))
}

/// Reads one field of an object.
struct FieldOf<'n>(&'n str);

impl<'de> Visitor<'de> for FieldOf<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = fields.next_key_seed(IsName(self.0))? {
            if is_it {
                found = Some(fields.next_value()?);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key is a name, without a copy of it.
struct IsName<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a field's name")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// Appends a text as a JSON string, quotes included.
pub fn push_string(out: &mut String, text: &str) {
    out.push_str(&quoted(text));
}

/// A text as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_v8_accepts() {
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        for text in ["[\"\\ud800\"]", "1e400", "{\"a\":1,\"a\":2}", "{\"__proto__\":1}", " [ ] ", deep.as_str()] {
            assert!(is_valid(text));
        }
        for text in ["", "[1,]", "{a:1}", "[1] x", "\u{feff}[]", "[\"\n\"]", "01", "'a'", "[NaN]", "[\"\\x\"]"] {
            assert!(!is_valid(text), "{text}");
        }
    }

    #[test]
    fn fields() {
        let object = "{\"a\":\"x\\\"y\",\"b\": [1, 2],\"c\":{\"a\":1}}";
        assert_eq!(field(object, "a").as_deref(), Some("x\"y"));
        assert_eq!(field(object, "b").as_deref(), Some("[1, 2]"));
        assert_eq!((field(object, "d"), field("[]", "a"), field("1", "a")), (None, None, None));
        assert_eq!(
            field("{\"\\u0061\":1,\"a\":2,\"b\":3}", "a").as_deref(),
            Some("2"),
            "the last one, however written"
        );
        for cut in ["{\"a\":1", "{\"a\":1,}", "{\"a\":1} 2", "{\"a\"}", ""] {
            assert_eq!(field(cut, "a"), None, "{cut}");
        }
    }

    #[test]
    fn one_field_among_very_many() {
        let fields: Vec<String> = (0..27_000).map(|at| format!("\"k{at}\":[{at}]")).collect();
        let object = format!("{{{},\"ticket\":\"t\"}}", fields.join(","));
        assert_eq!(field(&object, "ticket").as_deref(), Some("t"));
        assert_eq!((field(&object, "k26999").as_deref(), field(&object, "k27000")), (Some("[26999]"), None));
    }

    #[test]
    fn first_items() {
        let (first, rest) = first_item(" [ \"a\\\"b\\u00e9\" , {\"x\":[1, 2]} , 3]");
        assert_eq!(first, First::String("a\"bé".into()));
        assert_eq!(second_item(rest), Some("{\"x\":[1, 2]}"));
        assert_eq!(first_item("[-1]").0, First::Number);
        assert_eq!(first_item("[]").0, First::Other);
        assert_eq!(first_item("[null]").0, First::Other);
        for text in ["", " ", "{", "é", "[", "[\"", "[\"\\", "[\"x", "[\"\\\""] {
            assert_eq!(first_item(text), (First::Other, ""), "{text}");
        }
        let (first, rest) = first_item("[\"x\"]");
        assert_eq!(first, First::String("x".into()));
        assert_eq!(second_item(rest), None);
    }
}
