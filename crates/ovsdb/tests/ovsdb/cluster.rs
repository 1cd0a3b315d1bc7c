//! Clusters: only the leader will do.

use std::time::Duration;

use ovsdb::{Client, Condition, Error, Options};

use crate::server::{NB, NB_SCHEMA, Server, path, switch_create, tool};

fn leader_client(remotes: &str) -> Client {
    let mut options = Options::new(remotes).unwrap();
    options.leader_of = Some(NB.to_owned());
    options.connect()
}

/// Two servers of one cluster; the first leads it.
async fn cluster(directory: &std::path::Path) -> (Server, Server) {
    let raft = |number: u32| format!("unix:{}", directory.join(format!("raft-{number}")).display());
    let database = |number: u32| directory.join(format!("{number}.db"));
    tool(&["create-cluster", path(&database(1)), NB_SCHEMA, &raft(1)]);
    let first = Server::start(directory, "1", &database(1));
    switch_create(&leader_client(&first.remote()), "switch-1").await;
    tool(&["join-cluster", path(&database(2)), NB, &raft(2), &raft(1)]);
    let second = Server::start(directory, "2", &database(2));
    (first, second)
}

#[tokio::test]
async fn a_follower_is_passed_over_for_the_leader() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = cluster(directory.path()).await;
    // The follower serves the database once it has joined.
    let rows = second.client().select(NB, "Logical_Switch", [], &["name"]).await;
    assert_eq!(rows.unwrap().len(), 1);

    let client = leader_client(&format!("{},{}", second.remote(), first.remote()));
    let leader = client.select("_Server", "Database", [Condition::equal("name", NB)], &["leader"]).await.unwrap();
    assert_eq!(leader[0].boolean("leader"), Ok(true));

    let mut options = Options::new(&second.remote()).unwrap();
    options.leader_of = Some(NB.to_owned());
    options.call_timeout = Duration::from_millis(500);
    let Err(Error::Unavailable(reason)) = options.connect().echo().await else { panic!("a follower was accepted") };
    assert!(reason.contains("not the leader"), "{reason}");
}

#[tokio::test]
async fn a_server_that_stands_alone_needs_no_leader() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::new(directory.path(), NB_SCHEMA);
    leader_client(&server.remote()).echo().await.unwrap();

    let mut options = Options::new(&server.remote()).unwrap();
    options.leader_of = Some("Nothing".to_owned());
    options.call_timeout = Duration::from_millis(300);
    assert!(matches!(options.connect().echo().await, Err(Error::Unavailable(_))));
}
