//! What is left of servers on nodes that were away when it was to go.

use std::sync::Arc;
use std::time::Duration;

use protocol::{PowerState, ServerReport};
use runtime::Clock;
use serde_json::{Value, json};

use crate::cloud;
use crate::fleet::{Fleet, Node, Setup};

db::row! {
    struct Remains { server_id: String }
}

async fn remains(fleet: &Fleet) -> Vec<String> {
    let rows: Vec<Remains> = db::sql("SELECT server_id FROM server_remains").all(&fleet.db).await.unwrap();
    rows.into_iter().map(|row| row.server_id).collect()
}

/// Waits until nothing is left anywhere.
async fn gone(fleet: &Fleet) {
    let gone = async {
        while !remains(fleet).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

/// The copy may have no domain, and the node may never say what it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_does_not_keep_what_moved() {
    moved(Setup::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_does_not_keep_what_moved_on_postgresql() {
    moved(Setup { postgres: true, ..Setup::default() }).await;
}

async fn moved(setup: Setup) {
    let clock = Clock::manual("2026-11-21T04:00:00Z".parse().unwrap());
    let mut setup = Setup { clock: clock.clone(), ..setup };
    setup.config.shelved_offload_time = -1;
    let fleet = Fleet::with(setup).await;
    let path = fleet.created(&fleet.member).await;
    let id = path.rsplit('/').next().unwrap();
    let action = format!("POST {path}/action");
    fleet.ask(&fleet.member, &action, json!({"shelve": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "SHELVED");

    // The node goes away with the server on it.
    *fleet.node.hold.lock().unwrap() = Some("delete");
    clock.set("2026-11-21T04:10:00Z".parse().unwrap());
    fleet.ask(&fleet.admin, &action, json!({"shelveOffload": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "SHELVED_OFFLOADED");
    assert_eq!(remains(&fleet).await, [id]);
    let other = Arc::new(Node::default());
    fleet.node_add("node-2", Arc::clone(&other)).await;
    fleet.ask(&fleet.member, &action, json!({"unshelve": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "ACTIVE");
    assert!(other.servers.lock().unwrap().contains(id));

    // It comes back, and has it still.
    *fleet.node.hold.lock().unwrap() = None;
    assert!(fleet.node.disks.lock().unwrap().contains(id));
    let mut report = cloud::report("node-1");
    report.servers.push(ServerReport { id: id.to_owned(), power_state: PowerState::Shutdown });
    assert_eq!(fleet.compute.node_report(&report).await.unwrap().orphans, Vec::<String>::new());
    gone(&fleet).await;
    assert_eq!((fleet.node.servers.lock().unwrap().len(), fleet.node.disks.lock().unwrap().len()), (0, 0));
    assert!(other.servers.lock().unwrap().contains(id), "the server itself stays");
    assert_eq!(fleet.server(&path).await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_come_to_where_it_is_about_to_go_away() {
    let clock = Clock::manual("2026-11-21T04:00:00Z".parse().unwrap());
    let mut setup = Setup { clock: clock.clone(), ..Setup::default() };
    setup.config.shelved_offload_time = -1;
    let fleet = Fleet::with(setup).await;
    let path = fleet.created(&fleet.member).await;
    let action = format!("POST {path}/action");
    fleet.ask(&fleet.member, &action, json!({"shelve": null})).await.expect(202);
    fleet.settle().await;
    *fleet.node.hold.lock().unwrap() = Some("delete");
    clock.set("2026-11-21T04:10:00Z".parse().unwrap());
    fleet.ask(&fleet.admin, &action, json!({"shelveOffload": null})).await.expect(202);
    fleet.settle().await;
    fleet.node.held.notified().await;
    // Back, and busy with the removal.
    fleet.compute.node_report(&cloud::report("node-1")).await.unwrap();
    fleet.node.held.notified().await;
    fleet.ask(&fleet.member, &action, json!({"unshelve": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "SHELVED_OFFLOADED");
    *fleet.node.hold.lock().unwrap() = None;
    fleet.node.release.notify_waiters();
    gone(&fleet).await;
    assert_eq!((fleet.node.servers.lock().unwrap().len(), fleet.node.disks.lock().unwrap().len()), (0, 0));
    fleet.ask(&fleet.member, &action, json!({"unshelve": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_node_that_goes_for_good() {
    let clock = Clock::manual("2026-11-21T04:00:00Z".parse().unwrap());
    let fleet = Fleet::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let path = fleet.created(&fleet.member).await;
    *fleet.node.hold.lock().unwrap() = Some("delete");
    clock.set("2026-11-21T04:10:00Z".parse().unwrap());
    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
    fleet.settle().await;
    assert_eq!(remains(&fleet).await.len(), 1);
    let services = fleet.get(&fleet.admin, "/compute/v2.1/os-services?binary=nova-compute").await.expect(200);
    let service = services["services"][0]["id"].as_str().unwrap();
    fleet.ask(&fleet.admin, &format!("DELETE /compute/v2.1/os-services/{service}"), Value::Null).await.expect(204);
    assert_eq!(remains(&fleet).await, Vec::<String>::new());
}
