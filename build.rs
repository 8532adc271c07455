//! Passes Node's link flags to the linker when the binding is built.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
