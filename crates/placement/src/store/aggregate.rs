use db::{On, Result, Tx, sql};

/// The aggregates that a provider is in, sorted.
pub(crate) async fn of(on: impl Into<On<'_>>, provider_id: &str) -> Result<Vec<String>> {
    sql("SELECT aggregate_id FROM placement_provider_aggregates WHERE provider_id = $1 ORDER BY aggregate_id")
        .bind(provider_id)
        .all(on)
        .await
}

/// Makes these the aggregates that a provider is in.
pub(crate) async fn replace(tx: &mut Tx, provider_id: &str, aggregates: &[String]) -> Result<()> {
    sql("DELETE FROM placement_provider_aggregates WHERE provider_id = $1").bind(provider_id).execute(&mut *tx).await?;
    for id in aggregates {
        sql("INSERT INTO placement_provider_aggregates (provider_id, aggregate_id) VALUES ($1, $2)
             ON CONFLICT DO NOTHING")
        .bind(provider_id)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
