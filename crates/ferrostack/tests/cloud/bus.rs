//! The bus is only a hint: messages that are lost, repeated or late cost time and nothing else.

use std::sync::Arc;

use ::bus::Rabbit;
use ::bus::testing::Broker;
use http::Method;
use serde_json::{Value, json};
use testkit::{Lossy, Tenant, TestCloud, expect, wait_for};

use crate::fixture::{Ready, id, ready, server};

async fn boot(tenant: &Tenant, ready: &Ready, name: &str) -> String {
    let body = Some(server(ready, name));
    let made = expect(&tenant.member, 202, Method::POST, "/compute/v2.1/servers", body).await;
    format!("/compute/v2.1/servers/{}", id(&made["server"]))
}

/// Asks every server for an action and waits until all are in the status.
async fn act(tenant: &Tenant, servers: &[String], action: Value, status: &str) {
    for server in servers {
        expect(&tenant.member, 202, Method::POST, &format!("{server}/action"), Some(action.clone())).await;
    }
    all_are(tenant, servers, status).await;
}

async fn all_are(tenant: &Tenant, servers: &[String], status: &str) {
    for server in servers {
        let idle = |s: &Value| s["server"]["OS-EXT-STS:task_state"].is_null();
        let seen = wait_for(&tenant.member, server, |s| s["server"]["status"] != "BUILD" && idle(s)).await;
        assert_eq!(seen["server"]["status"], status, "{seen}");
    }
}

async fn delete_all(cloud: &TestCloud, tenant: &Tenant, servers: &[String]) {
    for server in servers {
        expect(&tenant.member, 204, Method::DELETE, server, None).await;
    }
    cloud.settle().await;
    let ports = expect(&tenant.member, 200, Method::GET, "/network/v2.0/ports?device_owner=compute:nova", None).await;
    assert_eq!(ports["ports"], json!([]));
    assert!(cloud.node.servers().is_empty() && cloud.node.disks().is_empty() && cloud.node.taps().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_lost_repeated_and_late() {
    let lossy = Arc::new(Lossy::new(7));
    let bus = Arc::clone(&lossy);
    let cloud = TestCloud::start_on_bus(|_| bus).await;
    let tenant = cloud.tenant("demo").await;
    let ready = ready(&cloud.admin, &tenant.member).await;
    let mut servers = Vec::new();
    for number in 0..4 {
        servers.push(boot(&tenant, &ready, &format!("server-{number}")).await);
    }
    all_are(&tenant, &servers, "ACTIVE").await;
    act(&tenant, &servers, json!({"os-stop": null}), "SHUTOFF").await;
    act(&tenant, &servers, json!({"os-start": null}), "ACTIVE").await;
    delete_all(&cloud, &tenant, &servers).await;
    assert!(lossy.lost() > 0, "nothing was lost");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_restarted() {
    let broker = Arc::new(Broker::start().unwrap());
    let uri = broker.uri();
    let cloud = TestCloud::start_on_bus(|runtime| Arc::new(Rabbit::new(&uri, runtime.clone()))).await;
    let tenant = cloud.tenant("demo").await;
    let ready = ready(&cloud.admin, &tenant.member).await;
    let servers = [boot(&tenant, &ready, "one").await];
    let restarting = Arc::clone(&broker);
    tokio::task::spawn_blocking(move || restarting.restart()).await.unwrap().unwrap();
    all_are(&tenant, &servers, "ACTIVE").await;
    delete_all(&cloud, &tenant, &servers).await;
    cloud.finish().await;
}
