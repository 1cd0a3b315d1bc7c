//! Databases for tests: every storage test runs on both engines.
//!
//! PostgreSQL is the one that `FERROSTACK_TEST_POSTGRES` names (`postgres://...`, a role that may create databases), or
//! else a server that the first test of the process starts for itself and that ends with the process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _};

use crate::engine::Engine;
use crate::{Db, Migration, Options};

/// Runs `test` on a fresh SQLite database and then on a fresh PostgreSQL one.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub async fn each_engine(migrations: &[Migration], test: impl AsyncFn(Db)) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let sqlite = Db::open(&Options::Sqlite(dir.path().join("test.db"))).await.expect("SQLite opens");
    sqlite.migrate(migrations).await.expect("SQLite migrates");
    test(sqlite.clone()).await;
    sqlite.close().await;

    let address = postgres_database().await;
    let postgres = Db::open(&Options::Postgres(address)).await.expect("PostgreSQL opens");
    postgres.migrate(migrations).await.expect("PostgreSQL migrates");
    test(postgres.clone()).await;
    postgres.close().await;
}

/// The address of a new, empty PostgreSQL database.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub async fn postgres_database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = match std::env::var("FERROSTACK_TEST_POSTGRES") {
        Ok(address) => address,
        Err(_) => SERVER.get_or_init(|| Server::start().expect("PostgreSQL starts")).address("postgres"),
    };
    let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&server).await.expect("PostgreSQL answers");
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a database is made");
    server.replacen("/postgres?", &format!("/{name}?"), 1)
}

/// Has the engine parse `text` and resolve its names, without running it; else the engine's own words.
pub async fn prepare(db: &Db, text: &str) -> Result<(), String> {
    match db.engine() {
        Engine::Sqlite(sqlite) => sqlite.read(text, &[], |_| Ok(())).map_err(|error| match error {
            crate::Error::Engine(cause) => cause.to_string(),
            other => other.to_string(),
        }),
        Engine::Postgres(pool) => {
            let text = AssertSqlSafe(text.to_owned()).into_sql_str();
            pool.prepare(text).await.map(drop).map_err(|error| error.to_string())
        }
    }
}

/// A server on a unix socket. The shell around it ends it and removes its files when this process's end of the pipe
/// closes, however this process ends.
struct Server {
    dir: PathBuf,
    _shell: Child,
}

const RUN: &str = r#"
dir=$1 bin=$2
as_user() { if [ "$(id -u)" = 0 ]; then setpriv --reuid postgres --regid postgres --clear-groups "$@"; else "$@"; fi; }
[ "$(id -u)" = 0 ] && chown postgres:postgres "$dir"
cd "$dir"
as_user "$bin/initdb" --pgdata "$dir/data" --username postgres --auth trust --no-sync --encoding UTF8 >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
as_user "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c max_connections=200 </dev/null >"$dir/log" 2>&1 &
server=$!
until "$bin/pg_isready" -q -h "$dir" -U postgres; do kill -0 $server || { cat "$dir/log" >&2; exit 1; }; sleep 0.05; done
echo ready
cat >/dev/null
kill -INT "$(head -n 1 "$dir/data/postmaster.pid")"
wait $server
rm -rf "$dir"
"#;

impl Server {
    fn start() -> std::io::Result<Self> {
        let bin = newest_binaries()?;
        let dir = tempfile::Builder::new().prefix("ferrostack-postgres-").tempdir()?.keep();
        let mut shell = Command::new("sh")
            .args(["-c", RUN, "sh"])
            .args([&dir, &bin])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = shell.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if line.trim() == "ready" {
            Ok(Self { dir, _shell: shell })
        } else {
            Err(std::io::Error::other("PostgreSQL did not start; its own words stand above"))
        }
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.dir.display())
    }
}

/// Debian keeps each version's server programs in a directory of its own.
fn newest_binaries() -> std::io::Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map_err(|_| std::io::Error::other("PostgreSQL is not installed; run `setup/install test`"))?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| Path::new(bin).join("initdb").exists())
        .collect();
    found.sort();
    found.pop().ok_or_else(|| std::io::Error::other("PostgreSQL's server is not installed; run `setup/install test`"))
}
