use sha2::{Digest as _, Sha256};
use sqlx::Executor as _;

use crate::{Db, Error, Result, Tx, sql};

/// One step of a service's schema. Steps only go forward.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The service that owns the tables.
    pub service: &'static str,
    /// Counts from 1 within the service.
    pub version: i64,
    /// The statements, in the common subset of both engines.
    pub sql: &'static str,
}

crate::row! {
    struct Applied { service: String, version: i64, checksum: String }
}

impl Db {
    /// Brings the schema to the newest version; several processes may do so at the same moment.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<()> {
        let mut tx = self.begin().await?;
        if let Tx::Postgres(tx) = &mut tx {
            tx.execute("SELECT pg_advisory_xact_lock(7091130)").await?;
        }
        batch(
            &mut tx,
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                service TEXT NOT NULL, version BIGINT NOT NULL, checksum TEXT NOT NULL,
                PRIMARY KEY (service, version))",
        )
        .await?;
        let applied: Vec<Applied> =
            sql("SELECT service, version, checksum FROM schema_migrations").all(&mut tx).await?;
        for migration in migrations {
            let checksum = checksum(migration.sql);
            match applied.iter().find(|a| a.service == migration.service && a.version == migration.version) {
                Some(done) if done.checksum == checksum => {}
                Some(_) => {
                    return Err(Error::Migration { service: migration.service, version: migration.version });
                }
                None => {
                    batch(&mut tx, migration.sql).await?;
                    sql("INSERT INTO schema_migrations (service, version, checksum) VALUES ($1, $2, $3)")
                        .bind(migration.service)
                        .bind(migration.version)
                        .bind(checksum)
                        .execute(&mut tx)
                        .await?;
                }
            }
        }
        tx.commit().await
    }
}

/// Runs several statements that take no parameters.
async fn batch(tx: &mut Tx, text: &'static str) -> Result<()> {
    match tx {
        Tx::Sqlite(tx) => tx.batch(text)?,
        Tx::Postgres(tx) => tx.execute(sqlx::raw_sql(text)).await.map(drop)?,
    }
    Ok(())
}

/// A fingerprint that notices edits.
fn checksum(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
