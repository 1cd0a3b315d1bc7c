//! Projects.

use std::collections::BTreeMap;

use api::{Error, Page, Result};
use db::Tx;

use crate::audit::Action;
use crate::fields::{Fields, missing, taken};
use crate::store::project::{self as store, Project, TagFilter};
use crate::store::{Filter, domain};
use crate::{Identity, LimitModel, immutable};

/// How deep projects may stand below their domain.
const DEEPEST: usize = 5;

/// Tags by the id of their project.
pub(crate) type Tags = BTreeMap<String, Vec<String>>;

impl Identity {
    /// Whether there is such a project.
    pub async fn project_exists(&self, id: &str) -> Result<bool> {
        Ok(store::get(&self.0.db, id).await?.is_some())
    }

    /// The ids of all projects.
    pub async fn project_list_ids(&self) -> Result<Vec<String>> {
        Ok(store::list_ids(&self.0.db).await?)
    }

    pub(crate) async fn project_find(&self, id: &str) -> Result<Option<Project>> {
        Ok(store::get(&self.0.db, id).await?)
    }

    pub(crate) async fn project_list(
        &self,
        filters: Vec<Filter>,
        tags: &TagFilter,
        page: &Page,
    ) -> Result<Vec<Project>> {
        Ok(store::list(&self.0.db, filters, tags, page).await?)
    }

    /// The projects on which a user has a role; only the enabled ones for logging in.
    pub(crate) async fn project_list_of_user(&self, user_id: &str, usable: bool) -> Result<Vec<Project>> {
        let ids = self.project_ids_of_user(user_id).await?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut projects = store::by_ids(&self.0.db, &ids).await?;
        projects.retain(|project| project.enabled || !usable);
        projects.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(projects)
    }

    pub(crate) async fn project_parents(&self, id: &str) -> Result<Vec<Project>> {
        Ok(store::parents(&self.0.db, id).await?)
    }

    pub(crate) async fn project_subtree(&self, id: &str) -> Result<Vec<Project>> {
        Ok(store::subtree(&self.0.db, id).await?)
    }

    /// The tags of several projects, in one query.
    pub(crate) async fn project_tags(&self, projects: &[Project]) -> Result<Tags> {
        let ids: Vec<&str> = projects.iter().map(|project| project.id.as_str()).collect();
        let mut tags = Tags::new();
        // As many parameters as every engine takes.
        for ids in ids.chunks(1000) {
            for tag in store::tags(&self.0.db, ids).await? {
                tags.entry(tag.project_id).or_default().push(tag.name);
            }
        }
        Ok(tags)
    }

    pub(crate) async fn project_create(&self, mut fields: Fields, domain_id: String) -> Result<Project> {
        fields.ignore("id");
        fields.ignore("is_domain");
        let parent_id = fields.nullable("parent_id", 64)?.flatten().filter(|parent| *parent != domain_id);
        let tags = tags_checked(fields.texts("tags")?.unwrap_or_default())?;
        let project = Project {
            id: self.0.runtime.ids.hex(),
            name: fields.required("name", 1, 64)?,
            description: fields.description()?.unwrap_or_default(),
            enabled: fields.flag("enabled")?.unwrap_or(true),
            options: immutable::options(&mut fields)?,
            extra: fields.into_extra(),
            domain_id,
            parent_id,
        };
        let mut tx = self.write().await?;
        let domain = domain::get(&mut tx, &project.domain_id).await?;
        domain.ok_or_else(|| missing("domain", &project.domain_id))?;
        let deepest = match self.limit_model() {
            LimitModel::Flat => DEEPEST,
            LimitModel::StrictTwoLevel => 1,
        };
        parent_check(&mut tx, &project, deepest).await?;
        store::insert(&mut tx, &project).await.map_err(|error| taken(error, "project", &project.name))?;
        store::tags_set(&mut tx, &project.id, &tags).await?;
        self.commit(tx, Action::Created, "project", &project.id).await?;
        Ok(project)
    }

    pub(crate) async fn project_update(&self, id: &str, mut fields: Fields) -> Result<Project> {
        let tags = fields.texts("tags")?.map(tags_checked).transpose()?;
        let mut tx = self.write().await?;
        let mut project = store::get(&mut tx, id).await?.ok_or_else(|| missing("project", id))?;
        if tags.is_some() && immutable::is_immutable(&project.options) {
            return Err(immutable::refused("project", id));
        }
        immutable::update("project", id, &mut fields, &mut project.options)?;
        fields.fixed("id", Some(id))?;
        fields.fixed("domain_id", Some(&project.domain_id))?;
        fields.fixed("parent_id", Some(project.parent_id.as_ref().unwrap_or(&project.domain_id)))?;
        if fields.flag("is_domain")?.unwrap_or(false) {
            return Err(Error::bad_request("is_domain cannot be changed; create a domain instead."));
        }
        let was_enabled = project.enabled;
        project.name = fields.text("name", 1, 64)?.unwrap_or(project.name);
        project.description = fields.description()?.unwrap_or(project.description);
        project.enabled = fields.flag("enabled")?.unwrap_or(project.enabled);
        fields.merge_into(&mut project.extra);
        if project.enabled != was_enabled {
            enabling_check(&mut tx, &project).await?;
        }
        store::update(&mut tx, &project).await.map_err(|error| taken(error, "project", &project.name))?;
        if let Some(tags) = tags {
            store::tags_set(&mut tx, id, &tags).await?;
        }
        self.commit(tx, Action::Updated, "project", id).await?;
        Ok(project)
    }

    pub(crate) async fn project_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        let project = store::get(&mut tx, id).await?.ok_or_else(|| missing("project", id))?;
        immutable::delete("project", id, &project.options)?;
        if !store::subtree(&mut tx, id).await?.is_empty() {
            return Err(Error::forbidden(format!(
                "Cannot delete the project {id} since it is not a leaf in the hierarchy; delete those below it first."
            )));
        }
        store::delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "project", id).await
    }

    /// Begins a change of a project's tags, which an immutable project refuses.
    async fn tags_write(&self, id: &str) -> Result<Tx> {
        let mut tx = self.write().await?;
        let project = store::get(&mut tx, id).await?.ok_or_else(|| missing("project", id))?;
        if immutable::is_immutable(&project.options) {
            return Err(immutable::refused("project", id));
        }
        Ok(tx)
    }

    /// Replaces the tags of a project.
    pub(crate) async fn project_tags_set(&self, id: &str, tags: Vec<String>) -> Result<Vec<String>> {
        let tags = tags_checked(tags)?;
        let mut tx = self.tags_write(id).await?;
        store::tags_set(&mut tx, id, &tags).await?;
        self.commit(tx, Action::Updated, "project", id).await?;
        Ok(tags)
    }

    pub(crate) async fn project_tag_add(&self, id: &str, tag: String) -> Result<()> {
        let mut tx = self.tags_write(id).await?;
        let mut tags: Vec<String> = store::tags(&mut tx, &[id]).await?.into_iter().map(|tag| tag.name).collect();
        tags.push(tag.clone());
        tags_checked(tags)?;
        store::tag_add(&mut tx, id, &tag).await?;
        self.commit(tx, Action::Updated, "project", id).await
    }

    pub(crate) async fn project_tag_remove(&self, id: &str, tag: &str) -> Result<()> {
        let mut tx = self.tags_write(id).await?;
        if store::tag_remove(&mut tx, id, tag).await? == 0 {
            return Err(missing("project tag", tag));
        }
        self.commit(tx, Action::Updated, "project", id).await
    }
}

async fn parent_check(tx: &mut Tx, project: &Project, deepest: usize) -> Result<()> {
    let Some(parent_id) = &project.parent_id else { return Ok(()) };
    let parent = store::get(&mut *tx, parent_id).await?.ok_or_else(|| missing("project", parent_id))?;
    if parent.domain_id != project.domain_id {
        return Err(Error::bad_request("The parent project is in another domain; choose one in the same domain."));
    }
    if !parent.enabled {
        return Err(Error::forbidden("The parent project is disabled; enable it first."));
    }
    if store::parents(tx, parent_id).await?.len() + 2 > deepest {
        return Err(Error::forbidden(format!("Projects may stand at most {deepest} deep; choose a higher parent.")));
    }
    Ok(())
}

/// A project is not enabled below a disabled one, nor disabled above an enabled one.
async fn enabling_check(tx: &mut Tx, project: &Project) -> Result<()> {
    if project.enabled && store::parents(&mut *tx, &project.id).await?.iter().any(|parent| !parent.enabled) {
        return Err(Error::forbidden("A parent of the project is disabled; enable it first."));
    }
    if !project.enabled && store::subtree(tx, &project.id).await?.iter().any(|child| child.enabled) {
        return Err(Error::forbidden("The project has enabled projects below it; disable those first."));
    }
    Ok(())
}

fn tags_checked(mut tags: Vec<String>) -> Result<Vec<String>> {
    for tag in &tags {
        api::fields::length("A tag", tag, 1, 255)?;
        if tag.contains(['/', ',']) {
            return Err(Error::bad_request(format!("The tag {tag} must contain neither slash nor comma.")));
        }
    }
    tags.sort();
    tags.dedup();
    if tags.len() > 80 {
        return Err(Error::bad_request(format!("A project has at most 80 tags, not {}.", tags.len())));
    }
    Ok(tags)
}
