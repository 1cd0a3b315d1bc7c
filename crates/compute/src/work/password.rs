//! Changing a password inside the guest.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::Call;
use serde::{Deserialize, Serialize};

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

struct Set;

#[async_trait]
impl Step<ServerPassword> for Set {
    fn name(&self) -> &'static str {
        "set"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerPassword, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let password = operation.password.clone();
        let call = Call::ServerPassword { server_id: server.id.clone(), user: None, password };
        compute.ask_step(&server, &call, to).await.map(drop)
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
