use std::collections::BTreeMap;

use db::{Json, On, Result, Tx, sql};
use jiff::Timestamp;

use crate::aggregates::{Aggregate, Metadata};

db::row! {
    struct Row {
        id: String,
        number: i64,
        name: String,
        metadata: Json<Metadata>,
        created_at: Timestamp,
        updated_at: Option<Timestamp>,
    }
}

db::row! {
    struct Member { aggregate_id: String, host: String }
}

/// Which state of the aggregates this is.
pub(crate) async fn revision(on: impl Into<On<'_>>) -> Result<i64> {
    sql("SELECT value FROM compute_revisions WHERE name = 'aggregates'").one(on).await
}

/// Says that the aggregates change; others who change them wait from here on.
pub(crate) async fn advance(tx: &mut Tx) -> Result<u64> {
    sql("UPDATE compute_revisions SET value = value + 1 WHERE name = 'aggregates'").execute(tx).await
}

/// Takes a host that is no more out of every aggregate.
pub(crate) async fn host_forget(tx: &mut Tx, host: &str) -> Result<u64> {
    sql("DELETE FROM aggregate_hosts WHERE host = $1").bind(host).execute(tx).await
}

/// Every aggregate with its hosts, by number.
pub(crate) async fn aggregates_list(tx: &mut Tx) -> Result<Vec<Aggregate>> {
    let rows = sql("SELECT id, number, name, metadata, created_at, updated_at FROM aggregates ORDER BY number")
        .all(&mut *tx)
        .await?;
    let members = sql("SELECT aggregate_id, host FROM aggregate_hosts ORDER BY aggregate_id, host").all(tx).await?;
    Ok(joined(rows, members))
}

fn joined(rows: Vec<Row>, members: Vec<Member>) -> Vec<Aggregate> {
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for member in members {
        hosts.entry(member.aggregate_id).or_default().push(member.host);
    }
    rows.into_iter()
        .map(|row| Aggregate {
            hosts: hosts.remove(&row.id).unwrap_or_default(),
            id: row.id,
            number: row.number,
            name: row.name,
            metadata: row.metadata.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
        .collect()
}

/// Writes a new aggregate under the next number, which comes back.
pub(crate) async fn aggregate_insert(tx: &mut Tx, new: &Aggregate) -> Result<i64> {
    let number: i64 =
        sql("UPDATE server_numbers SET last = last + 1 WHERE id = 'aggregate' RETURNING last").one(&mut *tx).await?;
    sql("INSERT INTO aggregates (id, number, name, metadata, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&new.id)
        .bind(number)
        .bind(&new.name)
        .bind(Json(&new.metadata))
        .bind(new.created_at)
        .execute(tx)
        .await?;
    Ok(number)
}

pub(crate) async fn aggregate_update(tx: &mut Tx, aggregate: &Aggregate) -> Result<u64> {
    sql("UPDATE aggregates SET name = $2, metadata = $3, updated_at = $4 WHERE id = $1")
        .bind(&aggregate.id)
        .bind(&aggregate.name)
        .bind(Json(&aggregate.metadata))
        .bind(aggregate.updated_at)
        .execute(tx)
        .await
}

pub(crate) async fn aggregate_delete(tx: &mut Tx, id: &str) -> Result<u64> {
    sql("DELETE FROM aggregates WHERE id = $1").bind(id).execute(tx).await
}

pub(crate) async fn host_add(tx: &mut Tx, aggregate_id: &str, host: &str) -> Result<u64> {
    sql("INSERT INTO aggregate_hosts (aggregate_id, host) VALUES ($1, $2)")
        .bind(aggregate_id)
        .bind(host)
        .execute(tx)
        .await
}

pub(crate) async fn host_remove(tx: &mut Tx, aggregate_id: &str, host: &str) -> Result<u64> {
    sql("DELETE FROM aggregate_hosts WHERE aggregate_id = $1 AND host = $2")
        .bind(aggregate_id)
        .bind(host)
        .execute(tx)
        .await
}

/// How many servers are on these nodes.
pub(crate) async fn servers_count(tx: &mut Tx, hosts: &[String]) -> Result<i64> {
    let mut count = 0;
    for hosts in hosts.chunks(1000) {
        let mut query = sql("SELECT COUNT(*) FROM servers WHERE deleted_at IS NULL AND host IN ");
        query.push_list(hosts);
        count += query.one::<i64>(&mut *tx).await?;
    }
    Ok(count)
}
