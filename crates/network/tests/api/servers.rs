use network::{ServerPortsRequest, WantedPort};
use serde_json::json;

use crate::cloud::{Cloud, id};

#[tokio::test]
async fn a_servers_ports_come_and_go_with_it() {
    for cloud in Cloud::on_each_engine().await {
        let (network, _) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        let given = id(&cloud.make(&cloud.alice, "/ports", "port", json!({"network_id": network})).await);
        assert_eq!(cloud.network.networks_default("a").await.unwrap(), std::slice::from_ref(&network));
        let request = ServerPortsRequest {
            server_id: "server".to_owned(),
            project_id: "a".to_owned(),
            zone: "nova".to_owned(),
            wanted: vec![
                WantedPort { network_id: Some(network.clone()), ..WantedPort::default() },
                WantedPort { port_id: Some(given.clone()), ..WantedPort::default() },
            ],
            dns_name: "vm".to_owned(),
            ..ServerPortsRequest::default()
        };
        let ports = cloud.network.server_ports_create(&request).await.unwrap();
        assert_eq!(ports, cloud.network.server_ports_create(&request).await.unwrap());
        assert_eq!((ports.len(), ports[0].made_by_server, ports[1].made_by_server), (2, true, false));
        assert_eq!(ports[0].security_groups, ["default"]);
        assert!(!cloud.network.ports_active("server").await.unwrap());

        let mut changes = cloud.network.changes();
        let bound = cloud.network.server_ports_bind("server", "node").await.unwrap();
        changes.changed().await.unwrap();
        assert!(bound.iter().all(|port| port.status == "ACTIVE" && port.host.as_deref() == Some("node")));
        assert!(cloud.network.ports_active("server").await.unwrap());
        let owner = cloud.network.port_of_address(&network, bound[0].fixed_ips[0].ip).await.unwrap();
        assert_eq!(owner, Some(("server".to_owned(), "a".to_owned())));

        let other = ServerPortsRequest { server_id: "other".to_owned(), ..request };
        assert_eq!(cloud.network.server_ports_create(&other).await.unwrap_err().code, Some("PortInUse"));

        cloud.network.server_ports_delete("server").await.unwrap();
        cloud.network.server_ports_delete("server").await.unwrap();
        let left = cloud.get(&cloud.alice, "/ports").await;
        assert_eq!(left["ports"].as_array().unwrap().len(), 1);
        assert_eq!((&left["ports"][0]["id"], &left["ports"][0]["device_id"]), (&json!(given), &json!("")));
        assert_eq!(cloud.get(&cloud.alice, "/quotas/a/details").await["quota"]["port"]["used"], 1);
    }
}
