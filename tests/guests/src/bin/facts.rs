//! Prints what a plain program is told: the facts of its run, its environment and its payload.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a plain program prints is its log")]

use std::io::Read;

fn main() -> std::io::Result<()> {
    let mut facts: Vec<(String, String)> = std::env::vars().collect();
    facts.sort();
    for (name, value) in facts {
        println!("{name}={value}");
    }
    let mut payload = String::new();
    std::io::stdin().read_to_string(&mut payload)?;
    println!("payload={payload}");
    eprintln!("a warning");
    Ok(())
}
