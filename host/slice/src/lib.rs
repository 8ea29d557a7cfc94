//! How long a thread keeps its processor from one that wakes up and wants it.
//!
//! The kernel protects whoever runs for a time slice of some milliseconds, at whatever priority, unless the one that
//! wakes up has a shorter slice of its own. Since Linux 6.12 threads may choose theirs, without privileges; a shorter
//! one is more switches and not more of the processor. And a thread that is put on a processor goes to one that is idle,
//! if there is any; one that has only threads under the policy for idle work counts as such. No safe crate makes this
//! system call, hence a crate for it.

#![expect(unsafe_code, reason = "a system call and an allocator; a few reviewed lines, and nothing else in this crate")]

mod yielding;

use std::io;
use std::mem::size_of;
use std::time::Duration;

pub use yielding::{Yielding, yield_often};

use libc::{SYS_sched_getattr, SYS_sched_setattr, pid_t, sched_attr, syscall};

/// The shortest slice that the kernel grants.
pub const SHORTEST: Duration = Duration::from_micros(100);

/// Gives the calling thread, and those that it starts from now on, a slice of this length. Its priority stays. An older
/// kernel takes note of nothing.
///
/// # Errors
/// If the kernel refuses, as for a thread that an administrator has put under a real-time policy.
pub fn set(slice: Duration) -> io::Result<()> {
    let mut attributes = get()?;
    if !fair(&attributes) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    attributes.sched_runtime = u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX);
    take(&attributes)
}

/// Has the calling thread, and those that it starts from now on, run only where nobody else wants to: beside a busy
/// thread it gets three thousandths of a processor. There is no way back without privileges.
///
/// # Errors
/// If the kernel refuses, as for a thread that an administrator has put under a real-time policy.
pub fn idle() -> io::Result<()> {
    let mut attributes = get()?;
    if !fair(&attributes) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    attributes.sched_policy = u32::try_from(libc::SCHED_IDLE).unwrap_or_default();
    take(&attributes)
}

/// The number that stands for whoever asks.
const THIS_THREAD: pid_t = 0;
const NO_FLAGS: libc::c_uint = 0;

fn get() -> io::Result<sched_attr> {
    let size = size_of::<sched_attr>() as u32;
    let mut attributes = sched_attr {
        size,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel writes at most `size` bytes, which is how large the value is.
    answer(unsafe { syscall(SYS_sched_getattr, THIS_THREAD, &raw mut attributes, size, NO_FLAGS) })?;
    Ok(attributes)
}

fn take(attributes: &sched_attr) -> io::Result<()> {
    // SAFETY: the kernel only reads, and of this value no more than the size in its first field.
    answer(unsafe { syscall(SYS_sched_setattr, THIS_THREAD, &raw const *attributes, NO_FLAGS) })
}

/// Only threads that share the processors fairly have a slice to choose; for others the same field means another thing.
fn fair(attributes: &sched_attr) -> bool {
    [libc::SCHED_OTHER, libc::SCHED_BATCH].iter().any(|policy| u32::try_from(*policy) == Ok(attributes.sched_policy))
}

fn answer(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_the_slice_that_it_asked_for_and_its_old_priority() {
        let asked = Duration::from_millis(7);
        let seen = std::thread::spawn(move || {
            let before = get().unwrap();
            set(asked).unwrap();
            (before, get().unwrap())
        });
        let (before, after) = seen.join().unwrap();
        assert_eq!((after.sched_policy, after.sched_nice), (before.sched_policy, before.sched_nice));
        // Before Linux 6.12 there is nothing to be seen.
        if before.sched_runtime > 0 {
            assert_eq!(u128::from(after.sched_runtime), asked.as_nanos());
        }
    }

    #[test]
    fn a_thread_that_is_to_be_idle_is_and_so_are_those_that_it_starts() {
        let policy = || get().unwrap().sched_policy;
        let seen = std::thread::spawn(move || {
            idle().unwrap();
            (policy(), std::thread::spawn(policy).join().unwrap())
        });
        let expected = u32::try_from(libc::SCHED_IDLE).unwrap();
        assert_eq!(seen.join().unwrap(), (expected, expected));
        assert_ne!(policy(), expected, "others are not");
    }
}
