//! Development tasks: `cargo xtask tidy`, `cargo xtask licences`.

mod licences;
mod tidy;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// Development tasks.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the rules of the house: order of crates, who names the database driver, file lengths, docs, lints
    Tidy,
    /// Check that every dependency's licence is one that deny.toml allows
    Licences,
}

fn main() -> Result<()> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().context("xtask stands below the workspace's root")?;
    match Arguments::parse().command {
        Command::Tidy => tidy::run(root),
        Command::Licences => licences::run(root),
    }
}
