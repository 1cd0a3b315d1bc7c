//! The life cycle of a server, action by action, over HTTP and down to the node.

use ferrostack::client::Client;
use http::Method;
use serde_json::{Value, json};
use testkit::{TestCloud, expect, wait_for};

use crate::fixture::{self, Ready, id};

/// A cloud with a running server.
pub(crate) struct Life {
    pub(crate) cloud: TestCloud,
    pub(crate) ready: Ready,
    pub(crate) server: String,
}

impl Life {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with what an operator has set.
    pub(crate) async fn start_with(config: &str) -> Self {
        let cloud = TestCloud::start_with(config).await;
        let ready = fixture::ready(&cloud.admin, &cloud.admin).await;
        let made = expect(&cloud.admin, 202, Method::POST, "/compute/v2.1/servers", Some(fixture::server(&ready, "s")));
        let server = id(&made.await["server"]);
        let life = Self { cloud, ready, server };
        life.becomes("ACTIVE").await;
        life
    }

    pub(crate) fn admin(&self) -> &Client {
        &self.cloud.admin
    }

    pub(crate) fn path(&self) -> String {
        format!("/compute/v2.1/servers/{}", self.server)
    }

    /// Waits until nothing is done to the server any more, and checks what it is then.
    #[track_caller]
    pub(crate) fn becomes(&self, status: &'static str) -> impl Future<Output = Value> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            let done = |s: &Value| s["server"]["OS-EXT-STS:task_state"].is_null() && s["server"]["status"] != "BUILD";
            let shown = wait_for(self.admin(), &self.path(), done).await;
            assert_eq!(shown["server"]["status"], status, "{caller}: {shown}");
            self.cloud.settle().await;
            shown["server"].clone()
        }
    }

    #[track_caller]
    pub(crate) fn act(&self, status: u16, name: &str, body: Value) -> impl Future<Output = Value> {
        self.act_in("2.95", status, name, body)
    }

    #[track_caller]
    pub(crate) fn act_in(&self, version: &str, status: u16, name: &str, body: Value) -> impl Future<Output = Value> {
        let (path, body) = (format!("{}/action", self.path()), json!({name: body}));
        let client = self.admin().clone().with_header("openstack-api-version", &format!("compute {version}")).unwrap();
        let (name, caller) = (name.to_owned(), std::panic::Location::caller());
        async move {
            let answer = client.request(Method::POST, &path, Some(&body)).await.unwrap();
            assert_eq!(answer.status, status, "{caller}: {name}: {}", String::from_utf8_lossy(&answer.body));
            if answer.body.is_empty() { Value::Null } else { answer.json() }
        }
    }

    /// What the server holds in placement.
    pub(crate) async fn held(&self) -> Value {
        let shown = self.admin().get(&format!("/placement/allocations/{}", self.server)).await.unwrap();
        let resources = shown["allocations"].as_object().unwrap().values().next().cloned();
        resources.map(|held| held["resources"].clone()).unwrap_or(Value::Null)
    }

    pub(crate) async fn cores_used(&self) -> i64 {
        let limits = self.admin().get("/compute/v2.1/limits").await.unwrap();
        limits["limits"]["absolute"]["totalCoresUsed"].as_i64().unwrap()
    }

    /// Deletes the server, which leaves nothing.
    pub(crate) async fn end(self) {
        expect(self.admin(), 204, Method::DELETE, &self.path(), None).await;
        self.ended().await;
    }

    /// The same where a server that is deleted is kept for a while.
    pub(crate) async fn end_by_force(self) {
        self.act(202, "forceDelete", Value::Null).await;
        self.ended().await;
    }

    async fn ended(self) {
        self.cloud.settle().await;
        assert!(self.cloud.node.is_empty(), "{:?} {:?}", self.cloud.node.disks(), self.cloud.node.taps());
        assert_eq!(self.cores_used().await, 0);
        let ports = self.admin().get("/network/v2.0/ports?device_owner=compute:nova").await.unwrap();
        assert_eq!(ports["ports"], json!([]));
        let moves = self.admin().get("/compute/v2.1/os-migrations?status=finished").await.unwrap();
        assert_eq!(moves["migrations"], json!([]), "nobody can confirm or revert them any more");
        self.cloud.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_paused_suspended_and_comes_back() {
    let life = Life::start().await;
    for (action, status, power) in [
        ("pause", "PAUSED", 3),
        ("unpause", "ACTIVE", 1),
        ("suspend", "SUSPENDED", 4),
        ("resume", "ACTIVE", 1),
        ("os-stop", "SHUTOFF", 4),
        ("os-start", "ACTIVE", 1),
    ] {
        life.act(202, action, Value::Null).await;
        let server = life.becomes(status).await;
        assert_eq!(server["OS-EXT-STS:power_state"], power, "{action}");
        // What is done cannot be done again.
        if action != "os-stop" {
            life.act(409, action, Value::Null).await;
        }
    }
    life.act_in("2.16", 404, "trigger_crash_dump", Value::Null).await;
    life.act(202, "trigger_crash_dump", Value::Null).await;
    life.act(202, "changePassword", json!({"adminPass": "new"})).await;
    life.becomes("ACTIVE").await;
    let history = life.admin().get(&format!("{}/os-instance-actions", life.path())).await.unwrap();
    let names: Vec<&str> =
        history["instanceActions"].as_array().unwrap().iter().map(|a| a["action"].as_str().unwrap()).collect();
    let expected = ["changePassword", "trigger_crash_dump", "start", "stop", "resume", "suspend", "unpause", "pause"];
    assert_eq!(names[..8], expected);
    assert_eq!(life.cloud.node.server_boots(&life.server), 2, "suspending and pausing is no start");
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_rebuilt_and_rescued() {
    let life = Life::start().await;
    let body = json!({"imageRef": life.ready.image, "name": "new", "metadata": {"a": "b"}, "user_data": "aGk="});
    let rebuilt = life.act(202, "rebuild", body).await;
    assert_eq!(rebuilt["server"]["name"], "new");
    assert!(rebuilt["server"]["adminPass"].is_string());
    assert_eq!(life.becomes("ACTIVE").await["metadata"], json!({"a": "b"}));
    life.act(400, "rebuild", json!({"imageRef": uuid(7)})).await;

    let answer = life.act(200, "rescue", Value::Null).await;
    assert!(answer["adminPass"].is_string());
    life.becomes("RESCUE").await;
    assert_eq!(life.cloud.node.disks_of(&life.server), ["root", "rescue"]);
    life.act(409, "rescue", Value::Null).await;
    life.act(202, "unrescue", Value::Null).await;
    life.becomes("ACTIVE").await;
    assert_eq!(life.cloud.node.disks_of(&life.server), ["root"]);
    life.act(400, "rescue", json!({"rescue_image_ref": uuid(7)})).await;
    life.end().await;
}

fn uuid(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resize_is_reverted_and_confirmed() {
    let life = Life::start().await;
    let (large, small) = (fixture::flavor(life.admin(), "large", 128, 2, 2).await, life.ready.flavor.clone());
    life.act(400, "resize", json!({"flavorRef": small})).await;
    life.act(400, "resize", json!({"flavorRef": "none-such"})).await;
    life.act(409, "confirmResize", Value::Null).await;
    life.act(202, "resize", json!({"flavorRef": large})).await;
    let server = life.becomes("VERIFY_RESIZE").await;
    assert_eq!(server["OS-EXT-STS:power_state"], 1);
    assert_eq!((life.held().await["VCPU"].clone(), life.cores_used().await), (json!(2), 2));
    assert_eq!(life.cloud.node.disks_of(&life.server), ["root", "kept"]);
    life.act(202, "revertResize", Value::Null).await;
    let server = life.becomes("ACTIVE").await;
    assert_eq!(server["flavor"]["id"], json!(small));
    assert_eq!((life.held().await["VCPU"].clone(), life.cores_used().await), (json!(1), 1));
    assert_eq!(life.cloud.node.disks_of(&life.server), ["root"]);

    life.act(202, "resize", json!({"flavorRef": large})).await;
    life.becomes("VERIFY_RESIZE").await;
    life.act(204, "confirmResize", Value::Null).await;
    let server = life.becomes("ACTIVE").await;
    assert_eq!(server["flavor"]["id"], json!(large));
    assert_eq!((life.held().await["VCPU"].clone(), life.cores_used().await), (json!(2), 2));
    assert_eq!(life.cloud.node.disks_of(&life.server), ["root"]);
    life.act(400, "resize", json!({"flavorRef": small})).await;
    let moves = life.admin().get("/compute/v2.1/os-migrations").await.unwrap();
    let statuses: Vec<&str> =
        moves["migrations"].as_array().unwrap().iter().map(|m| m["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["confirmed", "reverted"]);

    // A size that the node does not have room for is refused, and nothing is held for it.
    let huge = fixture::flavor(life.admin(), "huge", 128, 10, 1_000_000).await;
    life.act(202, "resize", json!({"flavorRef": huge})).await;
    life.becomes("ACTIVE").await;
    assert_eq!((life.held().await["VCPU"].clone(), life.cores_used().await), (json!(2), 2));
    // A server that waits for a confirmation goes whole.
    let larger = fixture::flavor(life.admin(), "larger", 128, 4, 2).await;
    life.act(202, "resize", json!({"flavorRef": larger})).await;
    life.becomes("VERIFY_RESIZE").await;
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_becomes_images_and_backups_rotate() {
    let life = Life::start().await;
    let made = life.act(202, "createImage", json!({"name": "copy", "metadata": {"why": "test"}})).await;
    life.becomes("ACTIVE").await;
    let path = format!("/image/v2/images/{}", made["image_id"].as_str().unwrap());
    let image = life.admin().get(&path).await.unwrap();
    let facts = (&image["status"], &image["image_type"], &image["instance_uuid"], &image["why"], &image["min_disk"]);
    assert_eq!(facts, (&json!("active"), &json!("snapshot"), &json!(life.server), &json!("test"), &json!(1)));
    for number in 0..3 {
        let body = json!({"name": format!("backup-{number}"), "backup_type": "daily", "rotation": 2});
        life.act(202, "createBackup", body).await;
        life.becomes("ACTIVE").await;
    }
    let backups = life.admin().get("/image/v2/images?image_type=backup&sort=name:asc").await.unwrap();
    let names: Vec<&str> = backups["images"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["backup-1", "backup-2"]);
    life.cloud.node.fail("disk_copy", 1, protocol::Problem::Permanent("no room".to_owned()));
    life.act(202, "createImage", json!({"name": "lost"})).await;
    life.becomes("ACTIVE").await;
    let lost = life.admin().get("/image/v2/images?name=lost").await.unwrap();
    assert_eq!(lost["images"], json!([]));
    assert_eq!(life.cloud.node.disks_of(&life.server), ["root"]);
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelved_server_leaves_its_node_and_comes_back() {
    let life = Life::start().await;
    let ports = life.admin().get("/network/v2.0/ports?device_owner=compute:nova").await.unwrap();
    life.act(202, "shelve", Value::Null).await;
    let server = life.becomes("SHELVED_OFFLOADED").await;
    assert_eq!(server["OS-EXT-SRV-ATTR:host"], Value::Null);
    assert!(life.cloud.node.is_empty());
    assert_eq!(life.held().await, Value::Null);
    let images = life.admin().get("/image/v2/images?name=s-shelved").await.unwrap();
    assert_eq!(images["images"][0]["status"], "active");
    life.act(409, "os-start", Value::Null).await;
    life.act_in("2.91", 400, "unshelve", json!({"host": "nowhere"})).await;
    life.act(202, "unshelve", Value::Null).await;
    let server = life.becomes("ACTIVE").await;
    assert_eq!(server["OS-EXT-SRV-ATTR:host"], "node");
    let after = life.admin().get("/network/v2.0/ports?device_owner=compute:nova").await.unwrap();
    assert_eq!(after["ports"][0]["id"], ports["ports"][0]["id"]);
    assert_eq!(after["ports"].as_array().unwrap().len(), 1);
    let images = life.admin().get("/image/v2/images?name=s-shelved").await.unwrap();
    assert_eq!(images["images"], json!([]));
    // Where no node takes it, it stays on the shelf.
    life.act(202, "shelve", Value::Null).await;
    life.becomes("SHELVED_OFFLOADED").await;
    life.cloud.node.fail_always("disks_create", protocol::Problem::Temporary("no disks today".to_owned()));
    life.act(202, "unshelve", Value::Null).await;
    life.becomes("SHELVED_OFFLOADED").await;
    life.cloud.node.heal();
    life.act(202, "unshelve", Value::Null).await;
    life.becomes("ACTIVE").await;
    // Deleted from the shelf, its image goes too.
    life.act(202, "shelve", Value::Null).await;
    life.becomes("SHELVED_OFFLOADED").await;
    let admin = life.admin().clone();
    expect(&admin, 204, Method::DELETE, &life.path(), None).await;
    life.cloud.settle().await;
    let images = admin.get("/image/v2/images?name=s-shelved").await.unwrap();
    assert_eq!(images["images"], json!([]));
    life.cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_come_and_go() {
    let life = Life::start().await;
    let path = format!("{}/os-interface", life.path());
    let body = json!({"interfaceAttachment": {"net_id": life.ready.network}});
    let made = expect(life.admin(), 200, Method::POST, &path, Some(body)).await;
    let port = made["interfaceAttachment"]["port_id"].as_str().unwrap().to_owned();
    assert_eq!(life.cloud.node.taps().len(), 2);
    let listed = life.admin().get(&path).await.unwrap();
    assert_eq!(listed["interfaceAttachments"][1]["port_id"], json!(port));
    expect(life.admin(), 202, Method::DELETE, &format!("{path}/{port}"), None).await;
    life.cloud.settle().await;
    assert_eq!(life.cloud.node.taps().len(), 1);
    expect(life.admin(), 404, Method::DELETE, &format!("{path}/{port}"), None).await;
    // A port that was there before stays.
    let body = json!({"port": {"network_id": life.ready.network, "name": "mine"}});
    let own = id(&expect(life.admin(), 201, Method::POST, "/network/v2.0/ports", Some(body)).await["port"]);
    let body = json!({"interfaceAttachment": {"port_id": own}});
    expect(life.admin(), 200, Method::POST, &path, Some(body.clone())).await;
    expect(life.admin(), 409, Method::POST, &path, Some(body)).await;
    expect(life.admin(), 202, Method::DELETE, &format!("{path}/{own}"), None).await;
    life.cloud.settle().await;
    let shown = life.admin().get(&format!("/network/v2.0/ports/{own}")).await.unwrap();
    assert_eq!(shown["port"]["device_id"], "");
    // A node that refuses leaves nothing behind.
    life.cloud.node.fail_always("port_attach", protocol::Problem::Permanent("no slot".to_owned()));
    let body = json!({"interfaceAttachment": {"net_id": life.ready.network}});
    let refused = expect(life.admin(), 500, Method::POST, &path, Some(body)).await;
    assert!(refused["computeFault"]["message"].as_str().unwrap().contains("no slot"), "{refused}");
    life.cloud.node.heal();
    assert_eq!(life.cloud.node.taps().len(), 1);
    life.act(202, "addSecurityGroup", json!({"name": "default"})).await;
    life.act(202, "removeSecurityGroup", json!({"name": "default"})).await;
    life.act(404, "removeSecurityGroup", json!({"name": "default"})).await;
    life.act(404, "addSecurityGroup", json!({"name": "none-such"})).await;
    life.end().await;
}

impl Life {
    /// Deletes a port of the server by the networks' API.
    async fn port_delete(&self, index: usize) {
        let listed = self.admin().get(&format!("{}/os-interface", self.path())).await.unwrap();
        let port = listed["interfaceAttachments"][index]["port_id"].as_str().unwrap();
        expect(self.admin(), 204, Method::DELETE, &format!("/network/v2.0/ports/{port}"), None).await;
    }

    /// Waits until the node has so many taps, and no work is open.
    async fn taps_become(&self, count: usize) {
        let started = std::time::Instant::now();
        while self.cloud.node.taps().len() != count {
            assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", self.cloud.node.taps());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        self.cloud.settle().await;
    }

    fn detaches(&self) -> usize {
        self.cloud.node.calls().iter().filter(|call| call.call == "port_detach").count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_deleted_leaves_its_server() {
    let life = Life::start().await;
    let body = json!({"interfaceAttachment": {"net_id": life.ready.network}});
    expect(life.admin(), 200, Method::POST, &format!("{}/os-interface", life.path()), Some(body)).await;
    assert_eq!(life.cloud.node.taps().len(), 2);
    life.port_delete(1).await;
    life.taps_become(1).await;
    assert_eq!(life.detaches(), 1);
    // Deleting a server takes its ports away whole.
    let cloud = life.cloud.node.clone();
    life.end().await;
    assert_eq!(cloud.calls().iter().filter(|call| call.call == "port_detach").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_deleted_leaves_its_server_once_its_state_permits_it() {
    let life = Life::start().await;
    life.act(202, "suspend", Value::Null).await;
    life.becomes("SUSPENDED").await;
    life.port_delete(0).await;
    life.cloud.settle().await;
    assert_eq!((life.cloud.node.taps().len(), life.detaches()), (1, 0));
    life.act(202, "resume", Value::Null).await;
    life.taps_become(0).await;
    life.becomes("ACTIVE").await;
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_deleted_while_its_server_is_built_leaves_it_afterwards() {
    let life = Life::start().await;
    let hold = life.cloud.node.hold("server_start");
    let body = fixture::server(&life.ready, "t");
    let made = expect(life.admin(), 202, Method::POST, "/compute/v2.1/servers", Some(body)).await;
    let built = Life { cloud: life.cloud, ready: life.ready, server: id(&made["server"]) };
    hold.arrived(1).await;
    built.port_delete(0).await;
    assert_eq!((built.cloud.node.taps().len(), built.detaches()), (2, 0));
    hold.release();
    built.becomes("ACTIVE").await;
    built.taps_become(1).await;
    expect(built.admin(), 204, Method::DELETE, &format!("/compute/v2.1/servers/{}", life.server), None).await;
    built.cloud.settle().await;
    built.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_port_of_a_server_that_goes_too_is_no_work() {
    let life = Life::start().await;
    let hold = life.cloud.node.hold("server_delete");
    expect(life.admin(), 204, Method::DELETE, &life.path(), None).await;
    hold.arrived(1).await;
    let ports = life.admin().get(&format!("/network/v2.0/ports?device_id={}", life.server)).await.unwrap();
    let port = id(&ports["ports"][0]);
    expect(life.admin(), 204, Method::DELETE, &format!("/network/v2.0/ports/{port}"), None).await;
    hold.release();
    life.cloud.settle().await;
    assert_eq!(life.detaches(), 0);
    life.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_server_is_left_alone_by_its_project() {
    let life = Life::start().await;
    let tenant = life.cloud.tenant("mia").await;
    let ready = Ready { network: network(&tenant.member).await, ..life.ready.clone() };
    let made = expect(&tenant.member, 202, Method::POST, "/compute/v2.1/servers", Some(fixture::server(&ready, "t")));
    let path = format!("/compute/v2.1/servers/{}", id(&made.await["server"]));
    wait_for(&tenant.member, &path, |s| s["server"]["status"] == "ACTIVE").await;
    let action = format!("{path}/action");
    let act = async |client: &Client, status: u16, body: Value| {
        expect(client, status, Method::POST, &action, Some(body)).await;
    };
    act(&life.cloud.admin, 202, json!({"lock": null})).await;
    act(&tenant.member, 409, json!({"os-stop": null})).await;
    expect(&tenant.member, 409, Method::DELETE, &path, None).await;
    act(&tenant.member, 403, json!({"unlock": null})).await;
    act(&life.cloud.admin, 202, json!({"unlock": null})).await;
    act(&tenant.member, 202, json!({"lock": null})).await;
    act(&tenant.member, 409, json!({"os-stop": null})).await;
    act(&tenant.member, 202, json!({"unlock": null})).await;
    act(&tenant.member, 403, json!({"os-resetState": {"state": "error"}})).await;
    act(&life.cloud.admin, 202, json!({"os-resetState": {"state": "error"}})).await;
    let shown = tenant.member.get(&path).await.unwrap();
    assert_eq!(shown["server"]["status"], "ERROR");
    expect(&tenant.member, 204, Method::DELETE, &path, None).await;
    life.cloud.settle().await;
    life.end().await;
}

async fn network(client: &Client) -> String {
    let body = json!({"network": {"name": "own"}});
    let network = id(&expect(client, 201, Method::POST, "/network/v2.0/networks", Some(body)).await["network"]);
    let body = json!({"subnet": {"network_id": network, "cidr": "10.1.0.0/24", "ip_version": 4}});
    expect(client, 201, Method::POST, "/network/v2.0/subnets", Some(body)).await;
    network
}
