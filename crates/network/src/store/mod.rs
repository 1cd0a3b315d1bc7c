//! SQL, one file per resource.

pub(crate) mod view;

use db::{Db, Result, sql};

/// The ids that a statement without parameters finds.
pub(crate) async fn ids(db: &Db, text: &'static str) -> Result<Vec<String>> {
    sql(text).all(db).await
}
