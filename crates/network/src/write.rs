//! Changing the database, and then having the backend follow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use api::Result;
use db::Tx;
use jiff::{SignedDuration, Timestamp};

use crate::model::FloatingTarget;
use crate::store;
use crate::{Change, Kind, Network};

/// A transaction and what it changes for the backend.
pub(crate) struct Write {
    pub(crate) tx: Tx,
    pub(crate) now: Timestamp,
    changes: BTreeMap<(Kind, String), Option<String>>,
    status: bool,
    floating: Vec<FloatingTarget>,
}

impl Write {
    /// The backend has to look at this thing.
    pub(crate) fn changed(&mut self, kind: Kind, id: &str) {
        self.changes.entry((kind, id.to_owned())).or_default();
    }

    /// The same, for a thing in another.
    pub(crate) fn changed_in(&mut self, kind: Kind, id: &str, parent: &str) {
        self.changes.insert((kind, id.to_owned()), Some(parent.to_owned()));
    }

    /// A floating address leads there from now on, or does not any more.
    pub(crate) fn floating_changed(&mut self, target: &FloatingTarget) {
        self.changed(Kind::Router, &target.router_id);
        self.floating.push(target.clone());
    }

    /// A port's status changed: whoever waits for that is to look.
    pub(crate) fn status_changed(&mut self) {
        self.status = true;
    }
}

impl Network {
    pub(crate) async fn write(&self) -> Result<Write> {
        let tx = self.0.db.begin().await?;
        Ok(Write { tx, now: self.0.runtime.clock.now(), changes: BTreeMap::new(), status: false, floating: Vec::new() })
    }

    /// Commits, and has the backend follow. If the backend cannot, the change stays noted and is made real later.
    ///
    /// Where floating addresses lead elsewhere, that is so when this returns: who is told of it and connects must not
    /// reach the server of before, to which the router would then keep the connection.
    pub(crate) async fn commit(&self, mut write: Write) -> Result<()> {
        let changes: BTreeSet<Change> =
            write.changes.into_iter().map(|((kind, id), parent)| Change { kind, id, parent }).collect();
        let follow = !changes.is_empty() && !self.0.backend.is_fake();
        let token = self.0.runtime.ids.uuid();
        if follow {
            store::change::note(&mut write.tx, &changes, &token, write.now).await?;
        }
        write.tx.commit().await?;
        if write.status {
            self.0.changed.send_modify(|number| *number += 1);
        }
        if follow {
            self.0
                .pending
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(changes.into_iter().map(|change| (change, token.clone())));
            self.follow().await;
        }
        if !write.floating.is_empty()
            && let Err(error) = self.0.backend.carried_out(&write.floating).await
        {
            tracing::warn!(cause = ?error.cause, "whether floating addresses lead elsewhere is not known: {error}");
        }
        Ok(())
    }

    /// Has the backend make what is pending real, for this caller and all who came meanwhile at once.
    async fn follow(&self) {
        let _one_at_a_time = self.0.following.lock().await;
        let pending = std::mem::take(&mut *self.0.pending.lock().unwrap_or_else(PoisonError::into_inner));
        if pending.is_empty() {
            return;
        }
        let (changes, tokens): (BTreeSet<Change>, BTreeSet<String>) = pending.into_iter().unzip();
        let changes: Vec<Change> = changes.into_iter().collect();
        let applied = self.0.backend.apply(&self.model(), &changes).await;
        let done = match applied {
            Ok(()) => store::change::forget(&self.0.db, &tokens).await.map_err(api::Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::warn!(cause = ?error.cause, changes = changes.len(), "the network backend did not follow, it will be asked again: {error}");
        }
    }

    /// Takes up changes that were committed but not made real. Tells how many were, and are now.
    pub(crate) async fn repair(&self) -> Result<usize> {
        let patience = SignedDuration::try_from(self.0.options.repair_interval).unwrap_or(SignedDuration::ZERO);
        let before = self.0.runtime.clock.now().checked_sub(patience).unwrap_or(Timestamp::MIN);
        let left = store::change::left_over(&self.0.db, before, 200).await?;
        if left.is_empty() {
            return Ok(0);
        }
        let _one_at_a_time = self.0.following.lock().await;
        let mut repaired = 0;
        for (change, token) in left {
            match self.0.backend.apply(&self.model(), std::slice::from_ref(&change)).await {
                Ok(()) => {
                    store::change::forget_one(&self.0.db, &change, &token).await?;
                    repaired += 1;
                }
                Err(error) => {
                    tracing::warn!(cause = ?error.cause, kind = change.kind.name(), id = change.id, "a change cannot be made real yet: {error}");
                }
            }
        }
        Ok(repaired)
    }

    pub(crate) async fn repair_forever(self) {
        loop {
            tokio::time::sleep(self.0.options.repair_interval).await;
            match self.repair().await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "left-over network changes were made real"),
                Err(error) => tracing::warn!(cause = ?error.cause, "left-over network changes cannot be read: {error}"),
            }
        }
    }
}
