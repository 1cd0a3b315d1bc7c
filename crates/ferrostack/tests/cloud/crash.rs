//! The program is killed at every step of creating and deleting a server. After a restart the operation completes or is
//! undone, and nothing is left over.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use db::{Db, sql};
use ferrostack::client::Client;
use ferrostack::state::State;
use http::Method;
use serde_json::{Value, json};
use testkit::{expect, wait_for};

use crate::fixture::{self, id};

/// The steps of both operations, as users see them in the list of events.
pub const CREATE: &[&str] = &["accept", "place", "networks", "image", "disks", "plug", "start", "wire", "activate"];
pub const DELETE: &[&str] = &["terminate", "ports", "allocation", "forget"];

/// The program itself, as a process that can be killed.
pub struct Process {
    child: Child,
    pub admin: Client,
}

impl Process {
    pub async fn start(dir: &Path, fault: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferrostack"));
        command.arg("--state").arg(dir).args(["up", "--fake", "--listen", "127.0.0.1:0", "--bcrypt-rounds", "4"]);
        command.args(fault.into_iter().flat_map(|fault| ["--fault", fault]));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let state = State::open(Some(dir)).unwrap();
        let up = state.up().unwrap().unwrap_or_else(|| panic!("the cloud did not start: {ready}"));
        let password = state.secret("admin-password").unwrap();
        Self { child, admin: Client::log_in(&up.url, "admin", &password, "admin").await.unwrap() }
    }

    /// Waits until the fault has killed the process.
    pub async fn died(&mut self) {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(20), "the fault never struck");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Counts open work.
const OPEN: &str = "SELECT COUNT(*) FROM operations WHERE phase IN ('run', 'undo')";

/// Waits until no work is open.
pub async fn settled(db: &Db) {
    let started = Instant::now();
    while sql(OPEN).one::<i64>(db).await.unwrap() > 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "work never ends");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Makes image, flavor and network once, and returns the body of a request for a server.
pub async fn prepare(admin: &Client) -> Value {
    fixture::server(&fixture::ready(admin, admin).await, "s")
}

/// Sends a request to a process that is about to be killed: that may be before the answer.
pub async fn ask(admin: &Client, status: u16, method: Method, path: &str, body: Option<&Value>) {
    if let Ok(answer) = admin.request(method, path, body).await {
        assert_eq!(answer.status, status, "{path}: {}", String::from_utf8_lossy(&answer.body));
    }
}

pub async fn create(admin: &Client, body: &Value) -> String {
    let made = expect(admin, 202, Method::POST, "/compute/v2.1/servers", Some(body.clone())).await;
    format!("/compute/v2.1/servers/{}", id(&made["server"]))
}

/// What the fake node keeps.
pub fn node(dir: &Path) -> Value {
    // A node that was never asked for anything has no file.
    let node = std::fs::read(dir.join("fake-node.json")).unwrap_or_else(|_| b"{}".to_vec());
    // Its first line is the state.
    serde_json::from_slice(node.split(|byte| *byte == b'\n').next().unwrap()).unwrap()
}

/// Nothing of any server is left: no port, allocation, disk, domain or quota.
pub async fn assert_clean(dir: &Path, admin: &Client) {
    wait_for(admin, "/compute/v2.1/servers", |listed| listed["servers"] == json!([])).await;
    let ports = "/network/v2.0/ports?device_owner=compute:nova";
    wait_for(admin, ports, |listed| listed["ports"] == json!([])).await;
    let absolute = &admin.get("/compute/v2.1/limits").await.unwrap()["limits"]["absolute"];
    for used in ["totalInstancesUsed", "totalCoresUsed", "totalRAMUsed"] {
        assert_eq!(absolute[used], 0, "{used}");
    }
    let providers = admin.get("/placement/resource_providers").await.unwrap();
    for provider in providers["resource_providers"].as_array().unwrap() {
        let path = format!("/placement/resource_providers/{}/usages", id(&json!({"id": provider["uuid"]})));
        // A server that could be restored until now is in no list while it goes.
        let used =
            |usages: &Value| -> i64 { usages["usages"].as_object().unwrap().values().filter_map(Value::as_i64).sum() };
        wait_for(admin, &path, |usages| used(usages) == 0).await;
    }
    let node = node(dir);
    for kept in ["servers", "disks", "taps"] {
        assert!(node[kept].as_object().is_none_or(serde_json::Map::is_empty), "{kept}: {node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_killed_at_any_step_completes_or_is_undone() {
    let dir = tempfile::tempdir().unwrap();
    let body = prepare(&Process::start(dir.path(), None).await.admin).await;
    for step in CREATE {
        for moment in ["kill-before", "kill-after"] {
            let fault = format!("server_create/{step}/{moment}");
            let mut process = Process::start(dir.path(), Some(&fault)).await;
            ask(&process.admin, 202, Method::POST, "/compute/v2.1/servers", Some(&body)).await;
            process.died().await;
            let process = Process::start(dir.path(), None).await;
            let listed = expect(&process.admin, 200, Method::GET, "/compute/v2.1/servers", None).await;
            let server = format!("/compute/v2.1/servers/{}", id(&listed["servers"][0]));
            let settled = wait_for(&process.admin, &server, |s| s["server"]["status"] != "BUILD").await;
            assert_eq!(settled["server"]["status"], "ACTIVE", "{fault}: {settled}");
            expect(&process.admin, 204, Method::DELETE, &server, None).await;
            assert_clean(dir.path(), &process.admin).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_fails_at_any_step_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let body = prepare(&Process::start(dir.path(), None).await.admin).await;
    for step in CREATE {
        let fault = format!("server_create/{step}/fail");
        let process = Process::start(dir.path(), Some(&fault)).await;
        let server = create(&process.admin, &body).await;
        // The last step makes it ACTIVE before it fails.
        let settled = wait_for(&process.admin, &server, |s| s["server"]["status"] == "ERROR").await;
        assert!(settled["server"]["fault"]["message"].is_string(), "{fault}: {settled}");
        expect(&process.admin, 204, Method::DELETE, &server, None).await;
        assert_clean(dir.path(), &process.admin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_killed_at_any_step_completes() {
    let dir = tempfile::tempdir().unwrap();
    let body = prepare(&Process::start(dir.path(), None).await.admin).await;
    for step in DELETE {
        for moment in ["kill-before", "kill-after"] {
            let fault = format!("server_delete/{step}/{moment}");
            let mut process = Process::start(dir.path(), Some(&fault)).await;
            let server = create(&process.admin, &body).await;
            wait_for(&process.admin, &server, |s| s["server"]["status"] == "ACTIVE").await;
            ask(&process.admin, 204, Method::DELETE, &server, None).await;
            process.died().await;
            let process = Process::start(dir.path(), None).await;
            assert_clean(dir.path(), &process.admin).await;
        }
    }
}

/// Counts deletes that were tried and not done.
const TRIED: &str =
    "SELECT COUNT(*) FROM operations WHERE kind = 'server_delete' AND phase = 'run' AND step = $1 AND attempts > 0";

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_fails_at_any_step_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let body = prepare(&Process::start(dir.path(), None).await.admin).await;
    let db = Db::open(&db::Options::Sqlite(dir.path().join("ferrostack.db"))).await.unwrap();
    for (index, step) in (0_i64..).zip(DELETE) {
        let process = Process::start(dir.path(), Some(&format!("server_delete/{step}/fail"))).await;
        let server = create(&process.admin, &body).await;
        wait_for(&process.admin, &server, |s| s["server"]["status"] == "ACTIVE").await;
        expect(&process.admin, 204, Method::DELETE, &server, None).await;
        let started = Instant::now();
        while sql(TRIED).bind(index).one::<i64>(&db).await.unwrap() == 0 {
            assert!(started.elapsed() < Duration::from_secs(20), "{step} never failed, or was given up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Only the last step makes it go from the list.
        let shown = process.admin.request(Method::GET, &server, None).await.unwrap();
        assert_eq!(shown.status, if *step == "forget" { 404 } else { 200 }, "{step}");
        drop(process);
        let process = Process::start(dir.path(), None).await;
        assert_clean(dir.path(), &process.admin).await;
        settled(&db).await;
        let undone = sql("SELECT COUNT(*) FROM operations WHERE kind = 'server_delete' AND phase <> 'done'");
        assert_eq!(undone.one::<i64>(&db).await.unwrap(), 0, "{step}");
    }
}
