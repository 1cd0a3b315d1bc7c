//! Unified limits: how much of a service's resource projects and domains may have, in one place for all services.

use std::collections::BTreeMap;

use api::{Error, Page, Result};
use db::{On, Tx};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Identity;
use crate::audit::{Action, Change};
use crate::fields::{Fields, missing};
use crate::store::limit::{self as store, Limit, RegisteredLimit, Seen};
use crate::store::project::Project;
use crate::store::{Filter, catalog, domain, project};

/// How limits of projects and of their domain go together.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// They do not: every limit counts for itself.
    #[default]
    Flat,
    /// What all projects of a domain have together counts against the domain's limit, and no project's limit is above
    /// it. Projects stand directly below their domain.
    StrictTwoLevel,
}

impl Model {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::StrictTwoLevel => "strict_two_level",
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Flat => "Limit enforcement and validation does not take project hierarchy into consideration.",
            Self::StrictTwoLevel => "This model requires project hierarchy never exceeds a depth of two",
        }
    }
}

/// What identity says about how much a project may have of a service's resources. -1 is without limit.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// What was said for the project itself.
    pub project: BTreeMap<String, i64>,
    /// What every project may have.
    pub default: BTreeMap<String, i64>,
    /// What all projects of the domain may have together; none under the flat model.
    pub domain: BTreeMap<String, i64>,
    /// The project's domain, if that counts.
    pub domain_id: Option<String>,
}

impl Identity {
    /// How limits go together in this cloud.
    pub fn limit_model(&self) -> Model {
        self.0.config.limit_model
    }

    /// The limits of a project for a type of service (`compute`). Services that count read them in the transaction
    /// that claims.
    pub async fn limits(&self, on: impl Into<On<'_>>, service_type: &str, project_id: &str) -> Result<Limits> {
        let strict = self.limit_model() == Model::StrictTwoLevel;
        let mut limits = Limits::default();
        for one in store::concerning(on, service_type, &self.0.config.region, project_id).await? {
            // What is said for the region alone comes later and stands.
            limits.default.insert(one.resource_name.clone(), one.default_limit);
            if let Some(limit) = one.project_limit {
                limits.project.insert(one.resource_name.clone(), limit);
            }
            if strict {
                limits.domain.insert(one.resource_name, one.domain_limit.unwrap_or(one.default_limit));
                limits.domain_id = one.domain_id;
            }
        }
        Ok(limits)
    }

    /// The defaults and the limits of several projects for a type of service, in two queries; nothing of domains.
    pub async fn limits_of_projects(
        &self,
        service_type: &str,
        project_ids: &[String],
    ) -> Result<BTreeMap<String, Limits>> {
        let (db, region) = (&self.0.db, &self.0.config.region);
        let defaults: BTreeMap<String, i64> = store::concerning(db, service_type, region, "")
            .await?
            .into_iter()
            .map(|one| (one.resource_name, one.default_limit))
            .collect();
        let alone = || Limits { default: defaults.clone(), ..Limits::default() };
        let mut limits: BTreeMap<String, Limits> = project_ids.iter().map(|id| (id.clone(), alone())).collect();
        for one in store::of_projects(db, service_type, region, project_ids).await? {
            if let Some(limits) = limits.get_mut(&one.project_id) {
                limits.project.insert(one.resource_name, one.resource_limit);
            }
        }
        Ok(limits)
    }

    /// The ids of the projects in a domain.
    pub async fn project_ids_in_domain(&self, on: impl Into<On<'_>>, domain_id: &str) -> Result<Vec<String>> {
        Ok(project::ids_in_domain(on, domain_id).await?)
    }

    pub(crate) async fn registered_limit_get(&self, id: &str) -> Result<RegisteredLimit> {
        store::registered_get(&self.0.db, id).await?.ok_or_else(|| missing("registered limit", id))
    }

    pub(crate) async fn registered_limit_list(
        &self,
        filters: Vec<Filter>,
        page: &Page,
    ) -> Result<Vec<RegisteredLimit>> {
        Ok(store::registered_list(&self.0.db, filters, page).await?)
    }

    /// Makes several registered limits, or none.
    pub(crate) async fn registered_limit_create(&self, all: Vec<Map<String, Value>>) -> Result<Vec<RegisteredLimit>> {
        let mut made = Vec::new();
        let mut tx = self.write().await?;
        for attributes in all {
            let mut fields = Fields::new(attributes);
            let limit = RegisteredLimit {
                id: self.0.runtime.ids.hex(),
                service_id: fields.required("service_id", 1, 255)?,
                region_id: fields.nullable("region_id", 255)?.flatten(),
                resource_name: fields.required("resource_name", 1, 255)?,
                default_limit: amount(&mut fields, "default_limit")?.ok_or_else(|| required("default_limit"))?,
                description: fields.nullable("description", 65_535)?.flatten(),
            };
            fields.nothing_else()?;
            place_check(&mut tx, &limit.service_id, limit.region_id.as_deref()).await?;
            store::registered_insert(&mut tx, &limit).await.map_err(|error| exists(error, &limit.resource_name))?;
            self.record(&mut tx, &Change::new(Action::Created, "registered_limit", &limit.id)).await?;
            made.push(limit);
        }
        tx.commit().await?;
        Ok(made)
    }

    pub(crate) async fn registered_limit_update(&self, id: &str, mut fields: Fields) -> Result<RegisteredLimit> {
        let mut tx = self.write().await?;
        let old = store::registered_get(&mut tx, id).await?.ok_or_else(|| missing("registered limit", id))?;
        let mut new = old.clone();
        fields.fixed("id", Some(id))?;
        new.service_id = fields.text("service_id", 1, 255)?.unwrap_or(new.service_id);
        new.region_id = fields.nullable("region_id", 255)?.unwrap_or(new.region_id);
        new.resource_name = fields.text("resource_name", 1, 255)?.unwrap_or(new.resource_name);
        new.default_limit = amount(&mut fields, "default_limit")?.unwrap_or(new.default_limit);
        new.description = fields.nullable("description", 65_535)?.unwrap_or(new.description);
        fields.nothing_else()?;
        let place =
            |limit: &RegisteredLimit| (limit.service_id.clone(), limit.region_id.clone(), limit.resource_name.clone());
        if place(&old) != place(&new) {
            self.unused_check(&mut tx, id).await?;
            place_check(&mut tx, &new.service_id, new.region_id.as_deref()).await?;
        }
        store::registered_update(&mut tx, &new).await.map_err(|error| exists(error, &new.resource_name))?;
        self.commit(tx, Action::Updated, "registered_limit", id).await?;
        Ok(new)
    }

    pub(crate) async fn registered_limit_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::registered_get(&mut tx, id).await?.ok_or_else(|| missing("registered limit", id))?;
        self.unused_check(&mut tx, id).await?;
        store::registered_delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "registered_limit", id).await
    }

    async fn unused_check(&self, tx: &mut Tx, registered_id: &str) -> Result<()> {
        if store::is_used(tx, registered_id).await? {
            return Err(Error::forbidden(format!(
                "Unable to update or delete registered limit {registered_id} because there are project limits \
                 associated with it; delete those first."
            )));
        }
        Ok(())
    }

    pub(crate) async fn limit_find(&self, id: &str) -> Result<Option<Limit>> {
        Ok(store::get(&self.0.db, id).await?)
    }

    pub(crate) async fn limit_list(&self, seen: Seen<'_>, filters: Vec<Filter>, page: &Page) -> Result<Vec<Limit>> {
        Ok(store::list(&self.0.db, seen, filters, page).await?)
    }

    /// What was set for any of the projects.
    pub(crate) async fn limits_set_for(&self, projects: &[Project]) -> Result<Vec<Limit>> {
        Ok(store::set_for(&self.0.db, projects.iter().map(|project| project.id.as_str())).await?)
    }

    /// Makes several limits, or none.
    pub(crate) async fn limit_create(&self, all: Vec<Map<String, Value>>) -> Result<Vec<Limit>> {
        let mut made = Vec::new();
        let mut tx = self.write().await?;
        for attributes in all {
            let limit = self.limit_of(&mut tx, Fields::new(attributes)).await?;
            store::insert(&mut tx, &limit).await.map_err(|error| exists(error, &limit.resource_name))?;
            self.record(&mut tx, &Change::new(Action::Created, "limit", &limit.id)).await?;
            made.push(limit);
        }
        // When all are there: a domain's limit and those of its projects may come together, in any order.
        for limit in &made {
            self.model_check(&mut tx, limit).await?;
        }
        tx.commit().await?;
        Ok(made)
    }

    async fn limit_of(&self, tx: &mut Tx, mut fields: Fields) -> Result<Limit> {
        let mut project_id = fields.nullable("project_id", 64)?.flatten();
        let mut domain_id = fields.nullable("domain_id", 64)?.flatten();
        let service_id = fields.required("service_id", 1, 255)?;
        let region_id = fields.nullable("region_id", 255)?.flatten();
        let resource_name = fields.required("resource_name", 1, 255)?;
        let resource_limit = amount(&mut fields, "resource_limit")?.ok_or_else(|| required("resource_limit"))?;
        let description = fields.nullable("description", 65_535)?.flatten();
        fields.nothing_else()?;
        if project_id.is_some() == domain_id.is_some() {
            return Err(Error::bad_request("Name a project or a domain that the limit is for, not both."));
        }
        if let Some(id) = &project_id
            && project::get(&mut *tx, id).await?.is_none()
        {
            // A domain may be named as the project that it is too.
            domain_id = project_id.take();
        }
        if let Some(id) = &domain_id {
            let found = domain::get(&mut *tx, id).await?;
            found.ok_or_else(|| Error::bad_request(format!("There is no project or domain {id}.")))?;
        }
        place_check(tx, &service_id, region_id.as_deref()).await?;
        let registered = store::registered_find(tx, &service_id, &resource_name, region_id.as_deref()).await?;
        let registered = registered.ok_or_else(|| {
            Error::forbidden(format!(
                "Unable to create a limit that has no corresponding registered limit: register {resource_name} first."
            ))
        })?;
        Ok(Limit {
            id: self.0.runtime.ids.hex(),
            registered_limit_id: registered.id,
            project_id,
            domain_id,
            service_id,
            region_id,
            resource_name,
            resource_limit,
            description,
        })
    }

    /// Changes how much a limit is, or what is said about it; the rest stands.
    pub(crate) async fn limit_update(&self, id: &str, mut fields: Fields) -> Result<Limit> {
        let mut tx = self.write().await?;
        let mut limit = store::get(&mut tx, id).await?.ok_or_else(|| missing("limit", id))?;
        fields.fixed("id", Some(id))?;
        limit.resource_limit = amount(&mut fields, "resource_limit")?.unwrap_or(limit.resource_limit);
        limit.description = fields.nullable("description", 65_535)?.unwrap_or(limit.description);
        fields.nothing_else()?;
        store::update(&mut tx, &limit).await?;
        self.model_check(&mut tx, &limit).await?;
        self.commit(tx, Action::Updated, "limit", id).await?;
        Ok(limit)
    }

    pub(crate) async fn limit_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::get(&mut tx, id).await?.ok_or_else(|| missing("limit", id))?;
        store::delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "limit", id).await
    }

    /// Under the strict model no project's limit is above its domain's.
    async fn model_check(&self, tx: &mut Tx, limit: &Limit) -> Result<()> {
        if self.limit_model() == Model::Flat {
            return Ok(());
        }
        let above = |limit: i64, other: i64| other >= 0 && (limit < 0 || limit > other);
        let registered_id = &limit.registered_limit_id;
        let fits = match (&limit.project_id, &limit.domain_id) {
            (Some(project_id), _) => {
                let project = project::get(&mut *tx, project_id).await?;
                let domain_id = project.ok_or_else(|| missing("project", project_id))?.domain_id;
                let of_domain = match store::of_domain(&mut *tx, registered_id, &domain_id).await? {
                    Some(limit) => Some(limit),
                    None => store::registered_get(tx, registered_id).await?.map(|registered| registered.default_limit),
                };
                !of_domain.is_some_and(|of_domain| above(limit.resource_limit, of_domain))
            }
            (None, Some(domain_id)) => {
                let largest = store::largest_in_domain(tx, registered_id, domain_id).await?;
                !largest.is_some_and(|largest| above(largest, limit.resource_limit))
            }
            (None, None) => true,
        };
        fits.then_some(()).ok_or_else(|| {
            let (level, id) = match (&limit.project_id, &limit.domain_id) {
                (Some(id), _) => ("project", id.as_str()),
                (None, id) => ("domain", id.as_deref().unwrap_or_default()),
            };
            Error::forbidden(format!(
                "The limit {} of {} for the {level} {id} does not satisfy the strict_two_level model: a domain's limit \
                 must not be smaller than that of any of its projects.",
                limit.resource_limit, limit.resource_name
            ))
        })
    }
}

fn amount(fields: &mut Fields, name: &str) -> Result<Option<i64>> {
    let amount = fields.number(name)?;
    if amount.is_some_and(|amount| !(-1..=i64::from(i32::MAX)).contains(&amount)) {
        return Err(Error::bad_request(format!("{name} must be -1 (no limit) or 0 to 2147483647.")));
    }
    Ok(amount)
}

fn required(name: &str) -> Error {
    Error::bad_request(format!("Invalid input: '{name}' is a required property."))
}

fn exists(error: db::Error, resource: &str) -> Error {
    if error.is_unique() {
        Error::conflict(format!("Conflict occurred attempting to store limit - there is one for {resource} already."))
    } else {
        error.into()
    }
}

/// 400 for a service or region that is not there.
async fn place_check(tx: &mut Tx, service_id: &str, region_id: Option<&str>) -> Result<()> {
    let service = catalog::service_get(&mut *tx, service_id).await?;
    service.ok_or_else(|| Error::bad_request(format!("service_id: there is no service {service_id}.")))?;
    if let Some(id) = region_id {
        let region = catalog::region_get(tx, id).await?;
        region.ok_or_else(|| Error::bad_request(format!("region_id: there is no region {id}.")))?;
    }
    Ok(())
}
