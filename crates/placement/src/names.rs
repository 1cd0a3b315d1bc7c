//! Traits and resource classes.

use std::collections::BTreeSet;

use ::api::{Error, Result};

use crate::store::names::Kind;
use crate::{Placement, error, standard, store};

impl Placement {
    /// Makes a provider's traits these; unknown `CUSTOM_` ones are made. Tells whether something changed.
    pub async fn traits_set(&self, provider_id: &str, traits: &[String]) -> Result<bool> {
        let mut wanted = traits.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        if self.traits_of(provider_id).await?.1 == wanted {
            return Ok(false);
        }
        let mut write = self.write().await?;
        for name in wanted.iter().filter(|name| !standard::is_trait(name)) {
            if !standard::is_custom(name) {
                return Err(error::trait_missing(name));
            }
            store::names::insert(&mut write.tx, Kind::Trait, name).await?;
        }
        self.provider_advance(&mut write, provider_id, None).await?;
        store::names::traits_replace(&mut write.tx, provider_id, &wanted).await?;
        write.commit().await?;
        Ok(true)
    }

    /// A provider's generation and traits, sorted.
    pub(crate) async fn traits_of(&self, provider_id: &str) -> Result<(i64, Vec<String>)> {
        let generation = self.provider_get(provider_id).await?.generation;
        let found = store::names::traits_of(&self.0.db, &[provider_id.to_owned()]).await?.remove(provider_id);
        Ok((generation, found.unwrap_or_default()))
    }

    /// Makes a provider's traits these, all of which must exist. The generation stays when nothing changes.
    pub(crate) async fn traits_replace(
        &self,
        provider_id: &str,
        generation: Option<i64>,
        traits: &[String],
    ) -> Result<(i64, Vec<String>)> {
        self.traits_check(traits.iter().map(String::as_str)).await?;
        let mut write = self.write().await?;
        let provider = store::provider::get(&mut write.tx, provider_id).await?;
        let provider = provider.ok_or_else(|| error::provider_missing(provider_id))?;
        let mut held = store::names::traits_of(&mut write.tx, &[provider_id.to_owned()]).await?;
        let is: BTreeSet<String> = held.remove(provider_id).unwrap_or_default().into_iter().collect();
        let expected = generation.is_none_or(|generation| generation == provider.generation);
        if expected && is == traits.iter().cloned().collect() {
            return Ok((provider.generation, is.into_iter().collect()));
        }
        self.provider_advance(&mut write, provider_id, generation).await?;
        store::names::traits_replace(&mut write.tx, provider_id, traits).await?;
        write.commit().await?;
        self.traits_of(provider_id).await
    }

    /// All traits, or only those that some provider has.
    pub(crate) async fn trait_list(&self, used: Option<bool>) -> Result<Vec<String>> {
        let associated = if used.is_some() { store::names::traits_used(&self.0.db).await? } else { Vec::new() };
        if used == Some(true) {
            return Ok(associated);
        }
        let mut all: Vec<String> = standard::TRAITS.iter().map(|&name| name.to_owned()).collect();
        all.extend(store::names::custom(&self.0.db, Kind::Trait).await?);
        all.sort_unstable();
        all.retain(|name| associated.binary_search(name).is_err());
        Ok(all)
    }

    pub(crate) async fn class_list(&self) -> Result<Vec<String>> {
        let mut all: Vec<String> = standard::CLASSES.iter().map(|&name| name.to_owned()).collect();
        all.extend(store::names::custom(&self.0.db, Kind::Class).await?);
        Ok(all)
    }

    /// Makes sure that a custom trait or class exists. Tells whether it is new.
    pub(crate) async fn name_ensure(&self, kind: Kind, name: &str) -> Result<bool> {
        custom_check(name)?;
        let mut tx = self.0.db.begin().await?;
        let new = store::names::insert(&mut tx, kind, name).await?;
        tx.commit().await?;
        Ok(new)
    }

    /// Gives a custom class another name, under which providers have it and consumers hold it from then on.
    pub(crate) async fn class_rename(&self, name: &str, new_name: &str) -> Result<()> {
        custom_check(new_name)?;
        if standard::is_class(name) {
            return Err(Error::bad_request(format!("Cannot update the standard resource class {name}.")));
        }
        let mut write = self.write().await?;
        let renamed = store::names::class_rename(&mut write.tx, name, new_name).await;
        let renamed = renamed.map_err(|error| match error {
            error if error.is_unique() => Error::conflict(format!("Resource class already exists: {new_name}.")),
            error => error.into(),
        })?;
        let Some(providers) = renamed else {
            return Err(Error::not_found(format!("No such resource class {name}.")));
        };
        providers.iter().for_each(|id| write.changed(id));
        write.commit().await
    }

    pub(crate) async fn name_delete(&self, kind: Kind, name: &str) -> Result<()> {
        let (what, standard) = match kind {
            Kind::Trait => ("trait", standard::is_trait(name)),
            Kind::Class => ("resource class", standard::is_class(name)),
        };
        if standard {
            return Err(Error::bad_request(format!("Cannot delete the standard {what} {name}.")));
        }
        let mut tx = self.0.db.begin().await?;
        if store::names::in_use(&mut tx, kind, name).await? {
            return Err(Error::conflict(format!(
                "The {what} {name} is in use by a resource provider; remove it there."
            )));
        }
        if !store::names::delete(&mut tx, kind, name).await? {
            return Err(Error::not_found(format!("No such {what} {name}.")));
        }
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn name_exists(&self, kind: Kind, name: &str) -> Result<bool> {
        let standard = match kind {
            Kind::Trait => standard::is_trait(name),
            Kind::Class => standard::is_class(name),
        };
        Ok(standard || store::names::custom(&self.0.db, kind).await?.binary_search(&name.to_owned()).is_ok())
    }

    /// 400 for a class that does not exist.
    pub(crate) async fn classes_check(&self, classes: impl Iterator<Item = &str>) -> Result<()> {
        let unknown = self.unknown(Kind::Class, classes.filter(|name| !standard::is_class(name)).collect()).await?;
        unknown.map_or(Ok(()), |name| Err(error::class_missing(&name)))
    }

    /// 400 for a trait that does not exist.
    pub(crate) async fn traits_check(&self, traits: impl Iterator<Item = &str>) -> Result<()> {
        let unknown = self.unknown(Kind::Trait, traits.filter(|name| !standard::is_trait(name)).collect()).await?;
        unknown.map_or(Ok(()), |name| Err(error::trait_missing(&name)))
    }

    /// The first of these names, none of them standard, that nobody has made.
    async fn unknown(&self, kind: Kind, names: Vec<&str>) -> Result<Option<String>> {
        if names.is_empty() {
            return Ok(None);
        }
        let known = store::names::custom(&self.0.db, kind).await?;
        Ok(names.into_iter().find(|name| !known.iter().any(|other| other == name)).map(str::to_owned))
    }
}

/// 400 for what no custom trait or class may be called.
fn custom_check(name: &str) -> Result<()> {
    if standard::is_custom(name) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "The name {name} is not allowed: it must start with CUSTOM_, have only A-Z, 0-9 and _ after it, and be no longer \
         than 255 characters."
    )))
}
