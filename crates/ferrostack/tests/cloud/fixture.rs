//! What a server needs before it can be asked for.

use ferrostack::client::Client;
use http::Method;
use serde_json::{Value, json};
use testkit::{TestCloud, expect};

/// Ids of an image, a flavor and a network with a subnet.
#[derive(Clone)]
pub struct Ready {
    pub image: String,
    pub flavor: String,
    pub network: String,
}

/// Makes a public image and a flavor as the administrator, and a network as `client`.
pub async fn ready(cloud: &TestCloud, client: &Client) -> Ready {
    let body = json!({"name": "image", "disk_format": "raw", "container_format": "bare", "visibility": "public"});
    let image = id(&expect(&cloud.admin, 201, Method::POST, "/image/v2/images", Some(body)).await);
    let path = format!("/image/v2/images/{image}/file");
    let sent = cloud.admin.send(Method::PUT, &path, "application/octet-stream", vec![0; 4096]).await.unwrap();
    assert_eq!(sent.status, 204, "{}", sent.json());
    let body = json!({"flavor": {"name": "tiny", "ram": 64, "vcpus": 1, "disk": 1}});
    let flavor = id(&expect(&cloud.admin, 200, Method::POST, "/compute/v2.1/flavors", Some(body)).await["flavor"]);
    let body = json!({"network": {"name": "net"}});
    let network = id(&expect(client, 201, Method::POST, "/network/v2.0/networks", Some(body)).await["network"]);
    let body = json!({"subnet": {"network_id": network, "cidr": "10.0.0.0/22", "ip_version": 4}});
    expect(client, 201, Method::POST, "/network/v2.0/subnets", Some(body)).await;
    Ready { image, flavor, network }
}

/// The body of a request for a server.
pub fn server(ready: &Ready, name: &str) -> Value {
    json!({"server": {
        "name": name, "imageRef": ready.image, "flavorRef": ready.flavor, "networks": [{"uuid": ready.network}],
    }})
}

/// The id in an answer.
pub fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}
