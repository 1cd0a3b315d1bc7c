use std::collections::BTreeMap;

use db::{On, Result, Tx, sql};

use crate::Inventory;

db::row! {
    pub(crate) struct Stored {
        pub(crate) provider_id: String,
        pub(crate) class: String,
        pub(crate) total: i64,
        pub(crate) reserved: i64,
        pub(crate) min_unit: i64,
        pub(crate) max_unit: i64,
        pub(crate) step_size: i64,
        pub(crate) allocation_ratio: f64,
        pub(crate) used: i64,
    }
}

impl Stored {
    pub(crate) fn inventory(&self) -> Inventory {
        Inventory {
            total: self.total,
            reserved: self.reserved,
            min_unit: self.min_unit,
            max_unit: self.max_unit,
            step_size: self.step_size,
            allocation_ratio: self.allocation_ratio,
        }
    }
}

/// An inventory with what is used of it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) inventory: Inventory,
    pub(crate) used: i64,
}

/// The inventories of providers, by provider and class, in one query.
pub(crate) async fn of(
    on: impl Into<On<'_>>,
    provider_ids: &[String],
) -> Result<BTreeMap<String, BTreeMap<String, Held>>> {
    let mut query =
        sql("SELECT provider_id, class, total, reserved, min_unit, max_unit, step_size, allocation_ratio, used
        FROM placement_inventories WHERE provider_id IN ");
    query.push_list(provider_ids);
    let rows: Vec<Stored> = query.all(on).await?;
    let mut found: BTreeMap<String, BTreeMap<String, Held>> = BTreeMap::new();
    for row in rows {
        let held = Held { inventory: row.inventory(), used: row.used };
        found.entry(row.provider_id).or_default().insert(row.class, held);
    }
    Ok(found)
}

/// Writes an inventory; what is used of it stays.
pub(crate) async fn put(tx: &mut Tx, provider_id: &str, class: &str, inventory: &Inventory) -> Result<()> {
    sql("INSERT INTO placement_inventories
            (provider_id, class, total, reserved, min_unit, max_unit, step_size, allocation_ratio, capacity, used)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)
         ON CONFLICT (provider_id, class) DO UPDATE SET total = $3, reserved = $4, min_unit = $5, max_unit = $6,
            step_size = $7, allocation_ratio = $8, capacity = $9")
    .bind(provider_id)
    .bind(class)
    .bind(inventory.total)
    .bind(inventory.reserved)
    .bind(inventory.min_unit)
    .bind(inventory.max_unit)
    .bind(inventory.step_size)
    .bind(inventory.allocation_ratio)
    .bind(inventory.capacity())
    .execute(tx)
    .await
    .map(drop)
}

/// Removes an inventory of which nothing is used. Tells whether it did.
pub(crate) async fn delete_unused(tx: &mut Tx, provider_id: &str, class: &str) -> Result<bool> {
    let deleted = sql("DELETE FROM placement_inventories WHERE provider_id = $1 AND class = $2 AND used = 0")
        .bind(provider_id)
        .bind(class)
        .execute(tx)
        .await?;
    Ok(deleted == 1)
}

/// Changes what is used from `old` to `new`, if the inventory can give that. Tells whether it could. Less than before is
/// given also where more is used than there is, but all that stays must have the right units.
pub(crate) async fn claim(tx: &mut Tx, provider_id: &str, class: &str, old: i64, new: i64) -> Result<bool> {
    let changed = sql("UPDATE placement_inventories SET used = used + $1
         WHERE provider_id = $2 AND class = $3 AND ($1 <= 0 OR used + $1 <= capacity)
           AND ($4 <= 0 OR ($4 >= min_unit AND $4 <= max_unit AND $4 % step_size = 0))")
    .bind(new - old)
    .bind(provider_id)
    .bind(class)
    .bind(new)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}
