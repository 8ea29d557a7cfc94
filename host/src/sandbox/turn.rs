//! A guest's turn on its thread: whoever asks the host for much is interrupted too.
//!
//! Fuel lets others run after so much work of the guest's own, but it counts nothing of what the host does for it: a
//! guest that asked for random numbers in a loop held its thread for seconds between two yields, past its own deadline
//! and everybody else's. So calls of the host end a turn as well, when it has lasted long enough.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Instant;
use wasmtime::{CallHook, CallHookHandler, StoreContextMut};

use crate::clock::Clock;
use crate::sandbox::bounds;
use crate::sandbox::carried;
use crate::sandbox::guest::Guest;

/// How long a guest has had its thread.
#[derive(Debug)]
pub(crate) struct Turn {
    clock: Clock,
    since: Instant,
    /// Calls since the clock was last looked at: that costs more than some calls.
    calls: u8,
}

impl Turn {
    /// A turn that begins now.
    pub(crate) fn begin(clock: Clock) -> Self {
        Self { clock, since: clock.monotonic(), calls: 0 }
    }

    /// Counts a call, and says whether it is time for somebody else; then the next turn begins.
    fn is_over(&mut self) -> bool {
        self.calls += 1;
        if self.calls < bounds::CALLS_BETWEEN_LOOKS {
            return false;
        }
        self.calls = 0;
        let now = self.clock.monotonic();
        let over = now.duration_since(self.since) >= bounds::TURN;
        if over {
            self.since = now;
        }
        over
    }
}

/// Ends turns at calls of the host, and bounds what each may carry.
#[derive(Debug)]
pub(crate) struct Turns;

type Pause<'a> = Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'a>>;

impl CallHookHandler<Guest> for Turns {
    fn handle_call_event<'hook, 'store, 'pause>(
        &'hook self,
        mut store: StoreContextMut<'store, Guest>,
        event: CallHook,
    ) -> Pause<'pause>
    where
        'hook: 'pause,
        'store: 'pause,
        Self: 'pause,
    {
        carried::bound(&mut store, &event);
        match event {
            CallHook::CallingHost if store.data_mut().turn().is_over() => Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            }),
            _ => Box::pin(GoOn),
        }
    }
}

/// What there is to do at nearly every call. It has no size, so that boxing it takes no memory.
struct GoOn;

impl Future for GoOn {
    type Output = wasmtime::Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}
