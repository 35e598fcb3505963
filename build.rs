//! How the program is linked.

use std::env;

#[expect(clippy::disallowed_methods, reason = "how Cargo tells a build script what it builds for")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|v| v == value);
    // At addresses of its own choice: it holds 83,000 pointers (zones, countries, descriptors), all of which the loader would
    // else correct at each start, on pages that become the process's own by that. It is a quarter of what `user show` takes.
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
