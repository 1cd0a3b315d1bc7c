use std::sync::Arc;

use compute::quota;
use db::testing::each_engine;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cloud::Cloud;

#[tokio::test]
async fn of_200_claims_at_once_exactly_as_many_succeed_as_fit() {
    each_engine(compute::MIGRATIONS, async |db| {
        let db = Arc::new(db);
        let wanted = [("instances", 1), ("ram", 512), ("cores", 2)];
        let mut claims = JoinSet::new();
        for _ in 0..200 {
            let db = Arc::clone(&db);
            claims.spawn(async move {
                let mut tx = db.begin().await.unwrap();
                match quota::claim(&mut tx, "red", &wanted).await {
                    Ok(()) => tx.commit().await.map(|()| None).unwrap(),
                    Err(error) => Some(error),
                }
            });
        }
        let answers = claims.join_all().await;
        let refusals: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(refusals.len(), 190);
        for refusal in refusals {
            assert_eq!(refusal.status(), 403, "{refusal:?}");
            let start = "Quota exceeded for cores, instances: Requested 2, 1, but already used 20, 10 of 20, 10 ";
            assert!(refusal.message.starts_with(start), "{refusal}");
        }
        let used = quota::usages(&*db, "red").await.unwrap();
        assert_eq!((used["instances"], used["ram"], used["cores"]), (10, 5120, 20));
        assert!(quota::usages(&*db, "blue").await.unwrap().is_empty());

        let mut releases = JoinSet::new();
        for _ in 0..10 {
            let db = Arc::clone(&db);
            releases.spawn(async move {
                let mut tx = db.begin().await.unwrap();
                quota::release(&mut tx, "red", &wanted).await.unwrap();
                tx.commit().await.unwrap();
            });
        }
        releases.join_all().await;
        let used = quota::usages(&*db, "red").await.unwrap();
        assert_eq!((used["instances"], used["ram"], used["cores"]), (0, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_refused_claim_leaves_nothing() {
    each_engine(compute::MIGRATIONS, async |db| {
        let mut tx = db.begin().await.unwrap();
        let refusal = quota::claim(&mut tx, "red", &[("cores", 1), ("ram", 60_000)]).await.unwrap_err();
        assert!(
            refusal.message.starts_with("Quota exceeded for ram: Requested 60000, but already used 0 of 51200 ram")
        );
        tx.rollback().await.unwrap();
        assert!(quota::usages(&db, "red").await.unwrap().values().all(|used| *used == 0));
    })
    .await;
}

#[tokio::test]
async fn each_microversion_shows_its_resources() {
    let cloud = Cloud::new().await;
    // Resource, last microversion of quota sets with it, first and last one of quota classes.
    let resources = [
        ("instances", 104, 1, 104),
        ("fixed_ips", 35, 1, 49),
        ("security_groups", 35, 1, 49),
        ("injected_files", 56, 1, 56),
        ("server_groups", 104, 50, 104),
        ("key_pairs", 104, 1, 104),
    ];
    for minor in [1, 35, 36, 49, 50, 56, 57, 104] {
        let version = format!("2.{minor}");
        let set = cloud.get(&cloud.reader, &version, "/v2.1/os-quota-sets/red").await.expect(200);
        let class = cloud.get(&cloud.admin, &version, "/v2.1/os-quota-class-sets/default").await.expect(200);
        for (resource, set_last, class_first, class_last) in resources {
            let there = set["quota_set"].get(resource).is_some();
            assert_eq!(there, minor <= set_last, "{resource} in {version}");
            let there = class["quota_class_set"].get(resource).is_some();
            assert_eq!(there, (class_first..=class_last).contains(&minor), "class {resource} in {version}");
        }
        let detail = cloud.get(&cloud.member, &version, "/v2.1/os-quota-sets/red/detail").await.expect(200);
        assert_eq!(detail["quota_set"]["cores"], json!({"in_use": 0, "limit": 20, "reserved": 0}));
    }
}

#[tokio::test]
async fn limits_are_changed_by_administrators_only() {
    let cloud = Cloud::new().await;
    let path = "/v2.1/os-quota-sets/red";
    let put = format!("PUT {path}");
    let cores = json!({"quota_set": {"cores": "40", "ram": -1}});
    cloud.ask(&cloud.member, "2.57", &put, cores.clone()).await.expect(403);
    cloud.get(&cloud.stranger, "2.57", path).await.expect(403);
    let set = cloud.ask(&cloud.admin, "2.57", &put, cores).await.expect(200);
    assert_eq!((&set["quota_set"]["cores"], &set["quota_set"]["ram"]), (&json!(40), &json!(-1)));
    assert!(set["quota_set"].get("id").is_none());
    assert_eq!(cloud.get(&cloud.member, "2.57", path).await.expect(200)["quota_set"]["cores"], 40);
    let defaults = cloud.get(&cloud.member, "2.57", &format!("{path}/defaults")).await.expect(200);
    assert_eq!(defaults["quota_set"]["cores"], 20);
    let bad = [json!({"cores": -2}), json!({"cores": "x"}), json!({"floating_ips": 1}), json!({"colour": 1})];
    for bad in bad {
        cloud.ask(&cloud.admin, "2.57", &put, json!({"quota_set": bad})).await.expect(400);
    }
    let nowhere = json!({"quota_set": {}});
    cloud.ask(&cloud.admin, "2.57", "PUT /v2.1/os-quota-sets/nowhere", nowhere).await.expect(400);
    cloud.ask(&cloud.admin, "2.57", &format!("DELETE {path}"), Value::Null).await.expect(202);
    assert_eq!(cloud.get(&cloud.member, "2.57", path).await.expect(200)["quota_set"]["cores"], 20);
}

#[tokio::test]
async fn no_limit_is_set_below_what_is_used_unless_forced() {
    let cloud = Cloud::new().await;
    let mut tx = cloud.db.begin().await.unwrap();
    quota::claim(&mut tx, "red", &[("cores", 4)]).await.unwrap();
    tx.commit().await.unwrap();
    let put = "PUT /v2.1/os-quota-sets/red";
    cloud.ask(&cloud.admin, "2.57", put, json!({"quota_set": {"cores": 3}})).await.expect(400);
    cloud.ask(&cloud.admin, "2.57", put, json!({"quota_set": {"cores": 4}})).await.expect(200);
    cloud.ask(&cloud.admin, "2.57", put, json!({"quota_set": {"cores": 3, "force": true}})).await.expect(200);
    let of_mia = format!("{put}?user_id=mia");
    cloud.ask(&cloud.admin, "2.57", &of_mia, json!({"quota_set": {"cores": 5}})).await.expect(400);
    cloud.ask(&cloud.admin, "2.57", &of_mia, json!({"quota_set": {"cores": 2}})).await.expect(200);
    let mia = cloud.get(&cloud.admin, "2.57", "/v2.1/os-quota-sets/red?user_id=mia").await.expect(200);
    assert_eq!(mia["quota_set"]["cores"], 2);
}

#[tokio::test]
async fn defaults_are_changed_through_the_class() {
    let cloud = Cloud::new().await;
    let put = "PUT /v2.1/os-quota-class-sets/default";
    let body = json!({"quota_class_set": {"instances": 3}});
    cloud.ask(&cloud.member, "2.57", put, body.clone()).await.expect(403);
    cloud.ask(&cloud.admin, "2.57", put, body.clone()).await.expect(200);
    cloud.ask(&cloud.admin, "2.57", "PUT /v2.1/os-quota-class-sets/other", body).await.expect(400);
    let limits = cloud.get(&cloud.member, "2.57", "/v2.1/limits").await.expect(200);
    assert_eq!(limits["limits"]["absolute"]["maxTotalInstances"], 3);
}

#[tokio::test]
async fn limits_say_what_is_used() {
    let cloud = Cloud::new().await;
    let mut tx = cloud.db.begin().await.unwrap();
    quota::claim(&mut tx, "red", &[("instances", 1), ("cores", 4), ("ram", 512)]).await.unwrap();
    tx.commit().await.unwrap();
    let limits = cloud.get(&cloud.reader, "2.1", "/v2.1/limits").await.expect(200);
    let absolute = &limits["limits"]["absolute"];
    assert_eq!((&absolute["totalCoresUsed"], &absolute["maxTotalCores"]), (&json!(4), &json!(20)));
    assert_eq!(absolute["maxImageMeta"], 128);
    let new = cloud.get(&cloud.reader, "2.57", "/v2.1/limits").await.expect(200);
    for gone in ["maxImageMeta", "maxPersonality", "maxSecurityGroups", "totalFloatingIpsUsed"] {
        assert!(new["limits"]["absolute"].get(gone).is_none(), "{gone}");
    }
    cloud.get(&cloud.stranger, "2.57", "/v2.1/limits?tenant_id=red").await.expect(403);
    let seen = cloud.get(&cloud.admin, "2.57", "/v2.1/limits?tenant_id=red").await.expect(200);
    assert_eq!(seen["limits"]["absolute"]["totalRAMUsed"], 512);
}
