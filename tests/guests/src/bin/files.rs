//! Reads a file of a granted folder, writes another, and tries to leave the folder.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what a plain program prints is its log")]

use std::fs;

fn main() {
    println!("read: {:?}", fs::read_to_string("/data/in.txt").map_err(|error| error.kind()));
    println!("write: {:?}", fs::write("/data/out.txt", "written").map_err(|error| error.kind()));
    println!("escape: {}", fs::read_to_string("/data/../sandclock.toml").is_err());
    println!("link: {}", fs::read_to_string("/data/link").is_err());
}
