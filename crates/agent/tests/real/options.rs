//! What flavors and images may ask for, looked at by libvirt itself. Nothing is started.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::host::{Options, Services};
use agent::hypervisor::Hypervisor as _;
use agent::hypervisor::libvirt::{self, CacheMode, CpuMode, Discard, Guests, Libvirt, VirtType};
use protocol::{ImageSource, Problem, Rescue, ServerSpec};
use runtime::Runtime;

use crate::{guest_image, server, uuid};

type Pairs = &'static [(&'static str, &'static str)];

/// Extra specs and image properties that libvirt must take. QXL is not among them: not every QEMU has it.
const TAKEN: &[(Pairs, Pairs)] = &[
    (&[], &[]),
    (&[], &[("hw_machine_type", "q35")]),
    (&[], &[("hw_firmware_type", "bios")]),
    (&[], &[("hw_firmware_type", "uefi")]),
    (&[], &[("hw_firmware_type", "uefi"), ("hw_machine_type", "q35")]),
    (&[("hw:boot_menu", "true")], &[]),
    (&[("hw:cpu_sockets", "1"), ("hw:cpu_threads", "2")], &[]),
    (&[("hw:cpu_max_sockets", "2")], &[("hw_cpu_max_sockets", "1")]),
    (&[("hw:numa_nodes", "1")], &[]),
    (&[("hw:mem_page_size", "small"), ("hw:locked_memory", "true")], &[]),
    (&[("quota:cpu_shares", "2048"), ("quota:cpu_period", "20000"), ("quota:cpu_quota", "10000")], &[]),
    (&[("quota:cpu_shares_level", "low"), ("quota:disk_io_shares_level", "high")], &[]),
    (&[("quota:disk_read_bytes_sec", "1000000"), ("quota:disk_write_iops_sec", "100")], &[]),
    (&[("quota:disk_total_bytes_sec", "1000000"), ("quota:disk_total_iops_sec", "100")], &[]),
    (&[("quota:vif_inbound_average", "1000"), ("quota:vif_inbound_peak", "2000")], &[]),
    (&[("quota:vif_outbound_average", "1000"), ("quota:vif_outbound_burst", "2000")], &[]),
    (&[("hw_rng:allowed", "true"), ("hw_rng:rate_bytes", "100"), ("hw_rng:rate_period", "1000")], &[]),
    (&[("hw_rng:allowed", "false")], &[]),
    (&[("hw:watchdog_action", "none")], &[]),
    (&[("hw:watchdog_action", "reset")], &[("hw_machine_type", "q35")]),
    (&[], &[("hw_watchdog_action", "pause")]),
    (&[], &[("hw_watchdog_action", "poweroff")]),
    (&[], &[("hw_video_model", "virtio")]),
    (&[], &[("hw_video_model", "cirrus")]),
    (&[], &[("hw_video_model", "vmvga")]),
    (&[], &[("hw_video_model", "bochs")]),
    (&[], &[("hw_video_model", "none")]),
    (&[("hw_video:ram_max_mb", "64")], &[("hw_video_ram", "32")]),
    (&[], &[("hw_pointer_model", "usbtablet")]),
    (&[], &[("hw_pointer_model", "ps2mouse")]),
    (&[("hw:usb_model", "nec-xhci")], &[]),
    (&[], &[("hw_disk_bus", "scsi")]),
    (&[], &[("hw_disk_bus", "scsi"), ("hw_scsi_model", "lsilogic"), ("hw_cdrom_bus", "scsi")]),
    (&[], &[("hw_disk_bus", "ide")]),
    (&[], &[("hw_disk_bus", "sata")]),
    (&[], &[("hw_disk_bus", "usb")]),
    (&[], &[("hw_cdrom_bus", "usb")]),
    (&[], &[("hw_machine_type", "q35"), ("hw_disk_bus", "sata")]),
    (&[], &[("hw_vif_model", "e1000")]),
    (&[], &[("hw_vif_model", "e1000e")]),
    (&[], &[("hw_vif_model", "igb"), ("hw_machine_type", "q35")]),
    (&[], &[("hw_vif_model", "ne2k_pci")]),
    (&[], &[("hw_vif_model", "pcnet")]),
    (&[], &[("hw_vif_model", "rtl8139")]),
    (&[], &[("hw_vif_model", "vmxnet3")]),
    (&[("hw:vif_multiqueue_enabled", "true")], &[]),
    (&[("hw:virtio_packed_ring", "true")], &[]),
    (&[], &[("hw_qemu_guest_agent", "yes")]),
    (&[], &[("hw_time_hpet", "true")]),
    (&[("hw:serial_port_count", "4")], &[]),
    (&[], &[("img_hide_hypervisor_id", "true")]),
    (&[("hw:pmu", "true")], &[]),
    (&[], &[("os_type", "windows")]),
    (&[], &[("os_type", "windows"), ("img_hide_hypervisor_id", "true")]),
    (&[("hw:sound_model", "ac97")], &[]),
    (&[("hw:sound_model", "es1370")], &[]),
    (&[("hw:sound_model", "ich6")], &[]),
    (&[("hw:sound_model", "ich9")], &[]),
    (&[("hw:sound_model", "pcspk")], &[]),
    (&[("hw:sound_model", "sb16")], &[]),
    (&[("hw:sound_model", "usb")], &[]),
];

fn pairs(pairs: Pairs) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn libvirt_takes_what_flavors_and_images_may_ask_for() {
    if guest_image().is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::default();
    let mut options = Options::new(dir.path().join("node"), "node-1", &format!("fso{}", &uuid()[..8]));
    options.ovn = false;
    let services = Services::start(runtime, options).await.unwrap();
    let hypervisor = |dedicated: &str, guests: Guests| {
        Libvirt::new(libvirt::Options {
            uri: services.libvirt_uri().to_owned(),
            layout: services.layout().clone(),
            virt_type: VirtType::Qemu,
            reboot_grace: Duration::ZERO,
            dedicated_cpus: dedicated.parse().unwrap(),
            spice: false,
            guests,
        })
    };
    let mut refused = Vec::new();
    let all = hypervisor("", Guests::default());
    for (flavor, image) in TAKEN {
        let server = ServerSpec { extra_specs: pairs(flavor), image_properties: pairs(image), ..whole() };
        if let Err(problem) = all.server_define(&server).await {
            refused.push(format!("{flavor:?} {image:?}: {problem}"));
        }
        all.server_delete(&server.id).await.unwrap();
    }
    for rescue in [&[][..], &[("hw_rescue_bus", "usb")], &[("hw_rescue_device", "cdrom")]] {
        let rescue = Some(Rescue { image: image(), image_properties: pairs(rescue) });
        let server = ServerSpec { rescue, ..whole() };
        if let Err(problem) = all.server_define(&server).await {
            refused.push(format!("rescue {:?}: {problem}", server.rescue));
        }
        all.server_delete(&server.id).await.unwrap();
    }
    for guests in operators() {
        let server = whole();
        if let Err(problem) = hypervisor("", guests.clone()).server_define(&server).await {
            refused.push(format!("{guests:?}: {problem}"));
        }
        all.server_delete(&server.id).await.unwrap();
    }
    let traits = all.info().await;
    let pinned = pinned(&hypervisor("0", Guests::default())).await;
    services.stop().await.unwrap();
    assert_eq!(refused, [""; 0], "{}", refused.join("\n"));
    let traits = traits.unwrap().traits;
    for name in
        ["COMPUTE_STORAGE_BUS_VIRTIO", "COMPUTE_GRAPHICS_MODEL_VGA", "COMPUTE_FIRMWARE_UEFI", "COMPUTE_FIRMWARE_BIOS"]
    {
        assert!(traits.iter().any(|known| known == name), "{name} is not among {traits:?}");
    }
    // The one processor that is set aside is one server's, and comes back when that is gone.
    let [first, second, again] = pinned;
    assert_eq!((first, again), (Ok(()), Ok(())));
    assert!(matches!(second, Err(Problem::Temporary(_))), "{second:?}");
}

/// What an operator may set for all guests.
fn operators() -> Vec<Guests> {
    let mode = |mode| Guests { cpu_mode: Some(mode), ..Guests::default() };
    let cache = |disk_cachemode| Guests { disk_cachemode, hw_disk_discard: Discard::Ignore, ..Guests::default() };
    let mut all = vec![mode(CpuMode::Maximum), mode(CpuMode::None)];
    all.push(Guests {
        cpu_model: "Nehalem".to_owned(),
        cpu_model_extra_flags: vec!["-syscall".to_owned(), "aes".to_owned()],
        ..mode(CpuMode::Custom)
    });
    all.push(Guests { hw_machine_type: "q35".to_owned(), ..Guests::default() });
    let modes = [CacheMode::Writethrough, CacheMode::None, CacheMode::Directsync, CacheMode::Unsafe];
    all.extend(modes.map(cache));
    all
}

/// Two servers that want a processor of their own, and one more when the first is gone.
async fn pinned(hypervisor: &Libvirt) -> [Result<(), Problem>; 3] {
    let dedicated = |name: &str| ServerSpec {
        instance_name: name.to_owned(),
        vcpus: 1,
        extra_specs: pairs(&[("hw:cpu_policy", "dedicated")]),
        ..whole()
    };
    let (one, two) = (dedicated("instance-00000002"), dedicated("instance-00000003"));
    let first = hypervisor.server_define(&one).await;
    let numa = hypervisor.info().await.unwrap().numa;
    let pins = numa.taken.get(&one.id).map(|taken| taken.pins.clone()).unwrap_or_default();
    assert!(!pins.is_empty() && pins.iter().all(|pin| *pin == numa.dedicated), "{numa:?}");
    assert!(
        numa.cells.iter().any(|cell| cell.cpus.0.is_superset(&numa.dedicated.0) && cell.memory_kib() > 0),
        "{numa:?}"
    );
    let second = hypervisor.server_define(&two).await;
    hypervisor.server_delete(&one.id).await.unwrap();
    let again = hypervisor.server_define(&two).await;
    hypervisor.server_delete(&two.id).await.unwrap();
    [first, second, again]
}

fn image() -> ImageSource {
    ImageSource { id: uuid(), disk_format: "qcow2".to_owned(), size: 1, sha512: String::new() }
}

/// A server with every kind of disk.
fn whole() -> ServerSpec {
    ServerSpec { vcpus: 2, swap_mb: 0, config_drive: Some(BTreeMap::new()), ..server(image()) }
}
