use api::Page;
use db::{On, Result, Tx, sql};

use super::{BY_NAME, Extra, Filter, push_filters, push_page};

db::row! {
    /// A group of users.
    #[derive(Clone, Debug)]
    pub(crate) struct Group {
        pub id: String,
        pub domain_id: String,
        pub name: String,
        pub description: String,
        pub extra: Extra,
    }
}

db::row! {
    /// A user in a group.
    #[derive(Clone, Debug)]
    pub(crate) struct Member {
        pub group_id: String,
        pub user_id: String,
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Group>> {
    sql("SELECT * FROM identity_groups WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<Group>> {
    let mut sql = sql("SELECT * FROM identity_groups WHERE TRUE");
    push_filters(&mut sql, "identity_groups", filters);
    push_page(&mut sql, "identity_groups", BY_NAME, page);
    sql.all(on).await
}

pub(crate) async fn of_user(
    on: impl Into<On<'_>>,
    user_id: &str,
    filters: Vec<Filter>,
    page: &Page,
) -> Result<Vec<Group>> {
    let mut sql = sql("SELECT * FROM identity_groups
         WHERE id IN (SELECT group_id FROM identity_memberships WHERE user_id = $1)")
    .bind(user_id);
    push_filters(&mut sql, "identity_groups", filters);
    push_page(&mut sql, "identity_groups", BY_NAME, page);
    sql.all(on).await
}

pub(crate) async fn insert(tx: &mut Tx, group: &Group) -> Result<()> {
    sql("INSERT INTO identity_groups (id, domain_id, name, description, extra) VALUES ($1, $2, $3, $4, $5)")
        .bind(&group.id)
        .bind(&group.domain_id)
        .bind(&group.name)
        .bind(&group.description)
        .bind(&group.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, group: &Group) -> Result<()> {
    sql("UPDATE identity_groups SET name = $2, description = $3, extra = $4 WHERE id = $1")
        .bind(&group.id)
        .bind(&group.name)
        .bind(&group.description)
        .bind(&group.extra)
        .execute(tx)
        .await
        .map(drop)
}

/// Removes the group and the roles that were given to it.
pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    for text in [
        "DELETE FROM identity_assignments WHERE actor_type = 'group' AND actor_id = $1",
        "DELETE FROM identity_groups WHERE id = $1",
    ] {
        sql(text).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

pub(crate) async fn member_add(tx: &mut Tx, group_id: &str, user_id: &str) -> Result<()> {
    sql("INSERT INTO identity_memberships (user_id, group_id) VALUES ($1, $2) ON CONFLICT (user_id, group_id) DO NOTHING")
        .bind(user_id)
        .bind(group_id)
        .execute(tx)
        .await
        .map(drop)
}

/// Tells whether the user was in the group.
pub(crate) async fn member_remove(tx: &mut Tx, group_id: &str, user_id: &str) -> Result<bool> {
    let rows = sql("DELETE FROM identity_memberships WHERE user_id = $1 AND group_id = $2")
        .bind(user_id)
        .bind(group_id)
        .execute(tx)
        .await?;
    Ok(rows > 0)
}

pub(crate) async fn is_member(on: impl Into<On<'_>>, group_id: &str, user_id: &str) -> Result<bool> {
    let found: Option<String> = sql("SELECT user_id FROM identity_memberships WHERE user_id = $1 AND group_id = $2")
        .bind(user_id)
        .bind(group_id)
        .optional(on)
        .await?;
    Ok(found.is_some())
}

/// The members of several groups.
pub(crate) async fn members(on: impl Into<On<'_>>, groups: &[&str]) -> Result<Vec<Member>> {
    let mut sql = sql("SELECT group_id, user_id FROM identity_memberships WHERE group_id IN ");
    sql.push_list(groups.iter().copied()).push(" ORDER BY group_id, user_id");
    sql.all(on).await
}
