//! Replicas: how they follow the server, through its restarts too.

use std::collections::BTreeMap;
use std::time::Duration;

use ovsdb::{Condition, Error, MonitorRequest, Mutation, Options, Row, Tables, Transaction, Value};

use crate::server::{NB, NB_SCHEMA, Server, switch_create};

fn switches() -> MonitorRequest {
    MonitorRequest::new(NB)
        .table("Logical_Switch", &["name", "ports", "external_ids"])
        .table("Logical_Switch_Port", &["name", "up", "tag"])
}

/// Sends operations that must succeed.
async fn apply(client: &ovsdb::Client, build: impl FnOnce(&mut Transaction)) {
    let mut transaction = Transaction::new();
    build(&mut transaction);
    client.transact(NB, transaction).await.unwrap();
}

#[tokio::test]
async fn a_replica_follows_every_kind_of_change() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    let switch = switch_create(&client, "switch-1").await;
    let mut monitor = client.monitor(switches()).await.unwrap();
    let mut changes = monitor.changes().unwrap();

    let empty = Value::map([] as [(&str, &str); 0]);
    let nothing = Value::set([] as [bool; 0]);
    let expected = Row::new().with("name", "switch-1").with("ports", nothing.clone()).with("external_ids", empty);
    assert_eq!(**monitor.tables().row("Logical_Switch", switch).unwrap(), expected);

    let mut transaction = Transaction::new();
    let port = transaction.insert("Logical_Switch_Port", Row::new().with("name", "port-1").with("tag", 5));
    transaction.mutate(
        "Logical_Switch",
        [Condition::uuid(switch)],
        [
            Mutation::insert("ports", port.atom()),
            Mutation::insert("external_ids", Value::map([("a", "1"), ("b", "2")])),
        ],
    );
    let port = client.transact(NB, transaction).await.unwrap().inserted(port).unwrap();

    let batch = changes.next().await.unwrap();
    assert_eq!(batch.len(), 2, "one transaction is one batch");
    let change = batch.iter().find(|change| change.table == "Logical_Switch").unwrap();
    assert_eq!((change.uuid, change.old.as_deref()), (switch, Some(&expected)));
    assert_eq!(change.new.as_ref().unwrap().map("external_ids").unwrap(), BTreeMap::from([("a", "1"), ("b", "2")]));
    let change = batch.iter().find(|change| change.table == "Logical_Switch_Port").unwrap();
    assert_eq!(change.old, None);
    let expected = Row::new().with("name", "port-1").with("up", nothing).with("tag", 5);
    assert_eq!((change.uuid, change.new.as_deref()), (port, Some(&expected)));

    // An optional value is replaced, not toggled; of a map only what differs is sent.
    apply(&client, |transaction| {
        transaction.update("Logical_Switch_Port", [Condition::uuid(port)], Row::new().with("up", true).with("tag", 6));
        let ids = Value::map([("b", "3"), ("c", "4")]);
        transaction.update("Logical_Switch", [Condition::uuid(switch)], Row::new().with("external_ids", ids));
    })
    .await;
    changes.next().await.unwrap();
    {
        let tables = monitor.tables();
        let (_, row) = tables.find("Logical_Switch_Port", "name", "port-1").unwrap();
        assert_eq!((row.optional_bool("up"), row.optional_integer("tag")), (Ok(Some(true)), Ok(Some(6))));
        let row = tables.row("Logical_Switch", switch).unwrap();
        assert_eq!(row.map("external_ids").unwrap(), BTreeMap::from([("b", "3"), ("c", "4")]));
        assert_eq!(row.set_uuid("ports").unwrap().len(), 1);
    }

    apply(&client, |transaction| {
        transaction.delete("Logical_Switch", [Condition::uuid(switch)]);
    })
    .await;
    monitor.changed().await.unwrap();
    let gone = monitor.wait_for(|tables| tables.len("Logical_Switch") == 0).await.unwrap();
    assert_eq!(gone.len("Logical_Switch_Port"), 0);
}

#[tokio::test]
async fn a_replica_of_all_columns_equals_what_select_gives() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    let mut monitor = client.monitor(MonitorRequest::new(NB).table("Logical_Switch", &[])).await.unwrap();
    for number in 0..20 {
        let switch = switch_create(&client, &format!("switch-{number}")).await;
        if number % 2 == 0 {
            let ids = Value::map([("number", number.to_string())]);
            apply(&client, |transaction| {
                transaction.update("Logical_Switch", [Condition::uuid(switch)], Row::new().with("external_ids", ids));
            })
            .await;
        }
    }
    let selected = client.select(NB, "Logical_Switch", [], &[]).await.unwrap();
    let last = Value::map([("number", "18")]);
    let tables = monitor
        .wait_for(|tables| {
            tables.len("Logical_Switch") == 20 && tables.find("Logical_Switch", "external_ids", last.clone()).is_some()
        })
        .await
        .unwrap();
    for row in selected {
        let replica = tables.row("Logical_Switch", row.uuid("_uuid").unwrap()).unwrap();
        for (column, value) in row.columns().filter(|(column, _)| *column != "_uuid") {
            assert_eq!(replica.value(column), Ok(value), "{column}");
        }
    }
}

#[tokio::test]
async fn only_rows_that_meet_the_conditions_are_replicated() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    let request = MonitorRequest::new(NB).table_where("Logical_Switch", &["name"], [Condition::equal("name", "b")]);
    let mut monitor = client.monitor(request).await.unwrap();
    for name in ["a", "b"] {
        switch_create(&client, name).await;
    }
    let tables = monitor.wait_for(|tables| tables.len("Logical_Switch") > 0).await.unwrap();
    let names: Vec<_> = tables.rows("Logical_Switch").map(|(_, row)| row.string("name").unwrap()).collect();
    assert_eq!(names, ["b"]);
}

#[tokio::test]
async fn a_monitor_of_nonsense_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    for request in [
        MonitorRequest::new("Nothing").table("Logical_Switch", &[]),
        MonitorRequest::new(NB).table("Nothing", &[]),
        MonitorRequest::new(NB).table("Logical_Switch", &["nothing"]),
    ] {
        let refused = client.monitor(request).await;
        assert!(matches!(refused, Err(Error::Refused { method: "monitor_cond", .. })), "{refused:?}");
    }
    client.echo().await.unwrap();
}

#[tokio::test]
async fn after_a_restart_of_the_server_the_replica_catches_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::new(directory.path(), NB_SCHEMA);
    let mut options = Options::new(&server.remote()).unwrap();
    options.call_timeout = Duration::from_millis(500);
    let impatient = options.connect();
    let client = server.client();
    let first = switch_create(&client, "switch-1").await;
    let mut monitor = client.monitor(switches()).await.unwrap();
    let mut changes = monitor.changes().unwrap();
    impatient.echo().await.unwrap();

    server.kill();
    let failed = impatient.echo().await;
    assert!(matches!(failed, Err(Error::Unavailable(_) | Error::Lost { .. })), "{failed:?}");
    assert_eq!(monitor.tables().len("Logical_Switch"), 1, "the replica stays while the server is away");

    server.restart();
    // Another client changes the database, before or after the first one is back.
    let other = server.client();
    let second = switch_create(&other, "switch-2").await;
    apply(&other, |transaction| {
        transaction.delete("Logical_Switch", [Condition::uuid(first)]);
    })
    .await;
    let done = |tables: &Tables| tables.len("Logical_Switch") == 1 && tables.row("Logical_Switch", second).is_some();
    drop(monitor.wait_for(done).await.unwrap());
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let batch = changes.next().await.unwrap();
        seen.extend(batch.iter().map(|change| (change.uuid, change.new.is_some())));
    }
    seen.sort_by_key(|(_, present)| *present);
    assert_eq!(seen, [(first, false), (second, true)]);

    // And it goes on following.
    let third = switch_create(&client, "switch-3").await;
    monitor.wait_for(|tables| tables.row("Logical_Switch", third).is_some()).await.unwrap();
}

#[tokio::test]
async fn a_dropped_monitor_does_not_disturb_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    drop(client.monitor(switches()).await.unwrap());
    let mut monitor = client.monitor(switches()).await.unwrap();
    // The monitor keeps the connection although the last handle of the client goes.
    drop(client);
    for name in ["a", "b", "c"] {
        switch_create(&server.client(), name).await;
    }
    monitor.wait_for(|tables| tables.len("Logical_Switch") == 3).await.unwrap();
}

#[tokio::test]
async fn a_slow_reader_of_changes_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    let client = server.client();
    let mut monitor = client.monitor(switches()).await.unwrap();
    let mut changes = monitor.changes().unwrap();
    let switch = switch_create(&client, "a").await;
    for number in 0..1100 {
        apply(&client, |transaction| {
            let name = format!("switch-{number}");
            transaction.update("Logical_Switch", [Condition::uuid(switch)], Row::new().with("name", name));
        })
        .await;
    }
    monitor.wait_for(|tables| tables.find("Logical_Switch", "name", "switch-1099").is_some()).await.unwrap();
    assert!(matches!(changes.next().await, Err(Error::Lagged(_))));
    assert!(changes.next().await.is_ok());
}
