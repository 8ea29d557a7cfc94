//! Panics with a message.

#![forbid(unsafe_code)]

fn main() {
    first_of(&[]);
}

#[inline(never)]
fn first_of(numbers: &[u32]) -> u32 {
    *numbers.first().expect("a list that is not empty")
}
