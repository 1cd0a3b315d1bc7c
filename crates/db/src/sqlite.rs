//! SQLite: readers beside one writer, all in write-ahead mode.
//!
//! Statements run on the caller's thread. They take microseconds to a few milliseconds, and handing each to another
//! thread costs more than most of them do.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql};
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMappedMutexGuard, OwnedMutexGuard};

use crate::{Error, FromRow, Result, Row, Value};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 500;

/// After how many pages (of 4 KiB) the log is written back into the database: pages that change often are written once.
const LOG_PAGES: i64 = 4_000;

/// How often a writer may come too late before it is handed the connection in the order of waiting.
const TURNS: usize = 16;

/// How long a writer waits for one of another process, and how long between two looks.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

/// One file, open.
pub(crate) struct Sqlite {
    path: PathBuf,
    /// Connections that read and that nobody uses now: never more than there were threads reading at once.
    readers: Mutex<Vec<Connection>>,
    /// SQLite has one writer at a time; those of this process wait for `free`.
    writer: Arc<AsyncMutex<Option<Connection>>>,
    free: Arc<Notify>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let writer = connect(path, flags)?;
        let wal = writer.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
        if wal != "wal" {
            let place = path.display();
            return Err(Error::Address(format!("{place}: its file system has no shared memory; use another one")));
        }
        writer.pragma_update(None, "synchronous", "NORMAL")?;
        writer.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES, |_| Ok(()))?;
        let writer = Arc::new(AsyncMutex::new(Some(writer)));
        Ok(Self { path: path.to_owned(), readers: Mutex::default(), writer, free: Arc::default() })
    }

    /// Begins a transaction when every other writer has ended.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        let mut tx = self.turn().await?;
        let mut waited = Duration::ZERO;
        loop {
            match tx.run("BEGIN IMMEDIATE", &[], execute) {
                Ok(_) => {
                    tx.open = true;
                    return Ok(tx);
                }
                Err(Error::Busy(_)) if waited < PATIENCE => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
    }

    /// Waits for the writer. Whoever asks while it is free has it, before those that wait: were it handed to the first of
    /// them, nobody would write until that task runs again. Who comes too late often is handed it all the same.
    async fn turn(&self) -> Result<Tx> {
        let mut guard = None;
        for _ in 0..TURNS {
            let free = self.free.notified();
            guard = Arc::clone(&self.writer).try_lock_owned().ok();
            if guard.is_some() {
                break;
            }
            free.await;
        }
        let guard = match guard {
            Some(guard) => guard,
            None => Arc::clone(&self.writer).lock_owned().await,
        };
        let next = Next(Arc::clone(&self.free));
        let Ok(connection) = OwnedMutexGuard::try_map(guard, Option::as_mut) else { return Err(Error::Closed) };
        Ok(Tx { connection, open: false, _next: next })
    }

    /// Runs a statement that reads.
    pub(crate) fn read<T>(&self, text: &str, values: &[Value], with: Run<T>) -> Result<T> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = connect(&self.path, flags)?;
                connection.busy_timeout(Duration::from_secs(10))?;
                connection
            }
        };
        let result = run(&connection, text, values, with);
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }

    pub(crate) async fn close(&self) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let _next = Next(Arc::clone(&self.free));
        self.writer.lock().await.take();
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it, every statement with `LIMIT $1` is prepared again for each limit.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "case_sensitive_like", "ON")?;
    // Whoever writes waits by itself, without holding a thread.
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// A transaction on the writer. Dropped without a commit it rolls back.
pub struct Tx {
    connection: OwnedMappedMutexGuard<Option<Connection>, Connection>,
    open: bool,
    /// Dropped after the connection.
    _next: Next,
}

/// Dropped, it lets one that waits for the writer try again.
struct Next(Arc<Notify>);

impl Drop for Next {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Tx {
    pub(crate) fn run<T>(&self, text: &str, values: &[Value], with: Run<T>) -> Result<T> {
        run(&self.connection, text, values, with)
    }

    /// Runs several statements that take no parameters.
    pub(crate) fn batch(&self, text: &str) -> Result<()> {
        Ok(self.connection.execute_batch(text)?)
    }

    pub(crate) fn commit(mut self) -> Result<()> {
        self.end("COMMIT")
    }

    pub(crate) fn rollback(mut self) -> Result<()> {
        self.end("ROLLBACK")
    }

    fn end(&mut self, how: &str) -> Result<()> {
        self.run(how, &[], execute)?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        // A statement that failed badly may have rolled back already.
        if self.open && !self.connection.is_autocommit() {
            drop(self.end("ROLLBACK"));
        }
    }
}

/// What is done with a statement whose parameters are bound.
pub(crate) type Run<T> = fn(&mut CachedStatement<'_>) -> Result<T>;

fn run<T>(connection: &Connection, text: &str, values: &[Value], with: Run<T>) -> Result<T> {
    let mut statement = if values.is_empty() {
        connection.prepare_cached(text)?
    } else {
        // SQLite counts `$1` by its first place in the text, `?1` by its number.
        connection.prepare_cached(&text.replace('$', "?"))?
    };
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    with(&mut statement)
}

/// Runs it to its end and counts the rows that it changed.
pub(crate) fn execute(statement: &mut CachedStatement<'_>) -> Result<u64> {
    let changed = statement.raw_execute()?;
    Ok(u64::try_from(changed).unwrap_or_default())
}

/// All rows.
pub(crate) fn all<T: FromRow>(statement: &mut CachedStatement<'_>) -> Result<Vec<T>> {
    let names = Names::of(statement);
    let (mut rows, mut found) = (statement.raw_query(), Vec::new());
    while let Some(row) = rows.next()? {
        found.push(T::from_row(&Row::Sqlite(SqliteRow { row, names: &names, next: Cell::new(0) }))?);
    }
    Ok(found)
}

/// The first row.
pub(crate) fn first<T: FromRow>(statement: &mut CachedStatement<'_>) -> Result<Option<T>> {
    let names = Names::of(statement);
    let mut rows = statement.raw_query();
    let row = rows.next()?;
    row.map(|row| T::from_row(&Row::Sqlite(SqliteRow { row, names: &names, next: Cell::new(0) }))).transpose()
}

/// The names of the columns of an answer.
struct Names(Vec<String>);

impl Names {
    fn of(statement: &CachedStatement<'_>) -> Self {
        Self(statement.column_names().map(str::to_owned).collect())
    }
}

/// A row, and the column behind the one that was read last: readers mostly go in the order of the columns.
pub struct SqliteRow<'a> {
    row: &'a rusqlite::Row<'a>,
    names: &'a Names,
    next: Cell<usize>,
}

impl SqliteRow<'_> {
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        let Names(names) = self.names;
        let next = self.next.get();
        let found = if names.get(next).is_some_and(|known| known == name) {
            Some(next)
        } else {
            names.iter().position(|known| known == name)
        };
        self.next.set(found.map_or(next, |index| index + 1));
        found
    }

    pub(crate) fn value<T: rusqlite::types::FromSql>(&self, index: usize) -> rusqlite::Result<T> {
        self.row.get(index)
    }

    pub(crate) fn is_null(&self, index: usize) -> bool {
        matches!(self.row.get_ref(index), Ok(ValueRef::Null))
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Text(value) => value.as_ref().map(|text| ValueRef::Text(text.as_bytes())),
            Self::Int(value) => value.map(ValueRef::Integer),
            Self::Bool(value) => value.map(|flag| ValueRef::Integer(i64::from(flag))),
            Self::Real(value) => value.map(ValueRef::Real),
            Self::Bytes(value) => value.as_ref().map(|bytes| ValueRef::Blob(bytes)),
        };
        Ok(ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null)))
    }
}
