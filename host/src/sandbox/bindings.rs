//! Host bindings, generated from `wit/`.

/// World `sandclock:task/task`.
pub(crate) mod task {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "sandclock:task/task",
        imports: { "sandclock:task/http.send": async | trappable, default: trappable },
        exports: { default: async },
        with: { "wasi:keyvalue": crate::sandbox::bindings::keyvalue::wasi::keyvalue },
    });
}

/// `wasi:keyvalue`, of which there is no released version; this is the draft that has compare-and-swap.
pub(crate) mod keyvalue {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "wasi:keyvalue/imports@0.2.0-draft2",
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::sandbox::keyvalue::resources::Bucket,
            "wasi:keyvalue/atomics.cas": crate::sandbox::keyvalue::resources::Cas,
        },
        trappable_error_type: { "wasi:keyvalue/store.error" => crate::sandbox::keyvalue::resources::Problem },
    });
}

/// `wasi:logging`, of which there is no released version; this is the draft that toolchains ship.
pub(crate) mod logging {
    wasmtime::component::bindgen!({
        inline: "
            package wasi:logging@0.1.0-draft;
            interface logging {
                enum level { trace, debug, info, warn, error, critical }
                log: func(level: level, context: string, message: string);
            }
            world imports { import logging; }
        ",
        world: "imports",
        imports: { default: trappable },
    });
}
