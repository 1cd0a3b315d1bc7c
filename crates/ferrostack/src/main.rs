//! Ferrostack: a whole cloud behind the OpenStack APIs, in one program.

mod database;
mod doctor;
mod down;
mod identity;
mod output;
mod policy;
mod ssh;
mod status;
mod trace;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use ferrostack::state::State;

/// A choice among many nodes makes and drops thousands of small things; the C library's allocator took half of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A whole cloud behind the OpenStack APIs, in one program.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
struct Arguments {
    /// Where the cloud keeps everything [default: var/ in a checkout, else /var/lib/ferrostack]
    #[arg(long, global = true, value_name = "DIR", env = "FERROSTACK_STATE")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the cloud on this machine and stay in the foreground
    Up(up::Arguments),
    /// Stop the cloud, its servers and everything it started
    Down,
    /// Show what runs: services, agents, versions, health
    Status,
    /// Say what this machine lacks to run real servers, and how to get it
    Doctor,
    /// Prepare identity, change its keys, and see who changed what
    #[command(subcommand)]
    Identity(identity::Command),
    /// Show the rules of who may do what, and ask them
    #[command(subcommand)]
    Policy(policy::Command),
    /// Show which way a request went through the cloud, with durations
    Trace(trace::Arguments),
    /// Log in to a server over its floating IP (arguments after the name go to ssh)
    Ssh(ssh::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            output::problem(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let state = State::open(arguments.state.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.command {
        Command::Up(arguments) if arguments.detach => up::detach(&state, &arguments),
        Command::Up(arguments) => runtime.block_on(up::run(&state, &arguments)),
        Command::Down => runtime.block_on(down::run(&state)),
        Command::Status => runtime.block_on(status::run(&state)),
        Command::Doctor => runtime.block_on(doctor::run()),
        Command::Identity(command) => runtime.block_on(identity::run(&state, command)),
        Command::Policy(command) => return runtime.block_on(policy::run(&state, command)),
        Command::Trace(arguments) => runtime.block_on(trace::run(&state, &arguments)),
        Command::Ssh(arguments) => runtime.block_on(ssh::run(&state, &arguments)),
    }?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
