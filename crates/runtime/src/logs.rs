//! Logs: lines for people on a terminal, JSON for collectors. Each carries time, level, request id (from the span),
//! message and source position.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts logging to standard error. `filter` is in the language of `RUST_LOG`, which wins over it.
pub fn init(filter: &str, json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json {
        logs.json().with_file(true).with_line_number(true).try_init()
    } else {
        logs.with_ansi(std::io::stderr().is_terminal()).with_file(true).with_line_number(true).try_init()
    };
    // A second start in one process (tests) keeps the first one's settings.
    drop(started);
}
