//! The program is killed, and made to fail, at every step of everything that is done to a server that exists. After a
//! restart the operation completes or is undone; no server stays in between, and nothing is left when it is deleted.

use std::path::Path;
use std::time::{Duration, Instant};

use db::{Db, sql};
use ferrostack::client::Client;
use http::Method;
use serde_json::{Value, json};
use testkit::{expect, wait_for};

use crate::crash::{Process, assert_clean, create, node, prepare, settled};
use crate::fixture;

/// An operation: its kind and steps, what comes before it, how it is asked for, and what the server is when it is done
/// and when it failed.
pub struct Case {
    pub kind: &'static str,
    pub steps: &'static [&'static str],
    before: &'static [(&'static str, &'static str)],
    action: (&'static str, &'static str),
    done: &'static str,
    failed: &'static [&'static str],
}

const fn case(
    kind: &'static str,
    steps: &'static [&'static str],
    before: &'static [(&'static str, &'static str)],
    action: (&'static str, &'static str),
    done: &'static str,
    failed: &'static [&'static str],
) -> Case {
    Case { kind, steps, before, action, done, failed }
}

const LARGE: (&str, &str) = ("resize", r#"{"flavorRef": "large"}"#);
const SHELVE: (&str, &str) = ("shelve", "null");
const RESCUE: (&str, &str) = ("rescue", "null");
const DUMP: &str = "trigger_crash_dump";
const BACKUP: (&str, &str) = ("createBackup", r#"{"name": "backup", "backup_type": "daily", "rotation": 1}"#);

/// Every case there is.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [POWER, DISKS, IMAGES, RESIZES, SHELVES, KEPT, INTERFACES].into_iter().flatten()
}

const POWER: &[Case] = &[
    case("server_power", &["switch", "settle"], &[], ("pause", "null"), "PAUSED", &["ACTIVE"]),
    case("server_power", &["switch", "settle"], &[], ("suspend", "null"), "SUSPENDED", &["ACTIVE"]),
    case("server_power", &["switch", "settle"], &[("suspend", "null")], ("resume", "null"), "ACTIVE", &["SUSPENDED"]),
    case("server_power", &["switch", "settle"], &[], ("os-stop", "null"), "SHUTOFF", &["ACTIVE"]),
    case("server_power", &["switch", "settle"], &[("os-stop", "null")], ("os-start", "null"), "ACTIVE", &["SHUTOFF"]),
    case("server_power", &["switch", "settle"], &[("pause", "null")], ("unpause", "null"), "ACTIVE", &["PAUSED"]),
    case("server_power", &["switch", "settle"], &[], ("reboot", r#"{"type": "SOFT"}"#), "ACTIVE", &["ACTIVE"]),
    case("server_power", &["switch", "settle"], &[], ("reboot", r#"{"type": "HARD"}"#), "ACTIVE", &["ACTIVE"]),
    case("server_power", &["switch", "settle"], &[], (DUMP, "null"), "ACTIVE", &["ACTIVE"]),
    case(
        "server_password",
        &["begin", "set", "settle"],
        &[],
        ("changePassword", r#"{"adminPass": "new"}"#),
        "ACTIVE",
        &["ACTIVE"],
    ),
];

const DISKS: &[Case] = &[
    case(
        "server_rebuild",
        &["begin", "check", "image", "power_off", "disks", "power_on", "settle"],
        &[],
        ("rebuild", r#"{"imageRef": "OTHER"}"#),
        "ACTIVE",
        &["ACTIVE", "ERROR"],
    ),
    case(
        "server_rescue",
        &["begin", "image", "power_off", "apply", "disks", "power_on", "settle"],
        &[],
        RESCUE,
        "RESCUE",
        &["ACTIVE"],
    ),
    case(
        "server_unrescue",
        &["begin", "power_off", "apply", "power_on", "disks", "settle"],
        &[RESCUE],
        ("unrescue", "null"),
        "ACTIVE",
        &["RESCUE"],
    ),
];

const IMAGES: &[Case] = &[
    case(
        "server_snapshot",
        &["begin", "upload", "rotate", "settle"],
        &[],
        ("createImage", r#"{"name": "copy"}"#),
        "ACTIVE",
        &["ACTIVE"],
    ),
    case("server_snapshot", &["begin", "upload", "rotate", "settle"], &[BACKUP], BACKUP, "ACTIVE", &["ACTIVE"]),
];

const RESIZES: &[Case] = &[
    case(
        "server_resize",
        &["begin", "claim", "clean", "power_off", "apply", "disks", "power_on", "settle"],
        &[],
        LARGE,
        "VERIFY_RESIZE",
        &["ACTIVE"],
    ),
    case(
        "server_resize_confirm",
        &["begin", "disks", "claim", "settle"],
        &[LARGE],
        ("confirmResize", "null"),
        "ACTIVE",
        &["VERIFY_RESIZE"],
    ),
    case(
        "server_resize_revert",
        &["begin", "power_off", "apply", "disks", "claim", "power_on", "settle"],
        &[LARGE],
        ("revertResize", "null"),
        "ACTIVE",
        &["VERIFY_RESIZE", "ERROR"],
    ),
];

const SHELVES: &[Case] = &[
    case(
        "server_shelve",
        &["begin", "power_off", "upload", "settle"],
        &[],
        SHELVE,
        "SHELVED_OFFLOADED",
        &["ACTIVE", "SHELVED_OFFLOADED"],
    ),
    case(
        "server_offload",
        &["sweep", "ports", "allocation", "settle"],
        &[],
        SHELVE,
        "SHELVED_OFFLOADED",
        &["SHELVED", "SHELVED_OFFLOADED"],
    ),
    case(
        "server_create",
        &["accept", "place", "networks", "image", "disks", "plug", "start", "wire", "activate"],
        &[SHELVE],
        ("unshelve", "null"),
        "ACTIVE",
        &["SHELVED_OFFLOADED"],
    ),
    case("shelved_image_discard", &["discard"], &[SHELVE], ("unshelve", "null"), "ACTIVE", &["ACTIVE"]),
];

const DELETE: (&str, &str) = ("DELETE", "");
const SOFT_DELETE: &[&str] = &["begin", "confirm_resize", "power_off", "settle"];

/// What an operator has to switch on: shelved servers stay on their nodes, deleted ones can be restored.
const KEPT: &[Case] = &[
    case("server_shelve", &["begin", "power_off", "upload", "settle"], &[], SHELVE, "SHELVED", &["ACTIVE"]),
    case("server_unshelve", &["begin", "power_on", "settle"], &[SHELVE], ("unshelve", "null"), "ACTIVE", &["SHELVED"]),
    case(
        "server_offload",
        &["sweep", "ports", "allocation", "settle"],
        &[SHELVE],
        ("shelveOffload", "null"),
        "SHELVED_OFFLOADED",
        &["SHELVED", "SHELVED_OFFLOADED"],
    ),
    case("server_soft_delete", SOFT_DELETE, &[], DELETE, "SOFT_DELETED", &["ACTIVE"]),
    case("server_soft_delete", SOFT_DELETE, &[LARGE], DELETE, "SOFT_DELETED", &["VERIFY_RESIZE", "ACTIVE"]),
    case(
        "server_restore",
        &["begin", "power_on", "settle"],
        &[DELETE],
        ("restore", "null"),
        "ACTIVE",
        &["SOFT_DELETED"],
    ),
];

const ATTACH: (&str, &str) = ("/os-interface", r#"{"net_id": "NETWORK"}"#);

/// Deletes the server's second port by the networks' API, which has it detached.
const DELETE_PORT: (&str, &str) = ("DELETE PORT", "");

const INTERFACES: &[Case] = &[
    case("port_attach", &["port", "plug"], &[], ATTACH, "ACTIVE", &["ACTIVE"]),
    case("port_detach", &["unplug", "port"], &[ATTACH], ("DETACH", ""), "ACTIVE", &["ACTIVE"]),
    case("port_detach", &["unplug", "port"], &[ATTACH], DELETE_PORT, "ACTIVE", &["ACTIVE"]),
];

/// The second port of the server.
async fn port_of(admin: &Client, server: &str) -> String {
    let ports = admin.get(&format!("{server}/os-interface")).await.unwrap();
    ports["interfaceAttachments"][1]["port_id"].as_str().unwrap().to_owned()
}

/// A cloud's directory and what servers there are made of.
struct Ground {
    dir: tempfile::TempDir,
    body: Value,
    large: String,
    /// Another image.
    other: String,
    db: Db,
}

impl Ground {
    async fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ferrostack.toml"), config).unwrap();
        let process = Process::start(dir.path(), None).await;
        let body = prepare(&process.admin).await;
        let large = fixture::flavor(&process.admin, "large", 128, 2, 2).await;
        let other = fixture::image(&process.admin).await;
        let db = Db::open(&db::Options::Sqlite(dir.path().join("ferrostack.db"))).await.unwrap();
        Self { dir, body, large, other, db }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    async fn act(&self, admin: &Client, server: &str, (name, body): (&str, &str)) {
        let known = &self.body["server"];
        let filled = body
            .replace("OTHER", &self.other)
            .replace("NETWORK", known["networks"][0]["uuid"].as_str().unwrap())
            .replace("large", &self.large);
        let body: Value = serde_json::from_str(&filled).unwrap_or_default();
        let (method, path, body) = match name {
            "DELETE" => (Method::DELETE, server.to_owned(), None),
            "DETACH" => (Method::DELETE, format!("{server}/os-interface/{}", port_of(admin, server).await), None),
            "DELETE PORT" => (Method::DELETE, format!("/network/v2.0/ports/{}", port_of(admin, server).await), None),
            "/os-interface" => (Method::POST, format!("{server}{name}"), Some(json!({"interfaceAttachment": body}))),
            _ => (Method::POST, format!("{server}/action"), Some(json!({name: body}))),
        };
        // Attaching is waited for: the process may be killed meanwhile, or the failure be the answer.
        let version = if name == DUMP { "compute 2.17" } else { "compute 2.1" };
        let client = admin.clone().with_header("openstack-api-version", version).unwrap();
        let answer = client.request(method, &path, body.as_ref()).await;
        let Ok(answer) = answer else { return };
        assert!(
            name == "/os-interface" || answer.status.is_success(),
            "{name}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        if name == DELETE_PORT.0 {
            self.detach_promised(server).await;
        }
    }

    /// Waits until it is promised that a port leaves the server, which nobody answers.
    async fn detach_promised(&self, server: &str) {
        let started = Instant::now();
        let target = server.replace("/compute/v2.1/servers/", "server/");
        let promised = "SELECT COUNT(*) FROM operations WHERE kind = 'port_detach' AND target = $1";
        while sql(promised).bind(&target).one::<i64>(&self.db).await.unwrap() == 0 {
            assert!(started.elapsed() < Duration::from_secs(20), "the deleted port stays in {server}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A server in the state that the case begins with.
    async fn server(&self, admin: &Client, case: &Case) -> String {
        let server = create(admin, &self.body).await;
        self.settled(admin, &server).await;
        for action in case.before {
            self.act(admin, &server, *action).await;
            self.settled(admin, &server).await;
        }
        server
    }

    /// Says what is being done to the server, which nothing is.
    async fn task_state(&self, id: &str, task_state: &str) {
        let mut tx = self.db.begin().await.unwrap();
        let update = sql("UPDATE servers SET task_state = $2 WHERE id = $1").bind(id).bind(task_state);
        update.execute(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What the server is once no work on it is open.
    async fn settled(&self, admin: &Client, server: &str) -> String {
        settled(&self.db).await;
        let shown = admin.get(server).await.unwrap();
        assert_eq!(shown["server"]["OS-EXT-STS:task_state"], Value::Null, "{shown}");
        shown["server"]["status"].as_str().unwrap().to_owned()
    }

    async fn killed(&self, case: &Case, step: &str, moment: &str) {
        let fault = format!("{}/{step}/{moment}", case.kind);
        // What comes before must not meet the fault.
        let server = {
            let process = Process::start(self.path(), None).await;
            self.server(&process.admin, case).await
        };
        let mut process = Process::start(self.path(), Some(&fault)).await;
        self.act(&process.admin, &server, case.action).await;
        process.died().await;
        let process = Process::start(self.path(), None).await;
        let status = self.settled(&process.admin, &server).await;
        assert_eq!(status, case.done, "{} {fault}", case.action.0);
        self.check(&process.admin, &server, case, Some(true)).await;
        self.end(&process.admin, &server).await;
    }

    async fn failed(&self, case: &Case, step: &str) {
        let fault = format!("{}/{step}/fail", case.kind);
        let server = {
            let process = Process::start(self.path(), None).await;
            self.server(&process.admin, case).await
        };
        let process = Process::start(self.path(), Some(&fault)).await;
        self.act(&process.admin, &server, case.action).await;
        let status = self.settled(&process.admin, &server).await;
        // What has happened already is not always taken back: a paused server stays paused.
        let ends = matches!(case.kind, "server_power" | "server_soft_delete" | "server_restore");
        let past = ends && step == "settle" && status == case.done;
        assert!(past || case.failed.contains(&status.as_str()), "{} {fault}: {status}", case.action.0);
        self.check(&process.admin, &server, case, (status != "ERROR").then_some(false)).await;
        self.end(&process.admin, &server).await;
    }

    /// What the server's status does not say: which image it is made from, and which images were made of it. Without
    /// `done` nobody knows the first.
    async fn check(&self, admin: &Client, server: &str, case: &Case, done: Option<bool>) {
        let (action, context) = (case.action.0, format!("{} of {server}, done: {done:?}", case.action.0));
        if let ("rebuild", Some(done)) = (action, done) {
            let shown = admin.get(server).await.unwrap();
            let image = if done { json!(self.other) } else { self.body["server"]["imageRef"].clone() };
            assert_eq!(shown["server"]["image"]["id"], image, "{context}");
        }
        let id = server.rsplit('/').next().unwrap();
        let listed = admin.get("/image/v2/images?limit=1000").await.unwrap();
        let images = listed["images"].as_array().unwrap().iter();
        let made = images.filter(|image| image["instance_uuid"] == id && image["name"] != "s-shelved").count();
        match action {
            // There is always one, be it the old or the new one.
            "createBackup" => assert_eq!(made, 1, "{context}"),
            "createImage" => assert_eq!(made, usize::from(done == Some(true)), "{context}"),
            _ => assert_eq!(made, 0, "{context}"),
        }
        if let ("DELETE PORT", Some(done)) = (action, done) {
            // What failed is tried again later.
            let noted = "SELECT COUNT(*) FROM network_ports_gone WHERE server_id = $1";
            let noted: i64 = sql(noted).bind(id).one(&self.db).await.unwrap();
            assert_eq!(noted, i64::from(!done), "{context}");
        }
        if let ("DETACH" | "DELETE PORT", Some(true)) = (action, done) {
            assert_eq!(node(self.path())["taps"].as_object().unwrap().len(), 1, "{context}");
        }
    }

    /// Deletes the server; then nothing of it is left, and no image but the one that it came from and whole copies.
    async fn end(&self, admin: &Client, server: &str) {
        let body = json!({"forceDelete": null});
        expect(admin, 202, Method::POST, &format!("{server}/action"), Some(body)).await;
        assert_clean(self.path(), admin).await;
        let shelved = |listed: &Value| {
            let images = listed["images"].as_array().unwrap();
            images.iter().all(|image| image["status"] == "active" && image["name"] != "s-shelved")
        };
        wait_for(admin, "/image/v2/images?limit=1000", shelved).await;
    }

    async fn all(&self, cases: &[Case]) {
        for case in cases {
            for step in case.steps {
                for moment in ["kill-before", "kill-after"] {
                    self.killed(case, step, moment).await;
                }
                self.failed(case, step).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn power_is_as_it_was_or_as_it_should_be() {
    Ground::new("").await.all(POWER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_are_as_they_were_or_as_they_should_be() {
    Ground::new("").await.all(DISKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_servers_are_whole_or_not_there() {
    Ground::new("").await.all(IMAGES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_as_they_were_or_as_they_should_be() {
    Ground::new("").await.all(RESIZES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shelved_servers_are_as_they_were_or_as_they_should_be() {
    Ground::new("").await.all(SHELVES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_as_it_was_or_as_it_should_be() {
    Ground::new("[compute]\nshelved_offload_time = -1\nreclaim_instance_interval = 3600\n").await.all(KEPT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_are_as_they_were_or_as_they_should_be() {
    Ground::new("").await.all(INTERFACES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_whose_deletion_nobody_took_up_is_detached_by_the_next_process() {
    let ground = Ground::new("").await;
    let waits = case("port_detach", &[], &[ATTACH, ("suspend", "null")], DELETE_PORT, "ACTIVE", &[]);
    let server = {
        let process = Process::start(ground.path(), None).await;
        let server = ground.server(&process.admin, &waits).await;
        let port = port_of(&process.admin, &server).await;
        expect(&process.admin, 204, Method::DELETE, &format!("/network/v2.0/ports/{port}"), None).await;
        server
    };
    let process = Process::start(ground.path(), None).await;
    assert_eq!(node(ground.path())["taps"].as_object().unwrap().len(), 2);
    ground.act(&process.admin, &server, ("resume", "null")).await;
    ground.detach_promised(&server).await;
    assert_eq!(ground.settled(&process.admin, &server).await, "ACTIVE");
    ground.check(&process.admin, &server, &waits, Some(true)).await;
    ground.end(&process.admin, &server).await;
}

/// The server goes on its way out between the last step and the one before, which no request can be timed for.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_delete_overtakes_in_its_last_moment_leaves_nothing() {
    let ground = Ground::new("[compute]\nshelved_offload_time = -1\n").await;
    for (kind, action) in [("server_resize", LARGE), ("server_shelve", ("shelve", "null"))] {
        let server = {
            let process = Process::start(ground.path(), None).await;
            let server = create(&process.admin, &ground.body).await;
            ground.settled(&process.admin, &server).await;
            server
        };
        let mut process = Process::start(ground.path(), Some(&format!("{kind}/settle/kill-before"))).await;
        ground.act(&process.admin, &server, action).await;
        process.died().await;
        let id = server.rsplit('/').next().unwrap();
        ground.task_state(id, "deleting").await;
        let process = Process::start(ground.path(), None).await;
        settled(&ground.db).await;
        let overtaken = "SELECT COUNT(*) FROM operations WHERE kind = $1 AND failure = 'The server is being deleted.'";
        assert_eq!(sql(overtaken).bind(kind).one::<i64>(&ground.db).await.unwrap(), 1, "{kind}");
        ground.task_state(id, "").await;
        ground.end(&process.admin, &server).await;
    }
}
