//! Traits and resource classes: the custom ones, and which providers have which.

use std::collections::BTreeMap;

use db::{On, Result, Tx, sql};

/// The custom names of one kind, sorted.
pub(crate) async fn custom(on: impl Into<On<'_>>, kind: Kind) -> Result<Vec<String>> {
    let mut query = sql("SELECT name FROM ");
    query.push(kind.table()).push(" ORDER BY name");
    query.all(on).await
}

/// Which names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Trait,
    Class,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Trait => "placement_custom_traits",
            Self::Class => "placement_custom_classes",
        }
    }
}

/// Adds a custom name. Tells whether it is new.
pub(crate) async fn insert(tx: &mut Tx, kind: Kind, name: &str) -> Result<bool> {
    let mut query = sql("INSERT INTO ");
    query.push(kind.table()).push(" (name) VALUES (").push_bind(name).push(") ON CONFLICT (name) DO NOTHING");
    Ok(query.execute(tx).await? == 1)
}

/// Removes a custom name. Tells whether it was there.
pub(crate) async fn delete(tx: &mut Tx, kind: Kind, name: &str) -> Result<bool> {
    let mut query = sql("DELETE FROM ");
    query.push(kind.table()).push(" WHERE name = ").push_bind(name);
    Ok(query.execute(tx).await? == 1)
}

/// Renames a custom class everywhere. Tells which providers have an inventory of it; nothing when there is no such class.
pub(crate) async fn class_rename(tx: &mut Tx, name: &str, new_name: &str) -> Result<Option<Vec<String>>> {
    let renamed = sql("UPDATE placement_custom_classes SET name = $1 WHERE name = $2")
        .bind(new_name)
        .bind(name)
        .execute(&mut *tx)
        .await?;
    if renamed == 0 {
        return Ok(None);
    }
    // The inventories come first: whoever claims from one locks it, and has its allocation written before it lets go.
    let providers = sql("UPDATE placement_inventories SET class = $1 WHERE class = $2 RETURNING provider_id")
        .bind(new_name)
        .bind(name)
        .all(&mut *tx)
        .await?;
    sql("UPDATE placement_allocations SET class = $1 WHERE class = $2").bind(new_name).bind(name).execute(tx).await?;
    Ok(Some(providers))
}

/// Whether a provider has an inventory of the class, or the trait.
pub(crate) async fn in_use(tx: &mut Tx, kind: Kind, name: &str) -> Result<bool> {
    let mut query = match kind {
        Kind::Trait => sql("SELECT COUNT(*) FROM placement_provider_traits WHERE trait = "),
        Kind::Class => sql("SELECT COUNT(*) FROM placement_inventories WHERE class = "),
    };
    query.push_bind(name);
    let count: i64 = query.one(tx).await?;
    Ok(count > 0)
}

/// The traits that some provider has, sorted.
pub(crate) async fn traits_used(on: impl Into<On<'_>>) -> Result<Vec<String>> {
    sql("SELECT DISTINCT trait FROM placement_provider_traits ORDER BY trait").all(on).await
}

/// The traits of providers, in one query.
pub(crate) async fn traits_of(on: impl Into<On<'_>>, provider_ids: &[String]) -> Result<BTreeMap<String, Vec<String>>> {
    db::row! { struct Pair { provider_id: String, name: String } }
    let mut query = sql("SELECT provider_id, trait AS name FROM placement_provider_traits WHERE provider_id IN ");
    query.push_list(provider_ids).push(" ORDER BY trait");
    let rows: Vec<Pair> = query.all(on).await?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        found.entry(row.provider_id).or_default().push(row.name);
    }
    Ok(found)
}

/// Makes a provider's traits these.
pub(crate) async fn traits_replace(tx: &mut Tx, provider_id: &str, traits: &[String]) -> Result<()> {
    sql("DELETE FROM placement_provider_traits WHERE provider_id = $1").bind(provider_id).execute(&mut *tx).await?;
    for name in traits {
        sql("INSERT INTO placement_provider_traits (provider_id, trait) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(provider_id)
            .bind(name)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
