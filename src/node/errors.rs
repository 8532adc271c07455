//! Errors of the core as JavaScript errors with their stable `code`.

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
