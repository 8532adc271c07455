//! Errors of the core as JavaScript errors with their stable `code`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;

/// A JavaScript error code.
#[derive(Clone)]
pub struct Code(pub &'static str);

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl From<napi::Status> for Code {
    fn from(_: napi::Status) -> Self {
        Self("ERR_INVALID_ARGUMENT")
    }
}

/// A core error as a JavaScript error.
pub fn coded(error: Error) -> napi::Error<Code> {
    napi::Error::new(Code(error.code), error.message)
}

/// A number that must be whole, from 0 to `most`; JavaScript's own conversions make one of anything.
/// `ERR_INVALID_ARGUMENT`.
pub fn whole(name: &str, value: f64, most: u64) -> napi::bindgen_prelude::Result<u64, Code> {
    // Above 2^53 not every number exists.
    if value >= 0.0 && value.fract() == 0.0 && value <= 2f64.powi(53) && value as u64 <= most {
        return Ok(value as u64);
    }
    Err(invalid(format!("{name} must be a whole number from 0 to {most}, not {value}")))
}

/// `ERR_INVALID_ARGUMENT`
pub fn invalid(message: String) -> napi::Error<Code> {
    napi::Error::new(Code("ERR_INVALID_ARGUMENT"), message)
}

/// Runs what Node calls by other ways than an export; a panic must not cross into it.
pub fn contained<T: Default>(run: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        tracing::error!("internal error; please report it");
        T::default()
    })
}
