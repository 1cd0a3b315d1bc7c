//! Users.

use api::{Error, Page, Result};

use crate::Identity;
use crate::audit::Action;
use crate::authentication::Named;
use crate::fields::{Fields, missing, taken};
use crate::store::user::{self as store, Expiry, User};
use crate::store::{Extra, Filter, application_credential, domain};
use crate::token::refused;
use crate::user_options;

impl Identity {
    pub(crate) async fn user_find(&self, id: &str) -> Result<Option<User>> {
        Ok(store::get(&self.0.db, id).await?)
    }

    /// A page of users, of a group if one is named.
    pub(crate) async fn user_list(
        &self,
        group_id: Option<&str>,
        filters: Vec<Filter>,
        expiry: Option<&Expiry>,
        page: &Page,
    ) -> Result<Vec<User>> {
        Ok(store::list(&self.0.db, group_id, filters, expiry, page).await?)
    }

    pub(crate) async fn user_create(&self, mut fields: Fields, domain_id: String) -> Result<User> {
        fields.ignore("id");
        let name = fields.required("name", 1, 255)?;
        let hash = match fields.nullable("password", 4096)?.flatten() {
            Some(password) => {
                self.password_check(&password)?;
                Some(self.0.passwords.hash(&password).await?)
            }
            None => None,
        };
        let mut options = Extra::default();
        user_options::merge(&mut options.0, fields.options()?)?;
        let mut user = User {
            default_project_id: fields.nullable("default_project_id", 64)?.flatten(),
            enabled: fields.flag("enabled")?.unwrap_or(true),
            options,
            extra: fields.into_extra(),
            ..User::new(self.0.runtime.ids.hex(), domain_id, name, self.0.runtime.clock.now())
        };
        self.password_put(&mut user, hash, false);
        let mut tx = self.write().await?;
        domain::get(&mut tx, &user.domain_id).await?.ok_or_else(|| missing("domain", &user.domain_id))?;
        store::insert(&mut tx, &user).await.map_err(|error| taken(error, "user", &user.name))?;
        self.commit(tx, Action::Created, "user", &user.id).await?;
        Ok(user)
    }

    /// Changes a user. A new password, or disabling, ends all tokens that the user has.
    pub(crate) async fn user_update(&self, id: &str, mut fields: Fields) -> Result<User> {
        let new_hash = match fields.nullable("password", 4096)? {
            Some(Some(password)) => {
                self.password_check(&password)?;
                Some(Some(self.0.passwords.hash(&password).await?))
            }
            Some(None) => Some(None),
            None => None,
        };
        let mut tx = self.write().await?;
        let mut user = store::get(&mut tx, id).await?.ok_or_else(|| missing("user", id))?;
        fields.fixed("id", Some(id))?;
        fields.fixed("domain_id", Some(&user.domain_id))?;
        user_options::merge(&mut user.options.0, fields.options()?)?;
        match fields.flag("enabled")? {
            Some(true) => {
                user.enabled = true;
                (user.failed_auth_count, user.failed_auth_at) = (0, None);
                user.last_active_at = Some(self.0.runtime.clock.now());
            }
            Some(false) if user.enabled => {
                user.enabled = false;
                user.token_generation += 1;
                application_credential::delete_of_user(&mut tx, id, None).await?;
                application_credential::rules_delete_of_user(&mut tx, id).await?;
            }
            _ => {}
        }
        if let Some(hash) = new_hash {
            self.password_set(&mut tx, &mut user, hash, false).await?;
        }
        user.name = fields.text("name", 1, 255)?.unwrap_or(user.name);
        user.default_project_id = fields.nullable("default_project_id", 64)?.unwrap_or(user.default_project_id);
        fields.merge_into(&mut user.extra);
        store::update(&mut tx, &user).await.map_err(|error| taken(error, "user", &user.name))?;
        self.commit(tx, Action::Updated, "user", id).await?;
        Ok(user)
    }

    /// Changes the password of whoever knows the old one, expired or not; ends all tokens that the user has.
    pub(crate) async fn user_password_change(&self, id: &str, old: &str, new: &str) -> Result<()> {
        let account = self.password_proof(&Named::Id(id.to_owned()), old).await?;
        let known = store::get(&self.0.db, id).await?.ok_or_else(refused)?;
        self.password_change_check(&known, new).await?;
        let hash = self.0.passwords.hash(new).await?;
        let mut tx = self.write().await?;
        let mut user = store::get(&mut tx, id).await?.ok_or_else(refused)?;
        if user.password_hash != account.password_hash {
            return Err(Error::conflict("The password was changed at the same moment; try again with the new one."));
        }
        self.password_set(&mut tx, &mut user, Some(hash), true).await?;
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
