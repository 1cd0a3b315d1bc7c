use db::{Db, On, Result, Tx, sql};

use crate::Allocations;

db::row! {
    /// Who holds allocations.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Consumer {
        pub(crate) id: String,
        pub(crate) generation: i64,
        pub(crate) project_id: String,
        pub(crate) user_id: String,
        pub(crate) consumer_type: String,
    }
}

db::row! {
    struct Row { provider_id: String, class: String, used: i64 }
}

pub(crate) async fn consumer(on: impl Into<On<'_>>, id: &str) -> Result<Option<Consumer>> {
    sql("SELECT id, generation, project_id, user_id, consumer_type FROM placement_consumers WHERE id = $1")
        .bind(id)
        .optional(on)
        .await
}

/// Writes a consumer that is to be new. Tells whether it was.
pub(crate) async fn consumer_insert(tx: &mut Tx, consumer: &Consumer) -> Result<bool> {
    let changed = sql("INSERT INTO placement_consumers (id, generation, project_id, user_id, consumer_type)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING")
    .bind(&consumer.id)
    .bind(consumer.generation)
    .bind(&consumer.project_id)
    .bind(&consumer.user_id)
    .bind(&consumer.consumer_type)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Writes a consumer whose generation is to be still `expected`. Tells whether it was.
pub(crate) async fn consumer_update(tx: &mut Tx, consumer: &Consumer, expected: i64) -> Result<bool> {
    let changed = sql("UPDATE placement_consumers SET generation = $1, project_id = $2, user_id = $3,
         consumer_type = $4 WHERE id = $5 AND generation = $6")
    .bind(consumer.generation)
    .bind(&consumer.project_id)
    .bind(&consumer.user_id)
    .bind(&consumer.consumer_type)
    .bind(&consumer.id)
    .bind(expected)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Removes a consumer that holds nothing any more, if its generation is still `expected`. Tells whether it was.
pub(crate) async fn consumer_delete(tx: &mut Tx, id: &str, expected: i64) -> Result<bool> {
    let deleted = sql("DELETE FROM placement_consumers WHERE id = $1 AND generation = $2")
        .bind(id)
        .bind(expected)
        .execute(tx)
        .await?;
    Ok(deleted == 1)
}

pub(crate) async fn of_consumer(on: impl Into<On<'_>>, consumer_id: &str) -> Result<Allocations> {
    let rows: Vec<Row> = sql("SELECT provider_id, class, used FROM placement_allocations
         WHERE consumer_id = $1")
    .bind(consumer_id)
    .all(on)
    .await?;
    let mut found = Allocations::new();
    for row in rows {
        found.entry(row.provider_id).or_default().insert(row.class, row.used);
    }
    Ok(found)
}

db::row! {
    /// What a consumer holds of one class of a provider.
    pub(crate) struct Holding {
        pub(crate) consumer_id: String,
        pub(crate) generation: i64,
        pub(crate) class: String,
        pub(crate) used: i64,
    }
}

pub(crate) async fn of_provider(db: &Db, provider_id: &str) -> Result<Vec<Holding>> {
    sql("SELECT a.consumer_id, c.generation, a.class, a.used
         FROM placement_allocations a JOIN placement_consumers c ON c.id = a.consumer_id WHERE a.provider_id = $1")
    .bind(provider_id)
    .all(db)
    .await
}

pub(crate) async fn put(tx: &mut Tx, consumer_id: &str, provider_id: &str, class: &str, used: i64) -> Result<()> {
    if used == 0 {
        sql("DELETE FROM placement_allocations WHERE consumer_id = $1 AND provider_id = $2 AND class = $3")
            .bind(consumer_id)
            .bind(provider_id)
            .bind(class)
            .execute(tx)
            .await?;
    } else {
        sql("INSERT INTO placement_allocations (consumer_id, provider_id, class, used) VALUES ($1, $2, $3, $4)
             ON CONFLICT (consumer_id, provider_id, class) DO UPDATE SET used = $4")
        .bind(consumer_id)
        .bind(provider_id)
        .bind(class)
        .bind(used)
        .execute(tx)
        .await?;
    }
    Ok(())
}

db::row! {
    /// What one kind of consumers uses of one class in a project.
    pub(crate) struct ProjectUse {
        pub(crate) consumer_type: String,
        pub(crate) class: String,
        pub(crate) used: i64,
        pub(crate) consumers: i64,
    }
}

pub(crate) async fn of_project(
    db: &Db,
    project_id: &str,
    user_id: Option<&str>,
    consumer_type: Option<&str>,
) -> Result<Vec<ProjectUse>> {
    let mut query = sql("SELECT c.consumer_type, a.class, CAST(SUM(a.used) AS BIGINT) AS used,
            COUNT(DISTINCT c.id) AS consumers
         FROM placement_consumers c JOIN placement_allocations a ON a.consumer_id = c.id
         WHERE c.project_id = ");
    query.push_bind(project_id);
    if let Some(user_id) = user_id {
        query.push(" AND c.user_id = ").push_bind(user_id);
    }
    if let Some(consumer_type) = consumer_type {
        query.push(" AND c.consumer_type = ").push_bind(consumer_type);
    }
    query.push(" GROUP BY c.consumer_type, a.class");
    query.all(db).await
}

/// How many consumers of each kind a project has.
pub(crate) async fn consumer_counts(db: &Db, project_id: &str, user_id: Option<&str>) -> Result<Vec<(String, i64)>> {
    db::row! { struct Count { consumer_type: String, consumers: i64 } }
    let mut query = sql("SELECT consumer_type, COUNT(*) AS consumers FROM placement_consumers WHERE project_id = ");
    query.push_bind(project_id);
    if let Some(user_id) = user_id {
        query.push(" AND user_id = ").push_bind(user_id);
    }
    query.push(" GROUP BY consumer_type");
    let rows: Vec<Count> = query.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.consumer_type, row.consumers)).collect())
}
