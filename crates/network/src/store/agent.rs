use db::{Db, Result, Tx, sql};
use jiff::Timestamp;

db::row! {
    /// A program on a node that reports itself.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) struct Agent {
        pub id: String,
        pub host: String,
        pub agent_type: String,
        pub program: String,
        pub admin_state_up: bool,
        pub started_at: Timestamp,
        pub created_at: Timestamp,
        pub heartbeat_at: Timestamp,
    }
}

pub(crate) async fn all(db: &Db) -> Result<Vec<Agent>> {
    sql("SELECT * FROM network_agents ORDER BY host, agent_type").all(db).await
}

pub(crate) async fn seen(tx: &mut Tx, agent: &Agent) -> Result<()> {
    sql("INSERT INTO network_agents
            (id, host, agent_type, program, admin_state_up, started_at, created_at, heartbeat_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (host, agent_type) DO UPDATE SET heartbeat_at = excluded.heartbeat_at")
    .bind(&agent.id)
    .bind(&agent.host)
    .bind(&agent.agent_type)
    .bind(&agent.program)
    .bind(agent.admin_state_up)
    .bind(agent.started_at)
    .bind(agent.created_at)
    .bind(agent.heartbeat_at)
    .execute(tx)
    .await
    .map(drop)
}
