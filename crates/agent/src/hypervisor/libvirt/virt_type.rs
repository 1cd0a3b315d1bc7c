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

/// Whether a guest of three instructions gets as far as ending its QEMU.
async fn guest_runs(accelerator: &str, limit: Duration) -> std::io::Result<bool> {
    let firmware = std::env::temp_dir().join(format!("ferrostack-probe-{}-{accelerator}.bin", std::process::id()));
    tokio::fs::write(&firmware, probe_firmware()).await?;
    // The processor with everything there is: some hosts run a plain one and fail at the first real guest.
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

/// Firmware whose reset vector, 16 bytes before its end, has: `mov al, 0x10; out 0xf4, al; hlt`.
fn probe_firmware() -> Vec<u8> {
    let mut firmware = vec![0xf4; 65_536];
    let start = firmware.len() - 16;
    firmware[start..start + 5].copy_from_slice(&[0xb0, 0x10, 0xe6, 0xf4, 0xf4]);
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
