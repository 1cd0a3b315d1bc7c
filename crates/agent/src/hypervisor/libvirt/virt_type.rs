use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How the processor of a guest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VirtType {
    /// By the host's processor.
    Kvm,
    /// In software, by QEMU.
    Qemu,
}

/// How long a guest may take from the start of QEMU to its first instructions.
const LIMIT: Duration = Duration::from_secs(2);
/// The code with which QEMU ends when the guest below has run.
const GUEST_RAN: i32 = (0x10 << 1) | 1;

impl VirtType {
    /// libvirt's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Qemu => "qemu",
        }
    }

    /// KVM if it truly runs a guest's instructions, soon; there are machines where the device is there and hangs.
    pub async fn probe() -> Self {
        if !std::path::Path::new("/dev/kvm").exists() {
            return Self::Qemu;
        }
        match guest_runs("kvm", LIMIT).await {
            Ok(true) => Self::Kvm,
            Ok(false) => {
                tracing::warn!("/dev/kvm is there but runs no guest: guests are emulated, which is slow");
                Self::Qemu
            }
            Err(error) => {
                tracing::warn!(%error, "KVM could not be tried: guests are emulated, which is slow");
                Self::Qemu
            }
        }
    }
}

/// Whether a small guest gets as far as ending its QEMU.
async fn guest_runs(accelerator: &str, limit: Duration) -> std::io::Result<bool> {
    let firmware = std::env::temp_dir().join(format!("ferrostack-probe-{}-{accelerator}.bin", std::process::id()));
    tokio::fs::write(&firmware, probe_firmware()).await?;
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", accelerator, "-cpu", "max", "-machine", "pc", "-m", "16", "-display", "none", "-nodefaults"])
        .args(["-no-user-config", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-bios"])
        .arg(&firmware)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A QEMU that hangs in the device is killed and not waited for.
        .kill_on_drop(true);
    let ended = tokio::time::timeout(limit, qemu.status()).await;
    drop(tokio::fs::remove_file(&firmware).await);
    match ended {
        Ok(status) => Ok(status?.code() == Some(GUEST_RAN)),
        Err(_) => Ok(false),
    }
}

/// What the guest does: an interrupt in real mode, then protected mode with paging and a return from an interrupt there,
/// then the end of its QEMU. There are hosts whose KVM runs plain instructions and hangs at such a return.
#[rustfmt::skip]
const PROBE: &[u8] = &[
    0xfa,                                     // 00 cli
    0x31, 0xc0,                               // 01 xor ax, ax
    0x8e, 0xd8,                               // 03 mov ds, ax
    0x8e, 0xd0,                               // 05 mov ss, ax
    0xbc, 0x00, 0x70,                         // 07 mov sp, 0x7000
    0xc7, 0x06, 0x00, 0x02, 0x2f, 0x00,       // 0a mov word [0x200], 0x2f      ; interrupt 0x80 goes to the iret at 2f
    0xc7, 0x06, 0x02, 0x02, 0x00, 0xf0,       // 10 mov word [0x202], 0xf000
    0xcd, 0x80,                               // 16 int 0x80
    0x2e, 0x66, 0x0f, 0x01, 0x16, 0x89, 0x00, // 18 lgdt cs:[0x89]
    0x0f, 0x20, 0xc0,                         // 1f mov eax, cr0
    0x0c, 0x01,                               // 22 or al, 1
    0x0f, 0x22, 0xc0,                         // 24 mov cr0, eax
    0x66, 0xea, 0x30, 0x00, 0x0f, 0x00, 0x08, 0x00, // 27 jmp 8:0xf0030       ; 32 bits from here on
    0xcf,                                     // 2f iret
    0xb8, 0x10, 0x00, 0x00, 0x00,             // 30 mov eax, 0x10
    0x8e, 0xd8,                               // 35 mov ds, eax
    0x8e, 0xd0,                               // 37 mov ss, eax
    0xbc, 0x00, 0x70, 0x00, 0x00,             // 39 mov esp, 0x7000
    0xc7, 0x05, 0x00, 0x10, 0x00, 0x00, 0x83, 0x00, 0x00, 0x00, // 3e mov dword [0x1000], 0x83 ; a page of 4 MiB
    0xb8, 0x00, 0x10, 0x00, 0x00,             // 48 mov eax, 0x1000
    0x0f, 0x22, 0xd8,                         // 4d mov cr3, eax
    0x0f, 0x20, 0xe0,                         // 50 mov eax, cr4
    0x0c, 0x10,                               // 53 or al, 0x10
    0x0f, 0x22, 0xe0,                         // 55 mov cr4, eax
    0x0f, 0x20, 0xc0,                         // 58 mov eax, cr0
    0x0d, 0x00, 0x00, 0x00, 0x80,             // 5b or eax, 0x80000000
    0x0f, 0x22, 0xc0,                         // 60 mov cr0, eax                ; with paging
    0x9c,                                     // 63 pushf
    0x6a, 0x08,                               // 64 push 8
    0x68, 0x6c, 0x00, 0x0f, 0x00,             // 66 push 0xf006c
    0xcf,                                     // 6b iret
    0xb0, 0x10,                               // 6c mov al, 0x10
    0xe6, 0xf4,                               // 6e out 0xf4, al
    0xf4,                                     // 70 hlt
    0, 0, 0, 0, 0, 0, 0, 0,                   // 71 the descriptors: none, code, data
    0xff, 0xff, 0, 0, 0, 0x9a, 0xcf, 0,
    0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0,
    0x17, 0, 0x71, 0, 0x0f, 0,                // 89 their length less one, their address
];

/// The guest as firmware: the code at its beginning, and a jump to it where the processor starts, 16 bytes before the end.
fn probe_firmware() -> Vec<u8> {
    let mut firmware = vec![0xf4; 65_536];
    firmware[..PROBE.len()].copy_from_slice(PROBE);
    let start = firmware.len() - 16;
    firmware[start..start + 5].copy_from_slice(&[0xea, 0x00, 0x00, 0x00, 0xf0]);
    firmware
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_guest_of_the_probe_runs_where_guests_run() {
        if tokio::fs::try_exists("/usr/bin/qemu-system-x86_64").await.unwrap_or(false) {
            assert!(guest_runs("tcg", Duration::from_secs(60)).await.unwrap());
            assert!(!guest_runs("none-such", Duration::from_secs(60)).await.unwrap());
        } else {
            eprintln!("SKIPPED: QEMU is not installed: run setup/install runtime");
        }
    }

    #[tokio::test]
    async fn a_probe_ends_whatever_the_device_does() {
        // Whether it is KVM depends on the machine.
        let probed = tokio::time::timeout(Duration::from_secs(60), VirtType::probe()).await;
        assert!(probed.is_ok());
    }
}
