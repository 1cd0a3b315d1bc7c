//! Which way requests went is recorded.

use std::collections::BTreeSet;
use std::time::Duration;

use db::Db;
use http::Method;
use testkit::{TestCloud, expect};

use crate::fixture;

/// What the parts were asked in the requests and operations that `request` tells of: part and name.
async fn asked(db: &Db, request_id: &str, at_least: usize) -> BTreeSet<String> {
    for _ in 0..500 {
        let traces = trace::traces_of(db, request_id).await.unwrap();
        if traces.len() >= at_least {
            let spans = traces.iter().flat_map(|trace| &trace.spans.0);
            return spans.map(|span| format!("{}: {}", span.part, span.name)).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing is recorded of {request_id}");
}

#[tokio::test]
async fn a_server_is_followed_through_every_part() {
    let cloud = TestCloud::start().await;
    let ready = fixture::ready(&cloud.admin, &cloud.admin).await;
    let body = fixture::server(&ready, "s");
    let answer = cloud.admin.request(Method::POST, "/compute/v2.1/servers", Some(&body)).await.unwrap();
    let request_id = answer.headers["x-openstack-request-id"].to_str().unwrap().to_owned();
    cloud.settle().await;

    let db = cloud.db();
    let asked = asked(db, &request_id, 2).await;
    for part in [
        "image: look up",
        "network: check networks",
        "placement: candidates",
        "scheduler: choose",
        "placement: claim",
        "network: make ports",
        "agent: image fetch",
        "agent: disks create",
        "agent: ports plug",
        "agent: server start",
        "step: activate",
    ] {
        assert!(asked.contains(part), "{part} is not among {asked:?}");
    }
    let operations = work::operations_of_request(db, &request_id).await.unwrap();
    assert_eq!(operations.len(), 1);
    let agents = trace::traces_of(db, &request_id).await.unwrap();
    let agents = agents.iter().flat_map(|trace| &trace.spans.0).filter(|span| span.part == "agent");
    assert!(agents.into_iter().all(|span| span.node.as_deref() == Some("node") && span.micros.is_some()));
    cloud.finish().await;
}

#[tokio::test]
async fn quick_reads_and_tokens_leave_nothing_and_refused_changes_say_why() {
    let cloud = TestCloud::start().await;
    let db = cloud.db();
    let get = async |path: &str| {
        let answer = cloud.admin.request(Method::GET, path, None).await.unwrap();
        answer.headers["x-openstack-request-id"].to_str().unwrap().to_owned()
    };
    let read = get("/compute/v2.1/flavors").await;
    let body = serde_json::json!({"server": {}});
    let answer = cloud.admin.request(Method::POST, "/compute/v2.1/servers", Some(&body)).await.unwrap();
    let refused = answer.headers["x-openstack-request-id"].to_str().unwrap().to_owned();
    assert!(asked(db, &refused, 1).await.is_empty());
    let traces = trace::traces_of(db, &refused).await.unwrap();
    assert_eq!(traces[0].title, "POST /compute/v2.1/servers");
    assert!(traces[0].outcome.starts_with("400: "), "{}", traces[0].outcome);
    assert!(trace::traces_of(db, &read).await.unwrap().is_empty());
    expect(&cloud.admin, 200, Method::GET, "/compute/v2.1/servers", None).await;
    cloud.finish().await;
}
