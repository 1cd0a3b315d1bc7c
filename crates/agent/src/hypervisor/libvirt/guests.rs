use serde::Deserialize;

use super::VirtType;
use super::xml::Element;

/// What guests get whose flavor and image ask for nothing else: the section `[libvirt]` of the configuration file, with
/// Nova's names. A change holds for a guest from its next start on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guests {
    /// How processors are made; `None` lets the machine decide: `host-model` with KVM, `maximum` without.
    pub cpu_mode: Option<CpuMode>,
    /// With `custom`: the model, by libvirt's name.
    pub cpu_model: String,
    /// Features of the processor that are added (`pcid`, `+pcid`) or taken away (`-mtrr`).
    pub cpu_model_extra_flags: Vec<String>,
    /// The machine type of images that name none: `pc`, `q35`, `pc-q35-8.2`, ...
    pub hw_machine_type: String,
    /// How disks are cached on the node.
    pub disk_cachemode: CacheMode,
    /// Whether what the guest discards is given back to the node.
    pub hw_disk_discard: Discard,
}

impl Default for Guests {
    fn default() -> Self {
        Self {
            cpu_mode: None,
            cpu_model: String::new(),
            cpu_model_extra_flags: Vec::new(),
            hw_machine_type: "pc".to_owned(),
            disk_cachemode: CacheMode::Writeback,
            hw_disk_discard: Discard::Unmap,
        }
    }
}

/// How a guest's processor is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CpuMode {
    /// A model near to the host's processor, so that guests may move between alike nodes.
    HostModel,
    /// The host's processor; only with KVM.
    HostPassthrough,
    /// All that the hypervisor can do.
    Maximum,
    /// A certain model.
    Custom,
    /// What the hypervisor makes of itself.
    None,
}

/// QEMU's cache modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// The host caches; the guest's flushes are obeyed.
    Writeback,
    /// The host caches reads only.
    Writethrough,
    /// The host does not cache.
    None,
    /// The host does not cache, and every write waits for the disk.
    Directsync,
    /// The host caches and flushes are ignored: for guests that may be lost.
    Unsafe,
}

/// What becomes of a guest's discards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Discard {
    /// The space is given back.
    Unmap,
    /// They are ignored.
    Ignore,
}

impl CacheMode {
    /// Its name in a domain.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Writeback => "writeback",
            Self::Writethrough => "writethrough",
            Self::None => "none",
            Self::Directsync => "directsync",
            Self::Unsafe => "unsafe",
        }
    }
}

impl Discard {
    /// Its name in a domain.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unmap => "unmap",
            Self::Ignore => "ignore",
        }
    }
}

impl Guests {
    /// Why it cannot be so on a node that makes guests that way; `None` if it can.
    pub fn refusal(&self, virt_type: VirtType) -> Option<&'static str> {
        let mode = self.cpu_mode;
        if mode == Some(CpuMode::HostPassthrough) && virt_type == VirtType::Qemu {
            return Some("cpu_mode = \"host-passthrough\" needs KVM, which this machine does not have");
        }
        if (mode == Some(CpuMode::Custom)) == self.cpu_model.is_empty() {
            return Some("cpu_mode = \"custom\" and cpu_model go together: give both or neither");
        }
        if mode == Some(CpuMode::None) && !self.cpu_model_extra_flags.is_empty() {
            return Some("cpu_mode = \"none\" has no cpu_model_extra_flags");
        }
        None
    }

    /// The processor's model and features, to which its topology comes.
    pub(super) fn cpu(&self, virt_type: VirtType) -> Element {
        let usual = if virt_type == VirtType::Kvm { CpuMode::HostModel } else { CpuMode::Maximum };
        let cpu = Element::new("cpu");
        let mut cpu = match self.cpu_mode.unwrap_or(usual) {
            CpuMode::HostModel => cpu.with("mode", "host-model").with("check", "partial"),
            CpuMode::HostPassthrough => cpu.with("mode", "host-passthrough").with("check", "none"),
            CpuMode::Maximum => cpu.with("mode", "maximum").with("check", "none"),
            CpuMode::Custom => cpu
                .with("mode", "custom")
                .with("match", "exact")
                .with("check", "none")
                .child(Element::text("model", &self.cpu_model).with("fallback", "forbid")),
            CpuMode::None => return cpu,
        };
        if virt_type == VirtType::Qemu && self.cpu_mode.unwrap_or(usual) == CpuMode::Maximum {
            // A fifth level of page tables makes every walk through them longer, and the emulator walks in software.
            cpu = cpu.child(feature("-la57"));
        }
        cpu.children(self.cpu_model_extra_flags.iter().map(|flag| feature(flag)))
    }
}

fn feature(flag: &str) -> Element {
    let policy = if flag.starts_with('-') { "disable" } else { "require" };
    let name = flag.trim_start_matches(['+', '-']).to_ascii_lowercase();
    Element::new("feature").with("policy", policy).with("name", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_as_the_operator_says() {
        let flags = vec!["pcid".to_owned(), "-MTRR".to_owned()];
        let custom = Guests {
            cpu_mode: Some(CpuMode::Custom),
            cpu_model: "Nehalem".to_owned(),
            cpu_model_extra_flags: flags,
            ..Guests::default()
        };
        assert_eq!(custom.refusal(VirtType::Qemu), None);
        let xml = custom.cpu(VirtType::Qemu).write().unwrap();
        for part in [
            r#"mode="custom" match="exact""#,
            r#"<model fallback="forbid">Nehalem</model>"#,
            r#"<feature policy="require" name="pcid"/>"#,
            r#"<feature policy="disable" name="mtrr"/>"#,
        ] {
            assert!(xml.contains(part), "{part} is not in {xml}");
        }
        let usual = Guests::default();
        assert!(usual.cpu(VirtType::Kvm).write().unwrap().contains("host-model"));
        assert!(usual.cpu(VirtType::Qemu).write().unwrap().contains("maximum"));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let with = |cpu_mode| Guests { cpu_mode: Some(cpu_mode), ..Guests::default() };
        assert!(with(CpuMode::HostPassthrough).refusal(VirtType::Qemu).is_some());
        assert_eq!(with(CpuMode::HostPassthrough).refusal(VirtType::Kvm), None);
        assert!(with(CpuMode::Custom).refusal(VirtType::Qemu).is_some());
        let model = Guests { cpu_model: "Nehalem".to_owned(), ..Guests::default() };
        assert!(model.refusal(VirtType::Kvm).is_some());
    }
}
