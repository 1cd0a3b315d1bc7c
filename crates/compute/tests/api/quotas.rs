use std::sync::Arc;

use compute::quota;
use db::sql;
use db::testing::each_engine;
use identity::{Identity, LimitModel};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cloud::Cloud;
use crate::fleet::Fleet;

fn schema() -> Vec<db::Migration> {
    [identity::MIGRATIONS, compute::MIGRATIONS].concat()
}

/// Identity over a database, without anything else.
fn identity(db: &db::Db, keys: &std::path::Path, limit_model: LimitModel) -> Identity {
    let policy = Arc::new(policy::Policy::new(&[identity::BASE_RULES, identity::RULES]).unwrap());
    let config = identity::Config { limit_model, ..identity::Config::default() };
    let options = identity::Options { config, ..identity::Options::new(keys) };
    Identity::new(db.clone(), runtime::Runtime::default(), policy, options).unwrap()
}

#[tokio::test]
async fn of_200_claims_at_once_exactly_as_many_succeed_as_fit() {
    each_engine(&schema(), async |db| {
        let keys = tempfile::tempdir().unwrap();
        let identity = identity(&db, keys.path(), LimitModel::Flat);
        let db = Arc::new(db);
        let wanted = [("instances", 1), ("ram", 512), ("cores", 2)];
        let mut claims = JoinSet::new();
        for _ in 0..200 {
            let (db, identity) = (Arc::clone(&db), identity.clone());
            claims.spawn(async move {
                let mut tx = db.begin().await.unwrap();
                match quota::claim(&mut tx, &identity, "red", &wanted).await {
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
            let (db, identity) = (Arc::clone(&db), identity.clone());
            releases.spawn(async move {
                let mut tx = db.begin().await.unwrap();
                quota::release(&mut tx, &identity, "red", &wanted).await.unwrap();
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
    each_engine(&schema(), async |db| {
        let keys = tempfile::tempdir().unwrap();
        let identity = identity(&db, keys.path(), LimitModel::Flat);
        let mut tx = db.begin().await.unwrap();
        let refusal = quota::claim(&mut tx, &identity, "red", &[("cores", 1), ("ram", 60_000)]).await.unwrap_err();
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
    quota::claim(&mut tx, &cloud.identity, "red", &[("cores", 4)]).await.unwrap();
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
    quota::claim(&mut tx, &cloud.identity, "red", &[("instances", 1), ("cores", 4), ("ram", 512)]).await.unwrap();
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

/// Registers that everybody may have `default` servers.
async fn register(db: &db::Db, default: i64) {
    let mut tx = db.begin().await.unwrap();
    for text in [
        "INSERT INTO identity_domains (id, name, description, enabled, extra) VALUES ('d', 'd', '', TRUE, '{}')",
        "INSERT INTO identity_projects (id, domain_id, name, description, enabled, extra)
         VALUES ('red', 'd', 'red', '', TRUE, '{}')",
        "INSERT INTO identity_projects (id, domain_id, name, description, enabled, extra)
         VALUES ('blue', 'd', 'blue', '', TRUE, '{}')",
        "INSERT INTO identity_services (id, kind, name, enabled, extra) VALUES ('nova', 'compute', 'nova', TRUE, '{}')",
    ] {
        sql(text).execute(&mut tx).await.unwrap();
    }
    sql("INSERT INTO identity_registered_limits (id, service_id, resource_name, default_limit)
         VALUES ('r', 'nova', 'servers', $1)")
    .bind(default)
    .execute(&mut tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn under_the_strict_model_the_projects_of_a_domain_have_its_limit_together() {
    each_engine(&schema(), async |db| {
        let keys = tempfile::tempdir().unwrap();
        let flat = identity(&db, keys.path(), LimitModel::Flat);
        let strict = identity(&db, keys.path(), LimitModel::StrictTwoLevel);
        register(&db, 10).await;
        // What was claimed before counts too.
        let mut tx = db.begin().await.unwrap();
        quota::claim(&mut tx, &flat, "red", &[("instances", 3)]).await.unwrap();
        tx.commit().await.unwrap();
        let mut claims = JoinSet::new();
        for number in 0..40 {
            let (db, identity) = (db.clone(), strict.clone());
            claims.spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let project = if number % 2 == 0 { "red" } else { "blue" };
                let claimed = quota::claim(&mut tx, &identity, project, &[("instances", 1)]).await;
                if claimed.is_ok() {
                    tx.commit().await.unwrap();
                }
                claimed
            });
        }
        let answers = claims.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 7);
        let refused = answers.into_iter().find_map(Result::err).unwrap();
        assert!(refused.message.contains("the projects of the domain d may have 10 together"), "{refused}");
        let mut tx = db.begin().await.unwrap();
        quota::release(&mut tx, &strict, "red", &[("instances", 3)]).await.unwrap();
        quota::claim(&mut tx, &strict, "blue", &[("instances", 3)]).await.unwrap();
        assert!(quota::claim(&mut tx, &strict, "red", &[("instances", 1)]).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn limits_come_from_identity_where_nothing_is_set_here() {
    let cloud = Cloud::new().await;
    let services =
        sql("SELECT id FROM identity_services WHERE kind = 'compute'").all::<String>(&cloud.db).await.unwrap();
    assert!(services.is_empty());
    let mut tx = cloud.db.begin().await.unwrap();
    for text in [
        "INSERT INTO identity_services (id, kind, name, enabled, extra) VALUES ('nova', 'compute', 'nova', TRUE, '{}')",
        "INSERT INTO identity_registered_limits (id, service_id, resource_name, default_limit)
         VALUES ('r', 'nova', 'class:VCPU', 7)",
        "INSERT INTO identity_limits (id, registered_limit_id, project_id, service_id, resource_name, resource_limit)
         VALUES ('l', 'r', 'blue', 'nova', 'class:VCPU', 3)",
    ] {
        sql(text).execute(&mut tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    let shown = async |project: &str| {
        let path = format!("/v2.1/os-quota-sets/{project}");
        cloud.get(&cloud.admin, "2.57", &path).await.expect(200)["quota_set"]["cores"].clone()
    };
    assert_eq!((shown("red").await, shown("blue").await), (json!(7), json!(3)));
    let mut tx = cloud.db.begin().await.unwrap();
    assert!(quota::claim(&mut tx, &cloud.identity, "blue", &[("cores", 4)]).await.is_err());
    tx.rollback().await.unwrap();
    let set = async |path: &str, kind: &str, cores: i64| {
        let put = format!("PUT /v2.1/{path}");
        cloud.ask(&cloud.admin, "2.57", &put, json!({kind: {"cores": cores}})).await.expect(200);
    };
    set("os-quota-class-sets/default", "quota_class_set", 9).await;
    assert_eq!((shown("red").await, shown("blue").await), (json!(9), json!(3)));
    set("os-quota-sets/blue", "quota_set", 5).await;
    assert_eq!(shown("blue").await, json!(5));
    let mut tx = cloud.db.begin().await.unwrap();
    quota::claim(&mut tx, &cloud.identity, "blue", &[("cores", 5)]).await.unwrap();
}

#[tokio::test]
async fn disk_is_limited_by_identity_alone() {
    let fleet = Fleet::new().await;
    fleet.created(&fleet.member).await;
    let mut tx = fleet.db.begin().await.unwrap();
    for text in [
        "INSERT INTO identity_services (id, kind, name, enabled, extra) VALUES ('nova', 'compute', 'nova', TRUE, '{}')",
        "INSERT INTO identity_registered_limits (id, service_id, resource_name, default_limit)
         VALUES ('r', 'nova', 'class:DISK_GB', 1)",
    ] {
        sql(text).execute(&mut tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    let order = fleet.order();
    let refused = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await.expect(403);
    assert!(refused["forbidden"]["message"].as_str().unwrap().contains("Quota exceeded for disk_gb"), "{refused}");
    let shown = fleet.get(&fleet.member, "/compute/v2.1/limits").await.expect(200);
    assert!(!shown.to_string().contains("disk"), "{shown}");
    let set = fleet.get(&fleet.member, "/compute/v2.1/os-quota-sets/red").await.expect(200);
    assert!(!set.to_string().contains("disk"), "{set}");
}
