//! `/flavors`.

use ::api::{Error, Json, Links, Microversion, Query, Result, fields};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use db::Direction;
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, Flag, NoParameters, Whole};
use crate::Compute;
use crate::flavors::{Flavor, is_admin, who};
use crate::store::flavors::Filter;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/flavors", get(flavors_list).post(flavor_create))
        .route("/v2.1/flavors/detail", get(flavors_detail))
        .route("/v2.1/flavors/{id}", get(flavor_show).put(flavor_update).delete(flavor_delete))
}

const SORT_KEYS: &[(&str, &str)] = &[
    ("flavorid", "id"),
    ("id", "id"),
    ("name", "name"),
    ("memory_mb", "memory_mb"),
    ("vcpus", "vcpus"),
    ("root_gb", "root_gb"),
    ("ephemeral_gb", "ephemeral_gb"),
    ("swap", "swap_mb"),
    ("rxtx_factor", "rxtx_factor"),
    ("is_public", "is_public"),
    ("disabled", "disabled"),
    ("created_at", "created_at"),
    // These may be empty, and flavors have no order by what is not there.
    ("updated_at", "created_at"),
    ("description", "name"),
    ("vcpu_weight", "vcpus"),
];

/// One page of flavors as the query asks for it.
async fn page(compute: &Compute, caller: &Caller, query: &Query, version: Microversion) -> Result<(Vec<Flavor>, i64)> {
    let newest = version >= Microversion(2, 102);
    let mut known = vec!["limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir"];
    if newest {
        known.push("name");
    }
    common::known_only(query, version, 75, &known)?;
    let page = query.page()?;
    let (key, descending) = page.sort.first().map_or(("flavorid", false), |(key, down)| (key.as_str(), *down));
    let column = SORT_KEYS
        .iter()
        .find(|(name, _)| *name == key && !(newest && key == "rxtx_factor"))
        .map(|(_, column)| *column)
        .ok_or_else(|| Error::bad_request(format!("sort_key {key} is not one that flavors can be sorted by.")))?;
    let direction = if descending { Direction::Descending } else { Direction::Ascending };
    let mut sort = vec![(column, direction)];
    if column != "id" {
        sort.push(("id", direction));
    }
    let limit = common::limit(page.limit);
    let filter = Filter {
        who: who(caller),
        is_public: if is_admin(caller) { is_public(query)? } else { None },
        min_ram: number(query, "minRam")?,
        min_disk: number(query, "minDisk")?,
        name: query.get("name").filter(|_| newest),
        sort: &sort,
        marker: page.marker.as_deref(),
        limit,
    };
    Ok((compute.flavors_list(&filter).await?, limit))
}

fn number(query: &Query, name: &str) -> Result<Option<i64>> {
    query
        .get(name)
        .map(|text| text.parse().map_err(|_| Error::bad_request(format!("Invalid {name} filter [{text}]"))))
        .transpose()
}

/// Administrators see public flavors, others or (`none`) all.
fn is_public(query: &Query) -> Result<Option<bool>> {
    match query.get("is_public") {
        None => Ok(Some(true)),
        Some(text) if text.eq_ignore_ascii_case("none") => Ok(None),
        Some(text) => {
            common::flag(text).map(Some).ok_or_else(|| Error::bad_request(format!("Invalid is_public filter [{text}]")))
        }
    }
}

/// How a microversion shows flavors, to one caller.
struct View {
    version: Microversion,
    extra_specs: bool,
}

impl View {
    fn new(version: Microversion, caller: &Caller) -> Self {
        let project = caller.token.project_id.as_deref();
        let target = Target::new().with("project_id", project);
        let shown = version >= Microversion(2, 61) && caller.may("os_compute_api:os-flavor-extra-specs:index", &target);
        Self { version, extra_specs: shown }
    }

    fn brief(&self, flavor: &Flavor, links: &Links) -> Value {
        let mut view = json!({
            "id": flavor.id,
            "name": flavor.name,
            "links": common::own_links(links, "flavors", &flavor.id),
        });
        if self.version >= Microversion(2, 55) {
            view["description"] = json!(flavor.description);
        }
        view
    }

    fn full(&self, flavor: &Flavor, links: &Links) -> Value {
        let mut view = self.brief(flavor, links);
        view["ram"] = json!(flavor.memory_mb);
        view["vcpus"] = json!(flavor.vcpus);
        view["disk"] = json!(flavor.root_gb);
        view["OS-FLV-EXT-DATA:ephemeral"] = json!(flavor.ephemeral_gb);
        view["os-flavor-access:is_public"] = json!(flavor.is_public);
        let no_swap = flavor.swap_mb == 0 && self.version < Microversion(2, 75);
        view["swap"] = if no_swap { json!("") } else { json!(flavor.swap_mb) };
        if self.version < Microversion(2, 102) {
            view["OS-FLV-DISABLED:disabled"] = json!(flavor.disabled);
            view["rxtx_factor"] = json!(flavor.rxtx_factor);
        }
        if self.extra_specs {
            view["extra_specs"] = json!(flavor.extra_specs.0);
        }
        view
    }
}

async fn flavors_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    let (flavors, limit) = page(&compute, &caller, &query, version).await?;
    let view = View::new(version, &caller);
    let shown: Vec<Value> = flavors.iter().map(|flavor| view.brief(flavor, &links)).collect();
    Ok(listed(shown, &flavors, &links, "/v2.1/flavors", &query, limit))
}

async fn flavors_detail(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    let (flavors, limit) = page(&compute, &caller, &query, version).await?;
    let view = View::new(version, &caller);
    let shown: Vec<Value> = flavors.iter().map(|flavor| view.full(flavor, &links)).collect();
    Ok(listed(shown, &flavors, &links, "/v2.1/flavors/detail", &query, limit))
}

fn listed(shown: Vec<Value>, flavors: &[Flavor], links: &Links, path: &str, query: &Query, limit: i64) -> Json<Value> {
    let ids: Vec<String> = flavors.iter().map(|flavor| flavor.id.clone()).collect();
    let mut body = json!({"flavors": shown});
    if let Some(next) = common::next(links, path, query, limit, &ids) {
        body["flavors_links"] = next;
    }
    Json(body)
}

async fn flavor_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let flavor = compute.flavor_get(&caller, &id).await?;
    Ok(Json(json!({"flavor": View::new(version, &caller).full(&flavor, &links)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    flavor: NewFlavor,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFlavor {
    name: String,
    #[serde(default)]
    id: Value,
    ram: Whole,
    vcpus: Whole,
    disk: Whole,
    #[serde(rename = "OS-FLV-EXT-DATA:ephemeral", default)]
    ephemeral: Option<Whole>,
    #[serde(default)]
    swap: Option<Whole>,
    #[serde(default)]
    rxtx_factor: Option<Value>,
    #[serde(rename = "os-flavor-access:is_public", default)]
    is_public: Option<Flag>,
    #[serde(default, deserialize_with = "fields::nullable")]
    description: Option<Option<String>>,
}

impl NewFlavor {
    /// The flavor that is asked for, if the request is in order.
    fn check(self, compute: &Compute, version: Microversion) -> Result<Flavor> {
        common::name_check("name", &self.name)?;
        if version < Microversion(2, 55) && self.description.is_some() {
            return Err(not_yet("description", 55));
        }
        if version >= Microversion(2, 102) && self.rxtx_factor.is_some() {
            return Err(Error::bad_request("rxtx_factor is not known since microversion 2.102; leave it out."));
        }
        let optional = |field: &str, value: Option<Whole>| value.map_or(Ok(0), |value| value.within(field, 0));
        Ok(Flavor {
            id: flavor_id(self.id)?.unwrap_or_else(|| compute.runtime().ids.uuid()),
            name: self.name,
            description: description_check(self.description.flatten())?,
            vcpus: self.vcpus.within("vcpus", 1)?,
            memory_mb: self.ram.within("ram", 1)?,
            root_gb: self.disk.within("disk", 0)?,
            ephemeral_gb: optional("OS-FLV-EXT-DATA:ephemeral", self.ephemeral)?,
            swap_mb: optional("swap", self.swap)?,
            rxtx_factor: self.rxtx_factor.map_or(Ok(1.0), |value| rxtx_factor(&value))?,
            is_public: self.is_public.is_none_or(|flag| flag.0),
            disabled: false,
            extra_specs: db::Json::default(),
            created_at: compute.runtime().clock.now(),
            updated_at: None,
        })
    }
}

fn not_yet(field: &str, since: u16) -> Error {
    Error::bad_request(format!(
        "{field} is not known before microversion 2.{since}; ask with that one or leave it out."
    ))
}

fn flavor_id(value: Value) -> Result<Option<String>> {
    let id = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return Err(Error::bad_request("id must be a text, a number or null.")),
    };
    fields::length("id", &id, 1, 255)?;
    let fits = id.chars().all(|c| c.is_ascii_alphanumeric() || ". _-".contains(c)) && id.trim() == id;
    if !fits {
        return Err(Error::bad_request("id may have letters, digits, blanks inside, and the characters . _ - only."));
    }
    Ok(Some(id))
}

fn rxtx_factor(value: &Value) -> Result<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number
        .filter(|number| *number > 0.0 && *number <= 3.402_82e38)
        .ok_or_else(|| Error::bad_request("rxtx_factor must be a number greater than 0."))
}

fn description_check(description: Option<String>) -> Result<Option<String>> {
    if let Some(text) = &description {
        fields::length("description", text, 0, 65_535)?;
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(Error::bad_request("description must have only printable characters."));
        }
    }
    Ok(description)
}

async fn flavor_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Json(body): Json<Create>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-flavor-manage:create", &Target::new())?;
    let flavor = body.flavor.check(&compute, version)?;
    compute.flavor_create(&flavor).await?;
    Ok(Json(json!({"flavor": View::new(version, &caller).full(&flavor, &links)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    flavor: FlavorUpdate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlavorUpdate {
    #[serde(deserialize_with = "Option::deserialize")]
    description: Option<String>,
}

async fn flavor_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Update>,
) -> Result<Json<Value>> {
    if version < Microversion(2, 55) {
        return Err(Error::not_found("Flavors can be changed only since microversion 2.55; ask with that one."));
    }
    caller.allow("os_compute_api:os-flavor-manage:update", &Target::new())?;
    let description = description_check(body.flavor.description)?;
    let flavor = compute.flavor_describe(&id, description.as_deref()).await?;
    Ok(Json(json!({"flavor": View::new(version, &caller).full(&flavor, &links)})))
}

async fn flavor_delete(State(compute): State<Compute>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    caller.allow("os_compute_api:os-flavor-manage:delete", &Target::new())?;
    compute.flavor_delete(&id).await?;
    Ok(StatusCode::ACCEPTED)
}
