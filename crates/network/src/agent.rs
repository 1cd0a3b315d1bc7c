//! Programs on nodes that carry out what networks say.

use api::Result;
use identity::Caller;
use policy::Target;

use crate::{Network, store};

/// An agent that was seen alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSeen {
    /// Its node.
    pub host: String,
    /// What it is: `OVN Controller agent`, ...
    pub agent_type: String,
    /// The program: `ovn-controller`.
    pub program: String,
}

impl Network {
    /// Records that agents are alive.
    pub async fn agents_seen(&self, agents: &[AgentSeen]) -> Result<()> {
        let mut write = self.write().await?;
        let mut agents: Vec<&AgentSeen> = agents.iter().collect();
        agents.sort_by(|a, b| (&a.host, &a.agent_type).cmp(&(&b.host, &b.agent_type)));
        for agent in agents {
            let row = store::agent::Agent {
                id: self.0.runtime.ids.uuid(),
                host: agent.host.clone(),
                agent_type: agent.agent_type.clone(),
                program: agent.program.clone(),
                admin_state_up: true,
                started_at: write.now,
                created_at: write.now,
                heartbeat_at: write.now,
            };
            store::agent::seen(&mut write.tx, &row).await?;
        }
        self.commit(write).await
    }

    /// The agents that the caller may see: all, or none.
    pub(crate) async fn agent_list(&self, caller: &Caller) -> Result<Vec<store::agent::Agent>> {
        if !caller.may("get_agent", &Target::new()) {
            return Ok(Vec::new());
        }
        Ok(store::agent::all(&self.0.db).await?)
    }
}
