//! Transactions and plain calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ovsdb::{Condition, Error, Mutation, OperationResult, Options, Row, Transaction, Until, Value};
use uuid::Uuid;

use crate::server::{NB, NB_SCHEMA, SWITCH_SCHEMA, Server, switch_create};

#[tokio::test]
async fn the_server_tells_of_itself() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), SWITCH_SCHEMA);
    let client = server.client();
    client.echo().await.unwrap();
    assert!(client.is_connected());
    assert!(client.list_dbs().await.unwrap().contains(&"Open_vSwitch".to_owned()));
    assert_eq!(client.get_schema("Open_vSwitch").await.unwrap()["name"], "Open_vSwitch");
    let refused = client.get_schema("Nothing").await;
    assert!(matches!(&refused, Err(Error::Refused { method: "get_schema", error, .. }) if error == "unknown database"));
}

#[tokio::test]
async fn rows_are_inserted_read_changed_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();

    let mut transaction = Transaction::new();
    let port = transaction.insert(
        "Logical_Switch_Port",
        Row::new()
            .with("name", "port-1")
            .with("enabled", true)
            .with("tag", 5)
            .with("addresses", Value::set(["a", "b"])),
    );
    let switch = transaction.insert(
        "Logical_Switch",
        Row::new()
            .with("name", "switch-1")
            .with("ports", Value::set([port]))
            .with("external_ids", Value::map([("owner", "me"), ("empty", "")])),
    );
    let comment = transaction.comment("a first switch");
    let results = client.transact(NB, transaction).await.unwrap();
    assert_eq!(results.all()[comment], OperationResult::Done);
    let (port, switch) = (results.inserted(port).unwrap(), results.inserted(switch).unwrap());

    let rows = client.select(NB, "Logical_Switch", [Condition::equal("name", "switch-1")], &[]).await.unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row.uuid("_uuid"), Ok(switch));
    assert_eq!(row.set_uuid("ports").unwrap(), BTreeSet::from([port]));
    assert_eq!(row.map("external_ids").unwrap(), BTreeMap::from([("owner", "me"), ("empty", "")]));

    let row = client.select(NB, "Logical_Switch_Port", [Condition::uuid(port)], &["tag", "enabled", "up", "addresses"]);
    let row = row.await.unwrap().remove(0);
    assert_eq!(row.optional_integer("tag"), Ok(Some(5)));
    assert_eq!((row.optional_bool("enabled"), row.optional_bool("up")), (Ok(Some(true)), Ok(None)));
    assert_eq!(row.set_string("addresses").unwrap(), BTreeSet::from(["a", "b"]));

    let mut transaction = Transaction::new();
    let updated = transaction.update("Logical_Switch_Port", [Condition::uuid(port)], Row::new().with("tag", 6));
    let mine = Condition::includes("external_ids", Value::map([("owner", "me")]));
    let mutated = transaction.mutate(
        "Logical_Switch",
        [mine],
        [Mutation::delete("ports", port), Mutation::delete("external_ids", "owner")],
    );
    let read = transaction.select("Logical_Switch", [Condition::excludes("ports", port)], &["external_ids"]);
    let missed = transaction.delete("Logical_Switch", [Condition::not_equal("name", "switch-1")]);
    let results = client.transact(NB, transaction).await.unwrap();
    let counts = [updated, mutated, missed].map(|index| results.count(index).unwrap());
    assert_eq!(counts, [1, 1, 0]);
    assert_eq!(results.rows(read).unwrap(), [Row::new().with("external_ids", Value::map([("empty", "")]))]);

    let left = client.select(NB, "Logical_Switch_Port", [], &["name"]).await.unwrap();
    assert!(left.is_empty(), "a port that no switch refers to goes away by itself");
}

#[tokio::test]
async fn a_row_can_be_given_its_identity() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    let uuid = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);
    let insert = || {
        let mut transaction = Transaction::new();
        transaction.insert_with_uuid("Logical_Switch", uuid, Row::new().with("name", "switch-1"));
        transaction
    };
    let results = client.transact(NB, insert()).await.unwrap();
    assert_eq!(results.all(), [OperationResult::Inserted(uuid)]);
    assert!(matches!(client.transact(NB, insert()).await, Err(Error::Transaction { index: Some(0), .. })));
}

#[tokio::test]
async fn a_failed_transaction_says_where_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    let failure = async |transaction| match client.transact(NB, transaction).await {
        Err(Error::Transaction { index, error, .. }) => (index, error),
        other => panic!("{other:?}"),
    };
    let insert = |transaction: &mut Transaction| {
        transaction.insert("Address_Set", Row::new().with("name", "set-1"));
    };

    let mut unknown_column = Transaction::new();
    insert(&mut unknown_column);
    unknown_column.insert("Logical_Switch", Row::new().with("colour", "blue"));
    assert_eq!(failure(unknown_column).await.0, Some(1));

    let mut out_of_range = Transaction::new();
    insert(&mut out_of_range);
    out_of_range.insert("ACL", Row::new().with("priority", 1_000_000));
    assert_eq!(failure(out_of_range).await, (Some(1), "constraint violation".to_owned()));

    let mut twice = Transaction::new();
    insert(&mut twice);
    insert(&mut twice);
    assert_eq!(failure(twice).await, (None, "constraint violation".to_owned()));

    let mut dangling = Transaction::new();
    dangling.insert("Logical_Switch", Row::new().with("ports", Uuid::from_u128(1)));
    assert_eq!(failure(dangling).await, (None, "referential integrity violation".to_owned()));

    let mut aborted = Transaction::new();
    insert(&mut aborted);
    aborted.abort();
    assert_eq!(failure(aborted).await, (Some(1), "aborted".to_owned()));

    let mut no_lock = Transaction::new();
    no_lock.assert("lock_1");
    assert_eq!(failure(no_lock).await, (Some(0), "not owner".to_owned()));

    let mut waiting = Transaction::new();
    let rows = [Row::new().with("name", "switch-1")];
    waiting.wait("Logical_Switch", [], &["name"], Until::Equal, &rows, Duration::ZERO);
    assert_eq!(failure(waiting).await, (Some(0), "timed out".to_owned()));

    assert!(client.select(NB, "Address_Set", [], &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wait_ends_when_another_client_acts() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let (client, other) = (server.client(), server.client());
    let mut waiting = Transaction::new();
    let nothing: [Row; 0] = [];
    waiting.wait("Logical_Switch", [], &["name"], Until::NotEqual, &nothing, Duration::from_secs(20));
    let read = waiting.select("Logical_Switch", [], &["name"]);
    let (results, _) = tokio::join!(client.transact(NB, waiting), switch_create(&other, "switch-1"));
    assert_eq!(results.unwrap().rows(read).unwrap(), [Row::new().with("name", "switch-1")]);
}

#[tokio::test]
async fn many_calls_at_once_share_one_connection() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    let calls: Vec<_> = (0..500)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { switch_create(&client, &format!("switch-{number}")).await })
        })
        .collect();
    let mut created = BTreeSet::new();
    for call in calls {
        created.insert(call.await.unwrap());
    }
    let rows = client.select(NB, "Logical_Switch", [], &["_uuid"]).await.unwrap();
    let listed: BTreeSet<Uuid> = rows.iter().map(|row| row.uuid("_uuid").unwrap()).collect();
    assert_eq!((listed.len(), listed), (500, created));
}

#[tokio::test]
async fn without_a_server_a_call_ends_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let remote = format!("unix:{}", directory.path().join("nothing.sock").display());
    let mut options = Options::new(&remote).unwrap();
    options.call_timeout = Duration::from_millis(300);
    let client = options.connect();
    assert!(!client.is_connected());
    let Err(Error::Unavailable(reason)) = client.echo().await else { panic!("an answer from nobody") };
    assert!(reason.contains("nothing.sock"), "{reason}");
}
