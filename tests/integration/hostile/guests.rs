//! The hostile guests: what each is given, and how its runs have to end.

/// A hostile guest as a task.
pub(super) struct Guest {
    /// The task's name, and that of the guest's file unless `plugin` names another.
    pub name: &'static str,
    /// How its runs end.
    pub class: &'static str,
    /// A word that the reason must hold.
    pub reason: &'static str,
    /// More lines of its task's table.
    pub given: &'static str,
    pub plugin: Option<&'static str>,
}

const fn guest(name: &'static str, class: &'static str, reason: &'static str) -> Guest {
    Guest { name, class, reason, given: "", plugin: None }
}

const fn given(name: &'static str, class: &'static str, reason: &'static str, given: &'static str) -> Guest {
    Guest { name, class, reason, given, plugin: None }
}

/// The sample prober, sent to a server that misbehaves; `{peer}` stands for the server of this name.
const fn probe(name: &'static str, class: &'static str, reason: &'static str, given: &'static str) -> Guest {
    Guest { name, class, reason, given, plugin: Some("prober") }
}

const SOON: &str = "limits.timeout = \"500ms\"";
const FOLDER: &str = "grants.folders = { \"/data\" = { path = \"data\" } }";
const FOLDER_TO_WRITE: &str = "grants.folders = { \"/data\" = { path = \"data\", access = \"read-write\" } }";

pub(super) const GUESTS: &[Guest] = &[
    // Processor time.
    guest("endless-loop", "exceeded", "fuel"),
    given("unmetered-loop", "exceeded", "timeout", "limits = { fuel = \"unmetered\", timeout = \"500ms\" }"),
    guest("start-loop", "exceeded", "fuel"),
    guest("loop-in-realloc", "exceeded", "fuel"),
    given("host-call-loop", "exceeded", "timeout", SOON),
    guest("call-indirect-storm", "exceeded", "fuel"),
    guest("huge-br-table", "exceeded", "fuel"),
    guest("memory-copy-loop", "exceeded", "fuel"),
    guest("memory-fill-loop", "exceeded", "fuel"),
    guest("table-fill-loop", "exceeded", "fuel"),
    given("string-carrying", "exceeded", "timeout", SOON),
    guest("busy", "succeeded", ""),
    // The stack.
    guest("deep-recursion", "trapped", "stack"),
    guest("indirect-recursion", "trapped", "stack"),
    guest("wide-frames", "trapped", "stack"),
    // Memory and tables.
    guest("memory-growth", "exceeded", "memory"),
    guest("growth-in-many-memories", "exceeded", "memory"),
    guest("memory-64", "exceeded", "fuel"),
    guest("huge-maximum", "succeeded", ""),
    guest("huge-minimum", "exceeded", "1GiB where 16MiB are allowed"),
    guest("too-many-memories", "skipped", "plugin"),
    guest("shared-memory", "skipped", "plugin"),
    guest("table-growth", "exceeded", "table-elements"),
    guest("too-many-tables", "skipped", "plugin"),
    guest("many-instances", "skipped", "plugin"),
    // Traps.
    guest("unreachable", "trapped", "unreachable"),
    guest("out-of-bounds", "trapped", "out of bounds"),
    guest("division-by-zero", "trapped", "divide by zero"),
    guest("integer-overflow", "trapped", "integer overflow"),
    guest("not-a-number", "trapped", "invalid conversion"),
    guest("null-call", "trapped", "uninitialized element"),
    guest("wrong-signature", "trapped", "type mismatch"),
    guest("call-beyond-table", "trapped", "undefined element"),
    guest("trap-in-start", "trapped", "unreachable"),
    guest("trap-in-realloc", "trapped", "unreachable"),
    guest("trap-in-post-return", "trapped", "unreachable"),
    guest("panic", "trapped", "unreachable"),
    // Exit codes.
    guest("exit-0", "succeeded", ""),
    guest("exit-1", "failed-permanent", "1"),
    guest("exit-75", "failed-transient", "75"),
    guest("exit-255", "failed-permanent", "255"),
    guest("odd-result", "trapped", "discriminant"),
    guest("output-huge", "exceeded", "output"),
    guest("failure-huge", "exceeded", "output"),
    guest("failure-long", "failed-permanent", "xxx"),
    // What is handed to the host, and taken from it.
    guest("log-huge-string", "exceeded", "hostcall"),
    guest("log-huge-list", "exceeded", "hostcall"),
    guest("log-many-fields", "succeeded", ""),
    guest("log-empty-fields", "succeeded", ""),
    guest("log-invalid-utf-8", "trapped", "utf-8"),
    guest("log-unpaired-surrogate", "trapped", "surrogate"),
    guest("log-beyond-memory", "trapped", "out of bounds"),
    guest("log-unknown-level", "trapped", "discriminant"),
    guest("log-injection", "succeeded", ""),
    guest("log-flood", "succeeded", ""),
    given("log-call-flood", "exceeded", "timeout", SOON),
    given("stdout-flood", "exceeded", "timeout", SOON),
    guest("endless-line", "succeeded", ""),
    guest("binary-output", "succeeded", ""),
    guest("escape-sequences", "succeeded", ""),
    guest("write-beyond-memory", "trapped", "out of bounds"),
    guest("read-nothing", "succeeded", ""),
    guest("realloc-beyond-memory", "trapped", "beyond end of memory"),
    guest("realloc-misaligned", "trapped", "not aligned"),
    guest("call-from-realloc", "trapped", "cannot leave"),
    guest("random-huge", "exceeded", "random"),
    given("random-flood", "exceeded", "timeout", SOON),
    given(
        "environment-flood",
        "exceeded",
        "timeout",
        "limits.timeout = \"500ms\"\ngrants.env = { A = \"a\", B = \"b\", C = \"c\" }",
    ),
    // Handles and waiting.
    guest("pollable-flood", "exceeded", "resources"),
    guest("stream-flood", "exceeded", "handles"),
    guest("leaked-timers", "succeeded", ""),
    given("poll-many", "exceeded", "timeout", SOON),
    guest("poll-nothing", "trapped", "empty poll list"),
    guest("double-drop", "trapped", "handle"),
    guest("use-after-drop", "trapped", "handle"),
    guest("handle-of-nothing", "trapped", "handle"),
    guest("borrow-kept", "trapped", "borrow handles still remain"),
    given("sleep-for-ever", "exceeded", "timeout", SOON),
    given("sleep-to-the-end-of-time", "exceeded", "timeout", SOON),
    guest("waiting-calls", "trapped", "at once"),
    guest("sockets", "trapped", "unreachable"),
    // Files.
    guest("fs-no-folder", "succeeded", ""),
    given("fs-absolute", "succeeded", "", FOLDER),
    given("fs-dotdot", "succeeded", "", FOLDER),
    given("fs-link", "succeeded", "", FOLDER),
    given("fs-rename-out", "succeeded", "", FOLDER),
    given("fs-create-read-only", "succeeded", "", FOLDER),
    given("fs-truncate-read-only", "succeeded", "", FOLDER),
    given("fs-write-read-only", "succeeded", "", FOLDER),
    given("fs-pipe", "succeeded", "", FOLDER),
    given("fs-of-wasi-03", "succeeded", "", FOLDER),
    given("fs-open-flood", "succeeded", "", FOLDER),
    given("fs-path-flood", "succeeded", "", FOLDER),
    given("fs-call-flood", "succeeded", "", FOLDER_TO_WRITE),
    given("fs-read-flood", "succeeded", "", FOLDER),
    given("fs-write-flood", "trapped", "one write", FOLDER_TO_WRITE),
    given("fs-times", "succeeded", "", FOLDER_TO_WRITE),
    given("fs-times-of-wasi-03", "succeeded", "", FOLDER_TO_WRITE),
    // Key-value stores.
    guest("kv-refused", "succeeded", ""),
    given("kv-flood", "exceeded", "timeout", "limits.timeout = \"500ms\"\ngrants.kv = { keys = 100 }"),
    given("kv-huge-value", "succeeded", "", "grants.kv = {}"),
    given("kv-count", "succeeded", "", "grants.kv = { shared = [\"counts\"] }"),
    given("kv-bucket-flood", "exceeded", "handles", "grants.kv = {}"),
    // HTTP.
    guest("fields-flood", "trapped", "HTTP fields"),
    guest("request-flood", "trapped", "HTTP fields"),
    probe(
        "http-not-granted",
        "failed-permanent",
        "no grant allows",
        "payload.targets = [{ url = \"http://{silent}/\" }]",
    ),
    probe(
        "http-private-name",
        "failed-permanent",
        "loopback",
        "payload.targets = [{ url = \"http://localhost:{port}/\" }]\ngrants.http = [\"http://*:{port}\"]",
    ),
    probe("http-silence", "failed-transient", "time", "{asking}silent"),
    probe("http-slow-body", "failed-transient", "", "{asking}slow"),
    probe("http-endless-body", "failed-transient", "large", "{asking}endless"),
    probe("http-header-bomb", "failed-transient", "", "{asking}headers"),
    probe("http-redirect", "failed-transient", "302", "{asking}redirect"),
    given("http-many-headers", "succeeded", "", "limits.http-body = \"8MiB\"\ngrants.http = [\"http://127.0.0.1:1\"]"),
    guest("http-fields-flood", "trapped", "total size of fields exceeds limit"),
    given("http-odd-requests", "succeeded", "", "grants.http = [\"http://127.0.0.1:1\"]"),
    given("http-odd-timeouts", "succeeded", "", "grants.http = [\"http://127.0.0.1:1\"]"),
    given("http-parallel", "exceeded", "handles", "grants.http = [\"http://127.0.0.1:1\"]"),
    // Files that are no plugins, or not good ones.
    guest("missing-import", "skipped", "plugin"),
    guest("no-known-export", "skipped", "plugin"),
    guest("wrong-export-type", "skipped", "plugin"),
    guest("wrong-import-type", "skipped", "plugin"),
];
