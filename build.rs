//! Sees to it that what the browser gets is there to be compiled in.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=web/dist");
    if !Path::new("web/dist/index.html").exists() {
        println!("cargo::error=the console and the player are not built yet: run `make web` first");
    }
}
