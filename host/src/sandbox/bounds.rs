//! Bounds that no task sets for itself: one table, each with what it protects.
//!
//! The limits of a task are in `model::limits`. What is here holds for every attempt alike; the libraries' own defaults,
//! where they have any, are given as "else".

use std::num::NonZeroUsize;
use std::time::Duration;

// The engine.

/// Fuel between two points at which a guest lets others run and can be stopped: about 50 us of work. A yield costs
/// under 1 us.
pub(crate) const YIELD_INTERVAL: u64 = 1_000_000;
/// The same for a guest whose fuel is not metered. Longer than above, for each tick wakes a thread.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// How long a guest may keep its thread, as calls of the host see it.
pub(crate) const TURN: Duration = Duration::from_millis(1);
/// Calls of the host between two looks at the clock, where the longest takes some 400 us, for a message of 1 MiB. A string
/// that the engine carries between components of a plugin takes up to 30 ms under a limit of 64 MiB, and the body of a
/// request as much as it is long, so such plugins have each call looked at.
pub(crate) const CALLS_BETWEEN_LOOKS: u8 = 16;
/// Bytes that a call may carry before each is looked at.
pub(crate) const LONG_CALL: u64 = 2 << 20;
/// Fuel for each page of 64 KiB that `memory.grow` asks for: what clearing it costs is more, but the engine counts no
/// further.
pub(crate) const FUEL_PER_PAGE: u8 = u8::MAX;
/// Stack for the guest's own frames, in bytes; deeper recursion traps.
pub(crate) const WASM_STACK: usize = 512 << 10;
/// Stack for the guest and the host functions it calls, in bytes. Overflowing the host's share would abort the process.
pub(crate) const ASYNC_STACK: usize = 2 << 20;
/// Calls into a plugin's components that go on at once, those that wait included. Under WASI 0.3 each keeps a stack.
pub(crate) const CALLS_AT_ONCE: u32 = 16;
/// Frames in a guest's backtrace. Walking thousands of frames of a deep recursion costs more than the recursion.
pub(crate) const BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not 0");
/// Bytes of such a frame: the names of a module and of a function.
pub(crate) const FRAME: usize = 512;
/// Linear memories in one attempt, in all its instances. Each reserves 4 GiB of address space.
pub(crate) const MEMORIES: u32 = 8;
/// Tables in one attempt, in all its instances.
pub(crate) const TABLES: u32 = 32;
/// Bytes of the engine's own records for one attempt: grows with functions, imports and instances.
pub(crate) const INSTANCE_SIZE: usize = 16 << 20;
/// Bytes of a linear memory that are zeroed by hand for the next attempt rather than given back to the kernel, which
/// would cost page faults and interrupts on all processors.
pub(crate) const KEEP_MEMORY: usize = 2 << 20;
/// The same for a table.
pub(crate) const KEEP_TABLE: usize = 64 << 10;

// Files.

/// Files, folders and streams to them that an attempt has open at once. Each may be a descriptor, a stream also 64 KiB.
pub(crate) const OPEN_FILES: usize = 256;
/// Folders that an attempt lists at once. Under WASI 0.2 the host holds each listing whole, under 0.3 a thread waits.
pub(crate) const LISTINGS: usize = 8;
/// Calls of WASI 0.3 that work on files and folders at once; more wait. Each keeps one of the runtime's 512 threads for
/// blocking calls, and a descriptor. Under WASI 0.2 a guest waits for each.
pub(crate) const FILE_CALLS: usize = 16;
/// Bytes of a path: what the system allows. A call of WASI 0.3 that waits keeps its paths.
pub(crate) const PATH: usize = 4096;
/// Bytes that a guest hands over in one write to a stream. No stream permits more, but the library does not look.
pub(crate) const STREAM_WRITE: usize = 64 << 10;

// Logs.

/// Bytes of one line of stdout or stderr; a longer one becomes several.
pub(crate) const LOG_LINE: usize = 8 << 10;
/// Fields of one line; more are dropped.
pub(crate) const LOG_FIELDS: usize = 32;
/// Bytes of the host's own lines (denials, HTTP requests): a share apart, so that no guest can flood them away.
pub(crate) const HOST_LOG: usize = 64 << 10;
/// As many more for each request that the attempt may make: what a line about one can come to.
pub(crate) const HOST_LOG_OF_A_REQUEST: usize = 2 << 10;
/// The most that they have in all. What the end of an attempt has to say comes on top.
pub(crate) const HOST_LOG_AT_MOST: usize = 1 << 20;
/// Bytes of a text in such a line that a guest or a server chose, such as a URL; of a longer one, the rest is left out.
pub(crate) const HOST_LOG_TEXT: usize = 512;
/// Requests that no grant allows and of which the log has the grant that would.
pub(crate) const GRANTS_TAUGHT: u32 = 8;
/// Lines that whoever follows an attempt is given of what was before, and may be behind.
pub(crate) const LIVE_LINES: usize = 1024;
/// Bytes of such a line. Whoever does not read has so many of them held.
pub(crate) const LIVE_LINE: usize = 8 << 10;
/// Lines about doors that stayed shut, to files and stores; further ones are only counted.
pub(crate) const REFUSALS: u8 = 8;
/// Bytes of such a line; a longer one, about a path of the guest's, is only counted.
pub(crate) const REFUSAL: usize = 5 << 10;
/// Bytes of a message in an outcome.
pub(crate) const MESSAGE: usize = 4 << 10;

// Key-value stores.

/// Bytes of a key.
pub(crate) const KV_KEY: usize = 512;
/// Bytes of a value. One call of each attempt that goes on can be in the ledger's queue.
pub(crate) const KV_VALUE: usize = 256 << 10;
/// Bytes of the values behind an attempt's handles to keys, with which it compares and swaps.
pub(crate) const KV_SEEN: usize = 8 << 20;
/// Bytes of the writes that an attempt keeps back until its success.
pub(crate) const KV_KEPT_BACK: usize = 16 << 20;
/// Keys that are listed at once.
pub(crate) const KV_PAGE: usize = 256;

// HTTP.

/// Headers of a request, however short. The library's own map of headers panics at 24,577.
pub(crate) const HTTP_REQUEST_HEADERS: usize = 1000;
/// Headers of a response, however short.
pub(crate) const HTTP_RESPONSE_HEADERS: usize = 100;
/// As many are read, for the library says of too many no more than that they are too large. Else 100.
pub(crate) const HTTP_RESPONSE_HEADERS_READ: usize = 1000;
/// Bytes that the requests of an attempt hold which wait for one of `limits.http-concurrent`, all together.
pub(crate) const HTTP_WAITING: u32 = 4 << 20;
/// Lookups of names that go on at once, for all tasks together. Each keeps one of the runtime's 512 threads for blocking
/// calls, which files need as well, until the system's resolver is done.
pub(crate) const HTTP_LOOKUPS: usize = 128;
/// The same for one task.
pub(crate) const HTTP_LOOKUPS_OF_ONE_TASK: usize = 8;
/// Fields, requests, and responses that came or are its own, that an attempt has at once, beside `limits.http-concurrent`.
/// Each takes up to 400 KiB: fields three times what they count as, a path, an authority, and a piece of a body.
pub(crate) const HTTP_PARTS: usize = 48;
/// Bytes of a request's method.
pub(crate) const HTTP_METHOD: usize = 64;
/// Bytes that a guest hands over in one write of a request's body. Else 1 MiB.
pub(crate) const HTTP_CHUNK: usize = 64 << 10;
/// Idle connections that one task keeps.
pub(crate) const HTTP_IDLE_OF_ONE_TASK: usize = 16;
/// Idle connections that all tasks keep together. Each is a descriptor.
pub(crate) const HTTP_IDLE: usize = 256;
/// How long a connection is kept without being used. Many servers close theirs after 60 s, some after 5.
pub(crate) const HTTP_IDLE_TIME: Duration = Duration::from_secs(30);
/// How long after it was opened a connection is still kept: a name that leads elsewhere by then is followed.
pub(crate) const HTTP_CONNECTION_LIFE: Duration = Duration::from_secs(300);
