//! Alice's project, which has one of everything; bob's, which must not see any of it.

use std::collections::BTreeMap;

use ferrostack::client::Client;
use http::Method;
use serde_json::{Value, json};
use testkit::{Tenant, TestCloud, expect, wait_for};

use crate::fixture::id;

/// Paths whose content must be the same after everybody has tried everything.
const BELONGINGS: &[&str] = &[
    "/compute/v2.1/servers/detail?all_tenants=1",
    "/compute/v2.1/os-keypairs?user_id={user}",
    "/compute/v2.1/os-quota-sets/{project}",
    "/compute/v2.1/flavors/detail?is_public=none",
    "/compute/v2.1/os-services",
    "/network/v2.0/networks",
    "/network/v2.0/subnets",
    "/network/v2.0/ports",
    "/network/v2.0/routers",
    "/network/v2.0/floatingips",
    "/network/v2.0/security-groups?project_id={project}",
    "/network/v2.0/security-group-rules?project_id={project}",
    "/network/v2.0/quotas",
    "/image/v2/images",
    "/image/v2/images/{image}/members",
    "/identity/v3/users",
    "/identity/v3/projects",
    "/identity/v3/domains",
    "/identity/v3/groups",
    "/identity/v3/groups/{group}/users",
    "/identity/v3/roles",
    "/identity/v3/role_inferences",
    "/identity/v3/role_assignments",
    "/identity/v3/regions",
    "/identity/v3/services",
    "/identity/v3/endpoints",
    "/identity/v3/policies",
    "/identity/v3/registered_limits",
    "/identity/v3/limits",
    "/identity/v3/OS-TRUST/trusts?trustor_user_id={user}",
    "/identity/v3/users/{user}/application_credentials",
    "/identity/v3/credentials",
    "/identity/v3/OS-EP-FILTER/endpoint_groups",
    "/placement/resource_providers",
    "/placement/resource_providers/{provider}/inventories",
    "/placement/resource_providers/{provider}/allocations",
    "/placement/traits",
    "/placement/resource_classes",
];

/// What nobody outside alice's project may be shown.
const PRIVATE: &[&str] = &[
    "limit",
    "trust",
    "application_credential",
    "access_rule",
    "credential",
    "access",
    "project",
    "user",
    "server",
    "server_port",
    "port",
    "network",
    "subnet",
    "router",
    "floatingip",
    "security_group",
    "security_group_rule",
    "image",
    "keypair",
    "request",
    "address",
];

/// A cloud in which alice's project has one of everything.
pub struct Alice {
    pub cloud: TestCloud,
    pub tenant: Tenant,
    pub bob: Tenant,
    pub nobody: Client,
    names: BTreeMap<&'static str, String>,
}

impl Alice {
    pub async fn start(cloud: TestCloud) -> Self {
        let tenant = cloud.tenant("alice").await;
        let bob = cloud.tenant("bob").await;
        let carol = cloud.tenant("carol").await;
        let nobody = Client::new(&cloud.url);
        let mut alice = Self { cloud, tenant, bob, nobody, names: BTreeMap::new() };
        alice.set("project", alice.tenant.project_id.clone());
        alice.set("bob", alice.bob.project_id.clone());
        alice.set("carol", carol.project_id);
        alice.identity().await;
        alice.delegation().await;
        alice.image().await;
        alice.network().await;
        alice.bobs().await;
        alice.compute().await;
        alice.placement().await;
        alice
    }

    /// Puts what alice has in the places of `{name}`.
    pub fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// Name and value of what nobody else may be shown.
    pub fn private(&self) -> impl Iterator<Item = (&'static str, &String)> {
        PRIVATE.iter().map(|name| (*name, &self.names[name]))
    }

    /// All that may not have changed.
    pub async fn belongings(&self) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        let admin =
            self.cloud.admin.clone().with_header("openstack-api-version", "compute 2.10, placement 1.39").unwrap();
        for path in BELONGINGS.iter().map(|path| self.fill(path)) {
            let value = admin.get(&path).await.unwrap();
            all.insert(path, steady(value));
        }
        all
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.names.insert(name, value);
    }

    /// The id of what the administrator makes by sending `body`.
    async fn admin(&self, status: u16, path: &str, body: Value) -> Value {
        expect(&self.cloud.admin, status, Method::POST, path, Some(body)).await
    }

    async fn make(&self, status: u16, path: &str, body: Value) -> Value {
        expect(&self.tenant.member, status, Method::POST, path, Some(body)).await
    }

    async fn identity(&mut self) {
        let admin = &self.cloud.admin;
        let users = expect(admin, 200, Method::GET, "/identity/v3/users?name=alice-member", None).await;
        let user = id(&users["users"][0]);
        let roles = expect(admin, 200, Method::GET, "/identity/v3/roles?name=reader", None).await;
        let reader = id(&roles["roles"][0]);
        let service = expect(admin, 200, Method::GET, "/identity/v3/services?type=network", None).await;
        let body = json!({"auth": {"identity": {"methods": ["password"], "password": {
            "user": {"name": "alice-member", "domain": {"id": "default"}, "password": "a password"}}}}});
        let mut scoped = body.clone();
        scoped["auth"]["scope"] = json!({"project": {"id": self.names["project"]}});
        let answer = self.nobody.request(Method::POST, "/identity/v3/auth/tokens", Some(&scoped)).await.unwrap();
        let scoped = answer.headers["x-subject-token"].to_str().unwrap().to_owned();
        let answer = self.nobody.request(Method::POST, "/identity/v3/auth/tokens", Some(&body)).await.unwrap();
        let token = answer.headers["x-subject-token"].to_str().unwrap().to_owned();
        let v3 = "/identity/v3";
        let domain = self.admin(201, &format!("{v3}/domains"), json!({"domain": {"name": "other"}})).await;
        let group = self.admin(201, &format!("{v3}/groups"), json!({"group": {"name": "staff"}})).await;
        let role = self.admin(201, &format!("{v3}/roles"), json!({"role": {"name": "baker"}})).await;
        let region = self.admin(201, &format!("{v3}/regions"), json!({"region": {"id": "Elsewhere"}})).await;
        let body = json!({"service": {"type": "object-store", "name": "swift"}});
        let catalog_service = self.admin(201, &format!("{v3}/services"), body).await;
        let body = json!({"endpoint": {"service_id": service["services"][0]["id"], "interface": "internal",
            "region_id": region["region"]["id"], "url": "http://127.0.0.1/elsewhere"}});
        let endpoint = self.admin(201, &format!("{v3}/endpoints"), body).await;
        let body = json!({"user": {"name": "dave", "password": "a password"}});
        let dave = self.admin(201, &format!("{v3}/users"), body).await;
        let dave_project = self.admin(201, &format!("{v3}/projects"), json!({"project": {"name": "dave"}})).await;
        let body = json!({"policy": {"type": "text", "blob": "@"}});
        let policy = self.admin(201, &format!("{v3}/policies"), body).await;
        let body = json!({"endpoint_group": {"name": "staff", "filters": {"interface": "internal"}}});
        let endpoint_group = self.admin(201, &format!("{v3}/OS-EP-FILTER/endpoint_groups"), body).await;
        let registered = |resource: &str| {
            json!({"registered_limits": [{"service_id": catalog_service["service"]["id"], "default_limit": 1,
                "resource_name": resource}]})
        };
        let registered_limit = self.admin(201, &format!("{v3}/registered_limits"), registered("pies")).await;
        let spare_limit = self.admin(201, &format!("{v3}/registered_limits"), registered("tarts")).await;
        let body = json!({"limits": [{"service_id": catalog_service["service"]["id"], "resource_name": "pies",
            "resource_limit": 1, "project_id": self.names["project"]}]});
        let limit = self.admin(201, &format!("{v3}/limits"), body).await;
        for (name, value) in [
            ("registered_limit", id(&registered_limit["registered_limits"][0])),
            ("spare_limit", id(&spare_limit["registered_limits"][0])),
            ("limit", id(&limit["limits"][0])),
            ("policy", id(&policy["policy"])),
            ("endpoint_group", id(&endpoint_group["endpoint_group"])),
            ("user", user),
            ("reader_role", reader),
            ("token", token),
            ("token_of_project", scoped),
            ("domain", id(&domain["domain"])),
            ("group", id(&group["group"])),
            ("role", id(&role["role"])),
            ("region", id(&region["region"])),
            ("catalog_service", id(&catalog_service["service"])),
            ("endpoint", id(&endpoint["endpoint"])),
            ("dave", id(&dave["user"])),
            ("dave_project", id(&dave_project["project"])),
        ] {
            self.set(name, value);
        }
    }

    async fn delegation(&mut self) {
        let (user, v3) = (self.names["user"].clone(), "/identity/v3");
        let body = json!({"trust": {"trustor_user_id": user, "trustee_user_id": self.names["dave"],
            "project_id": self.names["project"], "impersonation": false, "roles": [{"name": "reader"}]}});
        let trust = self.make(201, &format!("{v3}/OS-TRUST/trusts"), body).await;
        let rule = json!({"service": "compute", "method": "GET", "path": "/v2.1/servers"});
        let body = json!({"application_credential": {"name": "oven", "access_rules": [rule]}});
        let made = self.make(201, &format!("{v3}/users/{user}/application_credentials"), body).await;
        let body = json!({"credential": {"type": "cert", "blob": "a secret", "user_id": user}});
        let credential = self.make(201, &format!("{v3}/credentials"), body).await;
        let body = json!({"tenant_id": self.names["project"]});
        let pair = self.make(201, &format!("{v3}/users/{user}/credentials/OS-EC2"), body).await;
        self.set("trust", id(&trust["trust"]));
        self.set("application_credential", id(&made["application_credential"]));
        self.set("access_rule", id(&made["application_credential"]["access_rules"][0]));
        self.set("credential", id(&credential["credential"]));
        self.set("access", pair["credential"]["access"].as_str().unwrap_or_default().to_owned());
    }

    async fn image(&mut self) {
        let body = json!({"name": "alice's", "disk_format": "raw", "container_format": "bare",
            "visibility": "shared", "tags": ["blue"]});
        let image = id(&self.make(201, "/image/v2/images", body).await);
        let path = format!("/image/v2/images/{image}/file");
        let member = &self.tenant.member;
        let sent = member.send(Method::PUT, &path, "application/octet-stream", vec![0; 4096]).await.unwrap();
        assert_eq!(sent.status, 204, "{}", sent.json());
        let body = json!({"member": self.names["carol"]});
        self.make(200, &format!("/image/v2/images/{image}/members"), body).await;
        self.set("image", image);
        let body = json!({"name": "empty", "disk_format": "raw", "container_format": "bare"});
        let empty = id(&self.make(201, "/image/v2/images", body).await);
        self.set("empty_image", empty);
        let body = json!({"name": "all", "disk_format": "raw", "container_format": "bare", "visibility": "public"});
        let public = id(&self.admin(201, "/image/v2/images", body).await);
        let path = format!("/image/v2/images/{public}/file");
        let admin = &self.cloud.admin;
        let sent = admin.send(Method::PUT, &path, "application/octet-stream", vec![0; 4096]).await.unwrap();
        assert_eq!(sent.status, 204, "{}", sent.json());
        self.set("public_image", public);
    }

    async fn network(&mut self) {
        let v2 = "/network/v2.0";
        let body = json!({"network": {"name": "outside", "router:external": true}});
        let outside = id(&self.admin(201, &format!("{v2}/networks"), body).await["network"]);
        let body = json!({"subnet": {"network_id": outside, "cidr": "192.0.2.0/24", "ip_version": 4}});
        self.admin(201, &format!("{v2}/subnets"), body).await;
        let body = json!({"network": {"name": "alices"}});
        let network = id(&self.make(201, &format!("{v2}/networks"), body).await["network"]);
        let body = json!({"subnet": {"network_id": network, "cidr": "10.1.0.0/24", "ip_version": 4}});
        let subnet = id(&self.make(201, &format!("{v2}/subnets"), body).await["subnet"]);
        let body = json!({"port": {"network_id": network, "name": "alice's port"}});
        let port = id(&self.make(201, &format!("{v2}/ports"), body).await["port"]);
        let body = json!({"router": {"name": "alice's router", "external_gateway_info": {"network_id": outside}}});
        let router = id(&self.make(201, &format!("{v2}/routers"), body).await["router"]);
        let path = format!("{v2}/routers/{router}/add_router_interface");
        expect(&self.tenant.member, 200, Method::PUT, &path, Some(json!({"subnet_id": subnet}))).await;
        let body = json!({"floatingip": {"floating_network_id": outside, "port_id": port}});
        let floating = self.make(201, &format!("{v2}/floatingips"), body).await;
        let body = json!({"security_group": {"name": "alice's group"}});
        let group = id(&self.make(201, &format!("{v2}/security-groups"), body).await["security_group"]);
        let body = json!({"security_group_rule": {"security_group_id": group, "direction": "ingress",
            "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}});
        let rule = self.make(201, &format!("{v2}/security-group-rules"), body).await;
        for (kind, of) in [
            ("networks", &network),
            ("subnets", &subnet),
            ("ports", &port),
            ("routers", &router),
            ("security-groups", &group),
            ("floatingips", &id(&floating["floatingip"])),
        ] {
            expect(&self.tenant.member, 201, Method::PUT, &format!("{v2}/{kind}/{of}/tags/blue"), None).await;
        }
        let address = floating["floatingip"]["floating_ip_address"].as_str().unwrap_or_default().to_owned();
        for (name, value) in [
            ("outside", outside),
            ("network", network),
            ("subnet", subnet),
            ("port", port),
            ("router", router),
            ("floatingip", id(&floating["floatingip"])),
            ("address", address),
            ("security_group", group),
            ("security_group_rule", id(&rule["security_group_rule"])),
        ] {
            self.set(name, value);
        }
    }

    /// What bob has to let alice's things into.
    async fn bobs(&mut self) {
        let v2 = "/network/v2.0";
        let bob = self.bob.member.clone();
        let make =
            async |kind: &str, body: Value| expect(&bob, 201, Method::POST, &format!("{v2}/{kind}"), Some(body)).await;
        let network = id(&make("networks", json!({"network": {}})).await["network"]);
        let body = json!({"subnet": {"network_id": network, "cidr": "10.9.0.0/24", "ip_version": 4}});
        make("subnets", body).await;
        let body = json!({"router": {"external_gateway_info": {"network_id": self.names["outside"]}}});
        let router = make("routers", body).await;
        let port = make("ports", json!({"port": {"network_id": network}})).await;
        let group = make("security-groups", json!({"security_group": {"name": "bob's"}})).await;
        let body = json!({"floatingip": {"floating_network_id": self.names["outside"]}});
        let floating = make("floatingips", body).await;
        for (name, value) in [
            ("bobs_network", network),
            ("bobs_router", id(&router["router"])),
            ("bobs_port", id(&port["port"])),
            ("bobs_security_group", id(&group["security_group"])),
            ("bobs_floatingip", id(&floating["floatingip"])),
        ] {
            self.set(name, value);
        }
    }

    async fn compute(&mut self) {
        let v2 = "/compute/v2.1";
        let body = json!({"flavor": {"name": "tiny", "ram": 64, "vcpus": 1, "disk": 1}});
        let flavor = id(&self.admin(200, &format!("{v2}/flavors"), body).await["flavor"]);
        let body = json!({"extra_specs": {"hw:boot_menu": "true"}});
        self.admin(200, &format!("{v2}/flavors/{flavor}/os-extra_specs"), body).await;
        let body = json!({"flavor": {
            "name": "private", "ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": false}});
        let private = id(&self.admin(200, &format!("{v2}/flavors"), body).await["flavor"]);
        self.make(200, &format!("{v2}/os-keypairs"), json!({"keypair": {"name": "alices-key"}})).await;
        let body = json!({"server": {
            "name": "alice's server", "imageRef": self.names["image"], "flavorRef": flavor,
            "networks": [{"uuid": self.names["network"]}], "metadata": {"colour": "blue"}, "key_name": "alices-key"}});
        let server = id(&self.make(202, &format!("{v2}/servers"), body).await["server"]);
        let path = format!("{v2}/servers/{server}");
        let active = wait_for(&self.tenant.member, &path, |s| s["server"]["status"] != "BUILD").await;
        assert_eq!(active["server"]["status"], "ACTIVE", "{active}");
        let member = self.tenant.member.clone().with_header("openstack-api-version", "compute 2.26").unwrap();
        expect(&member, 201, Method::PUT, &format!("{path}/tags/blue"), None).await;
        let actions = member.get(&format!("{path}/os-instance-actions")).await.unwrap();
        let request = actions["instanceActions"][0]["request_id"].as_str().unwrap_or_default().to_owned();
        let ports = member.get(&format!("/network/v2.0/ports?device_id={server}")).await.unwrap();
        let latest = self.cloud.admin.clone().with_header("openstack-api-version", "compute latest").unwrap();
        let body = json!({"server_group": {"name": "alice's", "policies": ["affinity"]}});
        let server_group = id(&self.make(200, &format!("{v2}/os-server-groups"), body).await["server_group"]);
        let body = json!({"aggregate": {"name": "alice's"}});
        let aggregate = self.admin(200, &format!("{v2}/os-aggregates"), body).await;
        let nodes = latest.get(&format!("{v2}/os-hypervisors")).await.unwrap();
        let services = latest.get(&format!("{v2}/os-services?binary=nova-compute")).await.unwrap();
        for (name, value) in [
            ("flavor", flavor),
            ("private_flavor", private),
            ("keypair", "alices-key".to_owned()),
            ("server", server),
            ("server_port", id(&ports["ports"][0])),
            ("request", request),
            ("hypervisor", id(&nodes["hypervisors"][0])),
            ("node", nodes["hypervisors"][0]["hypervisor_hostname"].as_str().unwrap_or_default().to_owned()),
            ("aggregate", aggregate["aggregate"]["id"].to_string()),
            ("server_group", server_group),
            ("service", id(&services["services"][0])),
        ] {
            self.set(name, value);
        }
    }

    async fn placement(&mut self) {
        let admin = self.cloud.admin.clone().with_header("openstack-api-version", "placement 1.39").unwrap();
        let listed = admin.get("/placement/resource_providers").await.unwrap();
        let provider = listed["resource_providers"][0]["uuid"].as_str().unwrap_or_default().to_owned();
        self.set("provider", provider);
        let body = json!({"name": "spare"});
        let spare = expect(&admin, 200, Method::POST, "/placement/resource_providers", Some(body)).await;
        self.set("spare_provider", spare["uuid"].as_str().unwrap_or_default().to_owned());
        expect(&admin, 201, Method::PUT, "/placement/traits/CUSTOM_BLUE", None).await;
        let body = json!({"name": "CUSTOM_CAKE"});
        expect(&admin, 201, Method::POST, "/placement/resource_classes", Some(body)).await;
    }
}

/// Without what changes by itself: the time of a node's last report and a provider's generation.
fn steady(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            for name in ["updated_at", "generation", "resource_provider_generation", "password_expires_at"] {
                map.remove(name);
            }
            for one in map.values_mut() {
                *one = steady(one.take());
            }
        }
        Value::Array(list) => {
            for one in list {
                *one = steady(one.take());
            }
        }
        _ => {}
    }
    value
}
