//! Options of domains.

use http::Method;
use serde_json::{Value, json};

use crate::cloud::{Answer, Cloud};

async fn send(cloud: &Cloud, method: Method, path: &str, config: Value) -> Answer {
    let token = cloud.admin().await;
    cloud.send(method, path, &[("x-auth-token", &token)], Some(json!({"config": config}))).await
}

#[tokio::test]
async fn a_domain_keeps_options_and_shows_those_that_are_no_secret() {
    a_domain_keeps_options_and_shows_those_that_are_no_secret_on(&Cloud::new().await).await;
}

pub async fn a_domain_keeps_options_and_shows_those_that_are_no_secret_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let path = "/v3/domains/default/config";
    cloud.get(&admin, path).await.expect(404);
    let config =
        json!({"ldap": {"url": "ldap://h", "password": "hush", "page_size": 5}, "identity": {"driver": "ldap"}});
    let shown = json!({"config": {"ldap": {"url": "ldap://h", "page_size": 5}, "identity": {"driver": "ldap"}}});
    assert_eq!(send(cloud, Method::PUT, path, config.clone()).await.expect(201), shown);
    assert_eq!(send(cloud, Method::PUT, path, config).await.expect(200), shown);
    assert_eq!(cloud.get(&admin, path).await.expect(200), shown);
    cloud.head(&admin, path).await.expect(200);
    let section = format!("{path}/ldap");
    assert_eq!(cloud.get(&admin, &section).await.expect(200)["config"], json!({"ldap": shown["config"]["ldap"]}));
    let option = format!("{path}/ldap/url");
    assert_eq!(cloud.get(&admin, &option).await.expect(200)["config"], json!({"url": "ldap://h"}));
    cloud.get(&admin, &format!("{path}/ldap/password")).await.expect(404);
    cloud.get(&admin, &format!("{path}/ldap/suffix")).await.expect(404);
    let kept: Vec<String> =
        db::sql("SELECT value FROM identity_domain_options WHERE sensitive").all(&cloud.db).await.unwrap();
    assert!(kept.len() == 1 && !kept[0].contains("hush"));
    cloud.identity.credential_keys_rotate().await.unwrap();
    cloud.identity.credential_keys_rotate().await.unwrap();
    let anew: Vec<String> =
        db::sql("SELECT value FROM identity_domain_options WHERE sensitive").all(&cloud.db).await.unwrap();
    assert!(anew.len() == 1 && anew != kept, "secrets follow the keys");

    let changed = send(cloud, Method::PATCH, path, json!({"ldap": {"suffix": "dc=x"}})).await.expect(200);
    assert_eq!(changed["config"]["ldap"], json!({"url": "ldap://h", "page_size": 5, "suffix": "dc=x"}));
    send(cloud, Method::PATCH, &option, json!({"url": "ldap://i"})).await.expect(200);
    assert_eq!(cloud.get(&admin, &option).await.expect(200)["config"]["url"], "ldap://i");
    for (place, config, status) in [
        (path, json!({"ldap": {"odd": 1}}), 403),
        (path, json!({"odd": {"url": "x"}}), 403),
        (path, json!({}), 403),
        (path, json!({"ldap": {}}), 403),
        (path, json!({"ldap": 7}), 403),
        (&section, json!({"identity": {"driver": "sql"}}), 403),
        (&option, json!({"suffix": "x"}), 403),
        ("/v3/domains/default/config/ldap/user", json!({"user": "x"}), 404),
        ("/v3/domains/none/config", json!({"ldap": {"url": "x"}}), 404),
    ] {
        send(cloud, Method::PATCH, place, config).await.expect(status);
    }
    cloud.delete(&admin, &option).await.expect(204);
    cloud.delete(&admin, &option).await.expect(404);
    cloud.delete(&admin, &section).await.expect(204);
    assert_eq!(cloud.get(&admin, path).await.expect(200)["config"], json!({"identity": {"driver": "ldap"}}));
    cloud.delete(&admin, path).await.expect(204);
    cloud.get(&admin, path).await.expect(404);
}

#[tokio::test]
async fn defaults_stand_where_nothing_is_set() {
    let cloud = Cloud::new().await;
    let admin = cloud.admin().await;
    let all = cloud.get(&admin, "/v3/domains/config/default").await.expect(200);
    assert_eq!(
        (&all["config"]["identity"]["driver"], &all["config"]["ldap"]["pool_size"]),
        (&json!("sql"), &json!(10))
    );
    assert!(all["config"]["ldap"].get("password").is_none());
    let section = cloud.get(&admin, "/v3/domains/config/ldap/default").await.expect(200);
    assert_eq!(section["config"]["ldap"], all["config"]["ldap"]);
    let one = cloud.get(&admin, "/v3/domains/config/ldap/url/default").await.expect(200);
    assert_eq!(one["config"], json!({"url": "ldap://localhost"}));
    for odd in ["odd/default", "ldap/odd/default", "ldap/password/default"] {
        cloud.get(&admin, &format!("/v3/domains/config/{odd}")).await.expect(403);
    }
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    cloud.get(&token, "/v3/domains/config/default").await.expect(403);
    cloud.get(&token, "/v3/domains/default/config").await.expect(403);
    let rules = cloud.get(&token, "/v3/domains/default/config/security_compliance").await.expect(200);
    assert!(rules["config"]["security_compliance"].get("password_regex").is_some());
    let one = cloud.get(&token, "/v3/domains/default/config/security_compliance/password_regex").await.expect(200);
    assert!(one["config"].get("password_regex").is_some());
    cloud.get(&token, "/v3/domains/default/config/security_compliance/odd").await.expect(403);
}
