use db::{Db, Result, Tx, sql};
use jiff::Timestamp;

/// An operation to be written.
#[derive(Debug)]
pub struct NewOperation<O> {
    /// What it works on: `server/UUID`. Operations on one target run one after another.
    pub target: String,
    /// The project that asked.
    pub project_id: Option<String>,
    /// The user that asked.
    pub user_id: Option<String>,
    /// The request that asked.
    pub request_id: String,
    /// When waiting and retrying end.
    pub deadline: Timestamp,
    /// Its parameters.
    pub data: O,
}

db::row! {
    /// An operation as it stands.
    #[derive(Debug, Clone)]
    pub struct Record {
        /// Its id.
        pub id: String,
        /// Its kind.
        pub kind: String,
        /// What it works on.
        pub target: String,
        /// The project that asked.
        pub project_id: Option<String>,
        /// The user that asked.
        pub user_id: Option<String>,
        /// The request that asked.
        pub request_id: String,
        /// `run`, `undo`, `done` or `undone`.
        pub phase: String,
        /// The index of the current step.
        pub step: i64,
        /// While undoing: the last step to undo.
        pub undo_to: i64,
        /// Whether to run forward again after undoing.
        pub resume: bool,
        /// What the operation knows, in JSON.
        pub data: String,
        /// Why it failed, for the user.
        pub failure: Option<String>,
        /// Whether it is to be undone because something took its place.
        pub cancelled: bool,
        /// How often the current step was tried.
        pub attempts: i64,
        /// When waiting and retrying end.
        pub deadline: Timestamp,
        /// When it was asked for.
        pub created_at: Timestamp,
        /// When it last moved.
        pub updated_at: Timestamp,
    }
}

db::row! {
    /// One run of one step.
    #[derive(Debug, Clone)]
    pub struct StepRecord {
        /// The operation.
        pub operation_id: String,
        /// Counts the steps as they were started.
        pub sequence: i64,
        /// The step.
        pub name: String,
        /// Whether it was being undone.
        pub undo: bool,
        /// When it was first started.
        pub started_at: Timestamp,
        /// When it ended.
        pub finished_at: Option<Timestamp>,
        /// Why it failed, or what it waits for.
        pub error: Option<String>,
        /// The node that did it.
        pub host: Option<String>,
    }
}

const COLUMNS: &str = "id, kind, target, project_id, user_id, request_id, phase, step, undo_to, resume, data, failure, \
                       cancelled, attempts, deadline, created_at, updated_at";

pub(crate) struct Inserted<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub phase: &'static str,
    pub data: &'a str,
    pub now: Timestamp,
}

pub(crate) async fn operation_insert<O>(tx: &mut Tx, new: &NewOperation<O>, row: Inserted<'_>) -> Result<()> {
    sql("INSERT INTO operations (id, kind, target, project_id, user_id, request_id, phase, step, undo_to, resume, data, \
         cancelled, attempts, not_before, deadline, owner, lease_until, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $10, 0, 0, FALSE, $7, FALSE, 0, $8, $9, '', 0, $8, $8)")
    .bind(row.id)
    .bind(row.kind)
    .bind(&new.target)
    .bind(new.project_id.clone())
    .bind(new.user_id.clone())
    .bind(&new.request_id)
    .bind(row.data)
    .bind(row.now)
    .bind(new.deadline)
    .bind(row.phase)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes the lease of up to `limit` operations that are due, each the oldest open one of its target.
pub(crate) async fn operations_claim(
    db: &Db,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Record>> {
    let mut tx = db.begin().await?;
    let mut claim =
        sql("UPDATE operations SET owner = $1, lease_until = $2 WHERE id IN (SELECT o.id FROM operations o \
         WHERE o.phase IN ('run', 'undo') AND o.not_before <= $3 AND o.lease_until < $3 AND NOT EXISTS \
         (SELECT 1 FROM operations p WHERE p.target = o.target AND p.phase IN ('run', 'undo') \
         AND (p.created_at < o.created_at OR (p.created_at = o.created_at AND p.id < o.id))) \
         ORDER BY o.not_before LIMIT $4) AND lease_until < $3 RETURNING ")
        .bind(owner)
        .bind(until)
        .bind(now)
        .bind(limit);
    claim.push(COLUMNS);
    let claimed = claim.all(&mut tx).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// When the next operation may become due; `None` when nothing is open.
pub(crate) async fn operations_next(db: &Db) -> Result<Option<Timestamp>> {
    db::row! { struct Next { due: Option<i64> } }
    let next: Next = sql("SELECT MIN(CASE WHEN not_before > lease_until THEN not_before ELSE lease_until END) AS due \
         FROM operations WHERE phase IN ('run', 'undo')")
    .one(db)
    .await?;
    Ok(next.due.and_then(|due| Timestamp::from_microsecond(due).ok()))
}

/// Frees what a process of that name held when it died.
pub(crate) async fn leases_release(db: &Db, owner: &str) -> Result<u64> {
    let mut tx = db.begin().await?;
    let freed = sql("UPDATE operations SET lease_until = 0 WHERE owner = $1 AND phase IN ('run', 'undo')")
        .bind(owner)
        .execute(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(freed)
}

/// Prolongs a lease; `false` when another process took it.
pub(crate) async fn lease_renew(db: &Db, id: &str, owner: &str, until: Timestamp) -> Result<bool> {
    let mut tx = db.begin().await?;
    let kept = sql("UPDATE operations SET lease_until = $3 WHERE id = $1 AND owner = $2")
        .bind(id)
        .bind(owner)
        .bind(until)
        .execute(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(kept == 1)
}

/// Saves where the operation stands, if `owner` still holds it. Ended operations give their lease back. Tells whether
/// someone asked to undo it; `None` if it was not saved.
pub(crate) async fn operation_save(
    tx: &mut Tx,
    record: &Record,
    owner: &str,
    not_before: Timestamp,
    until: Timestamp,
) -> Result<Option<bool>> {
    sql("UPDATE operations SET phase = $3, step = $4, undo_to = $5, resume = $6, data = $7, failure = $8, \
         attempts = $9, not_before = $10, lease_until = $11, updated_at = $12 WHERE id = $1 AND owner = $2 \
         RETURNING cancelled")
    .bind(&record.id)
    .bind(owner)
    .bind(&record.phase)
    .bind(record.step)
    .bind(record.undo_to)
    .bind(record.resume)
    .bind(&record.data)
    .bind(record.failure.clone())
    .bind(record.attempts)
    .bind(not_before)
    .bind(until)
    .bind(record.updated_at)
    .optional(tx)
    .await
}

/// Whether someone asked to undo the operation.
pub(crate) async fn operation_is_cancelled(db: &Db, id: &str) -> Result<bool> {
    Ok(sql("SELECT cancelled FROM operations WHERE id = $1").bind(id).optional(db).await?.unwrap_or(false))
}

/// Asks the open operations on `target` to be undone, now and not after the pause that they are in, and returns their ids.
pub(crate) async fn operations_cancel(tx: &mut Tx, target: &str) -> Result<Vec<String>> {
    sql("UPDATE operations SET cancelled = TRUE, not_before = 0 WHERE target = $1 AND phase IN ('run', 'undo') RETURNING id")
        .bind(target)
        .all(tx)
        .await
}

/// Writes the start of a step, unless that is written already.
pub(crate) async fn step_start(tx: &mut Tx, id: &str, name: &str, undo: bool, now: Timestamp) -> Result<()> {
    sql("INSERT INTO operation_steps (operation_id, sequence, name, undo, started_at) \
         SELECT $1, COALESCE(MAX(sequence), 0) + 1, $2, $3, $4 FROM operation_steps WHERE operation_id = $1 \
         HAVING COUNT(CASE WHEN finished_at IS NULL AND name = $2 AND undo = $3 THEN 1 END) = 0")
    .bind(id)
    .bind(name)
    .bind(undo)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes how the step that was started last goes; without `now` it goes on.
pub(crate) async fn step_note(
    tx: &mut Tx,
    id: &str,
    now: Option<Timestamp>,
    error: Option<String>,
    host: Option<String>,
) -> Result<()> {
    sql("UPDATE operation_steps SET finished_at = $2, error = $3, host = $4 WHERE operation_id = $1 \
         AND sequence = (SELECT MAX(s.sequence) FROM operation_steps s WHERE s.operation_id = $1)")
    .bind(id)
    .bind(now)
    .bind(error)
    .bind(host)
    .execute(tx)
    .await?;
    Ok(())
}

/// The operations on `target`, newest first.
pub(crate) async fn operations_of(db: &Db, target: &str) -> Result<Vec<Record>> {
    let mut select = sql("SELECT ");
    select.push(COLUMNS).push(" FROM operations WHERE target = ").push_bind(target);
    select.push(" ORDER BY created_at DESC, id DESC");
    select.all(db).await
}

/// The operations that a request caused, in order.
pub async fn operations_of_request(db: &Db, request_id: &str) -> Result<Vec<Record>> {
    let mut select = sql("SELECT ");
    select.push(COLUMNS).push(" FROM operations WHERE request_id = ").push_bind(request_id);
    select.push(" ORDER BY created_at, id");
    select.all(db).await
}

/// The steps of one operation, in order.
pub async fn steps_of(db: &Db, operation_id: &str) -> Result<Vec<StepRecord>> {
    sql("SELECT operation_id, sequence, name, undo, started_at, finished_at, error, host FROM operation_steps \
         WHERE operation_id = $1 ORDER BY sequence")
    .bind(operation_id)
    .all(db)
    .await
}

/// How many operations are open.
pub(crate) async fn operations_open(db: &Db) -> Result<i64> {
    sql("SELECT COUNT(*) FROM operations WHERE phase IN ('run', 'undo')").one(db).await
}

db::row! {
    /// How far an operation is.
    pub(crate) struct Phase {
        pub(crate) phase: String,
        pub(crate) failure: Option<String>,
    }
}

pub(crate) async fn operation_phase(db: &Db, id: &str) -> Result<Option<Phase>> {
    sql("SELECT phase, failure FROM operations WHERE id = $1").bind(id).optional(db).await
}
