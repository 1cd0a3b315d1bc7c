//! What a disk image really is. The bytes pass by as they are uploaded; only the first ones, the last ones and one
//! window in between are kept. An image that is not what it is declared to be, or that points at other files, never
//! reaches a hypervisor.

mod iso;
mod qcow2;
mod raw;
mod read;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;

#[cfg(test)]
mod tests;

use read::Bytes;

/// How much of the start is kept: up to the end of VHDX's region table.
const HEAD: usize = 256 << 10;
/// How much of the end is kept: VHD's footer.
const TAIL: usize = 512;

/// Why an image is not taken, as a sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub String);

type Result<T> = std::result::Result<T, Refusal>;

fn refuse<T>(why: impl Into<String>) -> Result<T> {
    Err(Refusal(why.into()))
}

/// The formats that can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Raw,
    Qcow2,
    Vmdk,
    Vhd,
    Vhdx,
    Vdi,
    Iso,
}

impl Format {
    /// The format that a declared `disk_format` stands for; kernels and the like are plain bytes.
    pub fn declared(disk_format: &str) -> Option<Self> {
        Some(match disk_format {
            "raw" | "ami" | "ari" | "aki" => Self::Raw,
            "qcow2" => Self::Qcow2,
            "vmdk" => Self::Vmdk,
            "vhd" => Self::Vhd,
            "vhdx" => Self::Vhdx,
            "vdi" => Self::Vdi,
            "iso" => Self::Iso,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vhd => "vhd",
            Self::Vhdx => "vhdx",
            Self::Vdi => "vdi",
            Self::Iso => "iso",
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Header {
    /// The size of the disk in bytes; the file's own where the format does not say.
    virtual_size: Option<u64>,
    /// How long the file must be for the header to be true.
    least_size: u64,
    /// Bytes further back (offset, length) that must be looked at too.
    window: Option<(u64, usize)>,
}

/// Looks at one image while it streams by.
#[derive(Debug)]
pub(crate) struct Inspector {
    declared: Format,
    head: Vec<u8>,
    tail: Vec<u8>,
    window: Vec<u8>,
    size: u64,
    header: Option<Header>,
}

impl Inspector {
    pub fn new(declared: Format) -> Self {
        Self { declared, head: Vec::new(), tail: Vec::new(), window: Vec::new(), size: 0, header: None }
    }

    /// Takes the next bytes; refuses as soon as enough is known.
    pub fn push(&mut self, data: &[u8]) -> Result<()> {
        let missing = HEAD.saturating_sub(self.head.len()).min(data.len());
        let (head, rest) = data.split_at(missing);
        self.take(head);
        self.head.extend_from_slice(head);
        if self.header.is_none() && self.head.len() == HEAD {
            self.header = Some(self.look(None)?);
            self.refill();
        }
        self.take(rest);
        Ok(())
    }

    /// Says how large the disk is (in bytes) once all bytes were pushed.
    pub fn finish(mut self) -> Result<u64> {
        // A fixed VHD shows only at its end, so that the end is always looked at.
        let header = self.look(Some(&self.tail))?;
        if self.header.is_none() {
            self.header = Some(header);
            self.refill();
        }
        if header.least_size > self.size {
            return refuse(format!(
                "The image ends too early: by its {} header it has at least {} bytes, but {} were sent. Upload the \
                 whole file.",
                self.declared.name(),
                header.least_size,
                self.size
            ));
        }
        let virtual_size = match self.declared {
            Format::Vhdx => vhdx::metadata(Bytes(&self.window))?,
            _ => header.virtual_size.unwrap_or(self.size),
        };
        if i64::try_from(virtual_size).is_err() {
            return refuse(format!("The {} header names an impossible disk size.", self.declared.name()));
        }
        Ok(virtual_size)
    }

    /// Counts bytes, and keeps them if they belong to the window or to the end.
    fn take(&mut self, data: &[u8]) {
        if let Some((offset, length)) = self.header.and_then(|header| header.window) {
            let from = offset.saturating_add(self.window.len() as u64).saturating_sub(self.size);
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(data.len());
            let most = length.saturating_sub(self.window.len());
            let wanted = data.get(from..).unwrap_or_default();
            self.window.extend_from_slice(&wanted[..wanted.len().min(most)]);
        }
        self.size += data.len() as u64;
        let last = &data[data.len().saturating_sub(TAIL)..];
        let keep = TAIL.saturating_sub(last.len()).min(self.tail.len());
        self.tail.drain(..self.tail.len() - keep);
        self.tail.extend_from_slice(last);
    }

    /// Fills the window with what stands in the head, once it is known where the window is.
    fn refill(&mut self) {
        if let Some((offset, length)) = self.header.and_then(|header| header.window)
            && let Some(there) = usize::try_from(offset).ok().and_then(|offset| self.head.get(offset..))
        {
            self.window.extend_from_slice(&there[..there.len().min(length)]);
        }
    }

    /// Compares what is found with what was declared, and checks the header.
    fn look(&self, tail: Option<&[u8]>) -> Result<Header> {
        let head = Bytes(&self.head);
        let mut found = Vec::new();
        for (format, is) in [
            (Format::Qcow2, qcow2::is(head)),
            (Format::Vmdk, vmdk::is(head)),
            (Format::Vhd, vhd::is(head) || tail.is_some_and(|tail| vhd::is(Bytes(tail)))),
            (Format::Vhdx, vhdx::is(head)),
            (Format::Vdi, vdi::is(head)),
            (Format::Iso, iso::is(head)),
        ] {
            if is {
                found.push(format);
            }
        }
        let name = self.declared.name();
        match found[..] {
            [] if self.declared == Format::Raw => {}
            // A fixed VHD is told by its end alone, which has not come yet.
            [] if self.declared == Format::Vhd && tail.is_none() => return Ok(Header::default()),
            [] => {
                return refuse(format!(
                    "The image is declared as {name} but has no {name} header. Set disk_format to what the file is."
                ));
            }
            [one] if one == self.declared => {}
            [one] => {
                return refuse(format!(
                    "The image is declared as {name} but its content is {}. Set disk_format to {} if that is what you \
                     want to upload.",
                    one.name(),
                    one.name()
                ));
            }
            _ => return refuse("The image is of two disk formats at once, which is not safe to use; convert it anew."),
        }
        match self.declared {
            Format::Raw => raw::header(head),
            Format::Qcow2 => qcow2::header(head),
            Format::Vmdk => vmdk::header(head),
            Format::Vhd => vhd::header(head, tail.map(Bytes), self.size),
            Format::Vhdx => vhdx::header(head),
            Format::Vdi => vdi::header(head),
            Format::Iso => iso::header(head),
        }
    }
}
