//! The database, for commands that work on it whether the cloud runs or not.

use anyhow::{Context as _, Result};
use db::Db;
use ferrostack::cloud::MIGRATIONS;
use ferrostack::state::State;

/// Which database it is.
#[derive(clap::Args)]
pub struct Database {
    /// The database, instead of SQLite in the state directory: postgres://USER@HOST/NAME
    #[arg(long = "database", value_name = "ADDRESS", env = "FERROSTACK_DATABASE")]
    address: Option<String>,
}

impl Database {
    /// Opens it and brings its schema up to date.
    pub async fn open(&self, state: &State) -> Result<Db> {
        std::fs::create_dir_all(state.dir()).with_context(|| format!("cannot make {}", state.dir().display()))?;
        let options = match &self.address {
            Some(address) => address.parse().context("--database cannot be used")?,
            None => db::Options::Sqlite(state.path("ferrostack.db")),
        };
        let db = Db::open(&options).await.context("the database cannot be opened")?;
        db.migrate(&MIGRATIONS.concat()).await.context("the database's schema cannot be brought up to date")?;
        Ok(db)
    }
}
