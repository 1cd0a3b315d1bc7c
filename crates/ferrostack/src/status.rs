//! `ferrostack status`.

use anyhow::Result;
use ferrostack::client::Client;
use ferrostack::state::State;
use jiff::{Timestamp, Unit};
use serde_json::Value;

use crate::output;

/// Each API and a path that answers without a token.
const APIS: &[(&str, &str)] = &[
    ("identity", "/identity/v3"),
    ("placement", "/placement/"),
    ("image", "/image/versions"),
    ("network", "/network/"),
    ("compute", "/compute/"),
];

/// Prints the cloud, its APIs, and its nodes' services.
pub async fn run(state: &State) -> Result<()> {
    let up = state.running()?;
    let age = Timestamp::now().since(up.started_at)?.round(Unit::Second)?;
    let drivers = if up.fake { "fake drivers" } else { "real drivers" };
    output::line(&format!(
        "ferrostack {} at {}, {drivers}, up {age:#}, state in {}\n",
        up.version,
        up.url,
        state.dir().display()
    ));
    let open = Client::new(&up.url);
    let mut rows = Vec::new();
    for (api, path) in APIS {
        let health = open.get(path).await.map_or_else(|error| format!("{error:#}"), |_| "answers".to_owned());
        rows.push(vec![(*api).to_owned(), format!("{}/{api}", up.url), health]);
    }
    output::table(&["API", "ADDRESS", "HEALTH"], &rows);

    let client = Client::log_in(&up.url, "admin", &state.secret("admin-password")?, "admin").await?;
    let services = client.get("/compute/v2.1/os-services").await?;
    let agents = client.get("/network/v2.0/agents").await?;
    let mut rows: Vec<Vec<String>> = array(&services, "services")
        .iter()
        .map(|s| {
            vec![text(&s["binary"]), text(&s["host"]), text(&s["state"]), text(&s["status"]), text(&s["updated_at"])]
        })
        .collect();
    rows.extend(array(&agents, "agents").iter().map(|a| {
        let state = if a["alive"] == true { "up" } else { "down" };
        let status = if a["admin_state_up"] == true { "enabled" } else { "disabled" };
        vec![text(&a["binary"]), text(&a["host"]), state.to_owned(), status.to_owned(), text(&a["heartbeat_timestamp"])]
    }));
    output::line("");
    output::table(&["SERVICE", "HOST", "STATE", "STATUS", "LAST SEEN"], &rows);
    Ok(())
}

fn array<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}
