use serde_json::{Value, json};

use crate::cloud::{Cloud, id};

#[tokio::test]
async fn a_floating_ip_leads_to_a_port_through_a_router() {
    for cloud in Cloud::on_each_engine().await {
        let outside = cloud.outside().await;
        let (network, subnet) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        let port = cloud.make(&cloud.alice, "/ports", "port", json!({"network_id": network})).await;
        assert_eq!(port["fixed_ips"][0]["ip_address"], "10.0.0.2");
        let asked = json!({"floatingip": {"floating_network_id": outside, "port_id": port["id"]}});
        let refused = cloud.refused(&cloud.alice, "POST", "/floatingips", asked.clone()).await;
        assert_eq!(refused, (404, "ExternalGatewayForFloatingIPNotFound".to_owned()));

        let fields = json!({"name": "r", "external_gateway_info": {"network_id": outside}});
        let router = cloud.make(&cloud.alice, "/routers", "router", fields).await;
        assert_eq!(router["external_gateway_info"]["external_fixed_ips"][0]["ip_address"], "172.24.4.2");
        let place = format!("/routers/{}", id(&router));
        let body = json!({"subnet_id": subnet});
        let (status, added) =
            cloud.call(&cloud.alice, "PUT", &format!("{place}/add_router_interface"), body.clone()).await;
        assert_eq!((status.as_u16(), &added["subnet_id"]), (200, &json!(subnet)));
        let again = cloud.refused(&cloud.alice, "PUT", &format!("{place}/add_router_interface"), body.clone()).await;
        assert_eq!(again, (400, "BadRequest".to_owned()));

        let (status, made) = cloud.call(&cloud.alice, "POST", "/floatingips", asked.clone()).await;
        assert_eq!((status.as_u16(), &made["floatingip"]["fixed_ip_address"]), (201, &json!("10.0.0.2")), "{made}");
        assert_eq!(made["floatingip"]["status"], "ACTIVE");
        assert_eq!(made["floatingip"].get("name"), None, "clients read a name as the address");
        let second = cloud.refused(&cloud.alice, "POST", "/floatingips", asked).await;
        assert_eq!(second, (409, "FloatingIPPortAlreadyAssociated".to_owned()));
        let cut = cloud.refused(&cloud.alice, "PUT", &format!("{place}/remove_router_interface"), body.clone()).await;
        assert_eq!(cut, (409, "RouterInterfaceInUseByFloatingIP".to_owned()));

        // The port goes; the floating IP stays and leads nowhere; then everything can go.
        cloud.gone(&cloud.alice, &format!("/ports/{}", id(&port))).await;
        let floating = format!("/floatingips/{}", id(&made["floatingip"]));
        assert_eq!(cloud.get(&cloud.alice, &floating).await["floatingip"]["port_id"], Value::Null);
        cloud.gone(&cloud.alice, &floating).await;
        assert_eq!(cloud.refused(&cloud.alice, "DELETE", &place, Value::Null).await, (409, "RouterInUse".to_owned()));
        let network_place = format!("/networks/{network}");
        let used = cloud.refused(&cloud.alice, "DELETE", &network_place, Value::Null).await;
        assert_eq!(used, (409, "NetworkInUse".to_owned()));
        cloud.call(&cloud.alice, "PUT", &format!("{place}/remove_router_interface"), body).await;
        cloud.gone(&cloud.alice, &place).await;
        cloud.gone(&cloud.alice, &network_place).await;
        assert_eq!(cloud.get(&cloud.admin, "/ports").await["ports"], json!([]));
        let details = cloud.get(&cloud.alice, "/quotas/a/details.json").await;
        for resource in ["port", "router", "floatingip", "network", "subnet"] {
            assert_eq!(details["quota"][resource]["used"], 0, "{resource}");
        }
    }
}

#[tokio::test]
async fn bad_subnets_are_refused() {
    for cloud in Cloud::on_each_engine().await {
        let (network, _) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        for (fields, expected) in [
            (json!({"cidr": "10.0.0.128/25"}), (400, "InvalidInput")),
            (json!({"cidr": "10.0.0.0/33"}), (400, "InvalidInput")),
            (json!({"cidr": "10.1.0.0/24", "ip_version": 6}), (400, "InvalidInput")),
            (json!({"cidr": "10.1.0.0/24", "gateway_ip": "10.1.0.255"}), (400, "InvalidInput")),
            (json!({"cidr": "10.1.0.0/24", "colour": "red"}), (400, "HTTPBadRequest")),
            (
                json!({"cidr": "10.1.0.0/24", "allocation_pools": [{"start": "10.2.0.1", "end": "10.2.0.9"}]}),
                (400, "OutOfBoundsAllocationPool"),
            ),
        ] {
            let mut fields = fields;
            fields["network_id"] = json!(network);
            let refused = cloud.refused(&cloud.alice, "POST", "/subnets", json!({"subnet": fields})).await;
            assert_eq!(refused, (expected.0, expected.1.to_owned()), "{fields}");
        }
    }
}

#[tokio::test]
async fn addresses_are_given_as_asked() {
    for cloud in Cloud::on_each_engine().await {
        let (network, subnet) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        let asked = json!({"network_id": network, "fixed_ips": [{"subnet_id": subnet, "ip_address": "10.0.0.50"}]});
        let port = cloud.make(&cloud.alice, "/ports", "port", asked.clone()).await;
        assert_eq!(port["fixed_ips"], json!([{"subnet_id": subnet, "ip_address": "10.0.0.50"}]));
        let taken = cloud.refused(&cloud.alice, "POST", "/ports", json!({"port": asked})).await;
        assert_eq!(taken, (409, "IpAddressInUse".to_owned()));
        let outside = json!({"port": {"network_id": network, "fixed_ips": [{"ip_address": "10.9.0.1"}]}});
        assert_eq!(
            cloud.refused(&cloud.alice, "POST", "/ports", outside).await,
            (400, "InvalidIpForNetwork".to_owned())
        );

        let place = format!("/ports/{}", id(&port));
        let moved = json!({"port": {"fixed_ips": [{"ip_address": "10.0.0.60"}]}});
        let (_, moved) = cloud.call(&cloud.alice, "PUT", &place, moved).await;
        assert_eq!(moved["port"]["fixed_ips"][0]["ip_address"], "10.0.0.60");

        let fields = json!({"network_id": network, "ip_version": 6, "cidr": "2001:db8::/64",
            "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"});
        let made_by_ports = id(&cloud.make(&cloud.alice, "/subnets", "subnet", fields).await);
        let fields = json!({"network_id": network, "mac_address": "fa:16:3e:00:01:02"});
        let port = cloud.make(&cloud.alice, "/ports", "port", fields.clone()).await;
        assert_eq!(port["fixed_ips"][0]["ip_address"], "10.0.0.2");
        assert_eq!(port["fixed_ips"][1]["ip_address"], "2001:db8::f816:3eff:fe00:102");
        let taken = cloud.refused(&cloud.alice, "POST", "/ports", json!({"port": fields})).await;
        assert_eq!(taken, (409, "MacAddressInUse".to_owned()));

        // What ports made for themselves goes with its subnet; what they were given stays in the way.
        cloud.gone(&cloud.alice, &format!("/subnets/{made_by_ports}")).await;
        let left = cloud.get(&cloud.alice, &format!("/ports/{}", id(&port))).await;
        assert_eq!(left["port"]["fixed_ips"], json!([{"subnet_id": subnet, "ip_address": "10.0.0.2"}]));
        let used = cloud.refused(&cloud.alice, "DELETE", &format!("/subnets/{subnet}"), Value::Null).await;
        assert_eq!(used, (409, "SubnetInUse".to_owned()));
    }
}

#[tokio::test]
async fn an_external_network_takes_its_idle_floating_ips_with_it() {
    for cloud in Cloud::on_each_engine().await {
        let outside = cloud.outside().await;
        let fields = json!({"floating_network_id": outside});
        let floating = cloud.make(&cloud.alice, "/floatingips", "floatingip", fields).await;
        cloud.gone(&cloud.admin, &format!("/networks/{outside}")).await;
        let (status, _) =
            cloud.call(&cloud.alice, "GET", &format!("/floatingips/{}", id(&floating)), Value::Null).await;
        assert_eq!(status, 404);
        let details = cloud.get(&cloud.alice, "/quotas/a/details.json").await;
        assert_eq!(details["quota"]["floatingip"]["used"], 0);
    }
}

#[tokio::test]
async fn no_routes_are_an_empty_list() {
    for cloud in Cloud::on_each_engine().await {
        let (_, subnet) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        let router = cloud.make(&cloud.alice, "/routers", "router", json!({"name": "r"})).await;
        let place = format!("/routers/{}", id(&router));
        cloud.call(&cloud.alice, "PUT", &format!("{place}/add_router_interface"), json!({"subnet_id": subnet})).await;
        let routes = json!([{"destination": "10.9.0.0/24", "nexthop": "10.0.0.9"}]);
        for (given, expected) in [(routes.clone(), routes), (Value::Null, json!([]))] {
            let (status, changed) = cloud.call(&cloud.alice, "PUT", &place, json!({"router": {"routes": given}})).await;
            assert_eq!((status.as_u16(), &changed["router"]["routes"]), (200, &expected), "{changed}");
        }
    }
}

#[tokio::test]
async fn a_router_has_one_port_for_all_ipv6_subnets_of_a_network() {
    for cloud in Cloud::on_each_engine().await {
        let (network, subnet4) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        let router = id(&cloud.make(&cloud.alice, "/routers", "router", json!({"name": "r"})).await);
        let interface = async |what: &str, body: Value| {
            let (status, answer) = cloud.call(&cloud.alice, "PUT", &format!("/routers/{router}/{what}"), body).await;
            assert_eq!(status.as_u16(), 200, "{answer}");
            answer
        };
        let mut added = vec![interface("add_router_interface", json!({"subnet_id": subnet4})).await];
        for cidr in ["2001:db8:1::/64", "2001:db8:2::/64"] {
            let fields = json!({"network_id": network, "ip_version": 6, "cidr": cidr, "ipv6_ra_mode": "slaac",
                                "ipv6_address_mode": "slaac"});
            let subnet = id(&cloud.make(&cloud.alice, "/subnets", "subnet", fields).await);
            added.push(interface("add_router_interface", json!({"subnet_id": subnet})).await);
            assert_eq!(added.last().unwrap()["subnet_id"], json!(subnet));
        }
        assert_ne!(added[0]["port_id"], added[1]["port_id"]);
        assert_eq!(added[1]["port_id"], added[2]["port_id"]);
        let place = format!("/ports/{}", added[1]["port_id"].as_str().unwrap());
        let addresses = async || {
            let fixed = cloud.get(&cloud.alice, &place).await["port"]["fixed_ips"].clone();
            fixed.as_array().unwrap().iter().map(|ip| ip["ip_address"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(addresses().await, ["2001:db8:1::1", "2001:db8:2::1"]);

        let port = cloud.make(&cloud.alice, "/ports", "port", json!({"network_id": network})).await;
        let add = format!("/routers/{router}/add_router_interface");
        let second = cloud.refused(&cloud.alice, "PUT", &add, json!({"port_id": port["id"]})).await;
        assert_eq!(second, (400, "BadRequest".to_owned()));

        let gone = interface("remove_router_interface", json!({"subnet_id": added[1]["subnet_id"]})).await;
        assert_eq!((&gone["port_id"], &gone["subnet_id"]), (&added[1]["port_id"], &added[1]["subnet_id"]));
        assert_eq!(addresses().await, ["2001:db8:2::1"]);
        interface("remove_router_interface", json!({"subnet_id": added[2]["subnet_id"]})).await;
        assert_eq!(cloud.call(&cloud.alice, "GET", &place, Value::Null).await.0, 404);
    }
}

#[tokio::test]
async fn security_groups_have_neutrons_rules() {
    for cloud in Cloud::on_each_engine().await {
        let groups = cloud.get(&cloud.alice, "/security-groups").await;
        assert_eq!(groups["security_groups"][0]["name"], "default");
        assert_eq!(groups["security_groups"][0]["security_group_rules"].as_array().unwrap().len(), 4);
        let group = cloud.make(&cloud.alice, "/security-groups", "security_group", json!({"name": "web"})).await;
        assert_eq!(group["security_group_rules"].as_array().unwrap().len(), 2);
        let rule = json!({"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp",
            "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "0.0.0.0/0"});
        cloud.make(&cloud.alice, "/security-group-rules", "security_group_rule", rule.clone()).await;
        let mut same = rule;
        same["protocol"] = json!(6);
        let twice =
            cloud.refused(&cloud.alice, "POST", "/security-group-rules", json!({"security_group_rule": same})).await;
        assert_eq!(twice, (409, "SecurityGroupRuleExists".to_owned()));
        let (network, _) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        let fields = json!({"network_id": network, "security_groups": [group["id"]]});
        let port = cloud.make(&cloud.alice, "/ports", "port", fields).await;
        let place = format!("/security-groups/{}", id(&group));
        let used = cloud.refused(&cloud.alice, "DELETE", &place, Value::Null).await;
        assert_eq!(used, (409, "SecurityGroupInUse".to_owned()));
        cloud.gone(&cloud.alice, &format!("/ports/{}", id(&port))).await;
        cloud.gone(&cloud.alice, &place).await;
    }
}

#[tokio::test]
async fn tags_revisions_and_provider_fields() {
    for cloud in Cloud::on_each_engine().await {
        let (network, _) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        let place = format!("/networks/{network}");
        let (status, tags) =
            cloud.call(&cloud.alice, "PUT", &format!("{place}/tags"), json!({"tags": ["b", "a"]})).await;
        assert_eq!((status.as_u16(), tags), (200, json!({"tags": ["a", "b"]})));
        assert_eq!(cloud.get(&cloud.alice, "/networks?tags=a,b&fields=id").await["networks"], json!([{"id": network}]));
        assert_eq!(cloud.get(&cloud.alice, "/networks?not-tags=a").await["networks"], json!([]));
        let shown = cloud.get(&cloud.alice, &place).await;
        assert!(shown["network"].get("provider:network_type").is_none());
        assert!(shown["network"]["revision_number"].as_i64().unwrap() > 1);
        let shown = cloud.get(&cloud.admin, &place).await;
        assert_eq!(shown["network"]["provider:network_type"], "geneve");
        assert_eq!(shown["network"]["provider:segmentation_id"], 1);
        assert_eq!(shown["network"]["mtu"], 1442);
        let (status, _) = cloud.call(&cloud.admin, "GET", "/network-ip-availabilities", Value::Null).await;
        assert_eq!(status, 200);
        for path in ["/extensions", "/availability_zones", "/service-providers", "/quotas/a"] {
            cloud.get(&cloud.alice, path).await;
        }
    }
}
