//! A quota is exact, however many ask at once.

use http::Method;
use serde_json::json;
use testkit::{TestCloud, expect};

use crate::fixture::{ready, server};

async fn exactly_ten_of_two_hundred(cloud: TestCloud) {
    let tenant = cloud.tenant("demo").await;
    let ready = ready(&cloud.admin, &tenant.member).await;
    let asking = (0..200).map(|number| {
        let (client, body) = (tenant.member.clone(), server(&ready, &format!("server-{number}")));
        tokio::spawn(async move {
            client.request(Method::POST, "/compute/v2.1/servers", Some(&body)).await.unwrap().status.as_u16()
        })
    });
    let mut statuses = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        statuses.push(asked.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 190);
    let limits = expect(&tenant.member, 200, Method::GET, "/compute/v2.1/limits", None).await;
    assert_eq!(limits["limits"]["absolute"]["totalInstancesUsed"], 10);

    let listed = expect(&tenant.member, 200, Method::GET, "/compute/v2.1/servers", None).await;
    for one in listed["servers"].as_array().unwrap() {
        let path = format!("/compute/v2.1/servers/{}", one["id"].as_str().unwrap());
        expect(&tenant.member, 204, Method::DELETE, &path, None).await;
    }
    cloud.settle().await;
    let limits = expect(&tenant.member, 200, Method::GET, "/compute/v2.1/limits", None).await;
    let absolute = &limits["limits"]["absolute"];
    assert_eq!(
        [&absolute["totalInstancesUsed"], &absolute["totalCoresUsed"], &absolute["totalRAMUsed"]],
        [&json!(0), &json!(0), &json!(0)]
    );
    assert!(cloud.node.servers().is_empty() && cloud.node.disks().is_empty() && cloud.node.taps().is_empty());
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    exactly_ten_of_two_hundred(TestCloud::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql() {
    exactly_ten_of_two_hundred(TestCloud::start_on_postgres().await).await;
}
