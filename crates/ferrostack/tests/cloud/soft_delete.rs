//! Deleting servers that can be restored for a while, whatever is being done to them.

use http::Method;
use protocol::{PowerState, Problem};
use serde_json::{Value, json};
use testkit::{expect, wait_for};

use crate::fixture::{self, KEEPING};
use crate::life::Life;

/// A delete while a call of the node does not come to its end.
struct Case {
    /// What is done before, and what the server is then.
    before: &'static [(&'static str, &'static str, &'static str)],
    /// What is being done, with which call of the node. `LARGE` is the other flavor, `IMAGE` the image.
    action: (&'static str, &'static str),
    held: &'static str,
    /// What the server is when it is restored, and how many cores it has.
    restored: &'static str,
    cores: i64,
}

const fn case(action: (&'static str, &'static str), held: &'static str) -> Case {
    Case { before: &[], action, held, restored: "ACTIVE", cores: 1 }
}

const LARGE: (&str, &str, &str) = ("resize", r#"{"flavorRef": "LARGE"}"#, "VERIFY_RESIZE");
const RESCUE: (&str, &str, &str) = ("rescue", "null", "RESCUE");
const SHELVE: (&str, &str, &str) = ("shelve", "null", "SHELVED");

const CASES: &[Case] = &[
    case(("reboot", r#"{"type": "HARD"}"#), "server_reboot"),
    case(("suspend", "null"), "server_suspend"),
    case(("changePassword", r#"{"adminPass": "new"}"#), "server_password"),
    case(("createImage", r#"{"name": "copy"}"#), "disk_upload"),
    case(("createBackup", r#"{"name": "copy", "backup_type": "daily", "rotation": 1}"#), "disk_upload"),
    case(("rebuild", r#"{"imageRef": "IMAGE"}"#), "server_stop"),
    case(("rebuild", r#"{"imageRef": "IMAGE"}"#), "disks_rebuild"),
    case(("rescue", "null"), "disks_create"),
    case(("rescue", "null"), "server_start"),
    Case { before: &[RESCUE], restored: "RESCUE", ..case(("unrescue", "null"), "rescue_end") },
    case(("resize", r#"{"flavorRef": "LARGE"}"#), "server_stop"),
    case(("resize", r#"{"flavorRef": "LARGE"}"#), "disks_resize"),
    Case { before: &[LARGE], cores: 2, ..case(("confirmResize", "null"), "disks_resize_confirm") },
    Case { before: &[LARGE], ..case(("revertResize", "null"), "disks_resize_revert") },
    case(("shelve", "null"), "disk_upload"),
    Case { before: &[SHELVE], ..case(("unshelve", "null"), "server_start") },
    Case { before: &[("DELETE", "", "SOFT_DELETED")], ..case(("restore", "null"), "server_start") },
];

impl Case {
    async fn prove(&self) {
        let what = format!("{} held in {}", self.action.0, self.held);
        let life = Life::start_with(KEEPING).await;
        let large = fixture::larger_flavor(life.admin()).await;
        let body = |text: &str| {
            let text = text.replace("LARGE", &large).replace("IMAGE", &life.ready.image);
            serde_json::from_str(&text).unwrap_or_default()
        };
        for (action, text, status) in self.before {
            ask(&life, action, body(text)).await;
            life.becomes(status).await;
        }
        let hold = life.cloud.node.hold(self.held);
        ask(&life, self.action.0, body(self.action.1)).await;
        hold.arrived(1).await;
        delete(&life).await;
        // It is on its way, and stays on it.
        for _ in 0..2 {
            let shown = life.admin().get(&life.path()).await.unwrap();
            assert_eq!(shown["server"]["OS-EXT-STS:task_state"], "soft-deleting", "{what}");
            life.act(409, "os-stop", Value::Null).await;
            delete(&life).await;
        }
        hold.release();
        life.becomes("SOFT_DELETED").await;
        assert_eq!(life.cloud.node.server_power(&life.server), Some(PowerState::Shutdown), "{what}");
        assert_eq!(life.cores_used().await, 0, "{what}");
        delete(&life).await;
        life.becomes("SOFT_DELETED").await;
        life.act(202, "restore", Value::Null).await;
        let server = life.becomes(self.restored).await;
        let flavor = if self.cores == 2 { &large } else { &life.ready.flavor };
        assert_eq!(server["flavor"]["id"], json!(flavor), "{what}");
        assert_eq!(life.cores_used().await, self.cores, "{what}");
        assert_eq!(life.held().await["VCPU"], self.cores, "{what}");
        assert_eq!(life.cloud.node.server_power(&life.server), Some(PowerState::Running), "{what}");
        // What was begun has left no image.
        let images = life.admin().get("/image/v2/images").await.unwrap();
        assert_eq!(images["images"].as_array().unwrap().len(), 1, "{what}: {images}");
        life.end_by_force().await;
    }
}

async fn delete(life: &Life) {
    expect(life.admin(), 204, Method::DELETE, &life.path(), None).await;
}

async fn ask(life: &Life, action: &str, body: Value) {
    match action {
        "DELETE" => delete(life).await,
        "rescue" => drop(life.act(200, action, body).await),
        "confirmResize" => drop(life.act(204, action, body).await),
        _ => drop(life.act(202, action, body).await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_deleted_and_kept_whatever_is_done_to_it() {
    for case in CASES {
        case.prove().await;
    }
}

/// Nobody can confirm or revert a resize any more once the server is deleted: it keeps its new size.
#[tokio::test(flavor = "multi_thread")]
async fn a_resize_that_waits_is_confirmed_first() {
    let life = Life::start_with(KEEPING).await;
    life.act(202, "resize", json!({"flavorRef": fixture::larger_flavor(life.admin()).await})).await;
    life.becomes("VERIFY_RESIZE").await;
    delete(&life).await;
    life.becomes("SOFT_DELETED").await;
    let moved = life.admin().get("/compute/v2.1/os-migrations").await.unwrap();
    assert_eq!(moved["migrations"][0]["status"], "confirmed");
    assert_eq!(life.cores_used().await, 0);
    life.act(202, "restore", Value::Null).await;
    life.becomes("ACTIVE").await;
    assert_eq!((life.cores_used().await, &life.held().await["VCPU"]), (2, &json!(2)));
    life.act(409, "revertResize", Value::Null).await;
    life.end_by_force().await;
}

/// A delete that the node refuses leaves the server as it was, and what was being done undone.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_fails_leaves_the_server_as_it_was() {
    let life = Life::start_with(KEEPING).await;
    let hold = life.cloud.node.hold("disk_upload");
    life.act(202, "createImage", json!({"name": "copy"})).await;
    hold.arrived(1).await;
    life.cloud.node.fail_always("server_stop", Problem::Permanent("out of order".to_owned()));
    delete(&life).await;
    hold.release();
    life.becomes("ACTIVE").await;
    life.cloud.node.heal();
    assert_eq!(life.cores_used().await, 1);
    let history = format!("{}/os-instance-actions", life.path());
    let actions = wait_for(life.admin(), &history, |shown: &Value| shown["instanceActions"][0]["message"] == "Error");
    assert_eq!(actions.await["instanceActions"][0]["action"], "delete");
    life.end_by_force().await;
}

/// A server that could not be restored is off, as it was, and does not count.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_leaves_the_server_off() {
    let life = Life::start_with(KEEPING).await;
    delete(&life).await;
    life.becomes("SOFT_DELETED").await;
    life.cloud.node.fail_after("server_start", 1, Problem::Permanent("lost".to_owned()));
    life.act(202, "restore", Value::Null).await;
    life.becomes("SOFT_DELETED").await;
    assert_eq!(life.cloud.node.server_power(&life.server), Some(PowerState::Shutdown));
    assert_eq!(life.cores_used().await, 0);
    life.end_by_force().await;
}

/// Only what has been active and is on a node can be restored; the rest goes at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_disks_is_not_kept() {
    let life = Life::start_with(KEEPING).await;
    life.act(202, "shelve", Value::Null).await;
    life.becomes("SHELVED").await;
    let hold = life.cloud.node.hold("server_delete");
    life.act(202, "shelveOffload", Value::Null).await;
    hold.arrived(1).await;
    delete(&life).await;
    hold.release();
    life.cloud.settle().await;
    expect(life.admin(), 404, Method::GET, &life.path(), None).await;
    life.cloud.finish().await;
}
