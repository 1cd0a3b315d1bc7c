//! The access rules of an application credential hold in every service, whichever way its token comes.

use ferrostack::client::Client;
use http::Method;
use serde_json::json;
use testkit::{TestCloud, expect};

#[tokio::test(flavor = "multi_thread")]
async fn every_service_obeys_access_rules() {
    let cloud = TestCloud::start().await;
    let tenant = cloud.tenant("alice").await;
    let users = expect(&cloud.admin, 200, Method::GET, "/identity/v3/users?name=alice-member", None).await;
    let user = users["users"][0]["id"].as_str().unwrap().to_owned();
    let rules = json!([
        {"service": "compute", "method": "GET", "path": "/v2.1/servers"},
        {"service": "network", "method": "GET", "path": "/v2.0/networks"},
        {"service": "image", "method": "GET", "path": "/v2/images/*"},
    ]);
    let body = json!({"application_credential": {"name": "oven", "secret": "a secret", "access_rules": rules}});
    let path = format!("/identity/v3/users/{user}/application_credentials");
    let made = expect(&tenant.member, 201, Method::POST, &path, Some(body)).await;
    let body = json!({"auth": {"identity": {"methods": ["application_credential"], "application_credential":
        {"id": made["application_credential"]["id"], "secret": "a secret"}}}});
    let open = Client::new(&cloud.url);
    let answer = open.request(Method::POST, "/identity/v3/auth/tokens", Some(&body)).await.unwrap();
    let token = answer.headers["x-subject-token"].to_str().unwrap();
    let plain = Client::new(&cloud.url).with_header("x-auth-token", token).unwrap();
    let bearer = Client::new(&cloud.url).with_header("authorization", &format!("Bearer {token}")).unwrap();
    for client in [&plain, &bearer] {
        for (method, path, status) in [
            (Method::GET, "/compute/v2.1/servers", 200),
            (Method::GET, "/network/v2.0/networks", 200),
            (Method::GET, "/image/v2/images/none", 404),
            (Method::POST, "/compute/v2.1/servers", 401),
            (Method::GET, "/compute/v2.1/flavors", 401),
            (Method::GET, "/network/v2.0/ports", 401),
            (Method::GET, "/image/v2/images", 401),
            (Method::GET, "/placement/traits", 401),
            (Method::GET, "/identity/v3/projects", 401),
        ] {
            let body = (method == Method::POST).then(|| json!({"server": {}}));
            expect(client, status, method, path, body).await;
        }
    }
    cloud.finish().await;
}
