//! Regions, services, endpoints, and the catalog made of them.

use std::collections::BTreeSet;

use api::{Error, Page, Result};
use serde_json::{Value, json};

use crate::audit::Action;
use crate::directory::{Catalog, Directory};
use crate::fields::{Fields, missing, taken};
use crate::store::catalog::{self as store, Endpoint, Region, Service};
use crate::store::endpoint_filter::{self, Shown};
use crate::store::{Extra, Filter, revision};
use crate::{Identity, TokenData};

pub(crate) const INTERFACES: &[&str] = &["public", "internal", "admin"];

impl Identity {
    /// The catalog as the token's user sees it.
    pub(crate) async fn catalog(&self, token: &TokenData) -> Result<Catalog> {
        self.catalog_at(revision::get(&self.0.db).await?, token).await
    }

    /// The same as of a revision that was just looked up.
    pub(crate) async fn catalog_at(&self, revision: i64, token: &TokenData) -> Result<Catalog> {
        let directory = self.directory(revision).await?;
        if let Some(known) = directory.catalog_known(token) {
            return Ok(known);
        }
        let shown = self.catalog_filter(&directory, token).await?;
        let mut services = Vec::new();
        for service in &directory.services {
            let own = directory.endpoints.iter().filter(|endpoint| endpoint.service_id == service.id);
            let own: Vec<&Endpoint> = match &shown {
                Some(shown) => own.filter(|endpoint| shown.contains(endpoint.id.as_str())).collect(),
                None => own.collect(),
            };
            if own.is_empty() && shown.is_some() {
                continue;
            }
            let endpoints: Vec<Value> = own.into_iter().filter_map(|endpoint| show(endpoint, token)).collect();
            services
                .push(json!({"id": service.id, "type": service.kind, "name": service.name, "endpoints": endpoints}));
        }
        directory.catalog_keep(token, &Value::Array(services))
    }

    /// The ids of the endpoints that the token's project is shown, if not all are.
    async fn catalog_filter<'d>(
        &self,
        directory: &'d Directory,
        token: &TokenData,
    ) -> Result<Option<BTreeSet<&'d str>>> {
        let (true, Some(project_id)) = (directory.is_filtered, &token.project_id) else { return Ok(None) };
        let db = &self.0.db;
        let ids = endpoint_filter::of_project(db, Shown::Endpoint, project_id).await?;
        let groups = endpoint_filter::of_project(db, Shown::Group, project_id).await?;
        let groups: Vec<_> = directory.endpoint_groups.iter().filter(|group| groups.contains(&group.id)).collect();
        let shown = directory
            .endpoints
            .iter()
            .filter(|endpoint| ids.contains(&endpoint.id) || groups.iter().any(|group| group.has(endpoint)));
        let shown: BTreeSet<&str> = shown.map(|endpoint| endpoint.id.as_str()).collect();
        Ok(if shown.is_empty() { None } else { Some(shown) })
    }

    pub(crate) async fn region_get(&self, id: &str) -> Result<Region> {
        store::region_get(&self.0.db, id).await?.ok_or_else(|| missing("region", id))
    }

    pub(crate) async fn region_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<Region>> {
        Ok(store::region_list(&self.0.db, filters, page).await?)
    }

    /// Makes a region; its id is the client's to choose.
    pub(crate) async fn region_create(&self, mut fields: Fields) -> Result<Region> {
        let id = fields.nullable("id", 255)?.flatten().filter(|id| !id.is_empty());
        let region = Region {
            id: id.unwrap_or_else(|| self.0.runtime.ids.hex()),
            parent_id: fields.nullable("parent_region_id", 255)?.flatten(),
            description: fields.description()?.unwrap_or_default(),
            extra: fields.into_extra(),
        };
        let mut tx = self.write().await?;
        if let Some(parent_id) = &region.parent_id {
            store::region_get(&mut tx, parent_id).await?.ok_or_else(|| missing("region", parent_id))?;
        }
        store::region_insert(&mut tx, &region).await.map_err(|error| taken(error, "region", &region.id))?;
        self.commit(tx, Action::Created, "region", &region.id).await?;
        Ok(region)
    }

    pub(crate) async fn region_update(&self, id: &str, mut fields: Fields) -> Result<Region> {
        let mut tx = self.write().await?;
        let mut region = store::region_get(&mut tx, id).await?.ok_or_else(|| missing("region", id))?;
        fields.fixed("id", Some(id))?;
        if let Some(parent_id) = fields.nullable("parent_region_id", 255)? {
            if let Some(parent_id) = &parent_id {
                store::region_get(&mut tx, parent_id).await?.ok_or_else(|| missing("region", parent_id))?;
                if store::region_is_above(&mut tx, id, parent_id).await? {
                    return Err(Error::bad_request("A region cannot stand below itself."));
                }
            }
            region.parent_id = parent_id;
        }
        region.description = fields.description()?.unwrap_or(region.description);
        fields.merge_into(&mut region.extra);
        store::region_update(&mut tx, &region).await?;
        self.commit(tx, Action::Updated, "region", id).await?;
        Ok(region)
    }

    /// Removes a region and those below it.
    pub(crate) async fn region_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::region_get(&mut tx, id).await?.ok_or_else(|| missing("region", id))?;
        store::region_delete(&mut tx, id).await.map_err(|error| match error {
            db::Error::ForeignKey => {
                Error::forbidden(format!("The region {id} or one below it has endpoints; delete those first."))
            }
            other => other.into(),
        })?;
        self.commit(tx, Action::Deleted, "region", id).await
    }

    pub(crate) async fn service_get(&self, id: &str) -> Result<Service> {
        store::service_get(&self.0.db, id).await?.ok_or_else(|| missing("service", id))
    }

    pub(crate) async fn service_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<Service>> {
        Ok(store::service_list(&self.0.db, filters, page).await?)
    }

    pub(crate) async fn service_create(&self, mut fields: Fields) -> Result<Service> {
        fields.ignore("id");
        let service = Service {
            id: self.0.runtime.ids.hex(),
            kind: fields.required("type", 1, 255)?,
            name: fields.nullable("name", 255)?.flatten().unwrap_or_default(),
            description: fields.nullable("description", 65_535)?.flatten(),
            enabled: fields.flag("enabled")?.unwrap_or(true),
            extra: fields.into_extra(),
        };
        let mut tx = self.write().await?;
        store::service_insert(&mut tx, &service).await?;
        self.commit(tx, Action::Created, "service", &service.id).await?;
        Ok(service)
    }

    pub(crate) async fn service_update(&self, id: &str, mut fields: Fields) -> Result<Service> {
        let mut tx = self.write().await?;
        let mut service = store::service_get(&mut tx, id).await?.ok_or_else(|| missing("service", id))?;
        fields.fixed("id", Some(id))?;
        service.kind = fields.text("type", 1, 255)?.unwrap_or(service.kind);
        service.name = fields.nullable("name", 255)?.map_or(service.name, Option::unwrap_or_default);
        service.description = fields.nullable("description", 65_535)?.unwrap_or(service.description);
        service.enabled = fields.flag("enabled")?.unwrap_or(service.enabled);
        fields.merge_into(&mut service.extra);
        store::service_update(&mut tx, &service).await?;
        self.commit(tx, Action::Updated, "service", id).await?;
        Ok(service)
    }

    /// Removes a service and its endpoints.
    pub(crate) async fn service_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::service_get(&mut tx, id).await?.ok_or_else(|| missing("service", id))?;
        store::service_delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "service", id).await
    }

    pub(crate) async fn endpoint_get(&self, id: &str) -> Result<Endpoint> {
        store::endpoint_get(&self.0.db, id).await?.ok_or_else(|| missing("endpoint", id))
    }

    pub(crate) async fn endpoint_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<Endpoint>> {
        Ok(store::endpoint_list(&self.0.db, filters, page).await?)
    }

    pub(crate) async fn endpoint_create(&self, mut fields: Fields) -> Result<Endpoint> {
        fields.ignore("id");
        let mut tx = self.write().await?;
        let endpoint = Endpoint {
            id: self.0.runtime.ids.hex(),
            service_id: fields.required("service_id", 1, 64)?,
            region_id: region_of(&mut tx, &mut fields).await?.flatten(),
            interface: fields.required("interface", 1, 8)?,
            url: fields.required("url", 1, 2000)?,
            enabled: fields.flag("enabled")?.unwrap_or(true),
            extra: fields.into_extra(),
        };
        self.endpoint_check(&mut tx, &endpoint).await?;
        store::endpoint_insert(&mut tx, &endpoint).await?;
        self.commit(tx, Action::Created, "endpoint", &endpoint.id).await?;
        Ok(endpoint)
    }

    pub(crate) async fn endpoint_update(&self, id: &str, mut fields: Fields) -> Result<Endpoint> {
        let mut tx = self.write().await?;
        let mut endpoint = store::endpoint_get(&mut tx, id).await?.ok_or_else(|| missing("endpoint", id))?;
        fields.fixed("id", Some(id))?;
        endpoint.service_id = fields.text("service_id", 1, 64)?.unwrap_or(endpoint.service_id);
        endpoint.region_id = region_of(&mut tx, &mut fields).await?.unwrap_or(endpoint.region_id);
        endpoint.interface = fields.text("interface", 1, 8)?.unwrap_or(endpoint.interface);
        endpoint.url = fields.text("url", 1, 2000)?.unwrap_or(endpoint.url);
        endpoint.enabled = fields.flag("enabled")?.unwrap_or(endpoint.enabled);
        fields.merge_into(&mut endpoint.extra);
        self.endpoint_check(&mut tx, &endpoint).await?;
        store::endpoint_update(&mut tx, &endpoint).await?;
        self.commit(tx, Action::Updated, "endpoint", id).await?;
        Ok(endpoint)
    }

    async fn endpoint_check(&self, tx: &mut db::Tx, endpoint: &Endpoint) -> Result<()> {
        if !INTERFACES.contains(&endpoint.interface.as_str()) {
            return Err(Error::bad_request("interface must be public, internal or admin."));
        }
        url_check(&endpoint.url)?;
        let service = store::service_get(&mut *tx, &endpoint.service_id).await?;
        service.ok_or_else(|| Error::bad_request(format!("There is no service {}.", endpoint.service_id)))?;
        if let Some(id) = &endpoint.region_id {
            let region = store::region_get(tx, id).await?;
            region.ok_or_else(|| Error::bad_request(format!("There is no region {id}; make it first.")))?;
        }
        Ok(())
    }

    pub(crate) async fn endpoint_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::endpoint_get(&mut tx, id).await?.ok_or_else(|| missing("endpoint", id))?;
        store::endpoint_delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "endpoint", id).await
    }
}

/// An endpoint in the catalog; `None` if its address needs what the token does not have.
fn show(endpoint: &Endpoint, token: &TokenData) -> Option<Value> {
    Some(json!({
        "id": endpoint.id,
        "interface": endpoint.interface,
        "region": endpoint.region_id,
        "region_id": endpoint.region_id,
        "url": url_for(&endpoint.url, token)?,
    }))
}

/// The endpoint's region; `region` is its older name.
async fn region_of(tx: &mut db::Tx, fields: &mut Fields) -> Result<Option<Option<String>>> {
    let legacy = fields.nullable("region", 255)?;
    let region_id = fields.nullable("region_id", 255)?;
    if let (None, Some(Some(id))) = (&region_id, &legacy)
        && store::region_get(&mut *tx, id).await?.is_none()
    {
        let (id, parent_id, description) = (id.clone(), None, String::new());
        store::region_insert(tx, &Region { id, parent_id, description, extra: Extra::default() }).await?;
    }
    Ok(region_id.or(legacy))
}

/// Refuses addresses whose placeholders nobody could fill in.
fn url_check(url: &str) -> Result<()> {
    let everything =
        TokenData { project_id: Some(String::new()), domain_id: Some(String::new()), ..TokenData::default() };
    let known = url.starts_with("http") && url_for(url, &everything).is_some();
    known.then_some(()).ok_or_else(|| {
        Error::bad_request(
            "url must be an http(s) address; %(project_id)s, %(user_id)s and %(domain_id)s are filled in.",
        )
    })
}

/// Fills in `%(project_id)s` and its like; `None` when the token has no such thing, so that the endpoint is left out.
fn url_for(template: &str, token: &TokenData) -> Option<String> {
    let mut url = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['%', '$']) {
        let (before, after) = rest.split_at(at);
        url.push_str(before);
        let Some((name, behind)) = after[1..].strip_prefix('(').and_then(|inner| inner.split_once(")s")) else {
            url.push_str(&after[..1]);
            rest = &after[1..];
            continue;
        };
        url.push_str(match name {
            "project_id" | "tenant_id" => token.project_id.as_deref()?,
            "user_id" => &token.user_id,
            "domain_id" => token.domain_id.as_deref()?,
            _ => return None,
        });
        rest = behind;
    }
    url.push_str(rest);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in() {
        let token = TokenData { project_id: Some("p".into()), user_id: "u".into(), ..TokenData::default() };
        let url = |template| url_for(template, &token);
        assert_eq!(url("http://h/v3/%(project_id)s").as_deref(), Some("http://h/v3/p"));
        assert_eq!(url("http://h/$(tenant_id)s/x%20y/$(user_id)s").as_deref(), Some("http://h/p/x%20y/u"));
        assert_eq!(url("http://h/%(nothing)s"), None);
        assert_eq!(url("http://h/%(project_id)").as_deref(), Some("http://h/%(project_id)"));
        assert_eq!(url_for("http://h/%(project_id)s", &TokenData::default()), None);
    }
}
