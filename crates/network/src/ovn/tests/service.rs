//! The network service with OVN below it.

use std::sync::Arc;

use axum::body::Body;
use db::Db;
use http::Request;
use http_body_util::BodyExt as _;
use identity::{Bootstrap, Identity};
use ovsdb::{Condition, Row, Transaction};
use policy::Policy;
use runtime::Runtime;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::server::Ovn;
use crate::ovn::NORTHBOUND;
use crate::ovn::row::*;
use crate::{Backend, Kind, Network, Options};

pub struct Service {
    network: Network,
    token: String,
    _directory: tempfile::TempDir,
}

impl Service {
    pub async fn new(ovn: &Ovn) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open(&db::Options::Sqlite(directory.path().join("test.db"))).await.unwrap();
        let migrations: Vec<_> = identity::MIGRATIONS.iter().chain(crate::MIGRATIONS).copied().collect();
        db.migrate(&migrations).await.unwrap();
        let policy = Arc::new(Policy::new(&[identity::BASE_RULES, identity::RULES, crate::RULES]).unwrap());
        let mut options = identity::Options::new(directory.path().join("keys"));
        options.config.password_hash_rounds = 4;
        let identity = Identity::new(db.clone(), Runtime::default(), policy, options).unwrap();
        let wanted = Bootstrap {
            admin_password: "secret".to_owned(),
            region: "one".to_owned(),
            base_url: "http://cloud".to_owned(),
            services: Vec::new(),
        };
        let made = identity.bootstrap(&wanted).await.unwrap();
        let token = identity.token_for_user(&made.user_id, &made.project_id).await.unwrap();
        let backend = Backend::Ovn(ovn.backend.clone());
        let network = Network::new(db, Runtime::default(), identity, backend, Options::default()).await.unwrap();
        Self { network, token, _directory: directory }
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(format!("/v2.0{path}")).header("x-auth-token", &self.token);
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let response = self.network.router().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{method} {path}: {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    pub async fn make(&self, kind: &str, fields: Value) -> String {
        let answer = self.call("POST", &format!("/{kind}s"), json!({ kind: fields })).await;
        answer[kind]["id"].as_str().unwrap().to_owned()
    }

    /// The outside network, with one subnet.
    pub async fn public_network(&self) -> String {
        let outside = json!({"name": "public", "router:external": true,
            "provider:network_type": "flat", "provider:physical_network": "public"});
        let public = self.make("network", outside).await;
        let fields = json!({"network_id": public, "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": false});
        self.make("subnet", fields).await;
        public
    }
}

#[tokio::test]
async fn what_the_service_is_told_ovn_is_told_and_forgets() {
    let ovn = Ovn::start();
    let service = Service::new(&ovn).await;
    let public = service.public_network().await;
    let net = service.make("network", json!({"name": "net"})).await;
    let subnet = service.make("subnet", json!({"network_id": net, "ip_version": 4, "cidr": "10.0.0.0/24"})).await;
    let port = service.make("port", json!({"network_id": net})).await;
    let router = service.make("router", json!({"external_gateway_info": {"network_id": public}})).await;
    let interface = json!({ "subnet_id": subnet });
    service.call("PUT", &format!("/routers/{router}/add_router_interface"), interface.clone()).await;
    let floating = service.make("floatingip", json!({"floating_network_id": public, "port_id": port})).await;

    let tables = ovn.tables().await;
    let lengths = || [SWITCH, ROUTER, ROUTER_PORT, NAT, ROUTE, DHCP_OPTIONS].map(|table| tables.len(table));
    assert_eq!(lengths(), [2, 1, 2, 2, 1, 1]);
    assert_eq!(tables.len(SWITCH_PORT), 5, "a port, the metadata, two router's and a way out");
    let model = service.network.model();
    assert_eq!(ovn.backend.reconcile(&model).await.unwrap(), 0, "all is as it should be");

    // By hand: a router is removed, a row is changed, and something marked as ours is added.
    let mut transaction = Transaction::new();
    transaction.delete(ROUTER, []);
    transaction.update(SWITCH_PORT, [Condition::equal("name", port.as_str())], Row::new().with("enabled", false));
    let mark = Owner::new(Kind::Network, "nobody's").external_ids([]);
    transaction.insert(SWITCH, Row::new().with("name", "stray").with("external_ids", mark));
    transaction.insert(SWITCH, Row::new().with("name", "somebody else's"));
    ovn.north.transact(NORTHBOUND, transaction).await.unwrap();
    let mut north = ovn.backend.north().await.unwrap();
    drop(north.wait_for(|tables| tables.find(SWITCH, "name", "stray").is_some()).await.unwrap());
    assert!(ovn.backend.reconcile(&model).await.unwrap() > 0);
    let repaired = ovn.tables().await;
    assert_eq!([ROUTER, NAT, SWITCH].map(|table| repaired.len(table)), [1, 2, 3]);
    assert_eq!(ovn.backend.reconcile(&model).await.unwrap(), 0);

    service.call("DELETE", &format!("/floatingips/{floating}"), Value::Null).await;
    service.call("PUT", &format!("/routers/{router}/remove_router_interface"), interface).await;
    for path in [
        format!("/routers/{router}"),
        format!("/ports/{port}"),
        format!("/subnets/{subnet}"),
        format!("/networks/{net}"),
        format!("/networks/{public}"),
    ] {
        service.call("DELETE", &path, Value::Null).await;
    }
    let tables = ovn.tables().await;
    let left = [SWITCH, SWITCH_PORT, ROUTER, ROUTER_PORT, NAT, ROUTE, DHCP_OPTIONS].map(|table| tables.len(table));
    assert_eq!(left, [1, 0, 0, 0, 0, 0, 0], "only what is somebody else's");
}
