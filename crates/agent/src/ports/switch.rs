//! Open vSwitch's own database: bridges and what is in them.

use std::time::Duration;

use ovsdb::{Client, Condition, Error, Mutation, Result, Row, Transaction, Value};
use tokio::time::Instant;

/// The name of the database.
pub(crate) const DATABASE: &str = "Open_vSwitch";
/// How long the switch may take to do what its database says.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);
const SETTLE_LOOK: Duration = Duration::from_millis(20);

/// A switch, by its database.
#[derive(Debug, Clone)]
pub(crate) struct Switch(pub(crate) Client);

/// A device that is there, as its bridge knows it.
#[derive(Debug, Clone)]
pub(crate) struct SwitchPort {
    pub(crate) name: String,
    pub(crate) external_ids: Vec<(&'static str, String)>,
}

impl Switch {
    /// Has the one row that stands for the switch, with these settings among its own.
    pub(crate) async fn settings_set(&self, settings: &[(&str, String)]) -> Result<()> {
        if self.0.select(DATABASE, "Open_vSwitch", [], &["_uuid"]).await?.is_empty() {
            let mut transaction = Transaction::new();
            transaction.insert("Open_vSwitch", Row::new());
            self.0.transact(DATABASE, transaction).await?;
        }
        let mut transaction = Transaction::new();
        transaction.mutate("Open_vSwitch", [], external_ids(settings));
        self.0.transact(DATABASE, transaction).await.map(drop)
    }

    /// Has a bridge of the userspace datapath, with its own device of the same name.
    pub(crate) async fn bridge_ensure(&self, name: &str) -> Result<()> {
        if !self.0.select(DATABASE, "Bridge", [Condition::equal("name", name)], &["_uuid"]).await?.is_empty() {
            return Ok(());
        }
        let mut transaction = Transaction::new();
        let interface = transaction.insert("Interface", Row::new().with("name", name).with("type", "internal"));
        let port =
            transaction.insert("Port", Row::new().with("name", name).with("interfaces", Value::set([interface])));
        let row = Row::new()
            .with("name", name)
            .with("datapath_type", "netdev")
            .with("fail_mode", if name == "br-int" { "secure" } else { "standalone" })
            .with("ports", Value::set([port]));
        let bridge = transaction.insert("Bridge", row);
        transaction.mutate("Open_vSwitch", [], [Mutation::insert("bridges", Value::set([bridge]))]);
        self.0.transact(DATABASE, transaction).await.map(drop)
    }

    /// Has the port in the bridge, in one transaction; one that is there gets the external ids.
    pub(crate) async fn port_ensure(&self, bridge: &str, wanted: &SwitchPort) -> Result<()> {
        let name = || Condition::equal("name", wanted.name.as_str());
        let known = self.0.select(DATABASE, "Port", [name()], &["_uuid"]).await?;
        let mut transaction = Transaction::new();
        if known.is_empty() {
            let ids = wanted.external_ids.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
            let row = Row::new().with("name", wanted.name.as_str()).with("external_ids", Value::map(ids));
            let interface = transaction.insert("Interface", row);
            let row = Row::new().with("name", wanted.name.as_str()).with("interfaces", Value::set([interface]));
            let port = transaction.insert("Port", row);
            let into = [Mutation::insert("ports", Value::set([port]))];
            transaction.mutate("Bridge", [Condition::equal("name", bridge)], into);
        } else {
            // Others keep their own there.
            transaction.mutate("Interface", [name()], external_ids(&wanted.external_ids));
        }
        self.0.transact(DATABASE, transaction).await.map(drop)
    }

    /// Has the ports in no bridge.
    pub(crate) async fn ports_remove(&self, names: &[String]) -> Result<()> {
        let mut transaction = Transaction::new();
        for name in names {
            let name = [Condition::equal("name", name.as_str())];
            for port in self.0.select(DATABASE, "Port", name, &["_uuid"]).await? {
                let port = Value::set([port.uuid("_uuid")?]);
                let holding = [Condition::includes("ports", port.clone())];
                transaction.mutate("Bridge", holding, [Mutation::delete("ports", port)]);
            }
        }
        if transaction.is_empty() {
            return Ok(());
        }
        self.0.transact(DATABASE, transaction).await.map(drop)
    }

    /// The names of the ports whose external id is this.
    pub(crate) async fn ports_with(&self, key: &str, value: &str) -> Result<Vec<String>> {
        let with = [Condition::includes("external_ids", Value::map([(key.to_owned(), value.to_owned())]))];
        let rows = self.0.select(DATABASE, "Interface", with, &["name"]).await?;
        rows.iter().map(|row| row.string("name").map(str::to_owned)).collect()
    }

    /// What is wrong with a port, in the switch's words.
    pub(crate) async fn port_error(&self, name: &str) -> Result<Option<String>> {
        let named = [Condition::equal("name", name)];
        let rows = self.0.select(DATABASE, "Interface", named, &["error"]).await?;
        match rows.first() {
            Some(row) => Ok(row.optional_string("error")?.map(str::to_owned)),
            None => Ok(Some("it is gone".to_owned())),
        }
    }

    /// Waits until the switch has done all that its database says now. Tells whether it did in time.
    pub(crate) async fn settled(&self) -> Result<bool> {
        let mut transaction = Transaction::new();
        transaction.mutate("Open_vSwitch", [], [Mutation::add("next_cfg", 1)]);
        let next = transaction.select("Open_vSwitch", [], &["next_cfg"]);
        let results = self.0.transact(DATABASE, transaction).await?;
        let wanted = one(results.rows(next)?)?.integer("next_cfg")?;
        let end = Instant::now() + SETTLE_LIMIT;
        loop {
            let rows = self.0.select(DATABASE, "Open_vSwitch", [], &["cur_cfg"]).await?;
            if one(&rows)?.integer("cur_cfg")? >= wanted {
                return Ok(true);
            }
            if Instant::now() > end {
                return Ok(false);
            }
            tokio::time::sleep(SETTLE_LOOK).await;
        }
    }
}

/// Sets external ids among others.
fn external_ids(pairs: &[(&str, String)]) -> [Mutation; 2] {
    let keys = Value::set(pairs.iter().map(|(key, _)| (*key).to_owned()));
    let pairs = Value::map(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    [Mutation::delete("external_ids", keys), Mutation::insert("external_ids", pairs)]
}

fn one(rows: &[Row]) -> Result<&Row> {
    rows.first().ok_or_else(|| Error::Unavailable("the switch's database is empty".to_owned()))
}
