//! What projects and users have: key pairs, flavors, groups, quotas; and what compute passes on to other services.

use serde_json::{Value, json};

use super::row::{Row, row};
use super::stage::KEY;

pub fn rows() -> Vec<Row> {
    [key_pairs(), flavors(), groups(), quotas(), usage(), proxies()].concat()
}

fn key_pairs() -> Vec<Row> {
    let make = |minor, field: &str, value: Value| {
        let mut pair = json!({"name": "k{n}", "public_key": KEY});
        pair[field] = value;
        row(minor, "POST /os-keypairs").body(json!({"keypair": pair}))
    };
    let pair = json!({"keypair": {"name": "k{n}", "public_key": KEY}});
    let mut bare = json!({"keypair": {"name": "k{n}"}});
    bare["keypair"]["type"] = json!("ssh");
    vec![
        make(2, "name", json!("k{n}")).turns(200, 201),
        make(2, "name", json!("k{n}")).turns(200, 201).shows("/keypair/type"),
        make(2, "type", json!("ssh")).turns(400, 201),
        row(2, "GET /os-keypairs/one").shows("/keypair/type"),
        row(2, "GET /os-keypairs").shows("/keypairs/0/keypair/type"),
        row(2, "DELETE /os-keypairs/k{n}").given("POST /os-keypairs", pair).turns(202, 204),
        make(10, "user_id", json!("mia")).admin().turns(400, 201),
        row(10, "GET /os-keypairs?user_id=mia").admin().shows("/keypairs/0"),
        row(10, "GET /os-keypairs/one?user_id=mia").admin().turns(404, 200),
        row(10, "DELETE /os-keypairs/k{n}?user_id=mia")
            .admin()
            .given("POST /os-keypairs", json!({"keypair": {"name": "k{n}", "public_key": KEY, "user_id": "mia"}}))
            .turns(404, 204),
        row(35, "GET /os-keypairs?limit=1").hides("/keypairs/1"),
        row(35, "GET /os-keypairs?limit=1").shows("/keypairs_links"),
        row(35, "GET /os-keypairs?marker=none").turns(200, 400),
        row(75, "GET /os-keypairs?unheard=1").turns(200, 400),
        row(75, "GET /os-keypairs/one?unheard=1").turns(200, 400),
        row(75, "DELETE /os-keypairs/none?unheard=1").turns(404, 400),
        row(92, "POST /os-keypairs").body(bare).turns(201, 400),
        make(92, "name", json!("k{n}@example.org")).turns(400, 201),
    ]
}

fn flavors() -> Vec<Row> {
    let make = |minor, field: &str, value: Value| {
        row(minor, "POST /flavors").admin().body(json!({"flavor": {"name": "f{n}", "ram": 64, "vcpus": 1, "disk": 1,
            field: value}}))
    };
    let access = json!({"addTenantAccess": {"tenant": "blue"}});
    let odd = json!({"extra_specs": {"hw:cpu_policy": "odd"}});
    vec![
        row(7, "POST /flavors/1/action").admin().body(access).turns(200, 409),
        row(55, "GET /flavors").shows("/flavors/0/description"),
        row(55, "GET /flavors/detail").shows("/flavors/0/description"),
        row(55, "GET /flavors/1").shows("/flavor/description"),
        row(55, "PUT /flavors/1").admin().body(json!({"flavor": {"description": "d"}})).turns(404, 200),
        make(55, "description", json!("d")).turns(400, 200),
        row(61, "GET /flavors/1").shows("/flavor/extra_specs"),
        row(61, "GET /flavors/detail").shows("/flavors/0/extra_specs"),
        make(61, "swap", json!(0)).shows("/flavor/extra_specs"),
        row(75, "GET /flavors/1").becomes("/flavor/swap", json!(""), json!(0)),
        row(75, "GET /flavors/detail").becomes("/flavors/0/swap", json!(""), json!(0)),
        row(75, "GET /flavors?unheard=1").turns(200, 400),
        row(86, "POST /flavors/1/os-extra_specs").admin().body(odd).turns(200, 400),
        row(86, "PUT /flavors/1/os-extra_specs/hw:cpu_policy")
            .admin()
            .body(json!({"hw:cpu_policy": "odd"}))
            .turns(200, 400),
        row(102, "GET /flavors?name=none").turns(400, 200),
        row(102, "GET /flavors?sort_key=rxtx_factor").turns(200, 400),
        row(102, "GET /flavors/1").hides("/flavor/rxtx_factor"),
        row(102, "GET /flavors/1").hides("/flavor/OS-FLV-DISABLED:disabled"),
        make(102, "rxtx_factor", json!(1.0)).turns(200, 400),
        row(102, "GET /flavors/1?unheard=1").turns(200, 400),
        row(102, "GET /flavors/1/os-extra_specs?unheard=1").turns(200, 400),
    ]
}

fn groups() -> Vec<Row> {
    let make = |minor, field: &str, value: Value| {
        row(minor, "POST /os-server-groups").body(json!({"server_group": {"name": "g{n}", field: value}}))
    };
    let softly = |minor, policy: &str| make(minor, "policies", json!([policy])).turns(400, 200);
    vec![
        row(13, "GET /os-server-groups").shows("/server_groups/0/project_id"),
        row(13, "GET /os-server-groups/{group}").shows("/server_group/user_id"),
        make(13, "policies", json!(["affinity"])).shows("/server_group/project_id"),
        softly(15, "soft-affinity"),
        softly(15, "soft-anti-affinity"),
        make(64, "policies", json!(["affinity"])).turns(200, 400),
        make(64, "policy", json!("affinity")).turns(400, 200),
        row(64, "GET /os-server-groups/{group}").shows("/server_group/policy"),
        row(64, "GET /os-server-groups/{group}").shows("/server_group/rules"),
        row(64, "GET /os-server-groups/{group}").hides("/server_group/policies"),
        row(64, "GET /os-server-groups").hides("/server_groups/0/metadata"),
        row(75, "GET /os-server-groups?unheard=1").turns(200, 400),
        row(102, "GET /os-server-groups/{group}?unheard=1").turns(200, 400),
    ]
}

fn quotas() -> Vec<Row> {
    let mut rows = Vec::new();
    for network in ["fixed_ips", "floating_ips", "security_group_rules", "security_groups"] {
        rows.push(row(36, "GET /os-quota-sets/red").hides(leaf("/quota_set/", network)));
        rows.push(row(50, "GET /os-quota-class-sets/default").admin().hides(leaf("/quota_class_set/", network)));
    }
    for file in ["injected_files", "injected_file_content_bytes", "injected_file_path_bytes"] {
        rows.push(row(57, "GET /os-quota-sets/red").hides(leaf("/quota_set/", file)));
        rows.push(row(57, "GET /os-quota-class-sets/default").admin().hides(leaf("/quota_class_set/", file)));
    }
    for limit in [
        "maxSecurityGroups",
        "maxSecurityGroupRules",
        "maxTotalFloatingIps",
        "totalFloatingIpsUsed",
        "totalSecurityGroupsUsed",
    ] {
        rows.push(row(36, "GET /limits").hides(leaf("/limits/absolute/", limit)));
    }
    let set = |minor, resource: &str| {
        row(minor, "PUT /os-quota-sets/blue").admin().body(json!({"quota_set": {resource: 100}})).turns(200, 400)
    };
    let class = |minor, resource: &str| {
        row(minor, "PUT /os-quota-class-sets/default").admin().body(json!({"quota_class_set": {resource: 100}}))
    };
    rows.extend([
        set(36, "floating_ips"),
        set(36, "security_groups"),
        set(57, "injected_files"),
        class(50, "floating_ips").turns(200, 400),
        class(50, "server_groups").shows("/quota_class_set/server_groups"),
        class(57, "injected_files").turns(200, 400),
        row(36, "GET /os-quota-sets/red/detail").hides("/quota_set/fixed_ips"),
        row(36, "GET /os-quota-sets/red/defaults").hides("/quota_set/fixed_ips"),
        row(57, "GET /os-quota-sets/red/detail").hides("/quota_set/injected_files"),
        row(39, "GET /limits").hides("/limits/absolute/maxImageMeta"),
        row(50, "GET /os-quota-class-sets/default").admin().shows("/quota_class_set/server_groups"),
        row(50, "GET /os-quota-class-sets/default").admin().shows("/quota_class_set/server_group_members"),
        row(57, "GET /limits").hides("/limits/absolute/maxPersonality"),
        row(57, "GET /limits").hides("/limits/absolute/maxPersonalitySize"),
        row(75, "GET /limits?unheard=1").turns(200, 400),
        row(75, "GET /os-quota-sets/red?unheard=1").turns(200, 400),
        row(102, "GET /os-quota-sets/red/defaults?unheard=1").turns(200, 400),
        row(102, "GET /os-quota-class-sets/default?unheard=1").admin().turns(200, 400),
    ]);
    rows
}

/// A pointer to something below something; the few of a test may stay for good.
fn leaf(above: &str, name: &str) -> &'static str {
    format!("{above}{name}").leak()
}

fn usage() -> Vec<Row> {
    vec![
        row(40, "GET /os-simple-tenant-usage/red?limit=1").hides("/tenant_usage/server_usages/1"),
        row(40, "GET /os-simple-tenant-usage/red?limit=1").shows("/tenant_usage_links"),
        row(75, "GET /os-simple-tenant-usage/red?unheard=1").turns(200, 400),
        row(75, "GET /os-simple-tenant-usage?unheard=1").admin().turns(200, 400),
    ]
}

fn proxies() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        "/images",
        "/images/detail",
        "/images/{image}",
        "/os-networks",
        "/os-tenant-networks",
        "/os-floating-ips",
        "/os-floating-ip-pools",
        "/os-security-groups",
        "/os-volumes",
        "/os-volumes/detail",
        "/os-snapshots",
        "/os-snapshots/detail",
    ]
    .into_iter()
    .map(|path| row(36, &format!("GET {path}")).turns(200, 404))
    .collect();
    rows.extend([
        row(39, "GET /images/{image}/metadata").turns(200, 404),
        row(36, "POST /os-volumes").body(json!({"volume": {"size": 1}})).turns(400, 404),
        row(36, "POST /os-snapshots").body(json!({"snapshot": {"volume_id": "none"}})).turns(400, 404),
        row(36, "GET /os-volumes/none").refused(404, "no volumes", "gone since"),
        row(36, "DELETE /os-snapshots/none").refused(404, "no volumes", "gone since"),
        row(36, "GET /os-baremetal-nodes").admin().turns(200, 404),
        row(36, "POST /os-baremetal-nodes").admin().body(json!({"node": {}})).turns(400, 404),
        row(103, "GET /os-volumes_boot").turns(200, 404),
        row(103, "GET /os-volumes_boot/detail").turns(200, 404),
        row(103, "GET /os-volumes_boot/{server_id}").turns(200, 404),
        row(103, "POST /os-volumes_boot/{server_id}/action").body(json!({"reboot": {"type": "HARD"}})).turns(202, 404),
        row(103, "POST /os-volumes_boot")
            .body(json!({"server": {"name": "web", "flavorRef": "1", "imageRef": "{image}", "networks": "none"}}))
            .turns(202, 404),
    ]);
    rows
}
