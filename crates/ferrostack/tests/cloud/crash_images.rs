//! The program is killed, and made to fail, while images are brought to nodes ahead of time; and whether the tests that
//! kill it know every step of everything durable.

use std::collections::BTreeMap;

use db::{Db, sql};
use ferrostack::client::Client;
use http::Method;
use serde_json::{Value, json};
use testkit::{TestCloud, expect, wait_for};

use crate::crash::{self, Process, ask, node, settled};
use crate::crash_life;
use crate::fixture;

/// The steps of bringing images to nodes.
const CACHE: &[&str] = &["images"];

/// Makes an aggregate of the only node and returns the path at which it is given images.
async fn aggregate(admin: &Client) -> String {
    let services = "/compute/v2.1/os-services?binary=nova-compute";
    let listed = wait_for(admin, services, |listed| listed["services"][0]["state"] == "up").await;
    let aggregates = "/compute/v2.1/os-aggregates";
    let body = json!({"aggregate": {"name": "near"}});
    let made = expect(admin, 200, Method::POST, aggregates, Some(body)).await;
    let path = format!("{aggregates}/{}", made["aggregate"]["id"]);
    let body = json!({"add_host": {"host": listed["services"][0]["host"]}});
    expect(admin, 200, Method::POST, &format!("{path}/action"), Some(body)).await;
    format!("{path}/images")
}

/// Asks for an image to be brought to the nodes of an aggregate.
async fn bring(admin: &Client, path: &str, image: &str) {
    let client = admin.clone().with_header("openstack-api-version", "compute 2.81").unwrap();
    ask(&client, 202, Method::POST, path, Some(&json!({"cache": [{"id": image}]}))).await;
}

/// What the newest order to bring images came to, once it is over.
async fn outcome(db: &Db) -> String {
    settled(db).await;
    let newest = "SELECT phase FROM operations WHERE kind = 'images_cache' ORDER BY created_at DESC LIMIT 1";
    sql(newest).one(db).await.unwrap()
}

fn is_cached(dir: &std::path::Path, image: &str) -> bool {
    node(dir)["images"].as_array().is_some_and(|cached| cached.contains(&Value::from(image)))
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_a_killed_process_was_bringing_are_brought() {
    let dir = tempfile::tempdir().unwrap();
    let path = aggregate(&Process::start(dir.path(), None).await.admin).await;
    let db = Db::open(&db::Options::Sqlite(dir.path().join("ferrostack.db"))).await.unwrap();
    for step in CACHE {
        for moment in ["kill-before", "kill-after"] {
            let fault = format!("images_cache/{step}/{moment}");
            let mut process = Process::start(dir.path(), Some(&fault)).await;
            let image = fixture::image(&process.admin).await;
            bring(&process.admin, &path, &image).await;
            process.died().await;
            assert_eq!(is_cached(dir.path(), &image), moment == "kill-after", "{fault}");
            let _process = Process::start(dir.path(), None).await;
            assert_eq!(outcome(&db).await, "done", "{fault}");
            assert!(is_cached(dir.path(), &image), "{fault}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_could_not_be_brought_can_be_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = aggregate(&Process::start(dir.path(), None).await.admin).await;
    let db = Db::open(&db::Options::Sqlite(dir.path().join("ferrostack.db"))).await.unwrap();
    for step in CACHE {
        let fault = format!("images_cache/{step}/fail");
        let image = {
            let process = Process::start(dir.path(), Some(&fault)).await;
            let image = fixture::image(&process.admin).await;
            bring(&process.admin, &path, &image).await;
            assert_eq!(outcome(&db).await, "undone", "{fault}");
            image
        };
        let process = Process::start(dir.path(), None).await;
        bring(&process.admin, &path, &image).await;
        assert_eq!(outcome(&db).await, "done", "{fault}");
        assert!(is_cached(dir.path(), &image), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_everything_durable_is_among_those_that_are_killed() {
    let cloud = TestCloud::start().await;
    let known = cloud.work_known();
    let mut tested: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let others = [("server_create", crash::CREATE), ("server_delete", crash::DELETE), ("images_cache", CACHE)];
    for (kind, steps) in crash_life::cases().map(|case| (case.kind, case.steps)).chain(others) {
        // Each list is the whole, in order: what comes to an operation must come to each of its cases.
        assert_eq!(known.get(kind).map(Vec::as_slice), Some(steps), "{kind}");
        tested.insert(kind, steps.to_vec());
    }
    assert_eq!(tested, known);
    cloud.finish().await;
}
