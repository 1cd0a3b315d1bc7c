//! Numbers given out one by one, exactly: addresses of subnets and Geneve ids.
//!
//! Free numbers are kept as ranges, so that taking the next one costs the same whether ten or ten million are taken.

use std::collections::BTreeSet;

use db::{Result, Tx, sql};

/// A number as the database has it: 32 hex digits sort as text.
pub(crate) fn text(number: u128) -> String {
    format!("{number:032x}")
}

fn number(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap_or_default()
}

db::row! {
    struct Span { first: String, last: String }
}

impl Span {
    fn numbers(&self) -> (u128, u128) {
        (number(&self.first), number(&self.last))
    }
}

/// Makes everybody else wait who wants to take from these pools. They are locked in one order for all.
pub(crate) async fn lock(tx: &mut Tx, pools: &BTreeSet<String>) -> Result<()> {
    for pool in pools {
        sql("UPDATE network_pools SET changes = changes + 1 WHERE id = $1").bind(pool).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Makes a pool, unless it exists. Tells whether it was made.
pub(crate) async fn create(tx: &mut Tx, pool: &str, ranges: &[(u128, u128)]) -> Result<bool> {
    let made = sql("INSERT INTO network_pools (id, changes) VALUES ($1, 0) ON CONFLICT DO NOTHING")
        .bind(pool)
        .execute(&mut *tx)
        .await?;
    if made == 0 {
        return Ok(false);
    }
    ranges_set(tx, pool, ranges, &BTreeSet::new()).await?;
    Ok(true)
}

/// Says anew what belongs to the (locked) pool; `taken` is left out of what is free.
pub(crate) async fn ranges_set(tx: &mut Tx, pool: &str, ranges: &[(u128, u128)], taken: &BTreeSet<u128>) -> Result<()> {
    sql("DELETE FROM network_pool_ranges WHERE pool_id = $1").bind(pool).execute(&mut *tx).await?;
    sql("DELETE FROM network_pool_free WHERE pool_id = $1").bind(pool).execute(&mut *tx).await?;
    for (first, last) in ranges {
        span_insert(
            tx,
            "INSERT INTO network_pool_ranges (pool_id, first, last) VALUES ($1, $2, $3)",
            pool,
            *first,
            *last,
        )
        .await?;
        for (first, last) in without(*first, *last, taken) {
            free_insert(tx, pool, first, last).await?;
        }
    }
    Ok(())
}

/// The parts of a range that are left when the numbers in `taken` go.
fn without(first: u128, last: u128, taken: &BTreeSet<u128>) -> Vec<(u128, u128)> {
    let mut left = Vec::new();
    let mut next = Some(first);
    for number in taken.range(first..=last) {
        if let Some(start) = next
            && start < *number
        {
            left.push((start, number - 1));
        }
        next = number.checked_add(1);
    }
    if let Some(start) = next
        && start <= last
    {
        left.push((start, last));
    }
    left
}

/// Takes the `count` lowest free numbers of the (locked) pool, or as many as there are.
pub(crate) async fn take(tx: &mut Tx, pool: &str, count: usize) -> Result<Vec<u128>> {
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count {
        let Some(span) = sql("SELECT first, last FROM network_pool_free WHERE pool_id = $1 ORDER BY first LIMIT 1")
            .bind(pool)
            .optional::<Span>(&mut *tx)
            .await?
        else {
            break;
        };
        let (first, last) = span.numbers();
        let wanted = (count - taken.len()) as u128;
        let got = (last - first).saturating_add(1).min(wanted);
        taken.extend((0..got).map(|offset| first + offset));
        let rest = first.checked_add(got).filter(|rest| *rest <= last);
        free_replace(tx, pool, &span.first, rest.map(|rest| (rest, last)), None).await?;
    }
    Ok(taken)
}

/// Takes one number of the (locked) pool, if it belongs to what is free there.
pub(crate) async fn take_one(tx: &mut Tx, pool: &str, wanted: u128) -> Result<bool> {
    let Some(span) = below(tx, pool, wanted).await? else { return Ok(false) };
    let (first, last) = span.numbers();
    if last < wanted {
        return Ok(false);
    }
    let before = (first < wanted).then(|| (first, wanted - 1));
    let after = (wanted < last).then(|| (wanted + 1, last));
    free_replace(tx, pool, &span.first, before, after).await?;
    Ok(true)
}

/// Gives a number back to the (locked) pool. A number that does not belong there is forgotten.
pub(crate) async fn give_back(tx: &mut Tx, pool: &str, number: u128) -> Result<()> {
    let home = sql("SELECT first, last FROM network_pool_ranges WHERE pool_id = $1 AND first <= $2 AND last >= $2")
        .bind(pool)
        .bind(text(number))
        .optional::<Span>(&mut *tx)
        .await?;
    let Some(home) = home else { return Ok(()) };
    let (least, most) = home.numbers();
    let (mut first, mut last) = (number, number);
    if let Some(span) = below(tx, pool, number).await? {
        let (start, end) = span.numbers();
        if end >= number {
            return Ok(());
        }
        if end + 1 == number && start >= least {
            first = start;
            free_replace(tx, pool, &span.first, None, None).await?;
        }
    }
    if number < most {
        let next = sql("SELECT first, last FROM network_pool_free WHERE pool_id = $1 AND first = $2")
            .bind(pool)
            .bind(text(number + 1))
            .optional::<Span>(&mut *tx)
            .await?;
        if let Some(span) = next {
            last = span.numbers().1;
            free_replace(tx, pool, &span.first, None, None).await?;
        }
    }
    free_insert(tx, pool, first, last).await
}

/// Removes a pool.
pub(crate) async fn delete(tx: &mut Tx, pool: &str) -> Result<()> {
    sql("DELETE FROM network_pools WHERE id = $1").bind(pool).execute(tx).await.map(drop)
}

/// The free range that begins at `number` or nearest below it.
async fn below(tx: &mut Tx, pool: &str, number: u128) -> Result<Option<Span>> {
    sql("SELECT first, last FROM network_pool_free WHERE pool_id = $1 AND first <= $2 ORDER BY first DESC LIMIT 1")
        .bind(pool)
        .bind(text(number))
        .optional(tx)
        .await
}

type Piece = Option<(u128, u128)>;

async fn free_replace(tx: &mut Tx, pool: &str, first: &str, one: Piece, other: Piece) -> Result<()> {
    sql("DELETE FROM network_pool_free WHERE pool_id = $1 AND first = $2")
        .bind(pool)
        .bind(first)
        .execute(&mut *tx)
        .await?;
    for (first, last) in one.into_iter().chain(other) {
        free_insert(tx, pool, first, last).await?;
    }
    Ok(())
}

async fn free_insert(tx: &mut Tx, pool: &str, first: u128, last: u128) -> Result<()> {
    span_insert(tx, "INSERT INTO network_pool_free (pool_id, first, last) VALUES ($1, $2, $3)", pool, first, last).await
}

async fn span_insert(tx: &mut Tx, statement: &'static str, pool: &str, first: u128, last: u128) -> Result<()> {
    sql(statement).bind(pool).bind(text(first)).bind(text(last)).execute(tx).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_numbers_split_a_range() {
        let taken = BTreeSet::from([1, 4, 5, 9, 20]);
        assert_eq!(without(1, 9, &taken), [(2, 3), (6, 8)]);
        assert_eq!(without(10, 12, &taken), [(10, 12)]);
        assert_eq!(without(4, 5, &taken), []);
        assert_eq!(without(u128::MAX, u128::MAX, &BTreeSet::from([u128::MAX])), []);
    }

    #[test]
    fn numbers_sort_as_text() {
        assert!(text(9) < text(10) && text(255) < text(1 << 100));
        assert_eq!(number(&text(0xfe80 << 112)), 0xfe80 << 112);
    }
}
