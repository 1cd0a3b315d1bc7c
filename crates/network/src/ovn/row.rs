//! What should stand in the northbound database: rows under identities of our choice, and who refers to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ovsdb::{Row, Tables, Value};
use uuid::Uuid;

use crate::Kind;

pub(super) const SWITCH: &str = "Logical_Switch";
pub(super) const SWITCH_PORT: &str = "Logical_Switch_Port";
pub(super) const ROUTER: &str = "Logical_Router";
pub(super) const ROUTER_PORT: &str = "Logical_Router_Port";
pub(super) const NAT: &str = "NAT";
pub(super) const ROUTE: &str = "Logical_Router_Static_Route";
pub(super) const GATEWAY_CHASSIS: &str = "Gateway_Chassis";
pub(super) const PORT_GROUP: &str = "Port_Group";
pub(super) const ACL: &str = "ACL";
pub(super) const DHCP_OPTIONS: &str = "DHCP_Options";

/// The tables that we write, with their columns.
pub(super) const TABLES: &[(&str, &[&str])] = &[
    (SWITCH, &["name", "ports", "other_config", "external_ids"]),
    (
        SWITCH_PORT,
        &[
            "name",
            "type",
            "options",
            "tag",
            "addresses",
            "port_security",
            "enabled",
            "dhcpv4_options",
            "dhcpv6_options",
            "external_ids",
        ],
    ),
    (ROUTER, &["name", "ports", "static_routes", "nat", "enabled", "options", "external_ids"]),
    (ROUTER_PORT, &["name", "gateway_chassis", "options", "networks", "mac", "ipv6_ra_configs", "external_ids"]),
    (NAT, &["type", "external_ip", "external_mac", "logical_ip", "logical_port", "external_ids"]),
    (ROUTE, &["ip_prefix", "nexthop", "external_ids"]),
    (GATEWAY_CHASSIS, &["name", "chassis_name", "priority", "external_ids"]),
    (PORT_GROUP, &["name", "ports", "acls", "external_ids"]),
    (ACL, &["priority", "direction", "match", "action", "external_ids"]),
    (DHCP_OPTIONS, &["cidr", "options", "external_ids"]),
];

/// Which columns refer to rows that are made and removed on their own: table, column, table referred to.
pub(super) const LINKS: &[(&str, &str, &str)] = &[
    (SWITCH, "ports", SWITCH_PORT),
    (ROUTER, "ports", ROUTER_PORT),
    (ROUTER, "static_routes", ROUTE),
    (ROUTER, "nat", NAT),
    (ROUTER_PORT, "gateway_chassis", GATEWAY_CHASSIS),
    (PORT_GROUP, "ports", SWITCH_PORT),
    (PORT_GROUP, "acls", ACL),
];

/// Whether rows of the table stay when nobody refers to them.
pub(super) fn is_root(table: &str) -> bool {
    [SWITCH, ROUTER, PORT_GROUP, DHCP_OPTIONS].contains(&table)
}

/// The thing that a row is there for. It stands in the row's `external_ids`; rows without it are not ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Owner {
    /// The whole cloud.
    Cloud,
    /// One thing of the database.
    Thing(Kind, String),
}

/// The key of the owner in `external_ids`.
pub(super) const OWNER: &str = "ferrostack:owner";

impl Owner {
    pub(super) fn new(kind: Kind, id: &str) -> Self {
        Self::Thing(kind, id.to_owned())
    }

    /// Whose row it is; of one with a mark that cannot be read, nobody's.
    pub(super) fn of(row: &Row) -> Option<Option<Self>> {
        let mark = row.map_value("external_ids", OWNER).ok()??;
        Some(match mark.split_once('/') {
            Some((kind, id)) => Kind::from_name(kind).map(|kind| Self::new(kind, id)),
            None => (mark == "cloud").then_some(Self::Cloud),
        })
    }

    /// The row's `external_ids`: the mark, and what operators want to read.
    pub(super) fn external_ids<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, String)>) -> Value {
        let mark = (OWNER, self.to_string());
        Value::map(pairs.into_iter().chain([mark]))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cloud => f.write_str("cloud"),
            Self::Thing(kind, id) => write!(f, "{}/{id}", kind.name()),
        }
    }
}

/// The identity of a row. It follows from what the row is for, so that two writers cannot make the same row twice.
pub(super) fn identity(table: &str, key: &str) -> Uuid {
    const SPACE: Uuid = Uuid::from_u128(0x6f2d_9a4e_31c7_4b52_8d0b_5e61_c3a8_f794);
    Uuid::new_v5(&SPACE, format!("{table}/{key}").as_bytes())
}

/// A row of a table.
pub(super) type Place = (&'static str, Uuid);

/// A reference from a column of one row to another row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    pub(super) from: Place,
    pub(super) column: &'static str,
    pub(super) to: Uuid,
}

/// What should be: the rows of some owners, who refers to them, and which rows must not be besides.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Target {
    /// The rows, without the columns of [`LINKS`].
    pub(super) rows: BTreeMap<Place, Row>,
    /// All references to these rows.
    pub(super) links: BTreeSet<Link>,
    /// Rows that are to go, unless they are among `rows`.
    pub(super) others: BTreeSet<Place>,
}

impl Target {
    /// Adds a row and gives its identity.
    pub(super) fn row(&mut self, table: &'static str, key: &str, row: Row) -> Uuid {
        let uuid = identity(table, key);
        self.rows.insert((table, uuid), row);
        uuid
    }

    /// Adds a reference.
    pub(super) fn link(&mut self, from: Place, column: &'static str, to: Uuid) {
        self.links.insert(Link { from, column, to });
    }

    /// Says of a row that it goes unless it is wanted.
    pub(super) fn other(&mut self, table: &'static str, uuid: Uuid) {
        self.others.insert((table, uuid));
    }

    /// Says so of all rows that a column refers to.
    pub(super) fn others_linked(&mut self, tables: &Tables, from: Place, column: &'static str) {
        let Some((_, _, table)) = LINKS.iter().find(|link| (link.0, link.1) == (from.0, column)) else { return };
        let row = tables.row(from.0, from.1);
        let children = row.and_then(|row| row.set_uuid(column).ok()).unwrap_or_default();
        self.others.extend(children.into_iter().map(|uuid| (*table, uuid)));
    }
}
