//! Whether a flavor and an image make a server.

use std::collections::BTreeMap;

use ::api::{Error, Kind, Result};
use identity::Caller;
use policy::Target;
use protocol::{DiskSource, Problem, ServerPort, ServerSpec};

use super::spec::image_source;
use super::{Flavor, Image};
use crate::Compute;

/// The property of images that need a config drive to come up.
const CONFIG_DRIVE: &str = "img_config_drive";

impl Compute {
    /// 400 where no node can have a server of that flavor with an image of so many bytes; 403 where the caller may not, as
    /// nobody counts the disk of a flavor without one.
    pub(crate) fn fit_check(&self, caller: &Caller, image: &Image, bytes: i64, flavor: &Flavor) -> Result<()> {
        size_check(image, bytes, flavor)?;
        let target = Target::new().with("project_id", caller.project_id()?);
        if flavor.root_gb == 0 && !caller.may("os_compute_api:servers:create:zero_disk_flavor", &target) {
            return Err(Error::new(
                Kind::Forbidden,
                "Only volume-backed servers are allowed for flavors with zero disk; choose a flavor with a disk.",
            ));
        }
        if let Some(word) = image.properties.get(CONFIG_DRIVE)
            && !["", "optional", "mandatory"].contains(&word.as_str())
        {
            return Err(Error::bad_request(format!(
                "Image property img_config_drive is {word:?}: it must be optional or mandatory."
            )));
        }
        (self.0.deps.spec_check)(&spec_of(image, flavor)).map_err(|problem| match problem {
            Problem::Permanent(cause) => {
                Error::bad_request(format!("No node can have a server of this flavor with this image: {cause}."))
            }
            other => Error::internal(other),
        })
    }
}

/// Whether the image says that its servers need a config drive.
pub(super) fn needs_config_drive(image: &Image) -> bool {
    image.properties.get(CONFIG_DRIVE).is_some_and(|word| word == "mandatory")
}

/// 400 for a flavor in which an image of that many bytes has no room.
fn size_check(image: &Image, bytes: i64, flavor: &Flavor) -> Result<()> {
    if image.min_ram > flavor.memory_mb {
        return Err(Error::bad_request(format!(
            "Flavor's memory is too small for requested image: the image needs {} MB.",
            image.min_ram
        )));
    }
    let needed = image.min_disk.max((bytes + (1 << 30) - 1) >> 30);
    if flavor.root_gb > 0 && needed > flavor.root_gb {
        return Err(Error::bad_request(format!(
            "Flavor's disk is too small for requested image: the image needs {needed} GB, the flavor has {}.",
            flavor.root_gb
        )));
    }
    Ok(())
}

/// A server of which nothing is known but its flavor and its image.
pub(crate) fn spec_of(image: &Image, flavor: &Flavor) -> ServerSpec {
    let size = |number: i64| u64::try_from(number).unwrap_or(0);
    ServerSpec {
        id: String::new(),
        instance_name: String::new(),
        display_name: String::new(),
        hostname: String::new(),
        project_id: String::new(),
        user_id: String::new(),
        vcpus: u32::try_from(flavor.vcpus).unwrap_or(u32::MAX),
        memory_mb: size(flavor.memory_mb),
        root_disk: DiskSource::Image(image_source("", image)),
        root_gb: size(flavor.root_gb),
        ephemerals_gb: Vec::new(),
        swap_mb: size(flavor.swap_mb),
        ports: vec![ServerPort { id: String::new(), network_id: String::new(), mac_address: String::new(), mtu: 0 }],
        config_drive: Some(BTreeMap::new()),
        extra_specs: flavor.extra_specs.clone(),
        image_properties: image.properties.clone(),
        rescue: None,
    }
}
