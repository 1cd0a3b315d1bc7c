//! Which endpoints the catalog shows a project: single ones and groups. A project without any sees all.

use api::{Error, Page, Result};
use serde_json::Value;

use crate::Identity;
use crate::audit::{Action, Change};
use crate::catalog::INTERFACES;
use crate::fields::{Fields, missing};
use crate::store::catalog::{self, Endpoint};
use crate::store::endpoint_filter::{self as store, EndpointGroup, Shown};
use crate::store::project::{self, Project};
use crate::store::{Extra, Filter};

impl Identity {
    pub(crate) async fn endpoint_group_get(&self, id: &str) -> Result<EndpointGroup> {
        store::get(&self.0.db, id).await?.ok_or_else(|| missing("endpoint group", id))
    }

    pub(crate) async fn endpoint_group_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<EndpointGroup>> {
        Ok(store::list(&self.0.db, filters, page).await?)
    }

    pub(crate) async fn endpoint_group_create(&self, mut fields: Fields) -> Result<EndpointGroup> {
        fields.ignore("id");
        let group = EndpointGroup {
            id: self.0.runtime.ids.hex(),
            name: fields.required("name", 1, 255)?,
            description: fields.nullable("description", 65_535)?.flatten(),
            filters: filters_of(&mut fields)?
                .ok_or_else(|| Error::bad_request("filters field is required and cannot be empty"))?,
            extra: fields.into_extra(),
        };
        let mut tx = self.write().await?;
        store::insert(&mut tx, &group).await?;
        self.commit(tx, Action::Created, "endpoint_group", &group.id).await?;
        Ok(group)
    }

    pub(crate) async fn endpoint_group_update(&self, id: &str, mut fields: Fields) -> Result<EndpointGroup> {
        let mut tx = self.write().await?;
        let mut group = store::get(&mut tx, id).await?.ok_or_else(|| missing("endpoint group", id))?;
        fields.fixed("id", Some(id))?;
        group.name = fields.text("name", 1, 255)?.unwrap_or(group.name);
        group.description = fields.nullable("description", 65_535)?.unwrap_or(group.description);
        group.filters = filters_of(&mut fields)?.unwrap_or(group.filters);
        fields.merge_into(&mut group.extra);
        store::update(&mut tx, &group).await?;
        self.commit(tx, Action::Updated, "endpoint_group", id).await?;
        Ok(group)
    }

    pub(crate) async fn endpoint_group_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::get(&mut tx, id).await?.ok_or_else(|| missing("endpoint group", id))?;
        store::delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "endpoint_group", id).await
    }

    /// The endpoints in a group.
    pub(crate) async fn endpoint_group_endpoints(&self, id: &str) -> Result<Vec<Endpoint>> {
        let group = self.endpoint_group_get(id).await?;
        let mut endpoints = self.endpoint_list(Vec::new(), &Page::default()).await?;
        endpoints.retain(|endpoint| group.has(endpoint));
        Ok(endpoints)
    }

    /// The projects that are shown an endpoint or a group.
    pub(crate) async fn endpoint_filter_projects(&self, what: Shown, id: &str) -> Result<Vec<Project>> {
        self.shown_get(what, id).await?;
        Ok(store::projects(&self.0.db, what, id).await?)
    }

    /// The groups of endpoints that a project is shown.
    pub(crate) async fn endpoint_groups_of_project(&self, project_id: &str) -> Result<Vec<EndpointGroup>> {
        self.project_get(project_id).await?;
        let ids = store::of_project(&self.0.db, Shown::Group, project_id).await?;
        let mut groups = self.endpoint_group_list(Vec::new(), &Page::default()).await?;
        groups.retain(|group| ids.contains(&group.id));
        Ok(groups)
    }

    /// The endpoints that a project is shown, alone and in groups; none when its catalog is not filtered.
    pub(crate) async fn endpoints_of_project(&self, project_id: &str) -> Result<Vec<Endpoint>> {
        let groups = self.endpoint_groups_of_project(project_id).await?;
        let ids = store::of_project(&self.0.db, Shown::Endpoint, project_id).await?;
        let mut endpoints = self.endpoint_list(Vec::new(), &Page::default()).await?;
        endpoints.retain(|endpoint| ids.contains(&endpoint.id) || groups.iter().any(|group| group.has(endpoint)));
        Ok(endpoints)
    }

    pub(crate) async fn endpoint_filter_add(&self, what: Shown, project_id: &str, id: &str) -> Result<()> {
        self.shown_get(what, id).await?;
        let mut tx = self.write().await?;
        project::get(&mut tx, project_id).await?.ok_or_else(|| missing("project", project_id))?;
        store::show(&mut tx, what, project_id, id).await?;
        let details = &[("shown_id", id)];
        let change = Change { action: Action::Created, kind: "endpoint_filter", id: project_id, details };
        self.commit_change(tx, &change).await
    }

    pub(crate) async fn endpoint_filter_check(&self, what: Shown, project_id: &str, id: &str) -> Result<()> {
        self.shown_get(what, id).await?;
        self.project_get(project_id).await?;
        let found = store::is_shown(&self.0.db, what, project_id, id).await?;
        found.then_some(()).ok_or_else(|| missing("endpoint or group in the project", id))
    }

    pub(crate) async fn endpoint_filter_remove(&self, what: Shown, project_id: &str, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        if !store::hide(&mut tx, what, project_id, id).await? {
            return Err(missing("endpoint or group in the project", id));
        }
        let details = &[("shown_id", id)];
        let change = Change { action: Action::Deleted, kind: "endpoint_filter", id: project_id, details };
        self.commit_change(tx, &change).await
    }

    async fn shown_get(&self, what: Shown, id: &str) -> Result<()> {
        match what {
            Shown::Endpoint => {
                catalog::endpoint_get(&self.0.db, id).await?.map(drop).ok_or_else(|| missing("endpoint", id))
            }
            Shown::Group => self.endpoint_group_get(id).await.map(drop),
        }
    }

    async fn project_get(&self, id: &str) -> Result<Project> {
        self.project_find(id).await?.ok_or_else(|| missing("project", id))
    }
}

fn filters_of(fields: &mut Fields) -> Result<Option<Extra>> {
    // The stock client sends null for what does not change.
    if fields.is_null("filters") {
        fields.ignore("filters");
    }
    let Some(filters) = fields.object("filters")? else { return Ok(None) };
    for (name, value) in &filters {
        match (name.as_str(), value) {
            ("service_id" | "region_id", Value::String(_)) => {}
            ("interface", Value::String(interface)) if INTERFACES.contains(&interface.as_str()) => {}
            _ => {
                return Err(Error::bad_request(
                    "filters may have service_id, region_id and interface (public, internal or admin), each a text.",
                ));
            }
        }
    }
    if filters.is_empty() {
        return Err(Error::bad_request("filters field is required and cannot be empty"));
    }
    Ok(Some(db::Json(filters)))
}
