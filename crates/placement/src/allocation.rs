use std::collections::{BTreeMap, BTreeSet};

use ::api::{Error, Kind, Result};
use db::Tx;

use crate::store::allocation::{Consumer, Holding, ProjectUse};
use crate::write::Write;
use crate::{Placement, error, inventory, store};

/// The type of consumers whose type nobody said.
pub(crate) const UNKNOWN: &str = "unknown";

/// Amounts by provider and resource class.
pub type Allocations = BTreeMap<String, BTreeMap<String, i64>>;

/// What a consumer is to hold from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The consumer: a server's id, a migration's id.
    pub consumer_id: String,
    /// Whose it is.
    pub project_id: String,
    /// Who made it.
    pub user_id: String,
    /// `INSTANCE`, `MIGRATION`; absent for unknown.
    pub consumer_type: Option<String>,
    /// All that it holds; what it held before and is not named here is given back.
    pub allocations: Allocations,
}

impl Claim {
    /// Whether the known consumer is already of that project, user and type.
    fn owner_stays(&self, known: &Consumer) -> bool {
        let now = self.consumer(known);
        (now.project_id, now.user_id, now.consumer_type)
            == (known.project_id.clone(), known.user_id.clone(), known.consumer_type.clone())
    }

    /// What a known consumer becomes.
    fn consumer(&self, known: &Consumer) -> Consumer {
        let or_known = |new: &str, old: &str| if new.is_empty() { old.to_owned() } else { new.to_owned() };
        Consumer {
            id: known.id.clone(),
            generation: known.generation + 1,
            project_id: or_known(&self.project_id, &known.project_id),
            user_id: or_known(&self.user_id, &known.user_id),
            consumer_type: self.consumer_type.as_ref().unwrap_or(&known.consumer_type).clone(),
        }
    }
}

/// What the writer of a consumer believes about its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Nothing: before microversion 1.28.
    Any,
    /// Nothing, and claiming the same again changes nothing: inside the program.
    Inside,
    /// That there is no such consumer.
    New,
    /// That it is this one.
    Is(i64),
}

/// How often a claim that met another change of the same rows is tried again.
const ATTEMPTS: u32 = 3;

/// Whether somebody else was in the way, so that trying again helps.
fn is_race(error: &Error) -> bool {
    error.kind == Kind::Unavailable || error.code == Some("placement.concurrent_update")
}

/// A consumer's way from what it held to what it is to hold.
struct Move<'c> {
    claim: &'c Claim,
    known: Option<Consumer>,
    old: Allocations,
}

impl Move<'_> {
    /// Writes the amounts that become smaller, or those that become larger. Tells what cannot be given.
    async fn write(&self, tx: &mut Tx, giving_back: bool) -> Result<Option<(String, String)>> {
        for (provider_id, class) in pairs(&self.old, &self.claim.allocations) {
            let before = amount(&self.old, &provider_id, &class);
            let after = amount(&self.claim.allocations, &provider_id, &class);
            if (after < before) != giving_back {
                continue;
            }
            // No inventory gives more at once than this, and the database could not add it up.
            let too_much = after > inventory::MOST;
            if too_much || !store::inventory::claim(tx, &provider_id, &class, before, after).await? {
                return Ok(Some((provider_id, class)));
            }
            if before != after {
                store::allocation::put(tx, &self.claim.consumer_id, &provider_id, &class, after).await?;
            }
        }
        Ok(None)
    }

    /// The providers that the claim is about; those held so far when it is about none.
    fn named(&self) -> impl Iterator<Item = &String> {
        let Self { claim, old, .. } = self;
        if claim.allocations.is_empty() { old.keys() } else { claim.allocations.keys() }
    }

    /// Removes the consumer, which holds nothing any more.
    async fn forget(&self, tx: &mut Tx) -> Result<()> {
        let generation = self.known.as_ref().map_or(0, |consumer| consumer.generation) + 1;
        store::allocation::consumer_delete(tx, &self.claim.consumer_id, generation).await?;
        Ok(())
    }
}

/// What came of writing allocations.
pub(crate) enum Outcome {
    Written,
    NoCapacity { provider_id: String, class: String },
}

impl Outcome {
    /// 409 when something cannot be given.
    pub(crate) fn written(self) -> Result<()> {
        match self {
            Self::Written => Ok(()),
            Self::NoCapacity { provider_id, class } => Err(Error::conflict(format!(
                "Unable to allocate inventory: the requested amount of {class} would exceed the capacity of \
                 resource provider {provider_id}, or is not allowed by its min_unit, max_unit and step_size. \
                 Ask for less or use another provider."
            ))),
        }
    }
}

impl Placement {
    /// Makes the consumer's allocations these, in one transaction. `false`, and nothing changed, when a provider
    /// cannot give that much. Claiming the same again succeeds.
    pub async fn allocations_claim(&self, claim: &Claim) -> Result<bool> {
        let mut attempts = 0;
        loop {
            match self.allocations_claim_once(claim).await {
                Err(error) if attempts < ATTEMPTS && is_race(&error) => attempts += 1,
                result => return result,
            }
        }
    }

    /// Gives back all that the consumer holds; succeeds when it holds nothing.
    pub async fn allocations_release(&self, consumer_id: &str) -> Result<()> {
        let mut attempts = 0;
        loop {
            match self.allocations_delete(consumer_id).await {
                Err(error) if attempts < ATTEMPTS && is_race(&error) => attempts += 1,
                result => return result.map(drop),
            }
        }
    }

    /// What the consumer holds.
    pub async fn allocations_of(&self, consumer_id: &str) -> Result<Allocations> {
        Ok(store::allocation::of_consumer(&self.0.db, consumer_id).await?)
    }

    /// Writes several consumers' allocations, all or none.
    pub(crate) async fn allocations_write(&self, claims: &[(Claim, Generation)]) -> Result<()> {
        let classes: BTreeSet<&str> = claims
            .iter()
            .flat_map(|(claim, _)| claim.allocations.values())
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
            .collect();
        self.classes_check(classes.into_iter()).await?;
        let mut write = self.write().await?;
        self.claims_write(&mut write, claims).await?.written()?;
        write.commit().await
    }

    /// Removes a consumer with all that it holds; tells whether it was there. Its providers' generations stay.
    pub(crate) async fn allocations_delete(&self, consumer_id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let Some(consumer) = store::allocation::consumer(&mut write.tx, consumer_id).await? else { return Ok(false) };
        let claim = Claim { consumer_id: consumer.id.clone(), ..Claim::default() };
        let expected = Generation::Is(consumer.generation);
        let Some(held) = self.consumer_open(&mut write, &claim, expected).await? else { return Ok(false) };
        for provider_id in held.old.keys() {
            store::provider::lock(&mut write.tx, provider_id).await?;
            write.changed(provider_id);
        }
        held.write(&mut write.tx, true).await?;
        held.forget(&mut write.tx).await?;
        write.commit().await?;
        Ok(true)
    }

    pub(crate) async fn consumer_get(&self, id: &str) -> Result<Option<Consumer>> {
        Ok(store::allocation::consumer(&self.0.db, id).await?)
    }

    pub(crate) async fn provider_generations(&self, ids: &[String]) -> Result<BTreeMap<String, i64>> {
        Ok(store::provider::generations(&self.0.db, ids).await?)
    }

    pub(crate) async fn provider_allocations(&self, id: &str) -> Result<Vec<Holding>> {
        Ok(store::allocation::of_provider(&self.0.db, id).await?)
    }

    pub(crate) async fn project_usages(
        &self,
        project_id: &str,
        user_id: Option<&str>,
        consumer_type: Option<&str>,
    ) -> Result<(Vec<ProjectUse>, Vec<(String, i64)>)> {
        let uses = store::allocation::of_project(&self.0.db, project_id, user_id, consumer_type).await?;
        Ok((uses, store::allocation::consumer_counts(&self.0.db, project_id, user_id).await?))
    }

    async fn allocations_claim_once(&self, claim: &Claim) -> Result<bool> {
        let mut write = self.write().await?;
        match self.claims_write(&mut write, &[(claim.clone(), Generation::Inside)]).await? {
            Outcome::Written => write.commit().await.map(|()| true),
            Outcome::NoCapacity { .. } => Ok(false),
        }
    }

    /// Writes claims that stand or fall together. What they give back comes first, so that amounts can move from one
    /// consumer to another.
    pub(crate) async fn claims_write(&self, write: &mut Write, claims: &[(Claim, Generation)]) -> Result<Outcome> {
        let mut moves = Vec::new();
        for (claim, generation) in claims {
            moves.extend(self.consumer_open(write, claim, *generation).await?);
        }
        // Everybody locks the providers' rows before their inventories, in the order of the ids. Who only gets something
        // back does not change: whoever is about to change its inventories need not look again.
        let held = moves.iter().flat_map(|one| one.old.keys());
        let named: BTreeSet<&String> = moves.iter().flat_map(Move::named).collect();
        let touched: BTreeSet<&String> = held.chain(named.iter().copied()).collect();
        for provider_id in touched {
            if !named.contains(provider_id) {
                store::provider::lock(&mut write.tx, provider_id).await?;
            } else if !store::provider::advance(&mut write.tx, provider_id, None, self.now()).await? {
                return Err(Error::bad_request(format!(
                    "Allocation for resource provider {provider_id} that does not exist; choose an existing one."
                )));
            }
            write.changed(provider_id);
        }
        for giving_back in [true, false] {
            for one in &moves {
                if let Some((provider_id, class)) = one.write(&mut write.tx, giving_back).await? {
                    return Ok(Outcome::NoCapacity { provider_id, class });
                }
            }
        }
        for one in moves.iter().filter(|one| one.claim.allocations.is_empty()) {
            one.forget(&mut write.tx).await?;
        }
        Ok(Outcome::Written)
    }

    /// Checks a consumer's generation and writes the consumer; nothing comes back when there is nothing to do.
    async fn consumer_open<'c>(
        &self,
        write: &mut Write,
        claim: &'c Claim,
        generation: Generation,
    ) -> Result<Option<Move<'c>>> {
        let known = store::allocation::consumer(&mut write.tx, &claim.consumer_id).await?;
        let fits = match (generation, &known) {
            (Generation::Any | Generation::Inside, _) | (Generation::New, None) => true,
            (Generation::Is(expected), Some(consumer)) => expected == consumer.generation,
            _ => false,
        };
        if !fits {
            return Err(error::concurrent(&format!("Consumer {}", claim.consumer_id)));
        }
        let old = store::allocation::of_consumer(&mut write.tx, &claim.consumer_id).await?;
        let unchanged = generation == Generation::Inside
            && old == claim.allocations
            && known.as_ref().is_none_or(|known| claim.owner_stays(known));
        if unchanged || (known.is_none() && claim.allocations.is_empty()) {
            return Ok(None);
        }
        self.consumer_write(&mut write.tx, claim, known.as_ref()).await?;
        Ok(Some(Move { claim, known, old }))
    }

    async fn consumer_write(&self, tx: &mut Tx, claim: &Claim, known: Option<&Consumer>) -> Result<()> {
        let written = match known {
            Some(known) => store::allocation::consumer_update(tx, &claim.consumer(known), known.generation).await?,
            None => {
                let consumer = Consumer {
                    id: claim.consumer_id.clone(),
                    generation: 1,
                    project_id: claim.project_id.clone(),
                    user_id: claim.user_id.clone(),
                    consumer_type: claim.consumer_type.as_deref().unwrap_or(UNKNOWN).to_owned(),
                };
                store::allocation::consumer_insert(tx, &consumer).await?
            }
        };
        if written { Ok(()) } else { Err(error::concurrent(&format!("Consumer {}", claim.consumer_id))) }
    }
}

/// Every (provider, class) of either, sorted, so that concurrent claims lock rows in one order.
fn pairs(old: &Allocations, new: &Allocations) -> BTreeSet<(String, String)> {
    old.iter()
        .chain(new)
        .flat_map(|(provider, classes)| classes.keys().map(move |class| (provider.clone(), class.clone())))
        .collect()
}

fn amount(allocations: &Allocations, provider_id: &str, class: &str) -> i64 {
    allocations.get(provider_id).and_then(|classes| classes.get(class)).copied().unwrap_or(0)
}
