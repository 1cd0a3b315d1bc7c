//! New servers: what is checked before anything is promised, and the one transaction that promises it.

use std::collections::BTreeMap;
use std::time::Duration;

use ::api::{Error, Kind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identity::Caller;
use policy::Target;
use protocol::MOST_EPHEMERALS;
use serde_json::{Map, Value};
use trace::Traced as _;

use super::LocalDisks;
use super::fit::needs_config_drive;
use super::personality::File;
use super::{Flavor, Image, Server, Wanted, work_target};
use crate::quota::{self, Owner};
use crate::work::create::ServerCreate;
use crate::{Compute, hostname, state, store};

/// How long a server may take to come up before it counts as failed.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Which networks a new server gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Networks {
    /// The project's own, if that is clear; with `allocate` one is made for a project that has none.
    Auto { allocate: bool },
    /// None.
    None,
    /// These.
    Listed(Vec<Wanted>),
}

/// An empty disk on the node that an order names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalDisk {
    /// Whether it is for swapping, else it is an ephemeral disk.
    pub(crate) swap: bool,
    /// MiB of swap or GiB of an ephemeral disk; as the flavor has it, if it is not said.
    pub(crate) size: Option<i64>,
    /// Its label.
    pub(crate) tag: Option<String>,
}

/// An order for servers, as the API read it.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) flavor_id: String,
    pub(crate) image_id: String,
    /// The label of the root disk.
    pub(crate) root_tag: Option<String>,
    pub(crate) local_disks: Vec<LocalDisk>,
    pub(crate) personality: Vec<File>,
    pub(crate) key_name: Option<String>,
    pub(crate) networks: Networks,
    pub(crate) security_groups: Vec<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) user_data: Option<String>,
    pub(crate) config_drive: bool,
    pub(crate) zone: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) hypervisor_hostname: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) scheduler_hints: Map<String, Value>,
    pub(crate) min_count: i64,
    pub(crate) max_count: i64,
    pub(crate) admin_pass: String,
    pub(crate) access_ipv4: String,
    pub(crate) access_ipv6: String,
    pub(crate) disk_config: String,
}

/// What was promised.
pub(crate) struct Promise {
    /// The first server's id.
    pub(crate) id: String,
    pub(crate) reservation_id: String,
}

impl Compute {
    /// Checks the order and promises its servers: quota, rows and work in one transaction.
    pub(crate) async fn servers_create(&self, caller: &Caller, order: Order) -> Result<Promise> {
        let project_id = caller.project_id()?.to_owned();
        let flavor = self.flavor_of(caller, &order.flavor_id).await?;
        let image = self.image_of(caller, &order.image_id, &flavor).await?;
        let local_disks = local_disks(&order, &flavor)?;
        let key = match &order.key_name {
            Some(name) => Some(self.key_of(caller, name).await?),
            None => None,
        };
        let networks = self.networks_of(caller, &order, &project_id).await?;
        if order.hostname.is_some() && order.max_count > 1 {
            return Err(Error::bad_request(
                "Unable to allocate a single hostname to multiple instances; leave it out or create them one by one.",
            ));
        }
        let (zone, host) = self.place_of(caller, &order).await?;
        check_metadata(&order.metadata, self.metadata_limit(&project_id).await?)?;
        check_user_data(order.user_data.as_deref())?;
        if order.max_count > 1 && networks.iter().any(|wanted| wanted.port_id.is_some() || wanted.fixed_ip.is_some()) {
            return Err(Error::bad_request(
                "Several servers cannot share one port or fixed address; create them one by one or name networks.",
            ));
        }
        let personality = self.personality_of(&project_id, &order.personality).await?;
        let template = self.row(caller, &project_id, &order, flavor, image, networks);
        let template = Server {
            config_drive: order.config_drive || !personality.is_empty() || needs_config_drive(&template.image.0),
            personality: db::Json(personality),
            local_disks: db::Json(local_disks),
            key_name: key.as_ref().map(|key| key.0.clone()),
            key_type: key.as_ref().map(|key| key.1.clone()),
            public_key: key.map(|key| key.2),
            asked_zone: zone,
            asked_host: host,
            ..template
        };
        self.promise(caller, &order, template).await
    }

    async fn promise(&self, caller: &Caller, order: &Order, template: Server) -> Result<Promise> {
        let deps = &self.0.deps;
        let project_id = template.project_id.clone();
        let count = self.count_of(order, &template).await?;
        let now = template.created_at;
        let group = self.group_asked(caller, &order.scheduler_hints).await?;
        let mut tx = deps.db.begin().await?;
        quota::claim(&mut tx, &deps.identity, &project_id, &template.flavor.0.quota(count)).await?;
        let last = store::servers::numbers_take(&mut tx, count).await?;
        let mut ids = Vec::new();
        for index in 0..count {
            let id = deps.runtime.ids.uuid();
            let server = numbered(&template, &id, index, count, last - count + 1 + index);
            store::servers::server_insert(&mut tx, &server).await?;
            store::server_tags::tags_add(&mut tx, &id, &order.tags).await?;
            let operation = work::NewOperation {
                target: work_target(&id),
                project_id: Some(project_id.clone()),
                user_id: Some(template.user_id.clone()),
                request_id: caller.request_id.clone(),
                deadline: now.checked_add(BUILD_LIMIT).unwrap_or(jiff::Timestamp::MAX),
                data: ServerCreate::new(&id, &order.admin_pass),
            };
            deps.work.submit(&mut tx, &operation).await?;
            ids.push(id);
        }
        if let Some((group, limit)) = &group {
            self.group_join(&mut tx, group, *limit, &ids).await?;
        }
        tx.commit().await?;
        deps.work.wake();
        Ok(Promise { id: ids.into_iter().next().unwrap_or_default(), reservation_id: template.reservation_id })
    }

    /// As many as fit into the quota, at least `min_count`.
    async fn count_of(&self, order: &Order, template: &Server) -> Result<i64> {
        if order.min_count == order.max_count {
            return Ok(order.max_count);
        }
        let limits = self.quota_limits(Owner::Project(&template.project_id)).await?;
        let usages = quota::usages(self.db(), &template.project_id).await?;
        let each = template.flavor.0.quota(1);
        let fits = each.iter().filter(|(_, each)| *each > 0).filter_map(|(resource, each)| {
            let limit = limits.get(resource).copied().filter(|limit| *limit >= 0)?;
            Some((limit - usages.get(*resource).copied().unwrap_or(0)) / each)
        });
        Ok(fits.min().unwrap_or(order.max_count).clamp(order.min_count, order.max_count))
    }

    pub(crate) async fn flavor_of(&self, caller: &Caller, id: &str) -> Result<Flavor> {
        let flavor = self.flavor_get(caller, id).await.map_err(|error| match error.kind {
            Kind::NotFound => Error::bad_request(format!(
                "Flavor {id} could not be found. Name one of those that the list of flavors shows."
            )),
            _ => error,
        })?;
        Ok(Flavor {
            id: flavor.id,
            name: flavor.name,
            vcpus: flavor.vcpus,
            memory_mb: flavor.memory_mb,
            root_gb: flavor.root_gb,
            ephemeral_gb: flavor.ephemeral_gb,
            swap_mb: flavor.swap_mb,
            extra_specs: flavor.extra_specs.0,
        })
    }

    pub(crate) async fn image_of(&self, caller: &Caller, id: &str, flavor: &Flavor) -> Result<Image> {
        let info =
            self.0.deps.image.image_visible(caller, id).traced("image", "look up").await.map_err(
                |error| match error.kind {
                    Kind::NotFound => Error::bad_request("Can not find requested image."),
                    _ => error,
                },
            )?;
        if info.status != image::Status::Active {
            return Err(Error::bad_request(format!("Image {id} is not active: upload its data first.")));
        }
        let virtual_size = info.virtual_size;
        let image = Image::from(info);
        self.fit_check(caller, &image, virtual_size.unwrap_or(image.size), flavor)?;
        Ok(image)
    }

    pub(crate) async fn key_of(&self, caller: &Caller, name: &str) -> Result<(String, String, String)> {
        let key = self.key_pair_get(&caller.token.user_id, name).await.map_err(|error| match error.kind {
            Kind::NotFound => Error::bad_request("Invalid key_name provided: you have no key pair of that name."),
            _ => error,
        })?;
        Ok((key.name, key.kind, key.public_key))
    }

    async fn networks_of(&self, caller: &Caller, order: &Order, project_id: &str) -> Result<Vec<Wanted>> {
        let network = &self.0.deps.network;
        let wanted = match &order.networks {
            Networks::None => Vec::new(),
            Networks::Listed(wanted) => wanted.clone(),
            Networks::Auto { allocate } => {
                let mut usable = network.networks_default(project_id).traced("network", "find networks").await?;
                if usable.is_empty() && *allocate {
                    usable.push(network.network_auto_allocate(caller).traced("network", "allocate a network").await?);
                }
                if usable.len() > 1 {
                    return Err(Error::conflict(
                        "Multiple possible networks found, use a Network ID to be more specific.",
                    ));
                }
                usable.pop().map(|id| Wanted { network_id: Some(id), ..Wanted::default() }).into_iter().collect()
            }
        };
        let asked: Vec<network::WantedPort> = wanted.iter().cloned().map(Into::into).collect();
        network.networks_check(caller, &asked, &order.security_groups).traced("network", "check networks").await?;
        Ok(wanted)
    }

    /// The zone and node that the order demands: `zone`, `zone:host:node` (administrators) or the fields `host` and
    /// `hypervisor_hostname`. A zone that a node of `zone:host:node` is not in is not asked for.
    async fn place_of(&self, caller: &Caller, order: &Order) -> Result<(String, String)> {
        let (zone, forced_host, forced_node) = zone_parts(order.zone.as_deref().unwrap_or(""))?;
        let fields = [&order.host, &order.hypervisor_hostname].map(|name| name.as_deref().unwrap_or(""));
        let is_forced = !forced_host.is_empty() || !forced_node.is_empty();
        let target = Target::new().with("project_id", caller.project_id()?);
        if is_forced {
            caller.allow("os_compute_api:servers:create:forced_host", &target)?;
        }
        if fields.iter().any(|name| !name.is_empty()) {
            caller.allow("compute:servers:create:requested_destination", &target)?;
            if is_forced {
                return Err(Error::bad_request(
                    "One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are \
                     mutually exclusive: use one of them.",
                ));
            }
        }
        let host = if is_forced { one_host(forced_host, forced_node)? } else { one_host(fields[0], fields[1])? };
        if !is_forced && !zone.is_empty() {
            self.zone_check(zone).await?;
        }
        if !host.is_empty() && self.fleet().await?.of_host(host).is_none() {
            return Err(host_unknown(host));
        }
        if is_forced && !zone.is_empty() && self.zone_of(&*self.aggregates().await?, host) != zone {
            tracing::warn!(
                zone,
                host,
                "a server is forced to a host that is not in the zone asked for: the zone is ignored"
            );
            return Ok((String::new(), host.to_owned()));
        }
        Ok((zone.to_owned(), host.to_owned()))
    }

    pub(crate) async fn metadata_limit(&self, project_id: &str) -> Result<i64> {
        let limits = self.quota_limits(Owner::Project(project_id)).await?;
        Ok(limits.get("metadata_items").copied().unwrap_or(-1))
    }

    fn row(
        &self,
        caller: &Caller,
        project_id: &str,
        order: &Order,
        flavor: Flavor,
        image: Image,
        networks: Vec<Wanted>,
    ) -> Server {
        let runtime = self.runtime();
        let now = runtime.clock.now();
        let hostname = order.hostname.clone();
        Server {
            id: String::new(),
            number: 0,
            project_id: project_id.to_owned(),
            user_id: caller.token.user_id.clone(),
            name: order.name.clone(),
            description: order.description.clone(),
            hostname: hostname.unwrap_or_default(),
            reservation_id: format!("r-{}", &runtime.ids.hex()[..8]),
            launch_index: 0,
            flavor: db::Json(flavor),
            image_id: order.image_id.clone(),
            image: db::Json(image),
            key_name: None,
            key_type: None,
            public_key: None,
            metadata: db::Json(order.metadata.clone()),
            user_data: order.user_data.clone(),
            config_drive: order.config_drive,
            asked_zone: String::new(),
            asked_host: String::new(),
            scheduler_hints: db::Json(order.scheduler_hints.clone()),
            networks: db::Json(networks),
            security_groups: db::Json(order.security_groups.clone()),
            zone: String::new(),
            host: String::new(),
            vm_state: state::BUILDING.to_owned(),
            task_state: "scheduling".to_owned(),
            power_state: 0,
            locked: false,
            locked_reason: None,
            fault: None,
            access_ipv4: order.access_ipv4.clone(),
            access_ipv6: order.access_ipv6.clone(),
            disk_config: order.disk_config.clone(),
            created_at: now,
            updated_at: now,
            launched_at: None,
            deleted_at: None,
            locked_by: String::new(),
            rescue: None,
            resized_from: None,
            shelved_image_id: String::new(),
            password: String::new(),
            personality: db::Json(BTreeMap::new()),
            local_disks: db::Json(LocalDisks::default()),
        }
    }
}

/// Zone, host and node of `zone:host:node`; what is not said is empty.
fn zone_parts(text: &str) -> Result<(&str, &str, &str)> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [zone] => Ok((zone, "", "")),
        [zone, host] => Ok((zone, host, "")),
        [zone, host, node] => Ok((zone, host, node)),
        _ => Err(Error::bad_request("Unable to parse availability_zone: write zone, zone:host or zone:host:node.")),
    }
}

/// The host that has this name and runs this node, either of which may be empty: a host has one node, of its own name.
fn one_host<'a>(host: &'a str, node: &'a str) -> Result<&'a str> {
    if host.is_empty() || node == host {
        return Ok(node);
    }
    if node.is_empty() { Ok(host) } else { Err(host_unknown(node)) }
}

fn host_unknown(host: &str) -> Error {
    Error::bad_request(format!("Compute host {host} could not be found."))
}

/// One of `count` servers of an order: several get numbered names.
fn numbered(template: &Server, id: &str, index: i64, count: i64, number: i64) -> Server {
    let name = if count > 1 { format!("{}-{}", template.name, index + 1) } else { template.name.clone() };
    let hostname = match template.hostname.as_str() {
        "" => hostname::from_name(&name, id),
        given => given.to_owned(),
    };
    Server { id: id.to_owned(), number, launch_index: index, name, hostname, ..template.clone() }
}

/// Checks names, values and number of metadata items.
pub(crate) fn check_metadata(metadata: &BTreeMap<String, String>, limit: i64) -> Result<()> {
    if limit >= 0 && i64::try_from(metadata.len()).is_ok_and(|items| items > limit) {
        return Err(Error::forbidden(format!(
            "Maximum number of metadata items exceeds {limit}: remove some, or ask for a larger quota."
        )));
    }
    metadata.iter().try_for_each(|(key, value)| metadata_item_check(key, value))
}

/// Checks name and value of an item of metadata.
pub(crate) fn metadata_item_check(key: &str, value: &str) -> Result<()> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_:. ".contains(letter);
    if key.is_empty() || key.len() > 255 || !key.chars().all(good) {
        return Err(Error::bad_request(format!(
            "Invalid metadata key \"{key}\": 1 to 255 letters, digits, blanks and the characters - _ : . are allowed."
        )));
    }
    ::api::fields::length(&format!("metadata {key}"), value, 0, 255)
}

/// The disks beside the root disk as the order wants them, which together are no larger than the flavor has them, and the
/// labels of all.
fn local_disks(order: &Order, flavor: &Flavor) -> Result<LocalDisks> {
    let (swaps, ephemerals): (Vec<&LocalDisk>, Vec<&LocalDisk>) = order.local_disks.iter().partition(|disk| disk.swap);
    for (asked, what, most, unit) in
        [(&swaps, "Swap drive", flavor.swap_mb, "MiB"), (&ephemerals, "Ephemeral disks", flavor.ephemeral_gb, "GiB")]
    {
        let size: i64 = asked.iter().map(|disk| disk.size.unwrap_or(most)).fold(0, i64::saturating_add);
        if !asked.is_empty() && (most == 0 || size > most) {
            return Err(Error::bad_request(format!(
                "{what} requested are larger than the flavor allows, which is {most} {unit}. Ask for less or use a \
                 larger flavor."
            )));
        }
    }
    if swaps.len() > 1 || ephemerals.len() > MOST_EPHEMERALS {
        return Err(Error::bad_request(format!(
            "A server has one swap disk and {MOST_EPHEMERALS} ephemeral disks at most; ask for fewer."
        )));
    }
    let swap_tag = swaps.first().and_then(|disk| disk.tag.clone());
    let mut tags = vec![order.root_tag.clone()];
    tags.extend(ephemerals.iter().map(|disk| disk.tag.clone()));
    if ephemerals.is_empty() && flavor.ephemeral_gb > 0 {
        tags.push(None);
    }
    tags.push(swap_tag);
    if tags.iter().all(Option::is_none) {
        tags.clear();
    }
    Ok(LocalDisks {
        swap_mb: swaps.first().and_then(|disk| disk.size),
        ephemerals_gb: ephemerals.iter().map(|disk| disk.size.unwrap_or(flavor.ephemeral_gb)).collect(),
        tags,
    })
}

pub(crate) fn check_user_data(user_data: Option<&str>) -> Result<()> {
    let Some(user_data) = user_data else { return Ok(()) };
    if user_data.len() > 65_535 {
        return Err(Error::bad_request("user_data is too large: at most 65535 characters of base64 are allowed."));
    }
    if STANDARD.decode(user_data.split_whitespace().collect::<String>()).is_err() {
        return Err(Error::bad_request("user_data must be encoded in base64."));
    }
    Ok(())
}
