//! Requests that are wrong in a way of their own, and the status that each gets.

/// A wrong request.
pub struct Case {
    pub method: &'static str,
    pub path: String,
    pub body: String,
    pub status: u16,
    pub why: &'static str,
    pub content_type: &'static str,
    pub header: Option<(&'static str, &'static str)>,
    pub admin: bool,
}

fn case(method: &'static str, path: &str, body: &str, status: u16, why: &'static str) -> Case {
    let content_type = "application/json";
    Case { method, path: path.to_owned(), body: body.to_owned(), status, why, content_type, header: None, admin: false }
}

fn get(path: &str, status: u16, why: &'static str) -> Case {
    case("GET", path, "", status, why)
}

fn post(path: &str, body: &str, status: u16, why: &'static str) -> Case {
    case("POST", path, body, status, why)
}

impl Case {
    fn admin(self) -> Self {
        Self { admin: true, ..self }
    }

    fn version(self, version: &'static str) -> Self {
        Self { header: Some(("openstack-api-version", version)), ..self }
    }

    fn content_type(self, content_type: &'static str) -> Self {
        Self { content_type, ..self }
    }
}

pub fn identity() -> Vec<Case> {
    let user = |body: &str, status, why| post("/v3/users", body, status, why).admin();
    vec![
        post("/v3/auth/tokens", "{}", 400, "no auth"),
        post("/v3/auth/tokens", r#"{"auth": {"identity": {"methods": ["riddle"]}}}"#, 401, "an unknown method"),
        user(r#"{"user": {"name": "alice-member"}}"#, 409, "the name is taken"),
        user(r#"{"user": {"name": ""}}"#, 400, "an empty name"),
        user(r#"{"user": {"name": 7}}"#, 400, "a number for a name"),
        user(r#"{"user": {}}"#, 400, "no name"),
        user(r#"{"user": {"name": "x", "enabled": "perhaps"}}"#, 400, "no truth value"),
        user(r#"{"user": {"name": "x", "domain_id": "nowhere"}}"#, 404, "no such domain"),
        post("/v3/projects", r#"{"project": {"name": "alice"}}"#, 409, "the name is taken").admin(),
        post("/v3/roles", r#"{"role": {"name": "member"}}"#, 409, "the name is taken").admin(),
        get("/v3/users?limit=many", 400, "limit is no number").admin(),
        get("/v3/users?limit=-1", 400, "limit is negative").admin(),
        get("/v3/users/nobody", 404, "no such user").admin(),
        get("/v3/nothing", 404, "no such path"),
        case("PATCH", "/v3/auth/tokens", "{}", 405, "no such method"),
    ]
}

pub fn placement() -> Vec<Case> {
    let inventory = "/resource_providers/{spare_provider}/inventories/VCPU";
    let put = |path: &str, body: &str, status, why| case("PUT", path, body, status, why);
    let mut cases = vec![
        get("/resource_providers/not-a-uuid", 404, "no such provider"),
        post("/resource_providers", r#"{"name": "spare"}"#, 409, "the name is taken"),
        post("/resource_providers", r#"{"name": "x", "uuid": "cake"}"#, 400, "not a UUID"),
        post("/resource_providers", r#"{"name": "x", "cake": 1}"#, 400, "an unknown field"),
        put(inventory, r#"{"resource_provider_generation": 0, "total": -1}"#, 400, "a negative total"),
        put(inventory, r#"{"resource_provider_generation": 0, "total": 99999999999}"#, 400, "a huge total"),
        put(inventory, r#"{"resource_provider_generation": 0, "total": "many"}"#, 400, "a text for a number"),
        put(inventory, r#"{"resource_provider_generation": 77, "total": 1}"#, 409, "an old generation"),
        put("/traits/BLUE", "", 400, "not a custom trait"),
        put("/resource_classes/CAKE", "", 400, "not a custom class"),
        get("/allocation_candidates", 400, "no resources"),
        get("/allocation_candidates?resources=VCPU:-1", 400, "a negative amount"),
        get("/allocation_candidates?resources=CAKE:1", 400, "no such class"),
        get("/allocation_candidates?resources=VCPU:1&limit=0", 400, "a limit of nothing"),
        get("/usages", 400, "no project"),
        get("/nothing", 404, "no such path"),
        case("PATCH", "/traits", "", 405, "no such method"),
    ];
    cases = cases.into_iter().map(|case| case.version("placement 1.39").admin()).collect();
    cases.extend([
        get("/traits", 400, "a malformed version").version("placement one").admin(),
        get("/traits", 406, "a version of the future").version("placement 1.999").admin(),
        get("/traits", 200, "the latest version").version("placement latest").admin(),
    ]);
    cases
}

pub fn image() -> Vec<Case> {
    let image = |body: &str, status, why| post("/v2/images", body, status, why);
    let patch = |body: &str, status, why| {
        case("PATCH", "/v2/images/{image}", body, status, why)
            .content_type("application/openstack-images-v2.1-json-patch")
    };
    vec![
        image(r#"{"disk_format": "cake"}"#, 400, "an unknown format"),
        image(r#"{"visibility": "perhaps"}"#, 400, "an unknown visibility"),
        image(r#"{"min_ram": -1}"#, 400, "a negative size"),
        image(r#"{"min_disk": 99999999999999999999}"#, 400, "a huge size"),
        image(r#"{"min_disk": "many"}"#, 400, "a text for a number"),
        image(r#"{"id": "cake"}"#, 400, "not a UUID"),
        image(r#"{"id": "{image}"}"#, 409, "the id is taken"),
        image(r#"{"name": 7}"#, 400, "a number for a name"),
        image(r#"{"property": {"a": 1}}"#, 400, "a property that is no text"),
        image(r#"{"status": "active"}"#, 403, "a field that is not the user's"),
        patch(r#"[{"op": "dance", "path": "/name"}]"#, 400, "an unknown change"),
        patch(r#"[{"op": "replace", "path": "/nothing", "value": "x"}]"#, 409, "nothing to replace"),
        patch(r#"[{"op": "replace", "path": "/status", "value": "queued"}]"#, 403, "not the user's"),
        patch(r#"{"op": "replace"}"#, 400, "no list of changes"),
        case("PATCH", "/v2/images/{image}", "[]", 415, "not a patch"),
        case("PUT", "/v2/images/{image}/file", "x", 409, "it has bytes").content_type("application/octet-stream"),
        case("PUT", "/v2/images/{empty_image}/file", "x", 415, "not bytes"),
        get("/v2/images?limit=many", 400, "limit is no number"),
        get("/v2/images?limit=-1", 400, "limit is negative"),
        get("/v2/images?marker=7d0c1f3c-6f5c-4a3a-8d39-0d0b0b8f7f11", 400, "no such marker"),
        get("/v2/images?sort_key=cake", 400, "no such key"),
        get("/v2/images?sort_dir=sideways&sort_key=name", 400, "no such direction"),
        get("/v2/images/not-a-uuid", 404, "no such image"),
        get("/v2/nothing", 404, "no such path"),
        case("PUT", "/v2/images", "", 405, "no such method"),
    ]
}

pub fn network() -> Vec<Case> {
    let subnet = |fields: &str, status, why| {
        post("/subnets", &format!(r#"{{"subnet": {{"network_id": "{{network}}", {fields}}}}}"#), status, why)
    };
    let port = |fields: &str, status, why| {
        post("/ports", &format!(r#"{{"port": {{"network_id": "{{network}}", {fields}}}}}"#), status, why)
    };
    let rule = |fields: &str, status, why| {
        let body = format!(r#"{{"security_group_rule": {{"security_group_id": "{{security_group}}", {fields}}}}}"#);
        post("/security-group-rules", &body, status, why)
    };
    vec![
        post("/networks", r#"{"network": {"cake": 1}}"#, 400, "an unknown field"),
        post("/networks", r#"{"network": {"name": 7}}"#, 400, "a number for a name"),
        post("/networks", r#"{"network": {"mtu": -1}}"#, 400, "a negative number"),
        post("/networks", r#"{"network": {"admin_state_up": "perhaps"}}"#, 400, "no truth value"),
        subnet(r#""cidr": "10.300.0.0/24", "ip_version": 4"#, 400, "not an address"),
        subnet(r#""cidr": "10.3.0.0/99", "ip_version": 4"#, 400, "not a prefix"),
        subnet(r#""cidr": "cake", "ip_version": 4"#, 400, "not a network"),
        subnet(r#""cidr": "10.3.0.0/24", "ip_version": 6"#, 400, "the other version"),
        subnet(r#""cidr": "10.3.0.0/24", "ip_version": 5"#, 400, "no such version"),
        subnet(r#""cidr": "10.1.0.128/25", "ip_version": 4"#, 400, "it overlaps"),
        subnet(r#""cidr": "10.3.0.0/24", "ip_version": 4, "gateway_ip": "cake""#, 400, "not a gateway"),
        subnet(
            r#""cidr": "10.3.0.0/24", "ip_version": 4, "allocation_pools": [{"start": "10.3.0.9", "end": "10.3.0.2"}]"#,
            400,
            "a pool from back to front",
        ),
        subnet(
            r#""cidr": "10.3.0.0/24", "ip_version": 4, "allocation_pools": [{"start": "10.4.0.2", "end": "10.4.0.9"}]"#,
            400,
            "a pool outside the network",
        ),
        post(
            "/subnets",
            r#"{"subnet": {"network_id": "cake", "cidr": "10.3.0.0/24", "ip_version": 4}}"#,
            400,
            "no UUID",
        ),
        post(
            "/subnets",
            r#"{"subnet": {"network_id": "7d0c1f3c-6f5c-4a3a-8d39-0d0b0b8f7f11", "cidr": "10.3.0.0/24", "ip_version": 4}}"#,
            404,
            "no such network",
        ),
        port(r#""fixed_ips": [{"ip_address": "10.200.0.1"}]"#, 400, "an address outside"),
        port(r#""fixed_ips": [{"ip_address": "10.1.0.1"}]"#, 409, "the address is taken"),
        port(r#""mac_address": "cake""#, 400, "not a MAC address"),
        port(r#""security_groups": ["7d0c1f3c-6f5c-4a3a-8d39-0d0b0b8f7f11"]"#, 404, "no such group"),
        port(r#""network_id": "cake""#, 400, "twice, and no UUID"),
        post("/ports", r#"{"port": {"network_id": "cake"}}"#, 400, "no UUID"),
        subnet(r#""cidr": "10.77.0.0/29", "ip_version": 4, "name": "x""#, 201, "a further subnet"),
        rule(r#""direction": "sideways""#, 400, "no such direction"),
        rule(r#""direction": "ingress", "port_range_min": 22"#, 400, "ports without a protocol"),
        rule(
            r#""direction": "ingress", "protocol": "tcp", "port_range_min": 99, "port_range_max": 22"#,
            400,
            "from back to front",
        ),
        rule(
            r#""direction": "ingress", "protocol": "tcp", "port_range_min": 1, "port_range_max": 99999"#,
            400,
            "no such port",
        ),
        rule(r#""direction": "ingress", "protocol": "cake""#, 400, "no such protocol"),
        rule(r#""direction": "ingress", "remote_ip_prefix": "cake""#, 400, "not a network"),
        rule(
            r#""direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22"#,
            409,
            "it is there already",
        ),
        case("PUT", "/quotas/{project}", r#"{"quota": {"port": -7}}"#, 400, "a negative quota").admin(),
        case("PUT", "/quotas/{project}", r#"{"quota": {"cake": 7}}"#, 400, "no such quota").admin(),
        get("/networks?limit=many", 400, "limit is no number"),
        get("/networks?limit=-1", 400, "limit is negative"),
        get("/networks?marker=7d0c1f3c-6f5c-4a3a-8d39-0d0b0b8f7f11&limit=1", 400, "no such marker"),
        get("/networks?sort_key=cake", 400, "no such key"),
        get("/networks?sort_key=name&sort_dir=sideways", 400, "no such direction"),
        get("/networks/not-a-uuid", 404, "no such network"),
        get("/nothing", 404, "no such path"),
        case("PATCH", "/networks", "{}", 405, "no such method"),
    ]
}

pub fn compute() -> Vec<Case> {
    let server = |fields: &str, status, why| {
        let body = format!(
            r#"{{"server": {{"name": "x", "flavorRef": "{{flavor}}", "imageRef": "{{image}}",
                "networks": [{{"uuid": "{{network}}"}}], {fields}}}}}"#
        );
        post("/servers", &body, status, why)
    };
    let flavor = |fields: &str, status, why| {
        let body = format!(r#"{{"flavor": {{"ram": 64, "vcpus": 1, "disk": 1, {fields}}}}}"#);
        post("/flavors", &body, status, why).admin()
    };
    let absent = "7d0c1f3c-6f5c-4a3a-8d39-0d0b0b8f7f11";
    let whole = |image: &str, flavor: &str, network: &str, why| {
        let body = format!(
            r#"{{"server": {{"name": "x", "imageRef": "{image}", "flavorRef": "{flavor}",
                "networks": [{{"uuid": "{network}"}}]}}}}"#
        );
        post("/servers", &body, 400, why)
    };
    vec![
        server(r#""cake": 1"#, 400, "an unknown field"),
        server(r#""min_count": 0"#, 400, "no server"),
        server(r#""min_count": -1"#, 400, "a negative number"),
        server(r#""min_count": 5, "max_count": 2"#, 400, "from back to front"),
        server(r#""user_data": "not base64!""#, 400, "not base64"),
        server(r#""key_name": "nothing""#, 400, "no such key"),
        server(r#""security_groups": [{"name": "nothing"}]"#, 400, "no such group"),
        server(r#""availability_zone": "nowhere""#, 400, "no such zone"),
        server(r#""metadata": {"a": 1}"#, 400, "a number for a text"),
        server(r#""metadata": [1]"#, 400, "a list for a map"),
        whole(absent, "{flavor}", "{network}", "no such image"),
        whole("cake", "{flavor}", "{network}", "not an image's id"),
        whole("{image}", absent, "{network}", "no such flavor"),
        whole("{image}", "{flavor}", absent, "no such network"),
        whole("{image}", "{flavor}", "cake", "not a network's id"),
        whole("{empty_image}", "{flavor}", "{network}", "an image without bytes"),
        post("/servers/{server}/action", r#"{"dance": null}"#, 400, "an unknown action"),
        post("/servers/{server}/action", r#"{"os-stop": null, "os-start": null}"#, 400, "two actions"),
        post("/servers/{server}/action", r#"{"reboot": {"type": "GENTLE"}}"#, 400, "no such reboot"),
        post("/os-keypairs", r#"{"keypair": {"name": "alices-key"}}"#, 409, "the name is taken"),
        post("/os-keypairs", r#"{"keypair": {"name": ""}}"#, 400, "an empty name"),
        post("/os-keypairs", r#"{"keypair": {"name": "x", "public_key": "cake"}}"#, 400, "not a key"),
        flavor(r#""name": "tiny""#, 409, "the name is taken"),
        flavor(r#""name": "x", "ram": -1"#, 400, "twice, and negative"),
        flavor(r#""name": "x", "rxtx_factor": "many""#, 400, "a text for a number"),
        flavor(r#""name": "x", "swap": -1"#, 400, "a negative size"),
        flavor(r#""name": "x", "swap": 99999999999999999999"#, 400, "a huge size"),
        case("PUT", "/os-quota-sets/{project}", r#"{"quota_set": {"cores": -7}}"#, 400, "a negative quota").admin(),
        case("PUT", "/os-quota-sets/{project}", r#"{"quota_set": {"cake": 7}}"#, 400, "no such quota").admin(),
        get("/servers?limit=many", 400, "limit is no number"),
        get("/servers?limit=-1", 400, "limit is negative"),
        get("/servers?marker=7d0c1f3c-6f5c-4a3a-8d39-0d0b0b8f7f11", 400, "no such marker"),
        get("/servers?sort_key=cake", 400, "no such key"),
        get("/servers?sort_key=uuid&sort_dir=sideways", 400, "no such direction"),
        get("/servers?changes-since=yesterday", 400, "not a time"),
        get("/flavors?limit=-1", 400, "limit is negative"),
        get("/flavors?marker=cake", 400, "no such marker"),
        get("/servers/not-a-uuid", 404, "no such server"),
        get("/nothing", 404, "no such path"),
        case("PATCH", "/servers", "{}", 405, "no such method"),
        get("/servers", 400, "a malformed version").version("compute two"),
        get("/servers", 400, "a malformed version").version("compute 2.1.1"),
        get("/servers", 406, "a version of the future").version("compute 2.9999"),
        get("/servers", 200, "the latest version").version("compute latest"),
    ]
}
