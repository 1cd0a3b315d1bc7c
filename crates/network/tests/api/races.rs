use std::collections::BTreeSet;
use std::sync::Arc;

use db::{Db, sql};
use serde_json::json;

use crate::cloud::{Cloud, id};

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

/// What identity limits every domain to.
async fn limit(db: &Db, resource: &str, limit: i64) {
    let mut tx = db.begin().await.unwrap();
    sql(
        "INSERT INTO identity_services (id, kind, name, enabled, extra) VALUES ('n', 'network', 'neutron', TRUE, '{}')",
    )
    .execute(&mut tx)
    .await
    .unwrap();
    sql("INSERT INTO identity_registered_limits (id, service_id, resource_name, default_limit) VALUES ($1, 'n', $1, $2)")
        .bind(resource)
        .bind(limit)
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_of_a_domain_use_up_its_limit_together() {
    let strict = |config: &mut identity::Config| config.limit_model = identity::LimitModel::StrictTwoLevel;
    for cloud in Cloud::on_each_engine_with(strict).await {
        // One that is there before counting begins counts too.
        cloud.make(&cloud.alice, "/networks", "network", json!({"name": "early"})).await;
        limit(&cloud.db, "network", 5).await;
        let tokens = [&cloud.alice, &cloud.bob].into_iter().cycle().take(12);
        let calls = tokens.map(|token| cloud.call(token, "POST", "/networks", json!({"network": {"name": "n"}})));
        let answers = futures_util::future::join_all(calls).await;
        assert_eq!(answers.iter().filter(|(status, _)| status.as_u16() == 201).count(), 4, "{answers:?}");
        let refused = answers.iter().find(|(status, _)| status.as_u16() != 201).unwrap();
        assert_eq!((refused.0.as_u16(), &refused.1["NeutronError"]["type"]), (409, &json!("OverQuota")));
        assert!(refused.1.to_string().contains("domain default may have 5 together"), "{}", refused.1);
        let mine = &cloud.get(&cloud.bob, "/networks").await["networks"];
        let mine = mine.as_array().unwrap().iter().find(|network| network["project_id"] == "b").map(id);
        cloud.gone(&cloud.bob, &format!("/networks/{}", mine.unwrap())).await;
        cloud.make(&cloud.alice, "/networks", "network", json!({"name": "again"})).await;
        let again = cloud.refused(&cloud.alice, "POST", "/networks", json!({"network": {"name": "n"}})).await;
        assert_eq!(again, (409, "OverQuota".to_owned()));
    }
}
