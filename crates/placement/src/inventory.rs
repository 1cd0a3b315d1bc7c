use std::collections::BTreeMap;

use ::api::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::store::inventory::Held;
use crate::write::Write;
use crate::{Placement, error, store};

/// What a provider has of one resource class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// How much there is.
    pub total: i64,
    /// How much of it is kept back.
    pub reserved: i64,
    /// The least that one allocation may take.
    pub min_unit: i64,
    /// The most that one allocation may take.
    pub max_unit: i64,
    /// Allocations are multiples of this.
    pub step_size: i64,
    /// How far the rest is overcommitted.
    pub allocation_ratio: f64,
}

/// The largest amount of anything.
pub(crate) const MOST: i64 = i32::MAX as i64;

impl Inventory {
    /// An inventory of that much, nothing reserved, nothing overcommitted.
    pub fn of(total: i64) -> Self {
        Self { total, reserved: 0, min_unit: 1, max_unit: MOST, step_size: 1, allocation_ratio: 1.0 }
    }

    /// What can be allocated in all: the unreserved part, overcommitted.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "amounts are below 2^31")]
    pub fn capacity(&self) -> i64 {
        ((self.total - self.reserved) as f64 * self.allocation_ratio) as i64
    }

    /// Checks the amounts; 400 says which is wrong. Whether all may be reserved depends on the microversion.
    pub(crate) fn check(&self, class: &str, may_reserve_all: bool) -> Result<()> {
        let wrong = |what: &str| Err(Error::bad_request(format!("Invalid inventory for {class}: {what}")));
        if self.total < 1 || self.total > MOST {
            return wrong("total must be between 1 and 2147483647.");
        }
        if self.reserved < 0 || self.reserved > self.total {
            return wrong("reserved must be at least 0 and at most total.");
        }
        let units = [self.min_unit, self.max_unit, self.step_size];
        if units.iter().any(|unit| *unit < 1 || *unit > MOST) {
            return wrong("min_unit, max_unit and step_size must be between 1 and 2147483647.");
        }
        if !(0.0..=3.40282e38).contains(&self.allocation_ratio) {
            return wrong("allocation_ratio must be between 0 and 3.40282e38.");
        }
        if self.capacity() == 0 && !may_reserve_all {
            return wrong("what is not reserved, times allocation_ratio, must be at least 1 before microversion 1.26.");
        }
        Ok(())
    }
}

/// All inventories of a provider, and the generation they belong to.
pub(crate) struct Inventories {
    pub(crate) generation: i64,
    pub(crate) held: BTreeMap<String, Held>,
}

impl Inventories {
    /// What would be stored, without what is used.
    pub(crate) fn plain(&self) -> BTreeMap<String, Inventory> {
        self.held.iter().map(|(class, held)| (class.clone(), held.inventory.clone())).collect()
    }
}

impl Placement {
    /// Makes a provider's inventories these. Writes only when something changed, and tells whether it did.
    pub async fn inventories_set(&self, provider_id: &str, inventories: &BTreeMap<String, Inventory>) -> Result<bool> {
        if self.inventories_of(provider_id).await?.plain() == *inventories {
            return Ok(false);
        }
        self.inventories_replace(provider_id, None, inventories).await.map(|_| true)
    }

    pub(crate) async fn inventories_of(&self, provider_id: &str) -> Result<Inventories> {
        let generation = self.provider_get(provider_id).await?.generation;
        let held = store::inventory::of(&self.0.db, &[provider_id.to_owned()]).await?.remove(provider_id);
        Ok(Inventories { generation, held: held.unwrap_or_default() })
    }

    /// Makes a provider's inventories these, if its generation is still the expected one.
    pub(crate) async fn inventories_replace(
        &self,
        provider_id: &str,
        generation: Option<i64>,
        inventories: &BTreeMap<String, Inventory>,
    ) -> Result<Inventories> {
        self.classes_check(inventories.keys().map(String::as_str)).await?;
        let mut write = self.write().await?;
        self.provider_advance(&mut write, provider_id, generation).await?;
        for (class, inventory) in inventories {
            store::inventory::put(&mut write.tx, provider_id, class, inventory).await?;
        }
        self.inventories_prune(&mut write, provider_id, inventories).await?;
        write.commit().await?;
        self.inventories_of(provider_id).await
    }

    /// Removes the inventories that are not among those to keep; 409 when one is in use.
    pub(crate) async fn inventories_prune(
        &self,
        write: &mut Write,
        provider_id: &str,
        keep: &BTreeMap<String, Inventory>,
    ) -> Result<()> {
        let held = store::inventory::of(&mut write.tx, &[provider_id.to_owned()]).await?.remove(provider_id);
        for class in held.unwrap_or_default().keys().filter(|class| !keep.contains_key(*class)) {
            if !store::inventory::delete_unused(&mut write.tx, provider_id, class).await? {
                return Err(inventory_in_use(provider_id, class));
            }
        }
        Ok(())
    }

    /// Writes one inventory, which must be new or must not be, as `create` says.
    pub(crate) async fn inventory_put(
        &self,
        provider_id: &str,
        generation: Option<i64>,
        class: &str,
        inventory: &Inventory,
        create: bool,
    ) -> Result<i64> {
        self.classes_check(std::iter::once(class)).await?;
        let mut write = self.write().await?;
        self.provider_advance(&mut write, provider_id, generation).await?;
        let held = store::inventory::of(&mut write.tx, &[provider_id.to_owned()]).await?;
        let exists = held.get(provider_id).is_some_and(|classes| classes.contains_key(class));
        if create && exists {
            return Err(Error::conflict(format!(
                "Provider {provider_id} has an inventory of {class} already; change it with PUT."
            ))
            .with_code("placement.concurrent_update"));
        }
        if !create && !exists {
            return Err(Error::bad_request(format!(
                "Provider {provider_id} has no inventory of {class}; create it with POST."
            )));
        }
        store::inventory::put(&mut write.tx, provider_id, class, inventory).await?;
        write.commit().await?;
        Ok(self.provider_get(provider_id).await?.generation)
    }

    pub(crate) async fn inventory_delete(&self, provider_id: &str, class: &str) -> Result<()> {
        if !self.inventories_of(provider_id).await?.held.contains_key(class) {
            return Err(Error::not_found(format!("No inventory of class {class} found for provider {provider_id}.")));
        }
        let mut write = self.write().await?;
        self.provider_advance(&mut write, provider_id, None).await?;
        if !store::inventory::delete_unused(&mut write.tx, provider_id, class).await? {
            return Err(inventory_in_use(provider_id, class));
        }
        write.commit().await?;
        Ok(())
    }

    /// Adds one to a provider's generation; 409 when it is not the expected one.
    pub(crate) async fn provider_advance(&self, write: &mut Write, id: &str, expected: Option<i64>) -> Result<()> {
        if store::provider::advance(&mut write.tx, id, expected, self.now()).await? {
            write.changed(id);
            return Ok(());
        }
        match store::provider::get(&mut write.tx, id).await? {
            None => Err(error::provider_missing(id)),
            Some(_) => Err(error::concurrent(&format!("Resource provider {id}"))),
        }
    }
}

fn inventory_in_use(provider_id: &str, class: &str) -> Error {
    Error::conflict(format!(
        "The inventory of {class} on resource provider {provider_id} is in use; delete its consumers first."
    ))
    .with_code("placement.inventory.inuse")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_what_is_not_reserved_times_the_ratio() {
        let cpus = Inventory { reserved: 2, allocation_ratio: 4.0, ..Inventory::of(10) };
        assert_eq!(cpus.capacity(), 32);
        let odd = Inventory { allocation_ratio: 1.5, ..Inventory::of(3) };
        assert_eq!(odd.capacity(), 4);
    }

    #[test]
    fn impossible_amounts_are_refused() {
        assert!(Inventory::of(0).check("VCPU", true).is_err());
        assert!(Inventory { reserved: 4, ..Inventory::of(4) }.check("VCPU", false).is_err());
        assert!(Inventory { reserved: 4, ..Inventory::of(4) }.check("VCPU", true).is_ok());
        assert!(Inventory { step_size: 0, ..Inventory::of(4) }.check("VCPU", true).is_err());
        assert!(Inventory { allocation_ratio: f64::NAN, ..Inventory::of(4) }.check("VCPU", true).is_err());
    }
}
