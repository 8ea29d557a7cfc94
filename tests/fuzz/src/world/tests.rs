use std::path::Path;
use std::{env, fs};

use sandclock_host::model::outcome::OutcomeClass;
use sandclock_host::sandbox::AttemptReport;

use super::*;

/// One argument of a call.
#[derive(Clone, Copy)]
enum Argument {
    Small(u8),
    Number(u32),
    Long(u64),
    /// What is in memory at this address.
    At(u8),
    Last,
}

use Argument::{At, Last, Long, Number, Small};

/// A call of a script: its interface, its name, and its arguments.
type Step = (&'static str, &'static str, &'static [Argument]);

const PEER: Argument = Number(512);
const FILE: Argument = Number(576);
const SLASH: Argument = Number(549);
/// Where memory is zero: the result of something that went well and has nothing to say.
const NOTHING: Argument = Number(904);

/// A seed: its name, its world, what shows that it gets to where it is to lead, and its calls.
type Seed = (&'static str, &'static str, fn(&AttemptReport) -> bool, &'static [Step]);

/// One way to each part of what the host serves.
const SEEDS: &[Seed] = &[
    (
        "log",
        "of-wasi-02",
        |report| report.usage.log.lines == 1,
        &[("sandclock:task/log", "log", &[Small(2), FILE, Small(4), Small(0), Small(0)])],
    ),
    (
        "timer",
        "of-wasi-02",
        succeeded,
        &[
            ("wasi:clocks/monotonic-clock", "subscribe-duration", &[Small(9)]),
            ("wasi:io/poll", "[method]pollable.block", &[Last]),
        ],
    ),
    (
        "random",
        "of-wasi-02",
        |report| report.outcome.class() == OutcomeClass::Exceeded,
        &[("wasi:random/random", "get-random-bytes", &[Long(70_000), Small(16)])],
    ),
    (
        "stdout",
        "of-wasi-02",
        |report| report.usage.log.lines == 1,
        &[
            ("wasi:cli/stdout", "get-stdout", &[]),
            ("wasi:io/streams", "[method]output-stream.blocking-write-and-flush", &[Last, FILE, Small(4), Small(16)]),
        ],
    ),
    (
        "file",
        "of-wasi-02",
        |_| fs::read(GROUND.folder().join("file")).unwrap() == b"confile",
        &[
            ("wasi:filesystem/preopens", "get-directories", &[Small(16)]),
            // The list's first descriptor is 3 of its kind wherever the list lies: the first handle after stdin.
            (
                "wasi:filesystem/types",
                "[method]descriptor.open-at",
                &[Small(2), Small(1), FILE, Small(4), Small(1), Small(3), Small(32)],
            ),
            ("wasi:filesystem/types", "[method]descriptor.read", &[At(36), Long(64), Long(0), Small(48)]),
            ("wasi:filesystem/types", "[method]descriptor.write", &[At(36), FILE, Small(4), Long(3), Small(48)]),
        ],
    ),
    (
        "store",
        "of-wasi-02",
        |report| report.usage.kv_writes == 2 && succeeded(report),
        &[
            ("wasi:keyvalue/store", "open", &[Small(0), Small(0), Small(16)]),
            ("wasi:keyvalue/store", "[method]bucket.set", &[At(20), FILE, Small(4), FILE, Small(4), Small(32)]),
            ("wasi:keyvalue/store", "[method]bucket.get", &[At(20), FILE, Small(4), Small(32)]),
            ("wasi:keyvalue/atomics", "increment", &[At(20), FILE, Small(5), Long(7), Small(32)]),
        ],
    ),
    (
        "request",
        "of-wasi-02",
        answered,
        &[
            ("wasi:http/types", "[constructor]fields", &[]),
            ("wasi:http/types", "[constructor]outgoing-request", &[Last]),
            ("wasi:http/types", "[method]outgoing-request.set-authority", &[Small(2), Small(1), PEER, Small(15)]),
            (
                "wasi:http/types",
                "[method]outgoing-request.set-scheme",
                &[Small(2), Small(1), Small(0), Small(0), Small(0)],
            ),
            ("wasi:http/types", "[method]outgoing-request.set-path-with-query", &[Small(2), Small(1), SLASH, Small(1)]),
            ("wasi:http/outgoing-handler", "handle", &[Small(2), Small(0), Small(0), Small(64)]),
            ("wasi:http/types", "[method]future-incoming-response.subscribe", &[At(72)]),
            ("wasi:io/poll", "[method]pollable.block", &[Last]),
            ("wasi:http/types", "[method]future-incoming-response.get", &[At(72), Number(128)]),
        ],
    ),
    (
        "fetch",
        "of-wasi-02",
        answered,
        &[(
            "sandclock:task/http",
            "send",
            &[
                Number(592),
                Small(3),
                Number(544),
                Small(23),
                Small(0),
                Small(0),
                Small(0),
                Small(0),
                Small(0),
                Small(0),
                Small(16),
            ],
        )],
    ),
    (
        "socket",
        "of-wasi-02",
        succeeded,
        &[
            ("wasi:sockets/instance-network", "instance-network", &[]),
            ("wasi:sockets/ip-name-lookup", "resolve-addresses", &[Last, PEER, Small(9), Small(16)]),
            ("wasi:sockets/tcp-create-socket", "create-tcp-socket", &[Small(0), Small(32)]),
        ],
    ),
    ("timer-03", "of-wasi-03", succeeded, &[("wasi:clocks/monotonic-clock", "wait-for", &[Long(1000)])]),
    (
        "stream-03",
        "of-wasi-03",
        succeeded,
        &[
            ("wasi:cli/stdin@0.3", "read-via-stream", &[Small(16)]),
            ("wasi:cli/stdin@0.3", "[async-lower][stream-read-0]read-via-stream", &[At(16), Small(64), Small(32)]),
            ("$root", "[waitable-set-new]", &[]),
            ("$root", "[waitable-set-poll]", &[Last, Small(32)]),
        ],
    ),
    (
        "request-03",
        "of-wasi-03",
        answered,
        &[
            ("wasi:http/types", "[future-new-1][static]request.new", &[]),
            ("wasi:http/types", "[constructor]fields", &[]),
            (
                "wasi:http/types",
                "[static]request.new",
                &[Last, Small(0), Small(0), Small(2), Small(0), Small(0), Small(16)],
            ),
            ("wasi:http/types", "[method]request.set-authority", &[At(16), Small(1), PEER, Small(15)]),
            ("wasi:http/types", "[method]request.set-scheme", &[At(16), Small(1), Small(0), Small(0), Small(0)]),
            ("wasi:http/types", "[method]request.set-path-with-query", &[At(16), Small(1), SLASH, Small(1)]),
            ("wasi:http/types", "[async-lower][future-write-1][static]request.new", &[Small(3), NOTHING]),
            ("wasi:http/client", "send", &[At(16), Small(64)]),
        ],
    ),
];

fn succeeded(report: &AttemptReport) -> bool {
    report.outcome.class() == OutcomeClass::Succeeded
}

fn answered(report: &AttemptReport) -> bool {
    succeeded(report) && report.usage.http.statuses == [1, 0, 0, 0]
}

/// A script in bytes.
fn script(world: &str, steps: &[Step]) -> Vec<u8> {
    let (_, _, calls) = all(world).unwrap();
    let mut bytes = vec![u8::from(world == "of-wasi-03")];
    for (module, name, arguments) in steps {
        let number = calls.iter().position(|call| call.module.starts_with(module) && call.name == *name);
        let number = number.unwrap_or_else(|| panic!("{module} {name} in {calls:#?}"));
        assert_eq!(arguments.len(), calls[number].parameters.len(), "{module} {name}: {:?}", calls[number]);
        bytes.extend(u16::try_from(number).unwrap().to_le_bytes());
        for argument in *arguments {
            match argument {
                Small(number) => bytes.push(*number),
                Number(number) => bytes.extend([&[252][..], &number.to_le_bytes()].concat()),
                Long(number) => bytes.extend([&[253][..], &number.to_le_bytes()].concat()),
                At(address) => bytes.extend([250, address / 4]),
                Last => bytes.push(251),
            }
        }
    }
    bytes
}

/// Numbers of calls change with what there is to call, so the seeds are made: `UPDATE=1` writes them.
#[test]
fn the_seeds_are_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/world");
    for (name, world, _, steps) in SEEDS {
        let (path, bytes) = (folder.join(name), script(world, steps));
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap_or_default(), bytes, "{name}: UPDATE=1 writes it anew");
    }
    let files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, SEEDS.len(), "each seed has its script here");
}

#[test]
fn a_script_gets_to_where_it_leads() {
    for (name, world, is_there, steps) in SEEDS {
        let guest = if *world == "of-wasi-03" { &OF_WASI_03 } else { &OF_WASI_02 };
        let report = run(guest, &script(world, steps)[1..]);
        assert!(is_there(&report), "{name}: {report:?}");
    }
}
