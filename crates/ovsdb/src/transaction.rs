//! Transactions: operations in order, applied all or not at all (RFC 7047 §4.1.3 and §5.2).

use std::time::Duration;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::error::{Error, Result, error_parts};
use crate::value::{Atom, Row, Value};

/// A test on one column; an operation applies to the rows that pass all of its tests (RFC 7047 §5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    column: String,
    function: &'static str,
    value: Value,
}

impl Condition {
    fn new(column: &str, function: &'static str, value: impl Into<Value>) -> Condition {
        Condition { column: column.to_owned(), function, value: value.into() }
    }

    /// The row of that identity.
    #[must_use]
    pub fn uuid(uuid: Uuid) -> Condition {
        Condition::equal("_uuid", uuid)
    }

    /// The column is the value.
    pub fn equal(column: &str, value: impl Into<Value>) -> Condition {
        Condition::new(column, "==", value)
    }

    /// The column is not the value.
    pub fn not_equal(column: &str, value: impl Into<Value>) -> Condition {
        Condition::new(column, "!=", value)
    }

    /// The number is less than the value.
    pub fn less(column: &str, value: impl Into<Value>) -> Condition {
        Condition::new(column, "<", value)
    }

    /// The number is the value or less.
    pub fn at_most(column: &str, value: impl Into<Value>) -> Condition {
        Condition::new(column, "<=", value)
    }

    /// The number is greater than the value.
    pub fn greater(column: &str, value: impl Into<Value>) -> Condition {
        Condition::new(column, ">", value)
    }

    /// The number is the value or greater.
    pub fn at_least(column: &str, value: impl Into<Value>) -> Condition {
        Condition::new(column, ">=", value)
    }

    /// The set or map contains all of the value.
    pub fn includes(column: &str, value: impl Into<Value>) -> Condition {
        Condition::new(column, "includes", value)
    }

    /// The set or map contains nothing of the value.
    pub fn excludes(column: &str, value: impl Into<Value>) -> Condition {
        Condition::new(column, "excludes", value)
    }

    pub(crate) fn to_json(&self) -> Json {
        json!([self.column, self.function, self.value.to_json()])
    }
}

/// A change of a column that starts from what it holds (RFC 7047 §5.1, `<mutation>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    column: String,
    mutator: &'static str,
    value: Value,
}

impl Mutation {
    fn new(column: &str, mutator: &'static str, value: impl Into<Value>) -> Mutation {
        Mutation { column: column.to_owned(), mutator, value: value.into() }
    }

    /// Adds elements to a set, or pairs to a map whose keys are not there yet.
    pub fn insert(column: &str, value: impl Into<Value>) -> Mutation {
        Mutation::new(column, "insert", value)
    }

    /// Takes elements out of a set; out of a map either whole pairs or, given a set, those keys.
    pub fn delete(column: &str, value: impl Into<Value>) -> Mutation {
        Mutation::new(column, "delete", value)
    }

    /// Adds to a number.
    pub fn add(column: &str, value: impl Into<Value>) -> Mutation {
        Mutation::new(column, "+=", value)
    }

    /// Subtracts from a number.
    pub fn subtract(column: &str, value: impl Into<Value>) -> Mutation {
        Mutation::new(column, "-=", value)
    }

    fn to_json(&self) -> Json {
        json!([self.column, self.mutator, self.value.to_json()])
    }
}

/// What a wait waits for (RFC 7047 §5.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The rows selected are the rows given.
    Equal,
    /// The rows selected are other than the rows given.
    NotEqual,
}

/// A row that a transaction inserts, to be referred to by its other operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    index: usize,
}

impl Inserted {
    /// The reference to the row, good inside the transaction only.
    #[must_use]
    pub fn atom(self) -> Atom {
        Atom::NamedUuid(self.name())
    }

    fn name(self) -> String {
        format!("row{}", self.index)
    }
}

impl From<Inserted> for Atom {
    fn from(row: Inserted) -> Self {
        row.atom()
    }
}

/// Operations to be sent together; each method returns the index of its operation, by which [`Results`] and
/// [`Error::Transaction`] know it.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    operations: Vec<Json>,
}

impl Transaction {
    /// A transaction without operations.
    #[must_use]
    pub fn new() -> Transaction {
        Transaction::default()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Inserts a row; columns not given have their default (RFC 7047 §5.2.1).
    pub fn insert(&mut self, table: &str, row: Row) -> Inserted {
        let inserted = Inserted { index: self.operations.len() };
        self.push(json!({"op": "insert", "table": table, "row": row.to_json(), "uuid-name": inserted.name()}));
        inserted
    }

    /// Inserts a row under an identity of our choice (`ovsdb-server(7)`, an extension to RFC 7047).
    pub fn insert_with_uuid(&mut self, table: &str, uuid: Uuid, row: Row) -> usize {
        self.push(json!({"op": "insert", "table": table, "row": row.to_json(), "uuid": uuid}))
    }

    /// Reads the named columns of the rows that match, all columns if none is named (RFC 7047 §5.2.2).
    pub fn select(&mut self, table: &str, conditions: impl IntoIterator<Item = Condition>, columns: &[&str]) -> usize {
        let mut operation = json!({"op": "select", "table": table, "where": conditions_to_json(conditions)});
        if !columns.is_empty() {
            operation["columns"] = json!(columns);
        }
        self.push(operation)
    }

    /// Overwrites columns of the rows that match (RFC 7047 §5.2.3).
    pub fn update(&mut self, table: &str, conditions: impl IntoIterator<Item = Condition>, row: Row) -> usize {
        let conditions = conditions_to_json(conditions);
        self.push(json!({"op": "update", "table": table, "where": conditions, "row": row.to_json()}))
    }

    /// Changes columns of the rows that match, starting from what they hold (RFC 7047 §5.2.4).
    pub fn mutate(
        &mut self,
        table: &str,
        conditions: impl IntoIterator<Item = Condition>,
        mutations: impl IntoIterator<Item = Mutation>,
    ) -> usize {
        let conditions = conditions_to_json(conditions);
        let mutations: Vec<Json> = mutations.into_iter().map(|mutation| mutation.to_json()).collect();
        self.push(json!({"op": "mutate", "table": table, "where": conditions, "mutations": mutations}))
    }

    /// Deletes the rows that match (RFC 7047 §5.2.5).
    pub fn delete(&mut self, table: &str, conditions: impl IntoIterator<Item = Condition>) -> usize {
        let conditions = conditions_to_json(conditions);
        self.push(json!({"op": "delete", "table": table, "where": conditions}))
    }

    /// Waits until the given columns of the rows that match are, or are not, as in `rows`; a timeout of zero
    /// makes it a check (RFC 7047 §5.2.6).
    pub fn wait(
        &mut self,
        table: &str,
        conditions: impl IntoIterator<Item = Condition>,
        columns: &[&str],
        until: Until,
        rows: &[Row],
        timeout: Duration,
    ) -> usize {
        let until = match until {
            Until::Equal => "==",
            Until::NotEqual => "!=",
        };
        let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.push(json!({
            "op": "wait",
            "table": table,
            "where": conditions_to_json(conditions),
            "columns": columns,
            "until": until,
            "rows": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "timeout": timeout,
        }))
    }

    /// Has the server answer only once the transaction is on disk, if `durable` (RFC 7047 §5.2.7).
    pub fn commit(&mut self, durable: bool) -> usize {
        self.push(json!({"op": "commit", "durable": durable}))
    }

    /// Ends the transaction with an error, undoing it: a trial run (RFC 7047 §5.2.8).
    pub fn abort(&mut self) -> usize {
        self.push(json!({"op": "abort"}))
    }

    /// Says in the database's log what the transaction is for (RFC 7047 §5.2.9).
    pub fn comment(&mut self, comment: &str) -> usize {
        self.push(json!({"op": "comment", "comment": comment}))
    }

    /// Fails unless the connection holds the lock (RFC 7047 §5.2.10).
    pub fn assert(&mut self, lock: &str) -> usize {
        self.push(json!({"op": "assert", "lock": lock}))
    }

    fn push(&mut self, operation: Json) -> usize {
        self.operations.push(operation);
        self.operations.len() - 1
    }

    /// The parameters of the method `transact`.
    pub(crate) fn into_params(self, database: &str) -> Json {
        let mut params = vec![json!(database)];
        params.extend(self.operations);
        Json::Array(params)
    }
}

fn conditions_to_json(conditions: impl IntoIterator<Item = Condition>) -> Json {
    conditions.into_iter().map(|condition| condition.to_json()).collect()
}

/// What one operation of a committed transaction gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationResult {
    /// The identity of the inserted row.
    Inserted(Uuid),
    /// The rows selected.
    Rows(Vec<Row>),
    /// How many rows an update, mutate or delete matched.
    Count(u64),
    /// An operation that gives nothing.
    Done,
}

/// What the operations of a committed transaction gave, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    results: Vec<OperationResult>,
}

impl Results {
    /// Reads the result of `transact` for that many operations; the first error in it is the answer.
    pub(crate) fn from_json(json: &Json, operations: usize) -> Result<Results> {
        let elements = json.as_array().ok_or_else(|| Error::protocol("transact did not give an array"))?;
        for (index, element) in elements.iter().enumerate() {
            if element.get("error").is_some() {
                let (error, details) = error_parts(element);
                return Err(Error::Transaction { index: (index < operations).then_some(index), error, details });
            }
        }
        if elements.len() < operations {
            return Err(Error::protocol("transact gave fewer results than operations"));
        }
        let results = elements.iter().take(operations).map(result_from_json).collect::<Result<_>>()?;
        Ok(Results { results })
    }

    /// Every result, in the order of the operations.
    #[must_use]
    pub fn all(&self) -> &[OperationResult] {
        &self.results
    }

    /// The identity the server gave to an inserted row.
    pub fn inserted(&self, row: Inserted) -> Result<Uuid> {
        match self.results.get(row.index) {
            Some(OperationResult::Inserted(uuid)) => Ok(*uuid),
            _ => Err(other_kind(row.index, "an insert")),
        }
    }

    /// How many rows the operation matched.
    pub fn count(&self, index: usize) -> Result<u64> {
        match self.results.get(index) {
            Some(OperationResult::Count(count)) => Ok(*count),
            _ => Err(other_kind(index, "an update, mutate or delete")),
        }
    }

    /// The rows the operation selected.
    pub fn rows(&self, index: usize) -> Result<&[Row]> {
        match self.results.get(index) {
            Some(OperationResult::Rows(rows)) => Ok(rows),
            _ => Err(other_kind(index, "a select")),
        }
    }
}

fn other_kind(index: usize, kind: &str) -> Error {
    Error::protocol(format!("the result of operation {index} is not that of {kind}"))
}

fn result_from_json(json: &Json) -> Result<OperationResult> {
    let object = json.as_object().ok_or_else(|| Error::protocol(format!("{json} is not an operation's result")))?;
    if let Some(uuid) = object.get("uuid") {
        return match Atom::from_json(uuid)? {
            Atom::Uuid(uuid) => Ok(OperationResult::Inserted(uuid)),
            _ => Err(Error::protocol(format!("{uuid} is not a uuid"))),
        };
    }
    if let Some(rows) = object.get("rows") {
        let rows = rows.as_array().ok_or_else(|| Error::protocol(format!("{rows} is not a list of rows")))?;
        return rows.iter().map(Row::from_json).collect::<Result<_>>().map(OperationResult::Rows);
    }
    match object.get("count").map(Json::as_u64) {
        Some(Some(count)) => Ok(OperationResult::Count(count)),
        Some(None) => Err(Error::protocol(format!("{json} does not count rows"))),
        None => Ok(OperationResult::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_follow_the_operations() {
        let uuid = Uuid::from_u128(3);
        let json = json!([{"uuid": ["uuid", uuid]}, {"count": 2}, {"rows": [{"name": "a"}]}, {}]);
        let results = Results::from_json(&json, 4).unwrap();
        assert_eq!(results.inserted(Inserted { index: 0 }), Ok(uuid));
        assert_eq!(results.count(1), Ok(2));
        assert_eq!(results.rows(2).unwrap(), [Row::new().with("name", "a")]);
        assert_eq!(results.all()[3], OperationResult::Done);
        assert!(results.count(0).is_err());
        assert!(results.rows(9).is_err());
    }

    #[test]
    fn the_first_error_says_where() {
        let error =
            |index| Err(Error::Transaction { index, error: "constraint violation".into(), details: "too many".into() });
        let element = json!({"error": "constraint violation", "details": "too many"});
        assert_eq!(Results::from_json(&json!([{}, element, null]), 3), error(Some(1)));
        assert_eq!(Results::from_json(&json!([{}, {}, element]), 2), error(None));
    }

    #[test]
    fn nonsense_is_an_error() {
        for json in
            [json!(null), json!([]), json!([null]), json!([{"uuid": 1}]), json!([{"rows": 1}]), json!([{"count": -1}])]
        {
            assert!(matches!(Results::from_json(&json, 1), Err(Error::Protocol(_))), "{json}");
        }
    }
}
