//! How a server is written, for each microversion.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::api::{Links, Microversion, Result, time};
use identity::Caller;
use network::PortInfo;
use policy::Target;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha224};

use crate::fleet::Fleet;
use crate::server::Server;
use crate::{Compute, state, store};

/// Everything a field may be made of.
struct Facts<'a> {
    server: &'a Server,
    ports: &'a [PortInfo],
    tags: &'a [String],
    fleet: &'a Fleet,
    /// The group of a server that is shown alone.
    group_id: Option<&'a str>,
    compute: &'a Compute,
    links: &'a Links,
    version: Microversion,
    sight: Sight,
    /// Whether it is more than the answer to a change was before 2.75.
    whole: bool,
}

/// What the rules let the caller see.
#[derive(Clone, Copy, Default)]
struct Sight {
    /// Nodes and internal names.
    attributes: bool,
    /// The state of a server's node.
    node_state: bool,
    /// That state, when it is UNKNOWN.
    node_unknown: bool,
    /// The flavor's extra specs.
    specs: bool,
}

impl Sight {
    fn of(caller: &Caller) -> Self {
        let target = Target::new().with("project_id", caller.token.project_id.as_deref().unwrap_or_default());
        let may = |rule: &str| caller.may(&format!("os_compute_api:{rule}"), &target);
        Self {
            attributes: may("os-extended-server-attributes"),
            node_state: may("servers:show:host_status"),
            node_unknown: may("servers:show:host_status:unknown-only"),
            specs: may("servers:show:flavor-extra-specs"),
        }
    }
}

/// Who sees a field, and where.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Everybody, everywhere.
    Everywhere,
    /// Everybody, but in the answer to a change only since 2.75.
    Shown,
    /// Like `Shown`, for those who see nodes: administrators.
    Admin,
    /// Like `Shown`, for those who see the state of nodes: administrators.
    NodeState,
    /// Everybody, where the server is shown alone.
    Alone,
}

/// One field: its name, the first and last minor version that has it, who sees it, and its value (`None`: left out).
struct Field(&'static str, u16, u16, Seen, fn(&Facts<'_>) -> Option<Value>);

const LAST: u16 = u16::MAX;

const FIELDS: &[Field] = &[
    Field("id", 1, LAST, Seen::Everywhere, |f| Some(json!(f.server.id))),
    Field("name", 1, LAST, Seen::Everywhere, |f| Some(json!(f.server.name))),
    Field("status", 1, LAST, Seen::Everywhere, |f| Some(json!(status(f)))),
    Field("tenant_id", 1, LAST, Seen::Everywhere, |f| Some(json!(f.server.project_id))),
    Field("user_id", 1, LAST, Seen::Everywhere, |f| Some(json!(f.server.user_id))),
    Field("metadata", 1, LAST, Seen::Everywhere, |f| Some(json!(f.server.metadata.0))),
    Field("hostId", 1, LAST, Seen::Everywhere, |f| Some(json!(host_id(&f.server.project_id, &f.server.host)))),
    Field("image", 1, LAST, Seen::Everywhere, image),
    Field("flavor", 1, 46, Seen::Everywhere, flavor_link),
    Field("flavor", 47, LAST, Seen::Everywhere, flavor_whole),
    Field("created", 1, LAST, Seen::Everywhere, |f| Some(json!(time::seconds(f.server.created_at)))),
    Field("updated", 1, LAST, Seen::Everywhere, |f| Some(json!(time::seconds(f.server.updated_at)))),
    Field("addresses", 1, LAST, Seen::Everywhere, |f| Some(Value::Object(addresses(f.ports, f.whole)))),
    Field("accessIPv4", 1, LAST, Seen::Everywhere, |f| Some(json!(f.server.access_ipv4))),
    Field("accessIPv6", 1, LAST, Seen::Everywhere, |f| Some(json!(f.server.access_ipv6))),
    Field("links", 1, LAST, Seen::Everywhere, |f| Some(super::common::own_links(f.links, "servers", &f.server.id))),
    Field("OS-DCF:diskConfig", 1, LAST, Seen::Everywhere, |f| Some(json!(f.server.disk_config))),
    Field("progress", 1, LAST, Seen::Everywhere, |f| PROGRESSING.contains(&status(f)).then(|| json!(0))),
    Field("fault", 1, LAST, Seen::Everywhere, fault),
    Field("OS-EXT-AZ:availability_zone", 1, LAST, Seen::Shown, |f| Some(json!(f.server.zone))),
    Field("OS-EXT-STS:task_state", 1, LAST, Seen::Shown, |f| Some(json!(some(&f.server.task_state)))),
    Field("OS-EXT-STS:vm_state", 1, LAST, Seen::Shown, |f| Some(json!(f.server.vm_state))),
    Field("OS-EXT-STS:power_state", 1, LAST, Seen::Shown, |f| Some(json!(f.server.power_state))),
    Field("OS-SRV-USG:launched_at", 1, LAST, Seen::Shown, |f| {
        Some(json!(f.server.launched_at.map(time::naive_micros)))
    }),
    Field("OS-SRV-USG:terminated_at", 1, LAST, Seen::Shown, |f| {
        Some(json!(f.server.deleted_at.map(time::naive_micros)))
    }),
    Field("key_name", 1, LAST, Seen::Shown, |f| Some(json!(f.server.key_name))),
    Field("config_drive", 1, LAST, Seen::Shown, |f| Some(json!(if f.server.config_drive { "True" } else { "" }))),
    Field("security_groups", 1, LAST, Seen::Shown, security_groups),
    Field("os-extended-volumes:volumes_attached", 1, LAST, Seen::Shown, |_| Some(json!([]))),
    Field("OS-EXT-SRV-ATTR:host", 1, LAST, Seen::Admin, |f| Some(json!(some(&f.server.host)))),
    Field("OS-EXT-SRV-ATTR:hypervisor_hostname", 1, LAST, Seen::Admin, |f| Some(json!(some(&f.server.host)))),
    Field("OS-EXT-SRV-ATTR:instance_name", 1, LAST, Seen::Admin, |f| Some(json!(f.server.instance_name()))),
    Field("OS-EXT-SRV-ATTR:hostname", 3, 89, Seen::Admin, |f| Some(json!(f.server.hostname))),
    Field("OS-EXT-SRV-ATTR:hostname", 90, LAST, Seen::Shown, |f| Some(json!(f.server.hostname))),
    Field("OS-EXT-SRV-ATTR:reservation_id", 3, LAST, Seen::Admin, |f| Some(json!(f.server.reservation_id))),
    Field("OS-EXT-SRV-ATTR:launch_index", 3, LAST, Seen::Admin, |f| Some(json!(f.server.launch_index))),
    Field("OS-EXT-SRV-ATTR:kernel_id", 3, LAST, Seen::Admin, |_| Some(json!(""))),
    Field("OS-EXT-SRV-ATTR:ramdisk_id", 3, LAST, Seen::Admin, |_| Some(json!(""))),
    Field("OS-EXT-SRV-ATTR:root_device_name", 3, LAST, Seen::Admin, |f| {
        Some(json!((!f.server.host.is_empty()).then_some("/dev/vda")))
    }),
    Field("OS-EXT-SRV-ATTR:user_data", 3, LAST, Seen::Admin, |f| Some(json!(f.server.user_data))),
    Field("locked", 9, LAST, Seen::Everywhere, |f| Some(json!(f.server.locked))),
    Field("host_status", 16, LAST, Seen::NodeState, |f| {
        Some(host_status(f)).filter(|status| f.sight.node_state || *status == "UNKNOWN").map(Value::from)
    }),
    Field("description", 19, LAST, Seen::Everywhere, |f| Some(json!(f.server.description))),
    Field("tags", 26, LAST, Seen::Everywhere, |f| Some(json!(f.tags))),
    Field("trusted_image_certificates", 63, LAST, Seen::Everywhere, |_| Some(Value::Null)),
    Field("server_groups", 71, LAST, Seen::Alone, |f| Some(json!(f.group_id.as_slice()))),
    Field("locked_reason", 73, LAST, Seen::Everywhere, |f| Some(json!(f.server.locked_reason))),
    Field("pinned_availability_zone", 96, LAST, Seen::Shown, |f| Some(json!(some(&f.server.asked_zone)))),
    Field("scheduler_hints", 100, LAST, Seen::Everywhere, scheduler_hints),
];

/// The states of servers that have a progress.
const PROGRESSING: &[&str] = &["ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"];

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn status(facts: &Facts<'_>) -> &'static str {
    state::status(&facts.server.vm_state, &facts.server.task_state)
}

/// A name for the node that tells projects nothing but whether two of their servers share it.
pub(super) fn host_id(project_id: &str, host: &str) -> String {
    if host.is_empty() {
        return String::new();
    }
    hex::encode(Sha224::digest(format!("{project_id}{host}")))
}

fn image(facts: &Facts<'_>) -> Option<Value> {
    let server = facts.server;
    let mut image = json!({
        "id": server.image_id,
        "links": [{"rel": "bookmark", "href": facts.links.to(&format!("/images/{}", server.image_id))}],
    });
    if facts.version >= Microversion(2, 98) {
        image["properties"] = json!(server.image.0.properties);
    }
    Some(image)
}

fn flavor_link(facts: &Facts<'_>) -> Option<Value> {
    let id = &facts.server.flavor.0.id;
    Some(json!({"id": id, "links": [{"rel": "bookmark", "href": facts.links.to(&format!("/flavors/{id}"))}]}))
}

fn flavor_whole(facts: &Facts<'_>) -> Option<Value> {
    let flavor = &facts.server.flavor.0;
    let mut view = json!({
        "original_name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.memory_mb,
        "disk": flavor.root_gb,
        "ephemeral": flavor.ephemeral_gb,
        "swap": flavor.swap_mb,
    });
    if facts.sight.specs {
        view["extra_specs"] = json!(flavor.extra_specs);
    }
    Some(view)
}

/// The hints as the request had them, but each a list.
fn scheduler_hints(facts: &Facts<'_>) -> Option<Value> {
    let listed = |value: &Value| if value.is_array() { value.clone() } else { json!([value]) };
    let hints = &facts.server.scheduler_hints.0;
    Some(hints.iter().map(|(name, value)| (name.clone(), listed(value))).collect())
}

fn fault(facts: &Facts<'_>) -> Option<Value> {
    if !matches!(status(facts), "ERROR" | "DELETED") {
        return None;
    }
    let fault = facts.server.fault()?;
    let mut value = json!({"code": fault.code, "message": fault.message, "created": time::seconds(fault.created)});
    if facts.sight.attributes && !fault.details.is_empty() {
        value["details"] = json!(fault.details);
    }
    Some(value)
}

fn security_groups(facts: &Facts<'_>) -> Option<Value> {
    let mut names: Vec<&str> = facts.ports.iter().flat_map(|port| &port.security_groups).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() && facts.server.vm_state == state::BUILDING {
        names = facts.server.security_groups.0.iter().map(String::as_str).collect();
        if names.is_empty() {
            names.push("default");
        }
    }
    (!names.is_empty()).then(|| names.iter().map(|name| json!({"name": name})).collect())
}

fn host_status(facts: &Facts<'_>) -> &'static str {
    match facts.fleet.of_host(&facts.server.host) {
        None => "",
        Some(known) if known.node.forced_down => "DOWN",
        Some(known) if !facts.compute.known_is_up(facts.fleet, known) => "UNKNOWN",
        Some(known) if known.node.disabled => "MAINTENANCE",
        Some(_) => "UP",
    }
}

/// The addresses by network name; `whole` adds their kind and MAC address.
pub(super) fn addresses(ports: &[PortInfo], whole: bool) -> Map<String, Value> {
    let mut networks = Map::new();
    for port in ports {
        let list = networks.entry(port.network_name.clone()).or_insert_with(|| json!([]));
        let Value::Array(list) = list else { continue };
        for fixed in &port.fixed_ips {
            let all = std::iter::once((fixed.ip, "fixed"))
                .chain(fixed.floating_ips.iter().map(|address| (*address, "floating")));
            for (address, kind) in all {
                let mut entry = json!({"addr": address.to_string(), "version": if address.is_ipv4() { 4 } else { 6 }});
                if whole {
                    entry["OS-EXT-IPS:type"] = json!(kind);
                    entry["OS-EXT-IPS-MAC:mac_addr"] = json!(port.mac_address);
                }
                list.push(entry);
            }
        }
    }
    networks
}

/// Where the representation goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A list with details.
    List,
    /// One server.
    Show,
    /// The answer to a change of one server.
    Update,
}

/// The fields that this caller gets in this place and microversion.
fn fields(version: Microversion, place: Place, sight: Sight) -> impl Iterator<Item = &'static Field> {
    let whole = place != Place::Update || version >= Microversion(2, 75);
    FIELDS.iter().filter(move |Field(_, first, last, seen, _)| {
        let shown = match seen {
            Seen::Everywhere => true,
            Seen::Shown => whole,
            Seen::Admin => whole && sight.attributes,
            Seen::NodeState => whole && (sight.node_state || sight.node_unknown),
            Seen::Alone => place != Place::List,
        };
        shown && (*first..=*last).contains(&version.1)
    })
}

fn write(facts: &Facts<'_>, place: Place) -> Value {
    let fields = fields(facts.version, place, facts.sight);
    let written = fields.filter_map(|Field(name, .., value)| Some(((*name).to_owned(), value(facts)?)));
    Value::Object(written.collect())
}

impl Compute {
    /// Servers as the caller may see them. Whatever their number, this asks the database and the networks a constant
    /// number of times.
    pub(super) async fn servers_written(
        &self,
        caller: &Caller,
        links: &Links,
        version: Microversion,
        servers: &[Server],
        place: Place,
    ) -> Result<Vec<Value>> {
        let sight = Sight::of(caller);
        let ids: Vec<String> = servers.iter().map(|server| server.id.clone()).collect();
        let ports = if ids.is_empty() { BTreeMap::new() } else { self.0.deps.network.ports_of_servers(&ids).await? };
        let tags = if ids.is_empty() || version < Microversion(2, 26) {
            BTreeMap::new()
        } else {
            store::server_tags::tags_of(self.db(), &ids).await?
        };
        let states = (sight.node_state || sight.node_unknown) && version >= Microversion(2, 16);
        let fleet = if states { self.fleet().await? } else { Arc::default() };
        let group_id = match servers.first() {
            Some(server) if place != Place::List && version >= Microversion(2, 71) => {
                self.group_id_of(&server.id).await?
            }
            _ => None,
        };
        let written = servers.iter().map(|server| {
            let facts = Facts {
                server,
                ports: ports.get(&server.id).map_or(&[], Vec::as_slice),
                tags: tags.get(&server.id).map_or(&[], Vec::as_slice),
                fleet: &fleet,
                group_id: group_id.as_deref(),
                compute: self,
                links,
                version,
                sight,
                whole: place != Place::Update || version >= Microversion(2, 75),
            };
            write(&facts, place)
        });
        Ok(written.collect())
    }

    /// One server as the caller may see it.
    pub(super) async fn server_written(
        &self,
        caller: &Caller,
        links: &Links,
        version: Microversion,
        server: &Server,
        place: Place,
    ) -> Result<Value> {
        let servers = std::slice::from_ref(server);
        let mut written = self.servers_written(caller, links, version, servers, place).await?;
        Ok(json!({"server": written.pop().unwrap_or_default()}))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ALL: Sight = Sight { attributes: true, node_state: true, node_unknown: true, specs: true };

    fn names(minor: u16, place: Place, admin: bool) -> BTreeSet<&'static str> {
        let sight = if admin { ALL } else { Sight { specs: true, ..Sight::default() } };
        fields(Microversion(2, minor), place, sight).map(|field| field.0).collect()
    }

    #[test]
    fn fields_appear_with_their_microversions() {
        for (field, first) in [
            ("OS-EXT-SRV-ATTR:reservation_id", 3),
            ("locked", 9),
            ("host_status", 16),
            ("description", 19),
            ("tags", 26),
            ("trusted_image_certificates", 63),
            ("server_groups", 71),
            ("locked_reason", 73),
            ("pinned_availability_zone", 96),
            ("scheduler_hints", 100),
        ] {
            for minor in 1..=104 {
                let there = names(minor, Place::Show, true).contains(field);
                assert_eq!(there, minor >= first, "{field} in 2.{minor}");
            }
        }
    }

    #[test]
    fn no_microversion_has_a_field_twice() {
        for minor in 1..=104 {
            let all: Vec<&str> = fields(Microversion(2, minor), Place::Show, ALL).map(|field| field.0).collect();
            assert_eq!(all.len(), names(minor, Place::Show, true).len(), "2.{minor}");
        }
    }

    #[test]
    fn only_administrators_see_nodes() {
        for minor in 1..=104 {
            for hidden in ["OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:instance_name", "host_status"] {
                assert!(!names(minor, Place::Show, false).contains(hidden), "{hidden} in 2.{minor}");
            }
        }
        assert!(!names(89, Place::List, false).contains("OS-EXT-SRV-ATTR:hostname"));
        assert!(names(90, Place::List, false).contains("OS-EXT-SRV-ATTR:hostname"));
    }

    #[test]
    fn the_state_of_nodes_has_a_rule_of_its_own() {
        let shown = |sight| fields(Microversion(2, 16), Place::Show, sight).any(|field| field.0 == "host_status");
        assert!(shown(Sight { node_state: true, ..Sight::default() }));
        assert!(shown(Sight { node_unknown: true, ..Sight::default() }));
        assert!(!shown(Sight { attributes: true, ..Sight::default() }));
    }

    #[test]
    fn a_change_answers_with_the_whole_server_since_2_75() {
        assert!(!names(74, Place::Update, true).contains("OS-EXT-STS:vm_state"));
        assert_eq!(names(75, Place::Update, true), names(75, Place::Show, true));
        assert!(names(71, Place::Update, false).contains("server_groups"));
        assert!(!names(71, Place::List, false).contains("server_groups"));
    }
}
