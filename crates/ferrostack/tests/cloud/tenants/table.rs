//! Every operation of every API. The administrator tries the rows in their order, so what is deleted stands last.

use super::delegation;
use super::row::Access::{Anyone, Own, Refused};
use super::row::Row;

pub use super::compute::compute;

/// `POST` of a body.
pub(super) fn post(path: &str, body: &str) -> Row {
    Row::new("POST", path, Refused).body(body)
}

pub(super) fn put(path: &str, body: &str) -> Row {
    Row::new("PUT", path, Refused).body(body)
}

pub(super) fn patch(path: &str, body: &str) -> Row {
    Row::new("PATCH", path, Refused).body(body)
}

pub(super) fn delete(path: &str) -> Row {
    Row::new("DELETE", path, Refused)
}

/// `GET` of what everybody may read.
pub(super) fn anyone(path: &str) -> Row {
    Row::new("GET", path, Anyone)
}

/// `GET` of what readers of alice's project may read.
pub(super) fn own(path: &str) -> Row {
    Row::new("GET", path, Own)
}

/// `GET` of what only administrators may read.
pub(super) fn admin(path: &str) -> Row {
    Row::new("GET", path, Refused)
}

pub fn identity() -> Vec<Row> {
    let head = |path: &str| Row::new("HEAD", path, Refused);
    let subject = |row: Row| row.header("x-subject-token", "{token}");
    let passwords = r#"{"user": {"original_password": "wrong", "password": "another"}}"#;
    let log_in = r#"{"auth": {"identity": {"methods": ["password"], "password": {"user":
        {"id": "{user}", "password": "wrong"}}}}}"#;
    let mut rows = vec![
        anyone("").open().without_token().also(300, "a choice of versions").admin(300, "the same"),
        anyone("/v3").open().without_token(),
        post("/v3/auth/tokens", log_in).open().also(401, "the password is wrong").admin(401, "the same"),
        subject(admin("/v3/auth/tokens")),
        subject(head("/v3/auth/tokens")),
        anyone("/v3/auth/catalog"),
        anyone("/v3/auth/projects"),
        anyone("/v3/auth/domains"),
        anyone("/v3/auth/system"),
        own("/v3/projects/{project}"),
        admin("/v3/projects"),
        admin("/v3/users/{user}/projects"),
        post("/v3/projects", r#"{"project": {"name": "cakes"}}"#),
        patch("/v3/projects/{project}", r#"{"project": {"description": "cakes"}}"#),
        put("/v3/projects/{project}/tags", r#"{"tags": ["red"]}"#),
        put("/v3/projects/{project}/tags/blue", ""),
        own("/v3/projects/{project}/tags"),
        Row::new("HEAD", "/v3/projects/{project}/tags", Own),
        own("/v3/projects/{project}/tags/blue").also(404, "there is none yet"),
        Row::new("HEAD", "/v3/projects/{project}/tags/blue", Own).also(404, "there is none yet"),
        delete("/v3/projects/{project}/tags/blue"),
        delete("/v3/projects/{project}/tags"),
        anyone("/v3/domains/default"),
        admin("/v3/domains"),
        post("/v3/domains", r#"{"domain": {"name": "cakes"}}"#),
        patch("/v3/domains/{domain}", r#"{"domain": {"enabled": false}}"#),
        admin("/v3/users/{user}"),
        admin("/v3/users"),
        post("/v3/users", r#"{"user": {"name": "cake"}}"#),
        patch("/v3/users/{user}", r#"{"user": {"description": "cakes"}}"#),
        post("/v3/users/{user}/password", passwords).open().also(401, "wrong").admin(401, "the password is wrong"),
        admin("/v3/users/{user}/groups"),
        admin("/v3/groups/{group}"),
        admin("/v3/groups"),
        post("/v3/groups", r#"{"group": {"name": "cakes"}}"#),
        patch("/v3/groups/{group}", r#"{"group": {"description": "cakes"}}"#),
        put("/v3/groups/{group}/users/{user}", ""),
        admin("/v3/groups/{group}/users"),
        admin("/v3/groups/{group}/users/{user}"),
        head("/v3/groups/{group}/users/{user}"),
        delete("/v3/groups/{group}/users/{user}"),
        admin("/v3/roles/{role}"),
        admin("/v3/roles"),
        post("/v3/roles", r#"{"role": {"name": "cake"}}"#),
        patch("/v3/roles/{role}", r#"{"role": {"description": "cakes"}}"#),
        put("/v3/roles/{role}/implies/{reader_role}", ""),
        admin("/v3/roles/{role}/implies/{reader_role}"),
        head("/v3/roles/{role}/implies/{reader_role}"),
        admin("/v3/roles/{role}/implies"),
        admin("/v3/role_inferences"),
        delete("/v3/roles/{role}/implies/{reader_role}"),
        admin("/v3/role_assignments"),
        admin("/v3/role_assignments?scope.project.id={project}&include_subtree"),
        anyone("/v3/regions/{region}"),
        anyone("/v3/regions"),
        post("/v3/regions", r#"{"region": {"id": "Nowhere"}}"#),
        put("/v3/regions/Somewhere", r#"{"region": {}}"#),
        patch("/v3/regions/{region}", r#"{"region": {"description": "far"}}"#),
        admin("/v3/services/{catalog_service}"),
        admin("/v3/services"),
        post("/v3/services", r#"{"service": {"type": "cakes"}}"#),
        patch("/v3/services/{catalog_service}", r#"{"service": {"name": "cake"}}"#),
        admin("/v3/endpoints/{endpoint}"),
        admin("/v3/endpoints"),
        post(
            "/v3/endpoints",
            r#"{"endpoint": {"service_id": "{catalog_service}", "interface": "admin", "url": "http://127.0.0.1/a"}}"#,
        ),
        patch("/v3/endpoints/{endpoint}", r#"{"endpoint": {"url": "http://127.0.0.1/b"}}"#),
    ];
    rows.extend(endpoint_filters());
    rows.extend(domain_configs());
    rows.extend(policy_documents());
    rows.extend(limits());
    rows.extend(delegation::rows());
    for target in ["projects/{dave_project}", "domains/{domain}"] {
        for actor in ["users/{dave}", "groups/{group}"] {
            let plain = format!("/v3/{target}/{actor}/roles");
            let inherited = format!("/v3/OS-INHERIT/{target}/{actor}/roles");
            for (list, one) in [
                (plain.clone(), format!("{plain}/{{role}}")),
                (format!("{inherited}/inherited_to_projects"), format!("{inherited}/{{role}}/inherited_to_projects")),
            ] {
                rows.extend([put(&one, ""), admin(&one), head(&one), admin(&list), delete(&one)]);
            }
        }
    }
    for actor in ["users/{dave}", "groups/{group}"] {
        let list = format!("/v3/system/{actor}/roles");
        let one = format!("{list}/{{role}}");
        rows.extend([put(&one, ""), admin(&one), head(&one), admin(&list), delete(&one)]);
    }
    rows.extend([
        subject(delete("/v3/auth/tokens")),
        delete("/v3/policies/{policy}"),
        delete("/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group}"),
        delete("/v3/endpoints/{endpoint}"),
        delete("/v3/services/{catalog_service}"),
        delete("/v3/regions/{region}"),
        delete("/v3/roles/{role}"),
        delete("/v3/groups/{group}"),
        delete("/v3/users/{user}"),
        delete("/v3/projects/{project}"),
        delete("/v3/domains/{domain}"),
    ]);
    rows
}

fn policy_documents() -> Vec<Row> {
    let head = |path: &str| Row::new("HEAD", path, Refused);
    let mut rows = vec![
        admin("/v3/policies/{policy}"),
        admin("/v3/policies"),
        post("/v3/policies", r#"{"policy": {"type": "text", "blob": "cakes"}}"#),
        patch("/v3/policies/{policy}", r#"{"policy": {"blob": "pies"}}"#),
    ];
    let base = "/v3/policies/{policy}/OS-ENDPOINT-POLICY";
    for place in ["services/{catalog_service}", "services/{catalog_service}/regions/{region}", "endpoints/{endpoint}"] {
        let path = format!("{base}/{place}");
        rows.extend([put(&path, ""), admin(&path), head(&path)]);
    }
    rows.extend([
        admin("/v3/endpoints/{endpoint}/OS-ENDPOINT-POLICY/policy"),
        admin(&format!("{base}/endpoints")),
        delete(&format!("{base}/endpoints/{{endpoint}}")),
        delete(&format!("{base}/services/{{catalog_service}}")),
        delete(&format!("{base}/services/{{catalog_service}}/regions/{{region}}")),
    ]);
    rows
}

fn endpoint_filters() -> Vec<Row> {
    let head = |path: &str| Row::new("HEAD", path, Refused);
    let base = "/v3/OS-EP-FILTER";
    let group = format!("{base}/endpoint_groups/{{endpoint_group}}");
    let member = format!("{group}/projects/{{dave_project}}");
    let one = format!("{base}/projects/{{dave_project}}/endpoints/{{endpoint}}");
    vec![
        admin(&group),
        admin(&format!("{base}/endpoint_groups")),
        post(
            &format!("{base}/endpoint_groups"),
            r#"{"endpoint_group": {"name": "cakes", "filters": {"interface": "admin"}}}"#,
        ),
        patch(&group, r#"{"endpoint_group": {"description": "cakes"}}"#),
        put(&member, ""),
        admin(&member),
        head(&member),
        admin(&format!("{group}/projects")),
        admin(&format!("{group}/endpoints")),
        admin(&format!("{base}/projects/{{dave_project}}/endpoint_groups")),
        delete(&member),
        put(&one, ""),
        admin(&one),
        head(&one),
        admin(&format!("{base}/endpoints/{{endpoint}}/projects")),
        admin(&format!("{base}/projects/{{dave_project}}/endpoints")),
        delete(&one),
    ]
}

fn limits() -> Vec<Row> {
    let registered = r#"{"registered_limits": [{"service_id": "{catalog_service}", "resource_name": "cakes",
        "default_limit": 5}]}"#;
    let limits = r#"{"limits": [{"service_id": "{catalog_service}", "resource_name": "pies",
        "project_id": "{dave_project}", "resource_limit": 5}]}"#;
    vec![
        anyone("/v3/registered_limits/{registered_limit}"),
        anyone("/v3/registered_limits"),
        post("/v3/registered_limits", registered),
        patch("/v3/registered_limits/{registered_limit}", r#"{"registered_limit": {"default_limit": 7}}"#),
        anyone("/v3/limits/model"),
        own("/v3/limits/{limit}"),
        anyone("/v3/limits"),
        post("/v3/limits", limits),
        patch("/v3/limits/{limit}", r#"{"limit": {"resource_limit": 7}}"#),
        delete("/v3/limits/{limit}"),
        delete("/v3/registered_limits/{spare_limit}"),
    ]
}

fn domain_configs() -> Vec<Row> {
    let base = "/v3/domains/{domain}/config";
    let section = format!("{base}/ldap");
    let option = format!("{base}/ldap/url");
    vec![
        put(base, r#"{"config": {"ldap": {"url": "ldap://cakes", "suffix": "dc=cakes"}}}"#),
        admin(base),
        admin(&section),
        admin(&option),
        patch(base, r#"{"config": {"ldap": {"url": "ldap://pies"}}}"#),
        patch(&section, r#"{"config": {"ldap": {"url": "ldap://tarts"}}}"#),
        patch(&option, r#"{"config": {"url": "ldap://buns"}}"#),
        delete(&option),
        delete(&section),
        delete(base),
        admin("/v3/domains/config/default"),
        admin("/v3/domains/config/ldap/default"),
        admin("/v3/domains/config/ldap/url/default"),
        anyone("/v3/domains/default/config/security_compliance"),
        anyone("/v3/domains/default/config/security_compliance/password_regex"),
    ]
}

pub fn placement() -> Vec<Row> {
    let spare = |rest: &str| format!("/resource_providers/{{spare_provider}}{rest}");
    let allocations = r#"{"allocations": {"{spare_provider}": {"resources": {"CUSTOM_CAKE": 1}}},
        "project_id": "{project}", "user_id": "{user}", "consumer_generation": null, "consumer_type": "INSTANCE"}"#;
    let two = format!(r#"{{"{CONSUMER}": {allocations}}}"#);
    let reshape = r#"{"inventories": {"{spare_provider}": {"resource_provider_generation": 0, "inventories": {}}},
        "allocations": {}}"#;
    let rows = vec![
        anyone("").open().without_token(),
        admin("/resource_providers"),
        post("/resource_providers", r#"{"name": "cakes"}"#),
        admin("/resource_providers/{provider}"),
        put(&spare(""), r#"{"name": "thrifty"}"#),
        admin("/resource_classes"),
        post("/resource_classes", r#"{"name": "CUSTOM_PIE"}"#),
        admin("/resource_classes/CUSTOM_CAKE"),
        put("/resource_classes/CUSTOM_TART", ""),
        delete("/resource_classes/CUSTOM_TART"),
        admin("/resource_providers/{provider}/inventories"),
        post(&spare("/inventories"), r#"{"resource_class": "CUSTOM_CAKE", "total": 9}"#),
        admin(&spare("/inventories/CUSTOM_CAKE")),
        put(&spare("/inventories/CUSTOM_CAKE"), r#"{"resource_provider_generation": 1, "total": 8}"#),
        put(
            &spare("/inventories"),
            r#"{"resource_provider_generation": 2, "inventories": {"CUSTOM_CAKE": {"total": 7}}}"#,
        ),
        admin(&spare("/aggregates")),
        put(
            &spare("/aggregates"),
            r#"{"resource_provider_generation": 3, "aggregates": ["2ab0ed2d-1b3c-4b52-8a2f-6d4a4ad6b5a1"]}"#,
        ),
        admin("/resource_providers/{provider}/usages"),
        own("/usages").query("?project_id={project}"),
        admin("/traits"),
        admin("/traits/CUSTOM_BLUE"),
        put("/traits/CUSTOM_RED", ""),
        delete("/traits/CUSTOM_RED"),
        admin("/resource_providers/{provider}/traits"),
        put(&spare("/traits"), r#"{"resource_provider_generation": 4, "traits": ["CUSTOM_BLUE"]}"#),
        delete(&spare("/traits")),
        admin("/allocations/{server}"),
        put(&format!("/allocations/{CONSUMER}"), allocations),
        delete(&format!("/allocations/{CONSUMER}")),
        post("/allocations", &two),
        admin("/resource_providers/{provider}/allocations"),
        admin("/allocation_candidates").query("?resources=VCPU:1"),
        delete(&format!("/allocations/{CONSUMER}")),
        post("/reshaper", reshape).admin(409, "the provider has changed since that generation"),
        delete(&spare("/inventories/CUSTOM_CAKE")),
        delete(&spare("/inventories")),
        delete("/resource_classes/CUSTOM_CAKE"),
        delete(&spare("")),
    ];
    let version = |row: Row| row.header("openstack-api-version", "placement 1.39");
    rows.into_iter().map(version).collect()
}

/// Something that has allocations.
const CONSUMER: &str = "77d4bd75-1a52-4b1c-b1c1-6a0c1b7f5a5e";

pub fn image() -> Vec<Row> {
    let image = |rest: &str| format!("/v2/images/{{image}}{rest}");
    let data = |row: Row| row.content_type("application/octet-stream");
    let change = |body: &str| patch(&image(""), body).content_type("application/openstack-images-v2.1-json-patch");
    let forged = r#"{"name": "cake", "owner": "{project}", "disk_format": "raw", "container_format": "bare"}"#;
    vec![
        anyone("/versions").open().without_token(),
        anyone("/v2/images"),
        own(&image("")),
        post("/v2/images", forged),
        change(r#"[{"op": "replace", "path": "/name", "value": "cake"}]"#),
        change(r#"[{"op": "replace", "path": "/visibility", "value": "public"}]"#),
        change(r#"[{"op": "replace", "path": "/visibility", "value": "shared"}]"#),
        data(put("/v2/images/{empty_image}/file", "bytes")),
        Row::new("GET", &image("/file"), Own).also(403, "a reader does not download"),
        put(&image("/tags/red"), ""),
        delete(&image("/tags/red")),
        own(&image("/members")),
        own(&image("/members/{carol}")),
        post(&image("/members"), r#"{"member": "{bob}"}"#),
        put(&image("/members/{carol}"), r#"{"status": "accepted"}"#),
        put(&image("/members/{bob}"), r#"{"status": "accepted"}"#),
        delete(&image("/members/{carol}")),
        post(&image("/actions/deactivate"), ""),
        post(&image("/actions/reactivate"), ""),
        delete(&image("")),
    ]
}

pub fn network() -> Vec<Row> {
    let mut rows =
        vec![anyone("").open().without_token(), anyone("/extensions").open(), anyone("/extensions/router").open()];
    for (kind, one) in [
        ("networks", "{network}"),
        ("subnets", "{subnet}"),
        ("ports", "{port}"),
        ("routers", "{router}"),
        ("floatingips", "{floatingip}"),
        ("security-groups", "{security_group}"),
    ] {
        let tags = format!("/{kind}/{one}/tags");
        rows.extend([
            anyone(&format!("/{kind}")),
            own(&format!("/{kind}/{one}")),
            own(&tags),
            own(&format!("{tags}/blue")),
            put(&format!("{tags}/red"), ""),
            delete(&format!("{tags}/red")),
            put(&tags, r#"{"tags": ["green"]}"#),
            delete(&tags),
        ]);
    }
    rows.extend([
        anyone("/networks").query("?project_id={project}"),
        anyone("/ports").query("?network_id={network}"),
        post("/networks", r#"{"network": {"project_id": "{project}"}}"#),
        put("/networks/{network}", r#"{"network": {"name": "cake"}}"#),
        put("/networks/{network}", r#"{"network": {"shared": true}}"#),
        post("/subnets", r#"{"subnet": {"network_id": "{network}", "cidr": "10.2.0.0/24", "ip_version": 4}}"#),
        put("/subnets/{subnet}", r#"{"subnet": {"name": "cake"}}"#),
        post("/ports", r#"{"port": {"network_id": "{network}"}}"#),
        post("/ports", r#"{"port": {"network_id": "{network}", "project_id": "{project}"}}"#),
        put("/ports/{port}", r#"{"port": {"name": "cake"}}"#),
        post("/routers", r#"{"router": {"project_id": "{project}"}}"#),
        put("/routers/{router}", r#"{"router": {"name": "cake"}}"#),
        put("/routers/{router}/add_router_interface", r#"{"port_id": "{port}"}"#)
            .admin(400, "the router is in this subnet already"),
        post("/floatingips", r#"{"floatingip": {"floating_network_id": "{outside}", "project_id": "{project}"}}"#),
        post("/floatingips", r#"{"floatingip": {"floating_network_id": "{outside}", "port_id": "{server_port}"}}"#),
        put("/floatingips/{floatingip}", r#"{"floatingip": {"description": "cake"}}"#),
        post("/security-groups", r#"{"security_group": {"name": "cake", "project_id": "{project}"}}"#),
        put("/security-groups/{security_group}", r#"{"security_group": {"name": "cake"}}"#),
        put("/routers/{bobs_router}/add_router_interface", r#"{"subnet_id": "{subnet}"}"#).not_by_admin(),
        put("/routers/{bobs_router}/add_router_interface", r#"{"port_id": "{port}"}"#).not_by_admin(),
        put("/floatingips/{bobs_floatingip}", r#"{"floatingip": {"port_id": "{server_port}"}}"#).not_by_admin(),
        put("/ports/{bobs_port}", r#"{"port": {"security_groups": ["{security_group}"]}}"#).not_by_admin(),
        post("/ports", r#"{"port": {"network_id": "{bobs_network}", "security_groups": ["{security_group}"]}}"#)
            .not_by_admin(),
        post("/ports", r#"{"port": {"network_id": "{bobs_network}", "fixed_ips": [{"subnet_id": "{subnet}"}]}}"#)
            .also(400, "the subnet is not the network's")
            .not_by_admin(),
        post(
            "/security-group-rules",
            r#"{"security_group_rule": {"security_group_id": "{bobs_security_group}", "direction": "ingress",
                "remote_group_id": "{security_group}"}}"#,
        )
        .not_by_admin(),
        anyone("/security-group-rules"),
        own("/security-group-rules/{security_group_rule}"),
        post(
            "/security-group-rules",
            r#"{"security_group_rule": {"security_group_id": "{security_group}", "direction": "ingress",
                "protocol": "udp", "port_range_min": 53, "port_range_max": 53}}"#,
        ),
        post(
            "/security-group-rules",
            r#"{"security_group_rule": {"security_group_id": "{security_group}", "direction": "ingress",
                "remote_group_id": "{security_group}", "protocol": "icmp"}}"#,
        ),
        own("/quotas/{project}"),
        own("/quotas/{project}/default"),
        own("/quotas/{project}/details"),
        own("/quotas/{project}/details.json"),
        admin("/quotas"),
        put("/quotas/{project}", r#"{"quota": {"port": 99}}"#),
        delete("/quotas/{project}"),
        anyone("/agents"),
        admin("/agents/none").admin(404, "no node has a network agent here"),
        anyone("/availability_zones"),
        admin("/network-ip-availabilities"),
        admin("/network-ip-availabilities/{network}"),
        anyone("/service-providers"),
        delete("/floatingips/{floatingip}"),
        put("/routers/{router}/remove_router_interface", r#"{"subnet_id": "{subnet}"}"#)
            .admin(409, "a floating IP leads through it"),
        delete("/routers/{router}").admin(409, "a floating IP leads through it"),
        delete("/security-group-rules/{security_group_rule}"),
        delete("/security-groups/{security_group}"),
        delete("/ports/{port}"),
        delete("/subnets/{subnet}").admin(409, "the server has an address in it"),
        delete("/networks/{network}").admin(409, "the server has a port in it"),
    ]);
    rows
}
