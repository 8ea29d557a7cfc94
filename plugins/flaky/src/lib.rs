//! Fails at first and succeeds at the third attempt: for demonstration, to show retries and their backoff.

#![forbid(unsafe_code)]

use sandclock::{Failure, Run, info};

/// The first attempt that can succeed.
const LUCKY: u32 = 3;

#[sandclock::task]
fn run(run: Run) -> Result<String, Failure> {
    let attempt = run.attempt();
    if attempt < LUCKY {
        return Err(Failure::transient(format!("the service is busy (attempt {attempt} of {})", run.max_attempts())));
    }
    info!(attempt, "it worked this time");
    Ok(format!("succeeded at attempt {attempt}"))
}

#[cfg(test)]
mod tests {
    use sandclock::FailureKind;

    use super::*;

    #[test]
    fn it_fails_twice_and_then_succeeds() {
        for attempt in [1, 2] {
            let failure = run(Run::test().attempt(attempt).build()).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::Transient { retry_after: None });
        }
        assert_eq!(run(Run::test().attempt(3).build()).unwrap(), "succeeded at attempt 3");
    }
}
