//! What is looked at where a guest and the host call each other.

use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use wasmtime::{CallHook, CallHookHandler, StoreContextMut};

use crate::sandbox::guest::Guest;
use crate::sandbox::{bounds, carried};

/// Calls into a guest that go on, those that wait included.
///
/// Under WASI 0.3, each of them that waits keeps a stack of its own, of which the pool has so many for each attempt: a
/// plugin of some seventy components took all stacks of all attempts.
#[derive(Debug, Default)]
pub(crate) struct Entries(u32);

impl Entries {
    fn enter(&mut self) -> wasmtime::Result<()> {
        if self.0 == bounds::CALLS_AT_ONCE {
            wasmtime::bail!("more than {} calls into the plugin's components went on at once", bounds::CALLS_AT_ONCE);
        }
        self.0 += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }
}

/// Ends turns at calls of the host, bounds what each may carry, and counts calls of the guest.
#[derive(Debug)]
pub(crate) struct Hook;

type Pause<'a> = Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'a>>;

impl CallHookHandler<Guest> for Hook {
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
        let guest = store.data_mut();
        match event {
            CallHook::CallingHost if guest.turn().is_over() => {
                return Box::pin(async {
                    tokio::task::yield_now().await;
                    Ok(())
                });
            }
            CallHook::CallingWasm => {
                if let Err(refusal) = guest.entries().enter() {
                    return Box::pin(ready(Err(refusal)));
                }
            }
            CallHook::ReturningFromWasm => guest.entries().leave(),
            CallHook::CallingHost | CallHook::ReturningFromHost => {}
        }
        Box::pin(GoOn)
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
