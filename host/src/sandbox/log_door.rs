//! The doors to the log: `sandclock:task/log` and the draft of `wasi:logging`.

use crate::model::log::Level;
use crate::sandbox::bindings::logging::wasi::logging::logging;
use crate::sandbox::bindings::task::sandclock::task::log;
use crate::sandbox::guest::Guest;

impl log::Host for Guest {
    fn log(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.journal().guest(level, message, fields);
        Ok(())
    }
}

impl logging::Host for Guest {
    fn log(&mut self, level: logging::Level, context: String, message: String) -> wasmtime::Result<()> {
        let level = match level {
            logging::Level::Trace => Level::Trace,
            logging::Level::Debug => Level::Debug,
            logging::Level::Info => Level::Info,
            logging::Level::Warn => Level::Warn,
            logging::Level::Error | logging::Level::Critical => Level::Error,
        };
        let fields = if context.is_empty() { Vec::new() } else { vec![("context".to_owned(), context)] };
        self.journal().guest(level, message, fields);
        Ok(())
    }
}
