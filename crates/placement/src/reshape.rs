//! Moving inventories between providers together with what is allocated of them.

use std::collections::{BTreeMap, BTreeSet};

use ::api::{Error, Kind, Result};

use crate::allocation::Generation;
use crate::{Claim, Inventory, Placement, store};

/// What a provider is to have, and the generation at which that was decided.
pub(crate) struct Shape {
    pub(crate) provider_id: String,
    pub(crate) generation: i64,
    pub(crate) inventories: BTreeMap<String, Inventory>,
}

impl Placement {
    /// Gives providers these inventories and consumers these allocations, in one transaction. Allocations move while
    /// both the old and the new inventories are there.
    pub(crate) async fn reshape(&self, shapes: &[Shape], claims: &[(Claim, Generation)]) -> Result<()> {
        let classes: BTreeSet<&str> = shapes
            .iter()
            .map(|shape| &shape.inventories)
            .flat_map(BTreeMap::keys)
            .chain(claims.iter().flat_map(|(claim, _)| claim.allocations.values()).flat_map(BTreeMap::keys))
            .map(String::as_str)
            .collect();
        self.classes_check(classes.into_iter()).await?;
        let mut write = self.write().await?;
        for shape in shapes {
            let advanced = self.provider_advance(&mut write, &shape.provider_id, Some(shape.generation)).await;
            advanced.map_err(|error| match error.kind {
                Kind::NotFound => Error::bad_request(format!(
                    "Resource provider {} in inventories not found; create it first.",
                    shape.provider_id
                ))
                .with_code("placement.resource_provider.not_found"),
                _ => error,
            })?;
            for (class, inventory) in &shape.inventories {
                store::inventory::put(&mut write.tx, &shape.provider_id, class, inventory).await?;
            }
        }
        self.claims_write(&mut write, claims).await?.written()?;
        for shape in shapes {
            self.inventories_prune(&mut write, &shape.provider_id, &shape.inventories).await?;
            // Adding inventories and taking others away are two changes.
            if !shape.inventories.is_empty() {
                self.provider_advance(&mut write, &shape.provider_id, None).await?;
            }
        }
        write.commit().await
    }
}
