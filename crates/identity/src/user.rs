//! Users.

use api::{Error, Page, Result};

use crate::Identity;
use crate::audit::Action;
use crate::fields::{Fields, missing, taken};
use crate::store::user::{self as store, User};
use crate::store::{Filter, domain};
use crate::token::refused;

impl Identity {
    pub(crate) async fn user_find(&self, id: &str) -> Result<Option<User>> {
        Ok(store::get(&self.0.db, id).await?)
    }

    pub(crate) async fn user_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<User>> {
        Ok(store::list(&self.0.db, filters, page).await?)
    }

    pub(crate) async fn user_create(&self, mut fields: Fields, domain_id: String) -> Result<User> {
        fields.ignore("id");
        let name = fields.required("name", 1, 255)?;
        let password_hash = match fields.nullable("password", 4096)?.flatten() {
            Some(password) => Some(self.0.passwords.hash(&password).await?),
            None => None,
        };
        let user = User {
            id: self.0.runtime.ids.hex(),
            name,
            password_hash,
            default_project_id: fields.nullable("default_project_id", 64)?.flatten(),
            enabled: fields.flag("enabled")?.unwrap_or(true),
            token_generation: 0,
            created_at: self.0.runtime.clock.now(),
            extra: fields.into_extra(),
            domain_id,
        };
        let mut tx = self.write().await?;
        domain::get(&mut tx, &user.domain_id).await?.ok_or_else(|| missing("domain", &user.domain_id))?;
        store::insert(&mut tx, &user).await.map_err(|error| taken(error, "user", &user.name))?;
        self.commit(tx, Action::Created, "user", &user.id).await?;
        Ok(user)
    }

    /// Changes a user. A new password, or disabling, ends all tokens that the user has.
    pub(crate) async fn user_update(&self, id: &str, mut fields: Fields) -> Result<User> {
        let new_hash = match fields.nullable("password", 4096)? {
            Some(Some(password)) => Some(Some(self.0.passwords.hash(&password).await?)),
            Some(None) => Some(None),
            None => None,
        };
        let mut tx = self.write().await?;
        let mut user = store::get(&mut tx, id).await?.ok_or_else(|| missing("user", id))?;
        fields.fixed("id", Some(id))?;
        fields.fixed("domain_id", Some(&user.domain_id))?;
        let enabled = fields.flag("enabled")?.unwrap_or(user.enabled);
        if new_hash.is_some() || (user.enabled && !enabled) {
            user.token_generation += 1;
        }
        user.enabled = enabled;
        user.password_hash = new_hash.unwrap_or(user.password_hash);
        user.name = fields.text("name", 1, 255)?.unwrap_or(user.name);
        user.default_project_id = fields.nullable("default_project_id", 64)?.unwrap_or(user.default_project_id);
        fields.merge_into(&mut user.extra);
        store::update(&mut tx, &user).await.map_err(|error| taken(error, "user", &user.name))?;
        self.commit(tx, Action::Updated, "user", id).await?;
        Ok(user)
    }

    /// Changes the password of whoever knows the old one; ends all tokens that the user has.
    pub(crate) async fn user_password_change(&self, id: &str, old: &str, new: &str) -> Result<()> {
        let account = store::account(&self.0.db, id).await?;
        let old_hash = account.as_ref().and_then(|account| account.password_hash.clone());
        let fits = self.password_fits(account.as_ref(), id, old, old_hash.as_deref()).await?;
        if !fits || !account.is_some_and(|account| account.is_active()) {
            return Err(refused());
        }
        let new_hash = self.0.passwords.hash(new).await?;
        let mut tx = self.write().await?;
        let mut user = store::get(&mut tx, id).await?.ok_or_else(refused)?;
        if user.password_hash != old_hash {
            return Err(Error::conflict("The password was changed at the same moment; try again with the new one."));
        }
        user.password_hash = Some(new_hash);
        user.token_generation += 1;
        store::update(&mut tx, &user).await?;
        self.by_user(id).commit(tx, Action::Updated, "user", id).await
    }

    pub(crate) async fn user_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::get(&mut tx, id).await?.ok_or_else(|| missing("user", id))?;
        store::delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "user", id).await
    }
}
