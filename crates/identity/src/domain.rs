//! Domains.

use api::{Error, Page, Result};

use crate::audit::Action;
use crate::fields::{Fields, missing, taken};
use crate::store::Filter;
use crate::store::domain::{self as store, Domain};
use crate::{Identity, immutable};

impl Identity {
    pub(crate) async fn domain_find(&self, id: &str) -> Result<Option<Domain>> {
        Ok(store::get(&self.0.db, id).await?)
    }

    pub(crate) async fn domain_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<Domain>> {
        Ok(store::list(&self.0.db, filters, page).await?)
    }

    pub(crate) async fn domain_create(&self, mut fields: Fields) -> Result<Domain> {
        fields.ignore("id");
        let domain = Domain {
            id: self.0.runtime.ids.hex(),
            name: fields.required("name", 1, 64)?,
            description: fields.description()?.unwrap_or_default(),
            enabled: fields.flag("enabled")?.unwrap_or(true),
            options: immutable::options(&mut fields)?,
            extra: fields.into_extra(),
        };
        let mut tx = self.write().await?;
        store::insert(&mut tx, &domain).await.map_err(|error| taken(error, "domain", &domain.name))?;
        self.commit(tx, Action::Created, "domain", &domain.id).await?;
        Ok(domain)
    }

    pub(crate) async fn domain_update(&self, id: &str, mut fields: Fields) -> Result<Domain> {
        let mut tx = self.write().await?;
        let mut domain = store::get(&mut tx, id).await?.ok_or_else(|| missing("domain", id))?;
        immutable::update("domain", id, &mut fields, &mut domain.options)?;
        fields.fixed("id", Some(id))?;
        domain.name = fields.text("name", 1, 64)?.unwrap_or(domain.name);
        domain.description = fields.description()?.unwrap_or(domain.description);
        domain.enabled = fields.flag("enabled")?.unwrap_or(domain.enabled);
        fields.merge_into(&mut domain.extra);
        store::update(&mut tx, &domain).await.map_err(|error| taken(error, "domain", &domain.name))?;
        self.commit(tx, Action::Updated, "domain", id).await?;
        Ok(domain)
    }

    pub(crate) async fn domain_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        let domain = store::get(&mut tx, id).await?.ok_or_else(|| missing("domain", id))?;
        immutable::delete("domain", id, &domain.options)?;
        if domain.enabled {
            return Err(Error::forbidden("Cannot delete a domain that is enabled, please disable it first."));
        }
        if id == "default" {
            return Err(Error::forbidden("The default domain cannot be deleted."));
        }
        store::delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "domain", id).await
    }
}
