use db::{On, Result, Sql, Tx, sql};

db::row! {
    /// A role given to a user or group on a project, a domain or the system.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) struct Assignment {
        pub actor_type: String,
        pub actor_id: String,
        pub target_type: String,
        pub target_id: String,
        pub role_id: String,
        pub inherited: bool,
    }
}

db::row! {
    /// What a thing is called.
    pub(crate) struct Name {
        pub id: String,
        pub name: String,
        pub domain_id: Option<String>,
    }
}

/// Which assignments a list asks for; absent means any.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub user_id: Option<String>,
    /// With `user_id`: those of the user's groups as well.
    pub with_groups: bool,
    pub group_id: Option<String>,
    pub role_id: Option<String>,
    /// Any of these kinds and ids; empty means any at all.
    pub targets: Vec<(&'static str, String)>,
    pub inherited: Option<bool>,
    /// Only those on this domain and on the projects in it.
    pub domain_id: Option<String>,
}

impl Wanted {
    /// Whether the place is among the wanted ones.
    pub fn fits(&self, target_type: &str, target_id: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|(kind, id)| *kind == target_type && id == target_id)
    }
}

/// Tells whether the assignment is new.
pub(crate) async fn insert(tx: &mut Tx, new: &Assignment) -> Result<bool> {
    let rows = sql("INSERT INTO identity_assignments
            (actor_type, actor_id, target_type, target_id, role_id, inherited) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (actor_type, actor_id, target_type, target_id, role_id, inherited) DO NOTHING")
    .bind(&new.actor_type)
    .bind(&new.actor_id)
    .bind(&new.target_type)
    .bind(&new.target_id)
    .bind(&new.role_id)
    .bind(new.inherited)
    .execute(tx)
    .await?;
    Ok(rows > 0)
}

/// Tells whether there was such an assignment.
pub(crate) async fn delete(tx: &mut Tx, old: &Assignment) -> Result<bool> {
    Ok(exactly(sql("DELETE FROM identity_assignments"), old).execute(tx).await? > 0)
}

pub(crate) async fn exists(on: impl Into<On<'_>>, wanted: &Assignment) -> Result<bool> {
    let found: Option<String> = exactly(sql("SELECT role_id FROM identity_assignments"), wanted).optional(on).await?;
    Ok(found.is_some())
}

fn exactly(mut sql: Sql, wanted: &Assignment) -> Sql {
    for (condition, value) in [
        (" WHERE actor_type = ", &wanted.actor_type),
        (" AND actor_id = ", &wanted.actor_id),
        (" AND target_type = ", &wanted.target_type),
        (" AND target_id = ", &wanted.target_id),
        (" AND role_id = ", &wanted.role_id),
    ] {
        sql.push(condition).push_bind(value);
    }
    sql.push(" AND inherited = ").push_bind(wanted.inherited);
    sql
}

pub(crate) async fn list(on: impl Into<On<'_>>, wanted: &Wanted) -> Result<Vec<Assignment>> {
    let mut sql = sql("SELECT * FROM identity_assignments WHERE TRUE");
    if let Some(user_id) = &wanted.user_id {
        sql.push(" AND ((actor_type = 'user' AND actor_id = ").push_bind(user_id).push(")");
        if wanted.with_groups {
            sql.push(" OR (actor_type = 'group' AND actor_id IN (SELECT group_id FROM identity_memberships");
            sql.push(" WHERE user_id = ").push_bind(user_id).push("))");
        }
        sql.push(")");
    }
    if let Some(group_id) = &wanted.group_id {
        sql.push(" AND actor_type = 'group' AND actor_id = ").push_bind(group_id);
    }
    if let Some(role_id) = &wanted.role_id {
        sql.push(" AND role_id = ").push_bind(role_id);
    }
    for (index, (kind, id)) in wanted.targets.iter().enumerate() {
        sql.push(if index == 0 { " AND (" } else { " OR " });
        sql.push("(target_type = ").push_bind(*kind).push(" AND target_id = ").push_bind(id).push(")");
    }
    if !wanted.targets.is_empty() {
        sql.push(")");
    }
    if let Some(inherited) = wanted.inherited {
        sql.push(" AND inherited = ").push_bind(inherited);
    }
    if let Some(domain_id) = &wanted.domain_id {
        sql.push(" AND ((target_type = 'domain' AND target_id = ").push_bind(domain_id);
        sql.push(") OR (target_type = 'project' AND target_id IN (SELECT id FROM identity_projects WHERE domain_id = ");
        sql.push_bind(domain_id).push(")))");
    }
    sql.push(" ORDER BY target_type, target_id, actor_type, actor_id, role_id, inherited");
    sql.all(on).await
}

/// Narrows assignments down to the user's own and those of its groups.
fn push_mine<'a>(sql: &'a mut Sql, user_id: &str) -> &'a mut Sql {
    sql.push(" AND ((actor_type = 'user' AND actor_id = ").push_bind(user_id);
    sql.push(") OR (actor_type = 'group' AND actor_id IN (SELECT group_id FROM identity_memberships WHERE user_id = ");
    sql.push_bind(user_id).push(")))")
}

/// The ids of the roles that the user has on the project, by itself, by groups, or inherited from above.
pub(crate) async fn roles_on_project(
    on: impl Into<On<'_>>,
    user_id: &str,
    project_id: &str,
    domain_id: &str,
) -> Result<Vec<String>> {
    let mut sql = sql("WITH RECURSIVE up AS (
            SELECT parent_id FROM identity_projects WHERE id = $1
            UNION SELECT p.parent_id FROM identity_projects p JOIN up ON p.id = up.parent_id)
         SELECT DISTINCT role_id FROM identity_assignments
         WHERE ((target_type = 'project' AND target_id = $1 AND NOT inherited)
            OR (target_type = 'project' AND inherited
                AND target_id IN (SELECT parent_id FROM up WHERE parent_id IS NOT NULL))
            OR (target_type = 'domain' AND target_id = $2 AND inherited))")
    .bind(project_id)
    .bind(domain_id);
    push_mine(&mut sql, user_id);
    sql.all(on).await
}

/// The ids of the roles that the user has on a domain, or on the system, by itself or by groups.
pub(crate) async fn roles_on(
    on: impl Into<On<'_>>,
    user_id: &str,
    target_type: &str,
    target_id: &str,
) -> Result<Vec<String>> {
    let mut sql = sql("SELECT DISTINCT role_id FROM identity_assignments
         WHERE target_type = $1 AND target_id = $2 AND NOT inherited")
    .bind(target_type)
    .bind(target_id);
    push_mine(&mut sql, user_id);
    sql.all(on).await
}

/// The names of things of one kind.
pub(crate) async fn names(db: &db::Db, kind: &str, ids: &[&str]) -> Result<Vec<Name>> {
    let mut names = Vec::new();
    // As many parameters as every engine takes.
    for ids in ids.chunks(1000) {
        let mut sql = sql(match kind {
            "user" => "SELECT id, name, domain_id FROM identity_users WHERE id IN ",
            "group" => "SELECT id, name, domain_id FROM identity_groups WHERE id IN ",
            "project" => "SELECT id, name, domain_id FROM identity_projects WHERE id IN ",
            "role" => "SELECT id, name, domain_id FROM identity_roles WHERE id IN ",
            _ => "SELECT id, name, NULL AS domain_id FROM identity_domains WHERE id IN ",
        });
        sql.push_list(ids.iter().copied());
        names.extend(sql.all::<Name>(db).await?);
    }
    Ok(names)
}
