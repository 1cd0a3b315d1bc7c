//! The password of a guest's administrator.

use ::api::Result;
use identity::Caller;

use super::Server;
use crate::Compute;
use crate::state::Action;
use crate::store::servers;
use crate::work::password::ServerPassword;
use crate::work::steps::Before;

const LIMIT_MINUTES: i64 = 10;

impl Compute {
    /// Promises that the guest agent changes the password.
    pub(crate) async fn server_password_change(
        &self,
        caller: &Caller,
        server: &Server,
        password: String,
    ) -> Result<()> {
        let tx = self.server_claim(Some(caller), server, Action::Password).await?;
        let data = ServerPassword { server_id: server.id.clone(), before: Before::of(server), password };
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop)
    }

    /// Keeps the password that the guest made for itself, encrypted with the user's key; `false` if there is one.
    pub(crate) async fn password_keep(&self, server_id: &str, password: &str) -> Result<bool> {
        let mut tx = self.db().begin().await?;
        let kept = servers::password_set(&mut tx, server_id, password, true).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Forgets it.
    pub(crate) async fn password_forget(&self, server_id: &str) -> Result<()> {
        let mut tx = self.db().begin().await?;
        servers::password_set(&mut tx, server_id, "", false).await?;
        Ok(tx.commit().await?)
    }
}
