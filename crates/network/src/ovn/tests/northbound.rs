//! What reaches a real northbound database, and how often.

use ovsdb::{Condition, Mutation, Row, Tables, Transaction, Value};

use super::server::Ovn;
use super::views::*;
use crate::ovn::nodes::{Nodes, port_states};
use crate::ovn::row::*;
use crate::ovn::switch::{switch, switch_port};
use crate::ovn::{NORTHBOUND, Outcome};

impl Ovn {
    pub async fn tables(&self) -> Tables {
        self.backend.north().await.unwrap().tables().clone()
    }

    /// Makes it so, and gives how many rows and references were changed.
    pub async fn make(&self, cloud: &Cloud) -> usize {
        let tables = self.tables().await;
        let nodes = Nodes::new(&self.backend.south().await.unwrap().tables());
        let done: Option<Outcome> = self.backend.settle(&tables, cloud.target(&tables, &nodes)).await.unwrap();
        done.unwrap().changed
    }

    async fn by_hand(&self, build: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        build(&mut transaction);
        self.north.transact(NORTHBOUND, transaction).await.unwrap();
    }
}

#[tokio::test]
async fn a_cloud_reaches_ovn_once() {
    let ovn = Ovn::start();
    let mut cloud = Cloud::new();
    assert!(ovn.make(&cloud).await > 20);
    let tables = ovn.tables().await;
    assert_eq!(tables.len(SWITCH), 2);
    assert_eq!(tables.len(SWITCH_PORT), 6);
    assert_eq!(tables.row(SWITCH, switch(NET)).unwrap().set_uuid("ports").unwrap().len(), 4);
    assert_eq!(tables.len(ROUTER_PORT), 2);
    assert_eq!(tables.len(NAT), 2);
    assert_eq!(tables.len(PORT_GROUP), 2);
    assert_eq!(tables.len(ACL), 7);
    assert_eq!(tables.len(DHCP_OPTIONS), 2);
    assert_eq!(ovn.make(&cloud).await, 0, "a second time there is nothing to do");

    cloud.server().standard.name = "renamed".to_owned();
    assert_eq!(ovn.make(&cloud).await, 1, "only what differs is sent");
    cloud.server().security_groups.clear();
    assert_eq!(ovn.make(&cloud).await, 2, "out of the group, and the note of it");
    assert_eq!(ovn.make(&cloud).await, 0);
}

#[tokio::test]
async fn what_is_removed_by_hand_comes_back_and_what_is_gone_goes() {
    let ovn = Ovn::start();
    let mut cloud = Cloud::new();
    ovn.make(&cloud).await;
    let before = ovn.tables().await;
    ovn.by_hand(|transaction| {
        transaction.mutate(
            SWITCH,
            [Condition::uuid(switch(NET))],
            [Mutation::delete("ports", Value::set([switch_port(PORT)]))],
        );
        transaction.update(NAT, [Condition::equal("type", "snat")], Row::new().with("external_ip", "1.2.3.4"));
    })
    .await;
    let mut north = ovn.backend.north().await.unwrap();
    drop(north.wait_for(|tables| tables.row(SWITCH_PORT, switch_port(PORT)).is_none()).await.unwrap());
    assert!(ovn.make(&cloud).await > 0);
    assert!(ovn.tables().await == before, "all is as it was");

    // The router loses its routes and its floating IP, and a rule goes.
    cloud.routers[0].floating_ips.clear();
    cloud.routers[0].router.routes.clear();
    cloud.groups[0].rules.pop();
    assert_eq!(ovn.make(&cloud).await, 3);
    let tables = ovn.tables().await;
    assert_eq!((tables.len(NAT), tables.len(ROUTE), tables.len(ACL)), (1, 1, 6));
}

#[tokio::test]
async fn a_transaction_on_an_old_picture_is_refused() {
    let ovn = Ovn::start();
    let mut cloud = Cloud::new();
    let empty = ovn.tables().await;
    let target = |cloud: &Cloud, tables: &Tables| cloud.target(tables, &Nodes::default());
    ovn.make(&cloud).await;
    let again = ovn.backend.settle(&empty, target(&cloud, &empty)).await.unwrap();
    assert!(again.is_none(), "nothing is inserted twice");
    let old = ovn.tables().await;
    cloud.server().standard.name = "new".to_owned();
    ovn.make(&cloud).await;
    cloud.server().standard.name = "older".to_owned();
    let late = ovn.backend.settle(&old, target(&cloud, &old)).await.unwrap();
    assert!(late.is_none(), "nothing new is overwritten by something older");
}

#[tokio::test]
async fn a_port_is_wired_when_a_node_has_it_and_says_so() {
    let ovn = Ovn::start();
    ovn.make(&Cloud::new()).await;
    let mut south = ovn.backend.south().await.unwrap();
    let known = |tables: &Tables| port_states(tables).contains_key(PORT);
    drop(south.wait_for(known).await.unwrap());
    assert!(!port_states(&south.tables())[PORT]);
    assert!(!port_states(&south.tables()).contains_key(INTERFACE), "a router's port is everywhere");

    let mut transaction = Transaction::new();
    let encap = Row::new().with("type", "geneve").with("ip", "127.0.0.1").with("chassis_name", "c1");
    let encap = transaction.insert("Encap", encap);
    let settings = Value::map([("ovn-bridge-mappings", "public:br-ex")]);
    let chassis = Row::new()
        .with("name", "c1")
        .with("hostname", "node1")
        .with("encaps", encap.atom())
        .with("other_config", settings);
    let chassis = transaction.insert("Chassis", chassis);
    let binding = || [Condition::equal("logical_port", PORT)];
    transaction.update("Port_Binding", binding(), Row::new().with("chassis", chassis.atom()).with("up", false));
    ovn.south.transact("OVN_Southbound", transaction).await.unwrap();
    drop(south.wait_for(|tables| tables.len("Chassis") == 1).await.unwrap());
    assert!(!port_states(&south.tables())[PORT], "bound, but not yet up");

    let mut transaction = Transaction::new();
    transaction.update("Port_Binding", binding(), Row::new().with("up", true));
    ovn.south.transact("OVN_Southbound", transaction).await.unwrap();
    drop(south.wait_for(|tables| port_states(tables)[PORT]).await.unwrap());

    // The node is in the outside network: it becomes the router's way out.
    let nodes = Nodes::new(&ovn.backend.south().await.unwrap().tables()).0;
    assert_eq!((nodes.len(), nodes[0].host.as_str()), (1, "node1"));
    assert_eq!(ovn.make(&Cloud::new()).await, 3, "a gateway, its reference, and the floating IP there");
}
