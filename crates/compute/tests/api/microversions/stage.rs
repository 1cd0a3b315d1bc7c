//! What the requests of the table are about.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::Problem;
use serde_json::{Value, json};

use crate::cloud::{Answer, User};
use crate::fleet::{Fleet, Node};

const PREFIX: &str = "/compute/v2.1";

/// A key that needs not be made.
pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me";

/// A cloud with one of everything.
pub struct Stage {
    pub fleet: Fleet,
    names: BTreeMap<&'static str, String>,
    number: AtomicU64,
}

impl Stage {
    pub async fn new() -> Self {
        let fleet = Fleet::new().await;
        let mut stage = Self { fleet, names: BTreeMap::new(), number: AtomicU64::new(0) };
        let quota = json!({"quota_set": {"instances": -1, "cores": -1, "ram": -1, "key_pairs": -1,
            "server_groups": -1, "metadata_items": 2}});
        stage.make(true, "PUT /os-quota-sets/red", quota).await;
        for name in ["one", "two"] {
            let body = json!({"keypair": {"name": name, "public_key": KEY}});
            stage.make(false, "POST /os-keypairs", body).await;
        }
        let aggregate = stage.make(true, "POST /os-aggregates", json!({"aggregate": {"name": "rack"}})).await;
        let group = json!({"server_group": {"name": "group", "policy": "affinity"}});
        let group = stage.make(false, "POST /os-server-groups", group).await;
        let (image, network) = (stage.fleet.image_id.clone(), stage.fleet.network_id.clone());
        stage.names.extend([
            ("image", image),
            ("network", network),
            ("group", group["server_group"]["id"].as_str().unwrap().to_owned()),
            ("aggregate", aggregate["aggregate"]["id"].to_string()),
        ]);
        stage.servers().await;
        stage.nodes().await;
        stage
    }

    async fn servers(&mut self) {
        let short = |path: String| path.trim_start_matches(PREFIX).to_owned();
        let (fleet, member) = (&self.fleet, &self.fleet.member);
        let server = fleet.created(member).await;
        let gone = fleet.created(member).await;
        let paused = fleet.created(member).await;
        fleet.ask(member, &format!("DELETE {gone}"), Value::Null).await.expect(204);
        // A pause that fails, and one that does not.
        *fleet.node.fail.lock().unwrap() = Some(("pause", Problem::Permanent("it is stuck".into())));
        fleet.ask(member, &format!("POST {paused}/action"), json!({"pause": null})).await.expect(202);
        fleet.settle().await;
        *fleet.node.fail.lock().unwrap() = None;
        let actions = fleet.get(member, &format!("{paused}/os-instance-actions")).await.expect(200);
        let failed = actions["instanceActions"][0]["request_id"].as_str().unwrap().to_owned();
        fleet.ask(&fleet.admin, &format!("POST {paused}/action"), json!({"os-resetState": {"state": "active"}})).await;
        fleet.ask(member, &format!("POST {paused}/action"), json!({"pause": null})).await.expect(202);
        fleet.settle().await;
        assert_eq!(fleet.server(&paused).await["status"], "PAUSED");
        let actions = fleet.get(member, &format!("{server}/os-instance-actions")).await.expect(200);
        let made = actions["instanceActions"][0]["request_id"].as_str().unwrap().to_owned();
        let body = json!({"remote_console": {"protocol": "vnc", "type": "novnc"}});
        let console = fleet.ask(member, &format!("POST {server}/remote-consoles"), body).await.expect(200);
        let token = console["remote_console"]["url"].as_str().unwrap().rsplit("%3D").next().unwrap().to_owned();
        let id = server.rsplit('/').next().unwrap().to_owned();
        self.moving(&id).await;
        self.names.extend([
            ("server_id", id),
            ("server", short(server)),
            ("gone", short(gone)),
            ("paused", short(paused)),
            ("made", made),
            ("failed", failed),
            ("token", token),
        ]);
    }

    /// A move of a server, as there would be one if servers moved.
    async fn moving(&self, server_id: &str) {
        let mut tx = self.fleet.db.begin().await.unwrap();
        db::sql(
            "INSERT INTO migrations (id, number, type, status, server_id, project_id, user_id, source_compute,
                source_node, dest_compute, hidden, created_at, updated_at)
             VALUES ('00000000-0000-4000-8000-000000000001', 1, 'live-migration', 'running', $1, 'red', 'mia', 'one',
                'one', 'two', FALSE, $2, $2)",
        )
        .bind(server_id)
        .bind(self.fleet.runtime.clock.now())
        .execute(&mut tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// And another node, on which nothing is.
    async fn nodes(&mut self) {
        let ask = async |version: &str, path: &str| {
            let answer = self.ask(&self.fleet.admin, version, &format!("GET {path}"), &Value::Null, 0).await;
            answer.expect(200)
        };
        let old = ask("2.52", "/os-hypervisors").await["hypervisors"][0]["id"].to_string();
        let new = ask("2.53", "/os-hypervisors").await["hypervisors"][0]["id"].as_str().unwrap().to_owned();
        let services = ask("2.53", "/os-services?binary=nova-compute").await;
        let service = services["services"][0]["id"].as_str().unwrap().to_owned();
        self.fleet.node_add("node-2", Arc::new(Node::default())).await;
        self.names.extend([("hypervisor_number", old), ("hypervisor", new), ("service", service)]);
    }

    async fn make(&self, admin: bool, request: &str, body: Value) -> Value {
        let user = if admin { &self.fleet.admin } else { &self.fleet.member };
        let answer = self.ask(user, "latest", request, &body, 0).await;
        assert!(answer.status.is_success(), "{request}: {}", answer.body);
        answer.body
    }

    pub fn number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks, with the names of the stage put in, and waits for what that starts.
    pub async fn ask(&self, user: &User, version: &str, request: &str, body: &Value, number: u64) -> Answer {
        let filled = |text: String| {
            let text = text.replace("{n}", &number.to_string());
            self.names.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let (method, path) = request.split_once(' ').unwrap();
        let request = filled(format!("{method} {PREFIX}{path}"));
        let body = serde_json::from_str(&filled(body.to_string())).unwrap();
        let answer = self.fleet.ask_in(user, version, &request, body).await;
        if method != "GET" {
            self.fleet.settle().await;
        }
        answer
    }
}
