//! A network as the network service would make it in OVN, and a metadata service as control would be.

use ovsdb::{Client, Row, Transaction, Value};
use protocol::ServerSpec;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The address of the server's port.
pub const ADDRESS: &str = "10.0.0.11";

/// Has OVN know the server's network and port: with DHCP, and with the way to the metadata.
pub async fn network_make(northbound: &str, server: &ServerSpec) {
    let port = &server.ports[0];
    let own = format!("{} {ADDRESS}", port.mac_address);
    let options = [
        ("lease_time", "3600"),
        ("router", "10.0.0.1"),
        ("server_id", "10.0.0.1"),
        ("server_mac", "fa:16:3e:00:00:aa"),
        ("mtu", "1442"),
        ("classless_static_route", "{169.254.169.254/32,10.0.0.2, 0.0.0.0/0,10.0.0.1}"),
    ];
    let mut transaction = Transaction::new();
    let dhcp = Row::new().with("cidr", "10.0.0.0/24").with("options", Value::map(options));
    let dhcp = transaction.insert("DHCP_Options", dhcp);
    let guest = Row::new()
        .with("name", port.id.as_str())
        .with("addresses", own.as_str())
        .with("port_security", own.as_str())
        .with("dhcpv4_options", Value::set([dhcp]));
    let guest = transaction.insert("Logical_Switch_Port", guest);
    let metadata = Row::new()
        .with("name", format!("meta-{}", port.network_id))
        .with("type", "localport")
        .with("addresses", "fa:16:3f:00:00:01 10.0.0.2");
    let metadata = transaction.insert("Logical_Switch_Port", metadata);
    let switch = Row::new().with("name", port.network_id.as_str()).with("ports", Value::set([guest, metadata]));
    transaction.insert("Logical_Switch", switch);
    Client::connect(northbound).unwrap().transact("OVN_Northbound", transaction).await.unwrap();
}

/// A metadata service that has nothing; gives its address and what it is asked.
pub async fn metadata_serve() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metadata", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let read = connection.read(&mut request).await.unwrap();
            let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            connection.write_all(answer).await.unwrap();
            if sender.send(String::from_utf8_lossy(&request[..read]).to_lowercase()).is_err() {
                return;
            }
        }
    });
    (url, asked)
}
