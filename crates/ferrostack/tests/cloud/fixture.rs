//! What a server needs before it can be asked for.

use ferrostack::client::Client;
use http::Method;
use serde_json::{Value, json};
use testkit::expect;

/// What an operator sets so that shelved servers stay on their nodes and deleted ones can be restored.
pub const KEEPING: &str = "[compute]\nshelved_offload_time = -1\nreclaim_instance_interval = 3600\n";

/// Ids of an image, a flavor and a network with a subnet.
#[derive(Clone)]
pub struct Ready {
    pub image: String,
    pub flavor: String,
    pub network: String,
}

/// Makes a public image and a flavor as the administrator, and a network as `client`.
pub async fn ready(admin: &Client, client: &Client) -> Ready {
    let image = image(admin).await;
    let flavor = flavor(admin, "tiny", 64, 1, 1).await;
    let body = json!({"network": {"name": "net"}});
    let network = id(&expect(client, 201, Method::POST, "/network/v2.0/networks", Some(body)).await["network"]);
    let body = json!({"subnet": {"network_id": network, "cidr": "10.0.0.0/22", "ip_version": 4}});
    expect(client, 201, Method::POST, "/network/v2.0/subnets", Some(body)).await;
    Ready { image, flavor, network }
}

/// Makes a public image. Returns its id.
pub async fn image(admin: &Client) -> String {
    let body = json!({"name": "image", "disk_format": "raw", "container_format": "bare", "visibility": "public"});
    let image = id(&expect(admin, 201, Method::POST, "/image/v2/images", Some(body)).await);
    let path = format!("/image/v2/images/{image}/file");
    let sent = admin.send(Method::PUT, &path, "application/octet-stream", vec![0; 4096]).await.unwrap();
    assert_eq!(sent.status, 204, "{}", sent.json());
    image
}

/// Makes a flavor, with memory in MiB and disk in GiB. Returns its id.
pub async fn flavor(admin: &Client, name: &str, ram: i64, vcpus: i64, disk: i64) -> String {
    let body = json!({"flavor": {"name": name, "ram": ram, "vcpus": vcpus, "disk": disk}});
    id(&expect(admin, 200, Method::POST, "/compute/v2.1/flavors", Some(body)).await["flavor"])
}

/// Makes a flavor to which servers of [`ready`]'s can be resized.
pub async fn larger_flavor(admin: &Client) -> String {
    flavor(admin, "larger", 128, 2, 1).await
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
