use api::Result;

use crate::model::{FloatingTarget, Model};
use crate::ovn;

/// What makes networks real.
#[derive(Clone)]
pub enum Backend {
    /// Nothing: a port is up as soon as it is bound to a node.
    Fake,
    /// OVN.
    Ovn(ovn::Backend),
}

/// A thing that changed in the database, by id. The backend reads what it should be now; gone means removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// What kind of thing.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// What it is in, known even after it is gone: a port's or subnet's network, a floating IP's router.
    pub parent: Option<String>,
}

/// Kinds of things that a backend makes real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The network itself, not its subnets and ports.
    Network,
    /// A subnet.
    Subnet,
    /// A security group and its rules.
    SecurityGroup,
    /// A port, its addresses, groups and binding.
    Port,
    /// A router with its interfaces, gateway and floating IPs.
    Router,
}

impl Kind {
    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Subnet => "subnet",
            Self::SecurityGroup => "security_group",
            Self::Port => "port",
            Self::Router => "router",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Network, Self::Subnet, Self::SecurityGroup, Self::Port, Self::Router]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

impl Backend {
    /// Makes the changed things what the database says, in one transaction of the backend. `changes` are sorted by
    /// kind, without repetitions. Doing it twice does no harm.
    pub(crate) async fn apply(&self, model: &Model, changes: &[Change]) -> Result<()> {
        match self {
            Self::Fake => Ok(()),
            Self::Ovn(ovn) => ovn.apply(model, changes).await,
        }
    }

    /// Waits until packets to floating addresses reach these targets as the database says, or do not any more.
    pub(crate) async fn carried_out(&self, targets: &[FloatingTarget]) -> Result<()> {
        match self {
            Self::Fake => Ok(()),
            Self::Ovn(ovn) => ovn.carried_out(targets).await,
        }
    }

    /// Whether a bound port is up without anybody saying so.
    pub(crate) fn is_fake(&self) -> bool {
        matches!(self, Self::Fake)
    }
}
