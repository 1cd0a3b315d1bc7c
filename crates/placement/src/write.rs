//! Changing providers, so that whoever holds a copy of them learns of it.

use std::collections::BTreeSet;

use ::api::Result;
use db::Tx;

use crate::{Placement, store};

/// A transaction and the providers that it changes.
pub(crate) struct Write {
    pub(crate) tx: Tx,
    changed: BTreeSet<String>,
    gone: BTreeSet<String>,
}

impl Write {
    /// Something of this provider changes.
    pub(crate) fn changed(&mut self, provider_id: &str) {
        self.changed.insert(provider_id.to_owned());
    }

    /// This provider is deleted.
    pub(crate) fn gone(&mut self, provider_id: &str) {
        self.gone.insert(provider_id.to_owned());
    }

    /// Stamps what changed with the next count and commits. The count's row is locked last and only for this long, and
    /// counts become visible in their order.
    pub(crate) async fn commit(mut self) -> Result<()> {
        if !self.changed.is_empty() || !self.gone.is_empty() {
            let count = store::change::advance(&mut self.tx).await?;
            store::change::stamp(&mut self.tx, &self.changed, count).await?;
            store::change::bury(&mut self.tx, &self.gone, count).await?;
        }
        Ok(self.tx.commit().await?)
    }
}

impl Placement {
    pub(crate) async fn write(&self) -> Result<Write> {
        Ok(Write { tx: self.0.db.begin().await?, changed: BTreeSet::new(), gone: BTreeSet::new() })
    }
}
