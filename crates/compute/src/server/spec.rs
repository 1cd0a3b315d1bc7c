//! A server as its node needs to know it.

use ::api::Result;
use network::{PortGone, PortInfo};
use protocol::{DiskSource, ImageSource, ServerPort, ServerSpec};

use super::{Image, Server};
use crate::{Compute, metadata};

/// The image as the node needs to know it.
pub(crate) fn image_source(id: &str, image: &Image) -> ImageSource {
    ImageSource {
        id: id.to_owned(),
        disk_format: image.disk_format.clone(),
        size: u64::try_from(image.size).unwrap_or(0),
        sha512: image.sha512.clone(),
    }
}

/// What the node is told of the server. `admin_pass` is known only while the server is being made.
pub(crate) fn server_spec(
    compute: &Compute,
    server: &Server,
    ports: &[PortInfo],
    admin_pass: Option<&str>,
) -> ServerSpec {
    let flavor = &server.flavor.0;
    let size = |number: i64| u64::try_from(number).unwrap_or(0);
    let seed = compute.runtime().ids.bytes();
    let documents = metadata::Documents { server, ports, zone: zone(compute, server), admin_pass, seed };
    ServerSpec {
        id: server.id.clone(),
        instance_name: server.instance_name(),
        display_name: server.name.clone(),
        hostname: server.hostname.clone(),
        project_id: server.project_id.clone(),
        user_id: server.user_id.clone(),
        vcpus: u32::try_from(flavor.vcpus).unwrap_or(1),
        memory_mb: size(flavor.memory_mb),
        root_disk: DiskSource::Image(image_source(&server.image_id, &server.image.0)),
        root_gb: size(flavor.root_gb),
        ephemerals_gb: server.ephemerals_gb().into_iter().map(size).collect(),
        swap_mb: size(server.local_disks.0.swap_mb.unwrap_or(i64::MAX).min(flavor.swap_mb)),
        ports: ports.iter().map(server_port).collect(),
        config_drive: server.config_drive.then(|| documents.config_drive()),
        extra_specs: flavor.extra_specs.clone(),
        image_properties: server.image.0.properties.clone(),
        rescue: server.rescue().map(|rescue| protocol::Rescue {
            image: image_source(&rescue.image_id, &rescue.image),
            image_properties: rescue.image.properties,
        }),
    }
}

/// The zone that the server is in, or will be.
pub(crate) fn zone(compute: &Compute, server: &Server) -> String {
    [&server.zone, &server.asked_zone]
        .into_iter()
        .find(|zone| !zone.is_empty())
        .unwrap_or(&compute.options().config.default_availability_zone)
        .clone()
}

/// A port as the node needs to know it.
pub(crate) fn server_port(port: &PortInfo) -> ServerPort {
    ServerPort {
        id: port.id.clone(),
        network_id: port.network_id.clone(),
        mac_address: port.mac_address.clone(),
        mtu: port.mtu,
    }
}

/// A port that is gone, as its node knew it.
pub(crate) fn server_port_gone(gone: &PortGone) -> ServerPort {
    ServerPort {
        id: gone.port_id.clone(),
        network_id: gone.network_id.clone(),
        mac_address: gone.mac_address.clone(),
        mtu: u32::try_from(gone.mtu).unwrap_or(1500),
    }
}

impl Compute {
    /// The server's ports, in the order of its interfaces.
    pub(crate) async fn ports_of(&self, server_id: &str) -> Result<Vec<PortInfo>> {
        let mut ports = self.0.deps.network.ports_of_servers(&[server_id.to_owned()]).await?;
        Ok(ports.remove(server_id).unwrap_or_default())
    }
}
