//! What the extra specs of flavors may say. Names in a namespace that the cloud knows must be known ones with a value
//! that makes sense; names in other namespaces are the administrator's own and may say anything.

use ::api::{Error, Result, fields};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
enum Value {
    /// Any text.
    Text,
    /// One of the words for true and false.
    Flag,
    /// A whole number of at least that much.
    From(i64),
    /// A whole number between the two.
    Between(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// CPUs in the form `0-3,^2`.
    Cpus,
    /// A size of memory pages: `small`, `large`, `any` or a number with a unit.
    PageSize,
    /// Devices in the form `ALIAS:COUNT, ...`.
    Devices,
}

const ANY_NUMBER: Value = Value::From(i64::MIN);
const COUNT: Value = Value::From(1);
const AMOUNT: Value = Value::From(0);

/// The names without parameters.
const KNOWN: &[(&str, Value)] = &[
    ("hw:cpu_realtime", Value::Flag),
    ("hw:cpu_realtime_mask", Value::Cpus),
    ("hw:hide_hypervisor_id", Value::Flag),
    ("hw:cpu_policy", Value::Word(&["dedicated", "shared", "mixed"])),
    ("hw:cpu_thread_policy", Value::Word(&["prefer", "isolate", "require"])),
    ("hw:emulator_threads_policy", Value::Word(&["isolate", "share"])),
    ("hw:cpu_dedicated_mask", Value::Cpus),
    ("hw:mem_page_size", Value::PageSize),
    ("hw:locked_memory", Value::Flag),
    ("hw:numa_nodes", COUNT),
    ("hw:pci_numa_affinity_policy", Value::Word(&["required", "preferred", "legacy", "socket"])),
    ("hw:cpu_sockets", COUNT),
    ("hw:cpu_cores", COUNT),
    ("hw:cpu_threads", COUNT),
    ("hw:cpu_max_sockets", COUNT),
    ("hw:cpu_max_cores", COUNT),
    ("hw:cpu_max_threads", COUNT),
    ("hw:boot_menu", Value::Flag),
    ("hw:vif_multiqueue_enabled", Value::Flag),
    ("hw:mem_encryption", Value::Flag),
    ("hw:mem_encryption_model", Value::Word(&["amd-sev", "amd-sev-es", "amd-sev-snp"])),
    ("hw:pmem", Value::Text),
    ("hw:pmu", Value::Flag),
    ("hw:serial_port_count", AMOUNT),
    ("hw:tpm_model", Value::Word(&["tpm-tis", "tpm-crb"])),
    ("hw:tpm_version", Value::Word(&["1.2", "2.0"])),
    ("hw:tpm_secret_security", Value::Word(&["user", "host", "deployment"])),
    ("hw:watchdog_action", Value::Word(&["none", "pause", "poweroff", "reset", "disabled"])),
    ("hw:viommu_model", Value::Word(&["intel", "smmuv3", "virtio"])),
    ("hw:virtio_packed_ring", Value::Flag),
    ("hw:sound_model", Value::Text),
    ("hw:usb_model", Value::Text),
    ("hw:redirected_usb_ports", Value::Between(0, 15)),
    ("hw:ephemeral_encryption", Value::Flag),
    ("hw:ephemeral_encryption_format", Value::Word(&["plain", "luks", "luks2"])),
    ("hw:maxphysaddr_mode", Value::Word(&["passthrough", "emulate"])),
    ("hw:maxphysaddr_bits", AMOUNT),
    ("quota:cpu_shares", AMOUNT),
    ("quota:cpu_period", AMOUNT),
    ("quota:cpu_quota", ANY_NUMBER),
    ("os:secure_boot", Value::Word(&["disabled", "required"])),
    ("hw_rng:allowed", Value::Flag),
    ("hw_rng:rate_bytes", AMOUNT),
    ("hw_rng:rate_period", AMOUNT),
    ("hw_video:ram_max_mb", AMOUNT),
    ("pci_passthrough:alias", Value::Devices),
    ("accel:device_profile", Value::Text),
    ("vmware:hw_version", Value::Text),
    ("vmware:storage_policy", Value::Text),
    ("hide_hypervisor_id", Value::Flag),
    ("group_policy", Value::Word(&["isolate", "none"])),
];

/// The namespaces in which every name is known. `resources` and `trait` may have a group's name behind them.
const NAMESPACES: &[&str] =
    &["hw", "quota", "os", "hw_rng", "hw_video", "pci_passthrough", "accel", "vmware", "resources", "trait"];

/// Checks what holds in every microversion: length and characters.
pub(crate) fn shape_check(name: &str, value: &str) -> Result<()> {
    fields::length("The name of an extra spec", name, 1, 255)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_:. ".contains(c)) {
        return Err(Error::bad_request(format!(
            "The name of extra spec {name} may have letters, digits, blanks and the characters - _ : . only."
        )));
    }
    fields::length(&format!("The value of extra spec {name}"), value, 0, 255)
}

/// Checks that a name in a known namespace is known and that its value makes sense.
pub(crate) fn meaning_check(name: &str, value: &str) -> Result<()> {
    if let Some(kind) = kind(name) {
        return value_check(name, value, kind);
    }
    let Some((namespace, _)) = name.split_once(':') else { return Ok(()) };
    let grouped = ["resources", "trait"].iter().any(|known| namespace.starts_with(known));
    if grouped || NAMESPACES.contains(&namespace) {
        return Err(refused(format!("extra spec '{name}' does not appear to be a valid extra spec.")));
    }
    Ok(())
}

fn refused(what: String) -> Error {
    Error::bad_request(format!("Validation failed; {what}"))
}

/// What the value of a known name must be.
fn kind(name: &str) -> Option<Value> {
    if let Some((_, kind)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Some(*kind);
    }
    let (namespace, rest) = name.split_once(':')?;
    let numbered = |prefix: &str| {
        rest.strip_prefix(prefix).is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match namespace {
        "hw" if numbered("numa_cpus.") => Some(Value::Cpus),
        "hw" if numbered("numa_mem.") => Some(COUNT),
        "quota" => quota_kind(rest),
        "aggregate_instance_extra_specs" | "capabilities" => Some(Value::Text),
        _ if group(namespace, "resources") && is_class(rest) => Some(AMOUNT),
        _ if group(namespace, "trait") && is_class(rest) => Some(Value::Word(&["required", "forbidden"])),
        _ => None,
    }
}

/// Whether the namespace is `prefix`, perhaps with the name of a group behind it.
fn group(namespace: &str, prefix: &str) -> bool {
    namespace
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.len() <= 64 && rest.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)))
}

/// Whether it can be a resource class or a trait; which ones there are is placement's to know.
fn is_class(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The limits on disks and interfaces: `quota:disk_read_bytes_sec`, `quota:vif_inbound_peak` and their like.
fn quota_kind(name: &str) -> Option<Value> {
    let disk = ["read", "write", "total"]
        .iter()
        .any(|way| ["bytes", "iops"].iter().any(|what| name == format!("disk_{way}_{what}_sec")));
    let vif = ["inbound", "outbound"]
        .iter()
        .any(|way| ["average", "peak", "burst"].iter().any(|what| name == format!("vif_{way}_{what}")));
    if disk || vif {
        return Some(AMOUNT);
    }
    let of = ["cpu", "memory", "disk_io", "vif"].iter().find_map(|what| name.strip_prefix(what))?;
    match of {
        "_limit" | "_shares_share" => Some(AMOUNT),
        "_reservation" => Some(ANY_NUMBER),
        "_shares_level" => Some(Value::Word(&["custom", "high", "normal", "low"])),
        _ => None,
    }
}

fn value_check(name: &str, value: &str, kind: Value) -> Result<()> {
    let form = |fits: bool, form: &str| {
        if fits { Ok(()) } else { Err(refused(format!("'{value}' of {name} is not of the format {form}."))) }
    };
    match kind {
        Value::Text => Ok(()),
        Value::Flag => match value.trim().to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "on" | "y" | "yes" | "0" | "f" | "false" | "off" | "n" | "no" => Ok(()),
            _ => Err(refused(format!("'{value}' of {name} is not a valid boolean-like value; use true or false."))),
        },
        Value::From(least) => number_check(name, value, least, i64::MAX),
        Value::Between(least, most) => number_check(name, value, least, most),
        Value::Word(words) if words.contains(&value) => Ok(()),
        Value::Word(words) => Err(refused(format!("'{value}' of {name} is not one of: {}.", words.join(", ")))),
        Value::Cpus => form(is_cpus(value), "0-3,^2"),
        Value::PageSize => form(is_page_size(value), "small, large, any, or a number with a unit such as 2MB"),
        Value::Devices => form(value.split(',').all(is_device), "ALIAS:COUNT, ALIAS:COUNT"),
    }
}

fn number_check(name: &str, value: &str, least: i64, most: i64) -> Result<()> {
    let number: i64 =
        value.trim().parse().map_err(|_| refused(format!("'{value}' of {name} is not a valid integer value.")))?;
    if number < least {
        return Err(refused(format!("'{value}' of {name} is less than the min value of '{least}'.")));
    }
    if number > most {
        return Err(refused(format!("'{value}' of {name} is greater than the max value of '{most}'.")));
    }
    Ok(())
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_cpus(value: &str) -> bool {
    !value.is_empty() && value.parse::<protocol::CpuSet>().is_ok()
}

fn is_page_size(value: &str) -> bool {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
    if unit.len() == value.len() {
        return ["large", "small", "any"].contains(&value);
    }
    let bare = unit.strip_suffix("bit").or_else(|| unit.strip_suffix(['b', 'B'])).unwrap_or(unit);
    let prefix = bare.strip_suffix('i').unwrap_or(bare);
    unit.is_empty() || (["k", "K", "M", "G", "T"].contains(&prefix)) || (bare.is_empty() && prefix.is_empty())
}

fn is_device(part: &str) -> bool {
    part.trim().split_once(':').is_some_and(|(alias, count)| !alias.is_empty() && digits(count))
}

#[cfg(test)]
mod tests {
    use super::meaning_check;

    #[test]
    fn known_names_want_sensible_values() {
        let good = [
            ("hw:cpu_policy", "dedicated"),
            ("hw:numa_cpus.0", "0-3,^2"),
            ("hw:numa_mem.1", "512"),
            ("hw:mem_page_size", "large"),
            ("hw:mem_page_size", "2MB"),
            ("hw:mem_page_size", "1GiB"),
            ("hw:mem_page_size", "2048"),
            ("hw_rng:allowed", "True"),
            ("quota:disk_read_iops_sec", "100"),
            ("quota:vif_inbound_peak", "10"),
            ("quota:cpu_quota", "-1"),
            ("resources:VCPU", "2"),
            ("resources1:CUSTOM_GPU", "1"),
            ("resources_gpu:CUSTOM_GPU", "1"),
            ("trait:HW_CPU_X86_AVX", "required"),
            ("trait:CUSTOM_FAST", "forbidden"),
            ("pci_passthrough:alias", "gpu:1, nic:2"),
            ("group_policy", "none"),
            ("my:own", "anything"),
            ("plain", "anything"),
        ];
        for (name, value) in good {
            assert!(meaning_check(name, value).is_ok(), "{name}={value}");
        }
    }

    #[test]
    fn mistakes_are_found() {
        let bad = [
            ("hw:cpu_policy", "dedicatd"),
            ("hw:cpu_polcy", "dedicated"),
            ("hw:numa_nodes", "0"),
            ("hw:numa_nodes", "two"),
            ("hw:numa_cpus.x", "1"),
            ("hw:numa_cpus.0", "1-"),
            ("hw:mem_page_size", "big"),
            ("hw:mem_page_size", "2MX"),
            ("hw:redirected_usb_ports", "16"),
            ("quota:disk_read_sec", "1"),
            ("resources:vcpu", "2"),
            ("resources:VCPU", "many"),
            ("trait:CUSTOM_FAST", "wanted"),
            ("pci_passthrough:alias", "gpu"),
            ("hw_rng:allowed", "maybe"),
        ];
        for (name, value) in bad {
            assert!(meaning_check(name, value).is_err(), "{name}={value}");
        }
    }
}
