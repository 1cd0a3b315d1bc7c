//! Groups and who is in them.

use api::{Page, Result};

use crate::Identity;
use crate::audit::{Action, Change};
use crate::fields::{Fields, missing, taken};
use crate::store::group::{self as store, Group};
use crate::store::user;
use crate::store::{Filter, domain};

impl Identity {
    pub(crate) async fn group_find(&self, id: &str) -> Result<Option<Group>> {
        Ok(store::get(&self.0.db, id).await?)
    }

    pub(crate) async fn group_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<Group>> {
        Ok(store::list(&self.0.db, filters, page).await?)
    }

    pub(crate) async fn group_list_of_user(&self, id: &str, filters: Vec<Filter>, page: &Page) -> Result<Vec<Group>> {
        Ok(store::of_user(&self.0.db, id, filters, page).await?)
    }

    pub(crate) async fn group_create(&self, mut fields: Fields, domain_id: String) -> Result<Group> {
        fields.ignore("id");
        let group = Group {
            id: self.0.runtime.ids.hex(),
            name: fields.required("name", 1, 64)?,
            description: fields.description()?.unwrap_or_default(),
            extra: fields.into_extra(),
            domain_id,
        };
        let mut tx = self.write().await?;
        domain::get(&mut tx, &group.domain_id).await?.ok_or_else(|| missing("domain", &group.domain_id))?;
        store::insert(&mut tx, &group).await.map_err(|error| taken(error, "group", &group.name))?;
        self.commit(tx, Action::Created, "group", &group.id).await?;
        Ok(group)
    }

    pub(crate) async fn group_update(&self, id: &str, mut fields: Fields) -> Result<Group> {
        let mut tx = self.write().await?;
        let mut group = store::get(&mut tx, id).await?.ok_or_else(|| missing("group", id))?;
        fields.fixed("id", Some(id))?;
        fields.fixed("domain_id", Some(&group.domain_id))?;
        group.name = fields.text("name", 1, 64)?.unwrap_or(group.name);
        group.description = fields.description()?.unwrap_or(group.description);
        fields.merge_into(&mut group.extra);
        store::update(&mut tx, &group).await.map_err(|error| taken(error, "group", &group.name))?;
        self.commit(tx, Action::Updated, "group", id).await?;
        Ok(group)
    }

    pub(crate) async fn group_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::get(&mut tx, id).await?.ok_or_else(|| missing("group", id))?;
        store::delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "group", id).await
    }

    pub(crate) async fn member_add(&self, group_id: &str, user_id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::get(&mut tx, group_id).await?.ok_or_else(|| missing("group", group_id))?;
        user::get(&mut tx, user_id).await?.ok_or_else(|| missing("user", user_id))?;
        store::member_add(&mut tx, group_id, user_id).await?;
        let details = &[("user_id", user_id)];
        let change = Change { action: Action::Created, kind: "group_membership", id: group_id, details };
        self.commit_change(tx, &change).await
    }

    pub(crate) async fn member_check(&self, group_id: &str, user_id: &str) -> Result<()> {
        let found = store::is_member(&self.0.db, group_id, user_id).await?;
        found.then_some(()).ok_or_else(|| missing("user in the group", user_id))
    }

    pub(crate) async fn member_remove(&self, group_id: &str, user_id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        if !store::member_remove(&mut tx, group_id, user_id).await? {
            return Err(missing("user in the group", user_id));
        }
        let details = &[("user_id", user_id)];
        let change = Change { action: Action::Deleted, kind: "group_membership", id: group_id, details };
        self.commit_change(tx, &change).await
    }
}
