use std::collections::BTreeSet;

use ::api::Result;

use crate::{Placement, error, store};

impl Placement {
    /// A provider's generation, and the aggregates that it is in.
    pub(crate) async fn aggregates_of(&self, provider_id: &str) -> Result<(i64, Vec<String>)> {
        let generation = self.provider_get(provider_id).await?.generation;
        Ok((generation, store::aggregate::of(&self.0.db, provider_id).await?))
    }

    /// Makes these the aggregates that a provider is in, if its generation is still the expected one. Without
    /// one, as before microversion 1.19, the generation stays what it is.
    pub async fn aggregates_set(
        &self,
        provider_id: &str,
        generation: Option<i64>,
        aggregates: &[String],
    ) -> Result<(i64, Vec<String>)> {
        let mut write = self.write().await?;
        match generation {
            Some(_) => self.provider_advance(&mut write, provider_id, generation).await?,
            None if store::provider::get(&mut write.tx, provider_id).await?.is_none() => {
                return Err(error::provider_missing(provider_id));
            }
            None => write.changed(provider_id),
        }
        store::aggregate::replace(&mut write.tx, provider_id, aggregates).await?;
        write.commit().await?;
        self.aggregates_of(provider_id).await
    }

    /// Puts a provider into aggregates, and takes it out of those among `before` that are not among them. Writes only
    /// when something changes.
    pub async fn aggregates_change(
        &self,
        provider_id: &str,
        now: &BTreeSet<String>,
        before: &BTreeSet<String>,
    ) -> Result<()> {
        let is: BTreeSet<String> = store::aggregate::of(&self.0.db, provider_id).await?.into_iter().collect();
        let kept = is.iter().filter(|id| !before.contains(*id));
        let wanted: BTreeSet<String> = kept.chain(now).cloned().collect();
        if wanted != is {
            let wanted: Vec<String> = wanted.into_iter().collect();
            self.aggregates_set(provider_id, None, &wanted).await?;
        }
        Ok(())
    }
}
