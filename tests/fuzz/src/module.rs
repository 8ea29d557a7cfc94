//! The making of a component out of a file: any bytes either are refused with words or become a valid component.

use arbitrary::Unstructured;
use sandclock_host::plugins::describe;

use crate::program::smith;

/// An odd first byte has the rest taken as it is, an even one makes a module of it first.
pub(crate) fn feed(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let made = match kind % 2 {
        0 => smith(&mut Unstructured::new(rest)),
        _ => None,
    };
    if let Err(error) = describe(made.as_deref().unwrap_or(rest)) {
        assert!(!error.to_string().is_empty());
        // A module that is valid and can be started can be made into a component.
        assert!(made.is_none(), "a module that a program could be is refused: {error}");
    }
}
