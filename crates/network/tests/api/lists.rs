use serde_json::json;

use crate::cloud::Cloud;

#[tokio::test]
async fn a_list_is_walked_page_by_page() {
    for cloud in Cloud::on_each_engine().await {
        let (network, subnet) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        let ports: Vec<_> = (0..7).map(|n| json!({"network_id": network, "name": format!("p{n}")})).collect();
        let (status, made) = cloud.call(&cloud.alice, "POST", "/ports", json!({ "ports": ports })).await;
        assert_eq!((status.as_u16(), made["ports"].as_array().unwrap().len()), (201, 7));
        let mut names = Vec::new();
        let mut path = "/ports?limit=3&sort_key=name&fields=name&fields=id".to_owned();
        loop {
            let page = cloud.get(&cloud.alice, &path).await;
            names
                .extend(page["ports"].as_array().unwrap().iter().map(|port| port["name"].as_str().unwrap().to_owned()));
            let links = page["ports_links"].as_array().cloned().unwrap_or_default();
            let Some(next) = links.iter().find(|link| link["rel"] == "next") else { break };
            path = next["href"].as_str().unwrap().split_once("/v2.0").unwrap().1.to_owned();
        }
        assert_eq!(names, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
        for (query, count) in [
            ("name=p1&name=p2", 2),
            ("fixed_ips=ip_address%3D10.0.0.3", 1),
            ("fixed_ips=ip_address_substr%3D0.0.3&fixed_ips=ip_address_substr%3D0.0.4", 2),
            ("fixed_ips=ip_address_substr%3D%25", 0),
            (&format!("fixed_ips=subnet_id%3D{subnet}"), 7),
            ("status=ACTIVE", 0),
            ("admin_state_up=True", 7),
        ] {
            let found = cloud.get(&cloud.alice, &format!("/ports?{query}")).await;
            assert_eq!(found["ports"].as_array().unwrap().len(), count, "{query}");
        }
        assert_eq!(cloud.refused(&cloud.alice, "GET", "/ports?colour=red", json!(null)).await.0, 400);
        assert_eq!(cloud.refused(&cloud.alice, "GET", "/ports?marker=none", json!(null)).await.0, 400);
    }
}
