//! Replicas of chosen tables, kept up to date by the server: `monitor_cond` and its `update2` notifications
//! (`ovsdb-server(7)`, §4.1.12 to §4.1.14, which extend RFC 7047 §4.1.5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::sync::{broadcast, oneshot, watch};
use uuid::Uuid;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::transaction::Condition;
use crate::value::{Atom, Row, Value};

/// How many transactions a reader of changes may be behind.
const CHANGES_KEPT: usize = 1024;

/// What to monitor: one database, some of its tables, and of these some columns and rows.
#[derive(Debug, Clone)]
pub struct MonitorRequest {
    pub(crate) database: String,
    tables: BTreeMap<String, Json>,
}

impl MonitorRequest {
    /// Nothing yet of the database.
    #[must_use]
    pub fn new(database: &str) -> MonitorRequest {
        MonitorRequest { database: database.to_owned(), tables: BTreeMap::new() }
    }

    /// Also the named columns of a table; all of them if none is named.
    #[must_use]
    pub fn table(mut self, table: &str, columns: &[&str]) -> MonitorRequest {
        let request = if columns.is_empty() { json!({}) } else { json!({"columns": columns}) };
        self.tables.insert(table.to_owned(), request);
        self
    }

    /// Also the named columns of those rows of a table that pass any one of the conditions.
    #[must_use]
    pub fn table_where(
        self,
        table: &str,
        columns: &[&str],
        conditions: impl IntoIterator<Item = Condition>,
    ) -> MonitorRequest {
        let conditions: Json = conditions.into_iter().map(|condition| condition.to_json()).collect();
        let mut request = self.table(table, columns);
        if let Some(table) = request.tables.get_mut(table) {
            table["where"] = conditions;
        }
        request
    }

    /// The parameters of the method `monitor_cond`.
    pub(crate) fn to_params(&self, id: u64) -> Json {
        let tables: Json = self.tables.iter().map(|(name, table)| (name.clone(), json!([table]))).collect();
        json!([self.database, id, tables])
    }

    /// Whether a column is among the monitored ones.
    fn covers(&self, table: &str, column: &str) -> bool {
        let columns = self.tables.get(table).and_then(|table| table.get("columns")).and_then(Json::as_array);
        columns.is_none_or(|columns| columns.iter().any(|name| name == column))
    }
}

/// The rows of the monitored tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    tables: BTreeMap<String, BTreeMap<Uuid, Arc<Row>>>,
}

impl Tables {
    /// The rows of a table with their identities.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = (Uuid, &Arc<Row>)> {
        self.tables.get(table).into_iter().flatten().map(|(uuid, row)| (*uuid, row))
    }

    /// One row.
    #[must_use]
    pub fn row(&self, table: &str, uuid: Uuid) -> Option<&Arc<Row>> {
        self.tables.get(table)?.get(&uuid)
    }

    /// The first row of a table whose column is the value.
    pub fn find(&self, table: &str, column: &str, value: impl Into<Value>) -> Option<(Uuid, &Arc<Row>)> {
        let value = value.into();
        self.rows(table).find(|(_, row)| row.value(column) == Ok(&value))
    }

    /// How many rows a table has.
    #[must_use]
    pub fn len(&self, table: &str) -> usize {
        self.tables.get(table).map_or(0, BTreeMap::len)
    }

    fn apply(&mut self, change: &Change) {
        match &change.new {
            Some(row) => {
                self.tables.entry(change.table.clone()).or_default().insert(change.uuid, Arc::clone(row));
            }
            None => {
                if let Some(rows) = self.tables.get_mut(&change.table) {
                    rows.remove(&change.uuid);
                }
            }
        }
    }

    /// What makes `self` into `new`.
    fn changes_to(&self, new: &Tables) -> Vec<Change> {
        let keys = |tables: &Tables| -> BTreeSet<(String, Uuid)> {
            let rows = tables.tables.iter();
            rows.flat_map(|(table, rows)| rows.keys().map(|uuid| (table.clone(), *uuid))).collect()
        };
        let all: BTreeSet<_> = keys(self).into_iter().chain(keys(new)).collect();
        all.into_iter()
            .map(|(table, uuid)| {
                let (old, new) = (self.row(&table, uuid).cloned(), new.row(&table, uuid).cloned());
                Change { table, uuid, old, new }
            })
            .filter(|change| change.old != change.new)
            .collect()
    }
}

/// A row that appeared (no `old`), disappeared (no `new`) or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table of the row.
    pub table: String,
    /// The identity of the row.
    pub uuid: Uuid,
    /// The row before.
    pub old: Option<Arc<Row>>,
    /// The row after.
    pub new: Option<Arc<Row>>,
}

/// A replica of the tables asked for; it stays where it was while the server is away and catches up after.
#[derive(Debug, Clone)]
pub struct Monitor {
    tables: watch::Receiver<Tables>,
    changes: broadcast::WeakSender<Arc<[Change]>>,
    /// The connection lives as long as somebody watches.
    _client: Client,
}

impl Monitor {
    pub(crate) fn new(feed: Feed, client: Client) -> Monitor {
        Monitor { tables: feed.tables, changes: feed.changes, _client: client }
    }

    /// The tables as they are now; the replica stands still while this is held, so let go of it soon.
    #[must_use]
    pub fn tables(&self) -> watch::Ref<'_, Tables> {
        self.tables.borrow()
    }

    /// Waits for a change that came after the last call of this method.
    pub async fn changed(&mut self) -> Result<()> {
        self.tables.changed().await.map_err(|_| Error::Closed)
    }

    /// Waits until the tables are as the caller wants them.
    pub async fn wait_for(&mut self, wanted: impl FnMut(&Tables) -> bool) -> Result<watch::Ref<'_, Tables>> {
        self.tables.wait_for(wanted).await.map_err(|_| Error::Closed)
    }

    /// Every change from now on, one by one.
    pub fn changes(&self) -> Result<Changes> {
        let sender = self.changes.upgrade().ok_or(Error::Closed)?;
        Ok(Changes { receiver: sender.subscribe() })
    }
}

/// The changes of a replica, in the order of the server's transactions.
#[derive(Debug)]
pub struct Changes {
    receiver: broadcast::Receiver<Arc<[Change]>>,
}

impl Changes {
    /// Waits for the next transaction and gives what it changed; [`Error::Lagged`] if the reader was too slow
    /// and has to read the tables again. The tables already show the changes.
    pub async fn next(&mut self) -> Result<Arc<[Change]>> {
        self.receiver.recv().await.map_err(|error| match error {
            broadcast::error::RecvError::Closed => Error::Closed,
            broadcast::error::RecvError::Lagged(missed) => Error::Lagged(missed),
        })
    }
}

/// What the connection's task hands to a new [`Monitor`].
#[derive(Debug)]
pub(crate) struct Feed {
    tables: watch::Receiver<Tables>,
    changes: broadcast::WeakSender<Arc<[Change]>>,
}

/// The writing side of a monitor, owned by the connection's task.
pub(crate) struct Replica {
    pub(crate) request: MonitorRequest,
    schema: Schema,
    tables: watch::Sender<Tables>,
    changes: broadcast::Sender<Arc<[Change]>>,
    /// Who asked for the monitor, until the first content is there.
    asker: Option<oneshot::Sender<Result<Feed>>>,
}

impl Replica {
    pub(crate) fn new(request: MonitorRequest, asker: Option<oneshot::Sender<Result<Feed>>>) -> Replica {
        Replica {
            request,
            schema: Schema::default(),
            tables: watch::Sender::new(Tables::default()),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            asker,
        }
    }

    /// Whether nobody waits for it or reads it any more.
    pub(crate) fn abandoned(&self) -> bool {
        let unread = self.tables.receiver_count() == 0 && self.changes.receiver_count() == 0;
        self.asker.as_ref().map_or(unread, oneshot::Sender::is_closed)
    }

    pub(crate) fn tables(&self) -> watch::Ref<'_, Tables> {
        self.tables.borrow()
    }

    pub(crate) fn schema_set(&mut self, json: &Json) -> Result<()> {
        self.schema = Schema::from_json(json)?;
        Ok(())
    }

    /// The server refused to monitor: the asker learns it, or else nobody is waiting and the caller must act.
    pub(crate) fn refuse(&mut self, error: Error) -> Result<()> {
        match self.asker.take() {
            Some(asker) => {
                // An asker that has gone away needs no answer.
                let _ = asker.send(Err(error));
                Ok(())
            }
            None => Err(error),
        }
    }

    /// Takes the whole content, at first and after every new connection.
    pub(crate) fn fill(&mut self, updates: &Json) -> Result<()> {
        let mut tables = Tables::default();
        for change in self.read(&tables, updates)? {
            tables.apply(&change);
        }
        let changes = self.tables.borrow().changes_to(&tables);
        self.publish(changes);
        if let Some(asker) = self.asker.take() {
            let feed = Feed { tables: self.tables.subscribe(), changes: self.changes.downgrade() };
            // An asker that has gone away is found by `abandoned`.
            let _ = asker.send(Ok(feed));
        }
        Ok(())
    }

    /// Takes the changes of one transaction.
    pub(crate) fn update(&mut self, updates: &Json) -> Result<()> {
        let changes = self.read(&self.tables.borrow(), updates)?;
        self.publish(changes);
        Ok(())
    }

    fn publish(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.tables.send_modify(|tables| changes.iter().for_each(|change| tables.apply(change)));
        // Without a reader of single changes there is nobody to tell.
        let _ = self.changes.send(changes.into());
    }

    /// Reads a `<table-updates2>`: tables, their rows, and what happened to each.
    fn read(&self, tables: &Tables, updates: &Json) -> Result<Vec<Change>> {
        let wrong = || Error::protocol("a malformed table update");
        let mut changes = Vec::new();
        for (table, rows) in updates.as_object().ok_or_else(wrong)? {
            for (uuid, update) in rows.as_object().ok_or_else(wrong)? {
                let uuid = Uuid::try_parse(uuid).map_err(|_| wrong())?;
                let old = tables.row(table, uuid).cloned();
                let (kind, content) = update.as_object().and_then(|update| update.iter().next()).ok_or_else(wrong)?;
                let new = match (kind.as_str(), &old) {
                    ("initial" | "insert", _) => Some(Arc::new(self.complete(table, content)?)),
                    ("modify", Some(old)) => Some(Arc::new(self.modify(table, old, content)?)),
                    ("delete", _) => None,
                    _ => return Err(wrong()),
                };
                changes.push(Change { table: table.clone(), uuid, old, new });
            }
        }
        Ok(changes)
    }

    /// A new row: the server leaves out columns that hold their default.
    fn complete(&self, table: &str, content: &Json) -> Result<Row> {
        let mut row = Row::from_json(content)?;
        for (name, column) in self.schema.columns(table) {
            if self.request.covers(table, name) && row.value(name).is_err() {
                row.insert(name, column.default.clone());
            }
        }
        Ok(row)
    }

    fn modify(&self, table: &str, old: &Row, content: &Json) -> Result<Row> {
        let mut row = old.clone();
        for (name, change) in Row::from_json(content)?.columns() {
            let many = self.schema.column(table, name).is_some_and(|column| column.many);
            let value = match row.value(name) {
                Ok(old) if many => difference_apply(old, change),
                _ => change.clone(),
            };
            row.insert(name, value);
        }
        Ok(row)
    }
}

/// Elements of a set are toggled; pairs of a map are taken out if they are there just so, else put in.
fn difference_apply(old: &Value, change: &Value) -> Value {
    match (old, change) {
        (Value::Set(old), Value::Set(change)) => Value::Set(old.symmetric_difference(change).cloned().collect()),
        (Value::Map(old), Value::Map(change)) => {
            let mut pairs: BTreeMap<Atom, Atom> = old.clone();
            for (key, value) in change {
                if old.get(key) == Some(value) {
                    pairs.remove(key);
                } else {
                    pairs.insert(key.clone(), value.clone());
                }
            }
            Value::Map(pairs)
        }
        _ => change.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica() -> (Replica, Feed) {
        let (asker, mut answer) = oneshot::channel();
        let request = MonitorRequest::new("D").table("T", &["name", "tags", "ids"]);
        let mut replica = Replica::new(request, Some(asker));
        let columns = json!({
            "name": {"type": "string"},
            "tags": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
            "ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
            "other": {"type": "string"},
        });
        replica.schema_set(&json!({"tables": {"T": {"columns": columns}}})).unwrap();
        replica.fill(&json!({"T": {UUID: {"initial": {"tags": "a"}}}})).unwrap();
        let feed = answer.try_recv().unwrap().unwrap();
        (replica, feed)
    }

    const UUID: &str = "00000000-0000-0000-0000-000000000001";

    fn row() -> Row {
        Row::new().with("name", "").with("tags", "a").with("ids", Value::map([] as [(&str, &str); 0]))
    }

    #[test]
    fn defaults_are_filled_in_and_differences_applied() {
        let (mut replica, feed) = replica();
        let uuid = Uuid::try_parse(UUID).unwrap();
        assert_eq!(**feed.tables.borrow().row("T", uuid).unwrap(), row());

        let modify = json!({"tags": ["set", ["a", "b"]], "ids": ["map", [["k", "v"], ["x", "y"]]], "name": "n"});
        replica.update(&json!({"T": {UUID: {"modify": modify}}})).unwrap();
        replica.update(&json!({"T": {UUID: {"modify": {"ids": ["map", [["k", "w"], ["x", "y"]]]}}}})).unwrap();
        let expected = Row::new().with("name", "n").with("tags", "b").with("ids", Value::map([("k", "w")]));
        assert_eq!(**feed.tables.borrow().row("T", uuid).unwrap(), expected);

        replica.update(&json!({"T": {UUID: {"delete": null}}})).unwrap();
        assert_eq!(feed.tables.borrow().len("T"), 0);
    }

    #[test]
    fn filling_again_tells_only_what_differs() {
        let (mut replica, feed) = replica();
        let mut changes = feed.changes.upgrade().unwrap().subscribe();
        let mut same = feed.tables.clone();
        same.mark_unchanged();
        replica.fill(&json!({"T": {UUID: {"initial": {"tags": "a"}}}})).unwrap();
        assert!(!same.has_changed().unwrap());
        replica.fill(&json!({})).unwrap();
        let gone = changes.try_recv().unwrap();
        assert_eq!((gone.len(), gone[0].old.as_deref(), &gone[0].new), (1, Some(&row()), &None));
    }

    #[test]
    fn a_malformed_update_changes_nothing() {
        let (mut replica, feed) = replica();
        let before = feed.tables.borrow().clone();
        let other = "00000000-0000-0000-0000-000000000002";
        for update in [
            json!(null),
            json!({"T": 1}),
            json!({"T": {"x": {"delete": null}}}),
            json!({"T": {UUID: {"delete": null}, other: {"modify": {"name": "x"}}}}),
            json!({"T": {other: {}}}),
            json!({"T": {other: {"insert": {"name": null}}}}),
        ] {
            assert!(replica.update(&update).is_err(), "{update}");
        }
        assert_eq!(*feed.tables.borrow(), before);
    }

    #[test]
    fn a_replica_nobody_reads_is_abandoned() {
        let (replica, feed) = replica();
        assert!(!replica.abandoned());
        drop(feed);
        assert!(replica.abandoned());
    }
}
