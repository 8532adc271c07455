//! JavaScript strings, read into a buffer that the thread keeps: what an emit says is copied once more only, into its
//! frame.

use std::cell::RefCell;

use napi::bindgen_prelude::{JsValue, Result};
use napi::{Error, JsString, Status, check_status, sys};

/// Bytes that a thread keeps; strings that need no more are not measured first.
const KEPT: usize = 16 * 1024;
/// Longest character.
const CHARACTER: usize = 4;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Calls `then` with the strings as UTF-8; lone surrogates are replaced.
pub fn read<const N: usize, T>(strings: [JsString<'_>; N], then: impl FnOnce([&str; N]) -> T) -> Result<T> {
    let mut buffer = BUFFER.take();
    let mut ends = [0; N];
    let mut end = 0;
    for (string, place) in strings.iter().zip(&mut ends) {
        end = append(string, &mut buffer, end)?;
        *place = end;
    }
    let mut begin = 0;
    let mut texts = [""; N];
    for (text, end) in texts.iter_mut().zip(ends) {
        *text = std::str::from_utf8(&buffer[begin..end]).map_err(|_| Error::from_status(Status::InvalidArg))?;
        begin = end;
    }
    let result = then(texts);
    if buffer.len() > KEPT {
        buffer = Vec::new();
    }
    BUFFER.set(buffer);
    Ok(result)
}

/// Writes a string behind what the buffer holds up to `begin`. Returns where it ends.
fn append(string: &JsString<'_>, buffer: &mut Vec<u8>, begin: usize) -> Result<usize> {
    if buffer.is_empty() {
        buffer.resize(KEPT, 0);
    }
    loop {
        let target = &mut buffer[begin..];
        let written = copy(string, Some(target))?;
        // Short of the end by more than the zero behind it and half a character: it is whole.
        if written + CHARACTER < target.len() {
            return Ok(begin + written);
        }
        let length = copy(string, None)?;
        buffer.resize(begin + length + CHARACTER + 1, 0);
    }
}

/// Copies as much of a string as there is room for; a zero follows. Returns the bytes of the copy, or of the whole without one.
#[allow(unsafe_code)]
fn copy(string: &JsString<'_>, target: Option<&mut [u8]>) -> Result<usize> {
    let mut written = 0;
    let (data, length) = target.map_or((std::ptr::null_mut(), 0), |target| (target.as_mut_ptr().cast(), target.len()));
    let value = string.value();
    // SAFETY: `value` is an argument of the call that is going on, so it and its environment are alive. `data` is null, which
    // only measures, or has room for `length` bytes.
    let status = unsafe { sys::napi_get_value_string_utf8(value.env, value.value, data, length, &mut written) };
    check_status!(status, "a string was expected")?;
    Ok(written)
}
