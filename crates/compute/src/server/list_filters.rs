//! Which parameters a list of servers takes, from whom, and since when.

use ::api::{Error, Microversion, Query, Result};

/// For nobody but those who may use all filters.
const NEVER: u16 = u16::MAX;

/// A parameter, the first minor version in which everybody may use it, and the first in which those may who may use all.
/// For others it is as if it were not there.
const FILTERS: &[(&str, u16, u16)] = &[
    ("reservation_id", 1, 1),
    ("name", 1, 1),
    ("status", 1, 1),
    ("image", 1, 1),
    ("flavor", 1, 1),
    ("ip", 1, 1),
    ("changes-since", 1, 1),
    ("all_tenants", 1, 1),
    ("project_id", 1, 1),
    ("tenant_id", 1, 1),
    ("ip6", 5, 1),
    ("tags", 26, 26),
    ("tags-any", 26, 26),
    ("not-tags", 26, 26),
    ("not-tags-any", 26, 26),
    ("changes-before", 66, 66),
    ("locked", 73, 73),
    ("availability_zone", 83, 1),
    ("config_drive", 83, 1),
    ("key_name", 83, 1),
    ("created_at", 83, 1),
    ("launched_at", 83, 1),
    ("terminated_at", 83, 1),
    ("power_state", 83, 1),
    ("task_state", 83, 1),
    ("vm_state", 83, 1),
    ("progress", 83, 1),
    ("user_id", 83, 1),
    ("hostname", 90, 1),
    ("host", NEVER, 1),
    ("node", NEVER, 1),
    ("hypervisor_hostname", NEVER, 1),
    ("description", NEVER, 1),
    ("display_description", NEVER, 1),
    ("display_name", NEVER, 1),
    ("image_ref", NEVER, 1),
    ("uuid", NEVER, 1),
    ("deleted", NEVER, 1),
    ("launch_index", NEVER, 1),
    ("kernel_id", NEVER, 1),
    ("ramdisk_id", NEVER, 1),
    ("locked_by", NEVER, 1),
    ("root_device_name", NEVER, 1),
    ("access_ip_v4", NEVER, 1),
    ("access_ip_v6", NEVER, 1),
    ("auto_disk_config", NEVER, 1),
];

/// What else the contract knows.
const OTHERS: &[&str] = &["limit", "marker", "sort_key", "sort_dir", "soft_deleted"];

/// Parts of a server that are no filters, which clients learn by a refusal in every version.
const REFUSED: &[&str] = &[
    "block_device_mapping",
    "services",
    "metadata",
    "system_metadata",
    "info_cache",
    "security_groups",
    "pci_devices",
];

/// Whether the caller may use the filter; `all`: whether they may use all of them.
pub(super) fn usable(name: &str, version: Microversion, all: bool) -> bool {
    let since = |everybody: u16, first: u16| if all { first } else { everybody };
    FILTERS.iter().any(|(known, everybody, first)| *known == name && version.1 >= since(*everybody, *first))
}

/// 400 for parameters that no list of servers takes.
pub(crate) fn check(query: &Query, version: Microversion, all: bool) -> Result<()> {
    let refused = |name: &str| all && (REFUSED.contains(&name) || name.starts_with('_'));
    if let Some((name, _)) = query.iter().find(|(name, _)| refused(name)) {
        return Err(Error::bad_request(format!("Invalid filter field: {name}.")));
    }
    let known = |name: &str| {
        let filter =
            FILTERS.iter().any(|(known, everybody, first)| *known == name && version.1 >= *everybody.min(first));
        filter || OTHERS.contains(&name) || REFUSED.contains(&name) || name.starts_with('_')
    };
    match query.iter().find(|(name, _)| !known(name)) {
        Some((name, _)) if version >= Microversion(2, 75) => {
            Err(Error::bad_request(format!("The query parameter {name} is not known here.")))
        }
        _ => Ok(()),
    }
}
