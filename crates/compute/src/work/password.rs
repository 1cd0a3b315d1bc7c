//! Changing a password inside the guest.

use std::time::Duration;

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::{Call, Problem};
use serde::{Deserialize, Serialize};

use super::agent::Trouble;
use super::steps::{Before, Begin, OnServer, change};
use crate::Compute;
use crate::store::servers::Change;

/// Changes the administrator's password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerPassword {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    /// Gone when it is set.
    pub(crate) password: String,
}

impl OnServer for ServerPassword {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }
}

impl Operation for ServerPassword {
    const KIND: &'static str = "server_password";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &Set, &Settle]
    }
}

/// How often and how far apart the guest is asked: one that was just started has its agent in a moment.
const TRIES: i64 = 20;
const PAUSE: Duration = Duration::from_secs(2);

struct Set;

#[async_trait]
impl Step<ServerPassword> for Set {
    fn name(&self) -> &'static str {
        "set"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerPassword, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let (user, password) = (server.image.0.properties.get("os_admin_user").cloned(), operation.password.clone());
        let call = Call::ServerPassword { server_id: server.id.clone(), user, password };
        to.host = Some(server.host.clone());
        match compute.ask_for(to, &server.host, &call).await {
            Ok(_) => Ok(()),
            Err(trouble @ (Trouble::Away(_) | Trouble::Problem(Problem::Temporary(_)))) if to.attempts < TRIES => {
                Err(Failure::Wait { reason: trouble.to_string(), after: PAUSE })
            }
            Err(trouble) => Err(Failure::Fatal(trouble.to_string())),
        }
    }

    async fn undo(&self, _: &Compute, operation: &mut ServerPassword, _: &mut Progress) -> Result<(), Failure> {
        operation.password.clear();
        Ok(())
    }
}

struct Settle;

#[async_trait]
impl Step<ServerPassword> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerPassword, _: &mut Progress) -> Result<(), Failure> {
        operation.password.clear();
        change(compute, &operation.server_id, &Change { task_state: Some(""), ..Change::default() }).await
    }
}
