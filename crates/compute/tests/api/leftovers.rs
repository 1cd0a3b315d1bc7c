//! What is left of servers on nodes that were away when it was to go.

use std::sync::Arc;
use std::time::Duration;

use protocol::{PowerState, ServerReport};
use runtime::Clock;
use serde_json::{Value, json};

use crate::cloud;
use crate::fleet::{Fleet, Node, Setup};

const UNKNOWN: &str = "7a9e5c1e-0000-4000-8000-000000000000";

db::row! {
    struct Leftover { server_id: String }
}

async fn leftovers(fleet: &Fleet) -> Vec<String> {
    let rows: Vec<Leftover> = db::sql("SELECT server_id FROM server_leftovers").all(&fleet.db).await.unwrap();
    rows.into_iter().map(|row| row.server_id).collect()
}

/// Waits until those are left.
async fn left(fleet: &Fleet, expected: &[&str]) {
    let gone = async {
        while leftovers(fleet).await != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

fn clock() -> Clock {
    Clock::manual("2026-11-21T04:00:00Z".parse().unwrap())
}

/// A minute at which nobody has heard of the node any more.
fn pass(clock: &Clock) {
    clock.set("2026-11-21T04:10:00Z".parse().unwrap());
}

/// A server that was taken off its node while that was away: it has the domain and the disks still.
async fn offloaded(mut setup: Setup, clock: &Clock) -> (Fleet, String) {
    setup.clock = clock.clone();
    setup.config.shelved_offload_time = -1;
    let fleet = Fleet::with(setup).await;
    let path = fleet.created(&fleet.member).await;
    let action = format!("POST {path}/action");
    fleet.ask(&fleet.member, &action, json!({"shelve": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "SHELVED");
    *fleet.node.hold.lock().unwrap() = Some("delete");
    pass(clock);
    fleet.ask(&fleet.admin, &action, json!({"shelveOffload": null})).await.expect(202);
    fleet.settle().await;
    fleet.node.held.notified().await;
    assert_eq!(fleet.server(&path).await["status"], "SHELVED_OFFLOADED");
    assert_eq!(leftovers(&fleet).await, [id(&path)]);
    (fleet, path)
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn assert_none(node: &Node) {
    assert_eq!((node.servers.lock().unwrap().len(), node.disks.lock().unwrap().len()), (0, 0));
}

/// Unshelves the server, which comes to the other node.
async fn moved(setup: Setup) {
    let (fleet, path) = offloaded(setup, &clock()).await;
    let other = Arc::new(Node::default());
    fleet.node_add("node-2", Arc::clone(&other)).await;
    fleet.ask(&fleet.member, &format!("POST {path}/action"), json!({"unshelve": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "ACTIVE");

    *fleet.node.hold.lock().unwrap() = None;
    assert!(fleet.node.disks.lock().unwrap().contains(id(&path)));
    let mut report = cloud::report("node-1");
    report.servers.push(ServerReport { id: id(&path).to_owned(), power_state: PowerState::Shutdown });
    assert_eq!(fleet.compute.node_report(&report).await.unwrap().orphans, Vec::<String>::new());
    left(&fleet, &[]).await;
    assert_none(&fleet.node);
    assert!(other.servers.lock().unwrap().contains(id(&path)), "the server itself stays");
    assert_eq!(fleet.server(&path).await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_does_not_keep_what_moved() {
    moved(Setup::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_does_not_keep_what_moved_on_postgresql() {
    moved(Setup { postgres: true, ..Setup::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_waits_for_what_is_left_of_it_to_go() {
    let clock = clock();
    let (fleet, path) = offloaded(Setup::default(), &clock).await;
    // Back, and busy with the removal.
    fleet.compute.node_report(&cloud::report("node-1")).await.unwrap();
    fleet.node.held.notified().await;
    fleet.ask(&fleet.member, &format!("POST {path}/action"), json!({"unshelve": null})).await.expect(202);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(fleet.server(&path).await["OS-EXT-STS:task_state"], "scheduling");
    assert_eq!(fleet.server(&path).await["OS-EXT-SRV-ATTR:host"], Value::Null);
    *fleet.node.hold.lock().unwrap() = None;
    fleet.node.release.notify_waiters();
    left(&fleet, &[]).await;
    // The next try is due.
    clock.set("2026-11-21T04:10:40Z".parse().unwrap());
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "ACTIVE");
    assert!(fleet.node.servers.lock().unwrap().contains(id(&path)));
}

/// It must not be noted; if it is, nobody loses a disk.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_from_the_node_that_the_server_is_on() {
    let clock = clock();
    let fleet = Fleet::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let path = fleet.created(&fleet.member).await;
    let mut tx = fleet.db.begin().await.unwrap();
    for server in [id(&path), UNKNOWN] {
        let note = "INSERT INTO server_leftovers (server_id, host, busy_until) VALUES ($1, 'node-1', 0)";
        db::sql(note).bind(server).execute(&mut tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    pass(&clock);
    fleet.compute.node_report(&cloud::report("node-1")).await.unwrap();
    left(&fleet, &[id(&path)]).await;
    assert!(fleet.node.servers.lock().unwrap().contains(id(&path)));
    assert!(fleet.node.disks.lock().unwrap().contains(id(&path)));
}

/// A removal that fails is tried again later; the others do not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_removed_is_tried_again() {
    let clock = clock();
    let fleet = Fleet::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let mut tx = fleet.db.begin().await.unwrap();
    let note = "INSERT INTO server_leftovers (server_id, host, busy_until) VALUES ($1, 'node-1', 0)";
    db::sql(note).bind(UNKNOWN).execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    *fleet.node.fail.lock().unwrap() = Some(("delete", protocol::Problem::Temporary("busy".into())));
    let deletes = || fleet.node.calls.lock().unwrap().iter().filter(|call| *call == "delete").count();
    pass(&clock);
    fleet.compute.node_report(&cloud::report("node-1")).await.unwrap();
    while deletes() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(leftovers(&fleet).await, [UNKNOWN]);
    *fleet.node.fail.lock().unwrap() = None;
    clock.set("2026-11-21T04:20:00Z".parse().unwrap());
    fleet.compute.node_report(&cloud::report("node-1")).await.unwrap();
    left(&fleet, &[]).await;
    assert_eq!(deletes(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_deleted_and_comes_back_removes_it_too() {
    let (fleet, _) = offloaded(Setup::default(), &clock()).await;
    let services = fleet.get(&fleet.admin, "/compute/v2.1/os-services?binary=nova-compute").await.expect(200);
    let service = services["services"][0]["id"].as_str().unwrap();
    fleet.ask(&fleet.admin, &format!("DELETE /compute/v2.1/os-services/{service}"), Value::Null).await.expect(204);
    assert_eq!(leftovers(&fleet).await.len(), 1);
    *fleet.node.hold.lock().unwrap() = None;
    fleet.compute.node_report(&cloud::report("node-1")).await.unwrap();
    left(&fleet, &[]).await;
    assert_none(&fleet.node);
}
