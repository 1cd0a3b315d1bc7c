//! Servers that hang, servers that an administrator has declared to be something, and images that are not waited for.

use http::Method;
use serde_json::{Value, json};
use testkit::{expect, wait_for};

use crate::fixture;
use crate::life::Life;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_by_force_takes_the_place_of_what_hangs() {
    let life = Life::start().await;
    let boots = life.cloud.node.server_boots(&life.server);
    let hold = life.cloud.node.hold("server_pause");
    life.act(202, "pause", Value::Null).await;
    hold.arrived(1).await;
    life.act(409, "os-stop", Value::Null).await;
    life.act(202, "reboot", json!({"type": "HARD"})).await;
    let events = format!("{}/os-instance-actions", life.path());
    let is_over = |s: &Value| s["instanceActions"][1]["updated_at"] != s["instanceActions"][1]["start_time"];
    wait_for(life.admin(), &events, is_over).await;
    // The pause was given up without its node; the server is the restart's still.
    let shown = life.admin().get(&life.path()).await.unwrap();
    assert_eq!(shown["server"]["status"], "HARD_REBOOT");
    let is_stopped =
        |_: &Value| life.cloud.node.calls().iter().any(|c| c.call == "server_stop" && c.subject == life.server);
    let shown = wait_for(life.admin(), &life.path(), is_stopped).await;
    assert_eq!(shown["server"]["OS-EXT-STS:task_state"], "rebooting_hard");
    life.act(409, "os-stop", Value::Null).await;
    hold.release();
    life.becomes("ACTIVE").await;
    assert_eq!(life.cloud.node.server_boots(&life.server), boots + 1);
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_says_ends_no_resize() {
    let life = Life::start().await;
    let larger = fixture::larger_flavor(life.admin()).await;
    for (end, cores) in [("revertResize", 1), ("confirmResize", 2)] {
        life.act(409, end, Value::Null).await;
        life.act(202, "resize", json!({"flavorRef": larger})).await;
        life.becomes("VERIFY_RESIZE").await;
        life.act(202, "os-resetState", json!({"state": "active"})).await;
        life.becomes("ACTIVE").await;
        life.act(409, "resize", json!({"flavorRef": life.ready.flavor})).await;
        life.act(if end == "confirmResize" { 204 } else { 202 }, end, Value::Null).await;
        life.becomes("ACTIVE").await;
        assert_eq!(life.cores_used().await, cores);
        assert_eq!(life.held().await["VCPU"], cores);
    }
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_says_ends_no_rescue() {
    let life = Life::start().await;
    life.act(409, "unrescue", Value::Null).await;
    life.act(200, "rescue", Value::Null).await;
    life.becomes("RESCUE").await;
    life.act(202, "os-resetState", json!({"state": "error"})).await;
    life.becomes("ERROR").await;
    life.act(202, "unrescue", Value::Null).await;
    life.becomes("ACTIVE").await;
    life.act(409, "unrescue", Value::Null).await;
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_may_be_deleted_before_it_is_saved() {
    let life = Life::start().await;
    let hold = life.cloud.node.hold("disk_upload");
    let made = life.act(202, "createImage", json!({"name": "copy"})).await;
    hold.arrived(1).await;
    let path = format!("/image/v2/images/{}", made["image_id"].as_str().unwrap());
    expect(life.admin(), 204, Method::DELETE, &path, None).await;
    hold.release();
    life.becomes("ACTIVE").await;
    expect(life.admin(), 404, Method::GET, &path, None).await;
    let history = life.admin().get(&format!("{}/os-instance-actions", life.path())).await.unwrap();
    let last = &history["instanceActions"][0];
    assert_eq!((&last["action"], &last["message"]), (&json!("createImage"), &json!("Error")));
    assert_eq!(life.cloud.node.disks_of(&life.server), ["root"]);
    life.end().await;
}
