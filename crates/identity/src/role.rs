//! Roles, and which implies which.

use api::{Error, Page, Result};

use crate::audit::{Action, Change};
use crate::fields::{Fields, missing, taken};
use crate::store::role::{self as store, Implication, Role};
use crate::store::{Filter, domain};
use crate::{Identity, immutable};

impl Identity {
    pub(crate) async fn role_find(&self, id: &str) -> Result<Option<Role>> {
        Ok(store::get(&self.0.db, id).await?)
    }

    pub(crate) async fn role_get(&self, id: &str) -> Result<Role> {
        self.role_find(id).await?.ok_or_else(|| missing("role", id))
    }

    pub(crate) async fn role_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<Role>> {
        Ok(store::list(&self.0.db, filters, page).await?)
    }

    pub(crate) async fn role_create(&self, mut fields: Fields, domain_id: Option<String>) -> Result<Role> {
        fields.ignore("id");
        let role = Role {
            id: self.0.runtime.ids.hex(),
            name: fields.required("name", 1, 255)?,
            domain_id,
            description: fields.nullable("description", 255)?.flatten(),
            options: immutable::options(&mut fields)?,
            extra: fields.into_extra(),
        };
        let mut tx = self.write().await?;
        if let Some(id) = &role.domain_id {
            domain::get(&mut tx, id).await?.ok_or_else(|| missing("domain", id))?;
        }
        store::insert(&mut tx, &role).await.map_err(|error| taken(error, "role", &role.name))?;
        self.commit(tx, Action::Created, "role", &role.id).await?;
        Ok(role)
    }

    pub(crate) async fn role_update(&self, id: &str, mut fields: Fields) -> Result<Role> {
        let mut tx = self.write().await?;
        let mut role = store::get(&mut tx, id).await?.ok_or_else(|| missing("role", id))?;
        immutable::update("role", id, &mut fields, &mut role.options)?;
        fields.fixed("id", Some(id))?;
        fields.fixed("domain_id", role.domain_id.as_deref())?;
        role.name = fields.text("name", 1, 255)?.unwrap_or(role.name);
        role.description = fields.nullable("description", 255)?.unwrap_or(role.description);
        fields.merge_into(&mut role.extra);
        store::update(&mut tx, &role).await.map_err(|error| taken(error, "role", &role.name))?;
        self.commit(tx, Action::Updated, "role", id).await?;
        Ok(role)
    }

    pub(crate) async fn role_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        let role = store::get(&mut tx, id).await?.ok_or_else(|| missing("role", id))?;
        immutable::delete("role", id, &role.options)?;
        store::delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "role", id).await
    }

    pub(crate) async fn implication_list(&self) -> Result<Vec<Implication>> {
        Ok(store::implications(&self.0.db).await?)
    }

    /// The implied role and the prior one; 404 when the one does not imply the other.
    pub(crate) async fn implication_get(&self, prior_id: &str, implied_id: &str) -> Result<(Role, Role)> {
        let known = self.implication_list().await?;
        if !known.iter().any(|one| one.prior_id == prior_id && one.implied_id == implied_id) {
            return Err(missing("implied role", implied_id));
        }
        Ok((self.role_get(prior_id).await?, self.role_get(implied_id).await?))
    }

    pub(crate) async fn implication_create(&self, prior_id: &str, implied_id: &str) -> Result<(Role, Role)> {
        let mut tx = self.write().await?;
        let prior = store::get(&mut tx, prior_id).await?.ok_or_else(|| missing("role", prior_id))?;
        let implied = store::get(&mut tx, implied_id).await?.ok_or_else(|| missing("role", implied_id))?;
        if implied.name.eq_ignore_ascii_case("admin") {
            return Err(Error::forbidden("The role admin must not be implied by another: give it openly."));
        }
        if implied.domain_id.is_some() && prior.domain_id.is_none() {
            return Err(Error::forbidden("A role of a domain cannot be implied by one that all domains know."));
        }
        store::imply(&mut tx, prior_id, implied_id).await?;
        let details = &[("implied_role_id", implied_id)];
        let change = Change { action: Action::Created, kind: "implied_role", id: prior_id, details };
        self.commit_change(tx, &change).await?;
        Ok((prior, implied))
    }

    pub(crate) async fn implication_delete(&self, prior_id: &str, implied_id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        if store::imply_not(&mut tx, prior_id, implied_id).await? == 0 {
            return Err(missing("implied role", implied_id));
        }
        let details = &[("implied_role_id", implied_id)];
        let change = Change { action: Action::Deleted, kind: "implied_role", id: prior_id, details };
        self.commit_change(tx, &change).await
    }
}
