use ::api::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::store::provider::Provider;
use crate::{Group, Placement, Summary, error, store};

/// Which providers a list is to have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    /// What each must have by itself.
    pub(crate) group: Group,
}

/// What a request says of a provider's place in its tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parent<'a> {
    /// Nothing: it stays where it is.
    Same,
    /// It becomes (or stays) a root.
    None,
    /// It hangs below that provider.
    Of(&'a str),
}

impl Placement {
    /// Makes sure that there is a root provider of that id and name.
    pub async fn provider_ensure(&self, id: &str, name: &str) -> Result<()> {
        match store::provider::get(&self.0.db, id).await? {
            Some(provider) if provider.name == name => Ok(()),
            Some(_) => self.provider_update(id, name, Parent::Same, false).await.map(drop),
            None => match self.provider_create(Some(id), name, None).await {
                // Another process made it at the same moment.
                Err(_) if store::provider::get(&self.0.db, id).await?.is_some_and(|found| found.name == name) => Ok(()),
                made => made.map(drop),
            },
        }
    }

    /// Removes a provider; 409 while something is allocated from it. Succeeds when it is gone already.
    pub async fn provider_delete(&self, id: &str) -> Result<()> {
        self.provider_remove(id).await.map(drop)
    }

    /// The providers that the filter leaves, by name.
    pub(crate) async fn provider_list(&self, filter: &Filter) -> Result<Vec<Arc<Summary>>> {
        self.names_check(std::iter::once(&filter.group)).await?;
        let fleet = self.fleet().await?;
        let tree = filter.group.in_tree.as_ref().map(|id| fleet.root_of(id));
        let fits = |summary: &&Arc<Summary>| {
            let Provider { id, name, root_id, .. } = &summary.provider;
            filter.name.as_ref().is_none_or(|asked| asked == name)
                && filter.id.as_ref().is_none_or(|asked| asked == id)
                && tree.is_none_or(|asked| asked == Some(root_id))
                && filter.group.fits(summary)
        };
        let mut found: Vec<Arc<Summary>> = fleet.providers().filter(fits).map(Arc::clone).collect();
        found.sort_unstable_by(|one, other| one.provider.name.cmp(&other.provider.name));
        Ok(found)
    }

    pub(crate) async fn provider_get(&self, id: &str) -> Result<Provider> {
        store::provider::get(&self.0.db, id).await?.ok_or_else(|| error::provider_missing(id))
    }

    pub(crate) async fn provider_create(&self, id: Option<&str>, name: &str, parent: Option<&str>) -> Result<Provider> {
        let id = id.map_or_else(|| self.0.runtime.ids.uuid(), str::to_owned);
        let mut write = self.write().await?;
        let root_id = match parent {
            None => id.clone(),
            Some(parent) => parent_find(&mut write.tx, parent).await?.root_id,
        };
        let provider = Provider {
            name: name.to_owned(),
            generation: 0,
            parent_id: parent.map(str::to_owned),
            root_id,
            updated_at: self.now(),
            id,
        };
        store::provider::insert(&mut write.tx, &provider).await.map_err(|error| taken(error, &provider))?;
        write.changed(&provider.id);
        write.commit().await?;
        Ok(provider)
    }

    /// Names a provider and places it in a tree. Moving it from one parent to another takes `may_move`.
    pub(crate) async fn provider_update(
        &self,
        id: &str,
        name: &str,
        parent: Parent<'_>,
        may_move: bool,
    ) -> Result<Provider> {
        let mut write = self.write().await?;
        let mut provider = store::provider::get(&mut write.tx, id).await?.ok_or_else(|| error::provider_missing(id))?;
        let (old_parent, old_root) = (provider.parent_id.clone(), provider.root_id.clone());
        match parent {
            Parent::Same => {}
            Parent::None => (provider.parent_id, provider.root_id) = (None, id.to_owned()),
            Parent::Of(parent) => {
                provider.root_id = parent_find(&mut write.tx, parent).await?.root_id;
                provider.parent_id = Some(parent.to_owned());
            }
        }
        let moved = old_parent != provider.parent_id;
        if moved && old_parent.is_some() && !may_move {
            return Err(Error::bad_request(
                "A provider that has a parent keeps it; use microversion 1.37 or newer to move it.",
            ));
        }
        let mut below = Vec::new();
        if moved {
            let tree = store::provider::of_roots(&mut write.tx, &[old_root]).await?;
            below = descendants(&tree, id);
            if provider.parent_id.as_ref().is_some_and(|parent| parent == id || below.contains(parent)) {
                return Err(Error::bad_request(
                    "A provider cannot hang below itself; choose a parent outside its tree.",
                ));
            }
        }
        name.clone_into(&mut provider.name);
        provider.updated_at = self.now();
        store::provider::update(&mut write.tx, &provider, &below).await.map_err(|error| taken(error, &provider))?;
        std::iter::once(&provider.id).chain(&below).for_each(|id| write.changed(id));
        write.commit().await?;
        Ok(provider)
    }

    /// Removes a provider; tells whether it was there.
    pub(crate) async fn provider_remove(&self, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        if store::provider::is_parent(&mut write.tx, id).await? {
            return Err(Error::conflict(format!("Provider {id} has providers below it; delete those first."))
                .with_code("placement.resource_provider.cannot_delete_parent"));
        }
        let removed = store::provider::delete(&mut write.tx, id).await.map_err(|error| match error {
            db::Error::ForeignKey => Error::conflict(format!(
                "Unable to delete resource provider {id}: it has allocations. Delete its consumers first."
            ))
            .with_code("placement.resource_provider.inuse"),
            other => other.into(),
        })?;
        if removed {
            write.gone(id);
        }
        write.commit().await?;
        Ok(removed)
    }
}

async fn parent_find(tx: &mut db::Tx, id: &str) -> Result<Provider> {
    store::provider::get(tx, id)
        .await?
        .ok_or_else(|| Error::bad_request(format!("The parent provider {id} does not exist; create it first.")))
}

fn taken(error: db::Error, provider: &Provider) -> Error {
    if error.is_unique() {
        Error::conflict(format!(
            "Conflicting resource provider: the name {} or the uuid {} is taken; choose another.",
            provider.name, provider.id
        ))
        .with_code("placement.duplicate_name")
    } else {
        error.into()
    }
}

/// All providers of the tree that hang below `id`.
fn descendants(tree: &[Provider], id: &str) -> Vec<String> {
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for provider in tree {
        if let Some(parent) = &provider.parent_id {
            children.entry(parent).or_default().push(&provider.id);
        }
    }
    let (mut found, mut open) = (Vec::new(), vec![id]);
    while let Some(next) = open.pop() {
        for child in children.get(next).into_iter().flatten() {
            found.push((*child).to_owned());
            open.push(child);
        }
    }
    found
}
