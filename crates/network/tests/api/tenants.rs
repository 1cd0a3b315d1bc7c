use serde_json::{Value, json};

use crate::cloud::{Cloud, id};

/// What alice has, each with a change that its owner may make.
async fn things(cloud: &Cloud) -> Vec<(String, Value)> {
    let (network, subnet) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
    let port = cloud.make(&cloud.alice, "/ports", "port", json!({"network_id": network})).await;
    let router = cloud.make(&cloud.alice, "/routers", "router", json!({"name": "r"})).await;
    let group = cloud.make(&cloud.alice, "/security-groups", "security_group", json!({"name": "g"})).await;
    let outside = cloud.outside().await;
    let floating =
        cloud.make(&cloud.alice, "/floatingips", "floatingip", json!({"floating_network_id": outside})).await;
    vec![
        (format!("/floatingips/{}", id(&floating)), json!({"floatingip": {"description": "x"}})),
        (format!("/ports/{}", id(&port)), json!({"port": {"name": "x"}})),
        (format!("/subnets/{subnet}"), json!({"subnet": {"name": "x"}})),
        (format!("/networks/{network}"), json!({"network": {"name": "x"}})),
        (format!("/routers/{}", id(&router)), json!({"router": {"name": "x"}})),
        (format!("/security-groups/{}", id(&group)), json!({"security_group": {"name": "x"}})),
    ]
}

#[tokio::test]
async fn other_projects_see_nothing_and_readers_change_nothing() {
    for cloud in Cloud::on_each_engine().await {
        for (place, change) in things(&cloud).await {
            for (method, body) in [("GET", Value::Null), ("PUT", change.clone()), ("DELETE", Value::Null)] {
                let (status, _) = cloud.call(&cloud.bob, method, &place, body.clone()).await;
                assert_eq!(status, 404, "{method} {place} by another project");
                let (status, _) = cloud.call(&cloud.reader, method, &place, body).await;
                assert_eq!(status, if method == "GET" { 200 } else { 403 }, "{method} {place} by a reader");
            }
            let (status, body) = cloud.call(&cloud.alice, "PUT", &place, change).await;
            assert_eq!(status, 200, "{place}: {body}");
            cloud.gone(&cloud.alice, &place).await;
        }
        for kind in ["ports", "subnets", "routers", "floatingips"] {
            let (status, _) = cloud.call(&cloud.reader, "POST", &format!("/{kind}"), json!({})).await;
            assert_eq!(status, 400);
        }
        assert_eq!(cloud.refused(&cloud.reader, "POST", "/networks", json!({"network": {}})).await.0, 403);
        assert_eq!(cloud.call("bad", "GET", "/networks", Value::Null).await.0, 401);
    }
}

#[tokio::test]
async fn external_and_shared_networks_are_seen_by_all() {
    for cloud in Cloud::on_each_engine().await {
        let outside = cloud.outside().await;
        let seen = cloud.get(&cloud.bob, "/networks").await;
        assert_eq!(seen["networks"][0]["id"], json!(outside));
        assert_eq!(cloud.get(&cloud.bob, "/subnets").await["subnets"].as_array().unwrap().len(), 1);
        let place = format!("/networks/{outside}");
        assert_eq!(cloud.refused(&cloud.bob, "PUT", &place, json!({"network": {"name": "x"}})).await.0, 403);
        for fields in
            [json!({"shared": true}), json!({"router:external": true}), json!({"provider:network_type": "flat"})]
        {
            assert_eq!(cloud.refused(&cloud.bob, "POST", "/networks", json!({"network": fields})).await.0, 403);
        }
        assert_eq!(cloud.get(&cloud.bob, "/agents").await["agents"], json!([]));
        assert_eq!(cloud.refused(&cloud.bob, "GET", "/quotas/a", Value::Null).await.0, 403);
        assert_eq!(
            cloud.refused(&cloud.bob, "POST", "/networks", json!({"network": {"project_id": "a"}})).await.0,
            403
        );
    }
}
