use std::collections::BTreeMap;

use protocol::{DiskSource, ImageSource, ServerPort, ServerSpec};

pub fn image() -> ImageSource {
    ImageSource {
        id: "11111111-0000-4000-8000-000000000001".to_owned(),
        disk_format: "qcow2".to_owned(),
        size: 4,
        sha512: "00".to_owned(),
    }
}

/// A server with one port.
pub fn server(number: u8) -> ServerSpec {
    ServerSpec {
        id: format!("22222222-0000-4000-8000-0000000000{number:02x}"),
        instance_name: format!("instance-000000{number:02x}"),
        display_name: "a server".to_owned(),
        hostname: "a-server".to_owned(),
        project_id: "p".to_owned(),
        user_id: "u".to_owned(),
        vcpus: 1,
        memory_mb: 128,
        root_disk: DiskSource::Image(image()),
        root_gb: 1,
        ephemerals_gb: Vec::new(),
        swap_mb: 0,
        ports: vec![ServerPort {
            id: format!("33333333-00{number:02x}-4000-8000-000000000001"),
            network_id: "44444444-0000-4000-8000-000000000001".to_owned(),
            mac_address: "fa:16:3e:00:00:01".to_owned(),
            mtu: 1442,
        }],
        config_drive: None,
        extra_specs: BTreeMap::new(),
        image_properties: BTreeMap::new(),
        rescue: None,
    }
}
