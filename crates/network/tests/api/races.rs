use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use crate::cloud::Cloud;

/// Sends `count` port creates at the same moment and counts the answers by status.
async fn ports_at_once(cloud: &Arc<Cloud>, network: &str, count: usize) -> (Vec<String>, Vec<String>) {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (cloud, network) = (cloud.clone(), network.to_owned());
            tokio::spawn(async move {
                cloud.call(&cloud.alice, "POST", "/ports", json!({"port": {"network_id": network}})).await
            })
        })
        .collect();
    let (mut addresses, mut refusals) = (Vec::new(), Vec::new());
    for task in tasks {
        let (status, body) = task.await.unwrap();
        if status == 201 {
            addresses.push(body["port"]["fixed_ips"][0]["ip_address"].as_str().unwrap().to_owned());
        } else {
            refusals.push(body["NeutronError"]["type"].as_str().unwrap().to_owned());
        }
    }
    (addresses, refusals)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pool_is_given_out_exactly() {
    for cloud in Cloud::on_each_engine().await.map(Arc::new) {
        let (network, _) = cloud.subnet(&cloud.alice, "10.0.0.0/28").await;
        let (addresses, refusals) = ports_at_once(&cloud, &network, 40).await;
        assert_eq!(addresses.len(), 13);
        assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), 13);
        assert!(refusals.iter().all(|kind| kind == "IpAddressGenerationFailure"), "{refusals:?}");
        // What is given back can be taken again.
        let ports = cloud.get(&cloud.alice, "/ports").await;
        for port in ports["ports"].as_array().unwrap() {
            cloud.gone(&cloud.alice, &format!("/ports/{}", port["id"].as_str().unwrap())).await;
        }
        assert_eq!(ports_at_once(&cloud, &network, 13).await.0.len(), 13);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quota_is_used_up_exactly() {
    for cloud in Cloud::on_each_engine().await.map(Arc::new) {
        let (network, _) = cloud.subnet(&cloud.alice, "10.0.0.0/24").await;
        cloud.call(&cloud.admin, "PUT", "/quotas/a", json!({"quota": {"port": 10}})).await;
        let (addresses, refusals) = ports_at_once(&cloud, &network, 60).await;
        assert_eq!(addresses.len(), 10);
        assert!(refusals.iter().all(|kind| kind == "OverQuota"), "{refusals:?}");
        for (check, status) in
            [(json!({"port": 9, "check_limit": true}), 400), (json!({"port": 10, "force": true}), 200)]
        {
            let (answered, said) = cloud.call(&cloud.admin, "PUT", "/quotas/a", json!({ "quota": check })).await;
            assert_eq!(answered.as_u16(), status, "{said}");
        }
        let details = cloud.get(&cloud.alice, "/quotas/a/details.json").await;
        assert_eq!(details["quota"]["port"], json!({"limit": 10, "used": 10, "reserved": 0}));
        let ports = cloud.get(&cloud.alice, "/ports").await;
        for port in ports["ports"].as_array().unwrap() {
            cloud.gone(&cloud.alice, &format!("/ports/{}", port["id"].as_str().unwrap())).await;
        }
        let details = cloud.get(&cloud.alice, "/quotas/a/details.json").await;
        assert_eq!(details["quota"]["port"]["used"], 0);
    }
}
