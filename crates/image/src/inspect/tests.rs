use proptest::prelude::*;

use super::*;

fn inspect(declared: &str, bytes: &[u8], chunk: usize) -> Result<u64> {
    let mut inspector = Inspector::new(Format::declared(declared).unwrap());
    for part in bytes.chunks(chunk.max(1)) {
        inspector.push(part)?;
    }
    inspector.finish()
}

#[track_caller]
fn refused(declared: &str, bytes: &[u8], word: &str) {
    let refusal = inspect(declared, bytes, 1000).unwrap_err();
    assert!(refusal.0.contains(word), "{refusal}");
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

fn qcow2() -> Vec<u8> {
    let mut image = vec![0; 0x40000];
    put(&mut image, 0, b"QFI\xfb\0\0\0\x03");
    put(&mut image, 20, &16_u32.to_be_bytes());
    put(&mut image, 24, &(1_u64 << 30).to_be_bytes());
    put(&mut image, 36, &2_u32.to_be_bytes());
    put(&mut image, 40, &0x30000_u64.to_be_bytes());
    put(&mut image, 48, &0x10000_u64.to_be_bytes());
    put(&mut image, 56, &1_u32.to_be_bytes());
    put(&mut image, 100, &112_u32.to_be_bytes());
    image
}

fn vmdk(kind: &str, extents: &str) -> Vec<u8> {
    let mut image = vec![0; 64 << 10];
    put(&mut image, 0, b"KDMV\x01\0\0\0");
    put(&mut image, 12, &2048_u64.to_le_bytes());
    put(&mut image, 20, &128_u64.to_le_bytes());
    put(&mut image, 28, &1_u64.to_le_bytes());
    put(&mut image, 36, &20_u64.to_le_bytes());
    let text = format!("# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\ncreateType=\"{kind}\"\n{extents}\n");
    put(&mut image, 512, text.as_bytes());
    image
}

fn vhd_footer(kind: u32, size: u64, data: u64) -> Vec<u8> {
    let mut footer = vec![0; 512];
    put(&mut footer, 0, b"conectix");
    put(&mut footer, 16, &data.to_be_bytes());
    put(&mut footer, 48, &size.to_be_bytes());
    put(&mut footer, 60, &kind.to_be_bytes());
    let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut footer, 64, &(!sum).to_be_bytes());
    footer
}

fn vhd_fixed() -> Vec<u8> {
    let mut image = vec![7; 4096];
    image.extend(vhd_footer(2, 4096, u64::MAX));
    image
}

fn vhd_dynamic() -> Vec<u8> {
    let mut image = vhd_footer(3, 1 << 21, 512);
    image.resize(4096, 0);
    put(&mut image, 512, b"cxsparse");
    put(&mut image, 512 + 16, &1536_u64.to_be_bytes());
    put(&mut image, 512 + 28, &1_u32.to_be_bytes());
    put(&mut image, 512 + 32, &(1_u32 << 21).to_be_bytes());
    image
}

fn vhdx() -> Vec<u8> {
    let mut image = vec![0; 3 << 20];
    put(&mut image, 0, b"vhdxfile");
    put(&mut image, 192 << 10, b"regi");
    put(&mut image, (192 << 10) + 8, &1_u32.to_le_bytes());
    put(&mut image, (192 << 10) + 16, b"\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e");
    put(&mut image, (192 << 10) + 32, &(2_u64 << 20).to_le_bytes());
    put(&mut image, (192 << 10) + 40, &(1_u32 << 20).to_le_bytes());
    let meta = 2 << 20;
    put(&mut image, meta, b"metadata\0\0\x02\0");
    put(&mut image, meta + 32, b"\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b");
    put(&mut image, meta + 48, &0x10000_u32.to_le_bytes());
    put(&mut image, meta + 64, b"\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8");
    put(&mut image, meta + 80, &0x10008_u32.to_le_bytes());
    put(&mut image, meta + 0x10008, &(5_u64 << 30).to_le_bytes());
    image
}

fn vdi() -> Vec<u8> {
    let mut image = vec![0; 4096];
    put(&mut image, 0x40, &0xbeda_107f_u32.to_le_bytes());
    put(&mut image, 0x44, &0x0001_0001_u32.to_le_bytes());
    put(&mut image, 0x4c, &1_u32.to_le_bytes());
    put(&mut image, 0x154, &512_u32.to_le_bytes());
    put(&mut image, 0x158, &1024_u32.to_le_bytes());
    put(&mut image, 0x170, &(3_u64 << 20).to_le_bytes());
    put(&mut image, 0x178, &(1_u32 << 20).to_le_bytes());
    put(&mut image, 0x180, &3_u32.to_le_bytes());
    image
}

fn iso() -> Vec<u8> {
    let mut image = vec![0; 20 * 2048];
    put(&mut image, 32 << 10, b"\x01CD001\x01");
    put(&mut image, (32 << 10) + 80, &20_u32.to_le_bytes());
    put(&mut image, (32 << 10) + 84, &20_u32.to_be_bytes());
    put(&mut image, (32 << 10) + 128, &2048_u16.to_le_bytes());
    put(&mut image, 510, b"\x55\xaa");
    image
}

#[test]
fn honest_images_tell_the_size_of_their_disk() {
    let vmdk = vmdk("monolithicSparse", "RW 2048 SPARSE \"disk.vmdk\"");
    let mut gpt = vec![0; 4096];
    put(&mut gpt, 510, b"\x55\xaaEFI PART");
    for (format, bytes, size) in [
        ("qcow2", qcow2(), 1 << 30),
        ("vmdk", vmdk, 1 << 20),
        ("vhd", vhd_fixed(), 4096),
        ("vhd", vhd_dynamic(), 1 << 21),
        ("vhdx", vhdx(), 5 << 30),
        ("vdi", vdi(), 3 << 20),
        ("iso", iso(), 20 * 2048),
        ("raw", gpt, 4096),
        ("raw", b"text".to_vec(), 4),
        ("aki", b"kernel".to_vec(), 6),
    ] {
        for chunk in [1 << 22, 65_536, 777] {
            assert_eq!(inspect(format, &bytes, chunk), Ok(size), "{format} by {chunk}");
        }
    }
}

#[test]
fn a_disk_that_is_something_else_is_refused() {
    for bytes in [qcow2(), vhd_fixed(), vhd_dynamic(), vhdx(), vdi(), iso(), b"# Disk DescriptorFile\n".to_vec()] {
        refused("raw", &bytes, "declared as raw but its content is");
    }
    refused("raw", b"QED\0....", "qed");
    refused("qcow2", &vec![0; 1 << 20], "no qcow2 header");
    refused("qcow2", &[], "no qcow2 header");
    refused("vhd", &vec![0; 1 << 20], "no vhd header");
    refused("iso", &qcow2(), "its content is qcow2");
    let mut both = qcow2();
    put(&mut both, 32 << 10, b"\x01CD001\x01");
    refused("qcow2", &both, "two disk formats");
}

#[test]
fn a_qcow2_that_points_elsewhere_or_lies_is_refused() {
    let changed = |at: usize, what: &[u8]| {
        let mut image = qcow2();
        put(&mut image, at, what);
        image
    };
    refused("qcow2", &changed(8, &1024_u64.to_be_bytes()), "backing file");
    refused("qcow2", &changed(72, &4_u64.to_be_bytes()), "another file");
    refused("qcow2", &changed(72, &2_u64.to_be_bytes()), "corrupt");
    refused("qcow2", &changed(72, &(1_u64 << 40).to_be_bytes()), "not known");
    refused("qcow2", &changed(32, &2_u32.to_be_bytes()), "encrypted");
    refused("qcow2", &changed(112, &0x4441_5441_u32.to_be_bytes()), "external data file");
    refused("qcow2", &changed(20, &40_u32.to_be_bytes()), "cluster size");
    refused("qcow2", &changed(24, &u64::MAX.to_be_bytes()), "larger than its tables");
    refused("qcow2", &changed(40, &(1_u64 << 40).to_be_bytes()), "ends too early");
    refused("qcow2", &changed(4, &1_u32.to_be_bytes()), "version 1");
    refused("qcow2", &qcow2()[..50], "middle of its header");
}

#[test]
fn a_vmdk_of_foreign_extents_is_refused() {
    refused("vmdk", &vmdk("monolithicFlat", "RW 2048 FLAT \"/etc/shadow\" 0"), "monolithicFlat");
    refused("vmdk", &vmdk("monolithicSparse", "RW 2048 FLAT \"/etc/shadow\" 0"), "one sparse extent");
    let two = "RW 2048 SPARSE \"a\"\nRW 2048 SPARSE \"/b\"";
    refused("vmdk", &vmdk("streamOptimized", two), "one sparse extent");
    refused("vmdk", &vmdk("streamOptimized", "parentFileNameHint=\"/a\"\nRW 2048 SPARSE \"a\""), "parent");
    refused("vmdk", &vmdk("streamOptimized", "RW 9 SPARSE \"a\""), "different disk sizes");
    refused("vmdk", b"# Disk DescriptorFile\ncreateType=\"monolithicFlat\"", "other files");
}

#[test]
fn children_of_other_disks_are_refused() {
    let mut image = vdi();
    put(&mut image, 0x4c, &4_u32.to_le_bytes());
    refused("vdi", &image, "difference");
    let mut image = vhdx();
    put(&mut image, (2 << 20) + 0x10004, &2_u32.to_le_bytes());
    refused("vhdx", &image, "parent");
    let mut image = vhd_dynamic();
    let footer = vhd_footer(4, 1 << 21, 512);
    put(&mut image, 0, &footer);
    refused("vhd", &image, "parent");
    refused("vhd", &vhd_fixed()[512..], "not what was sent");
    refused("iso", &iso()[..36 << 10], "ends too early");
}

const FORMATS: [&str; 7] = ["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the header says, the answer is a size or a sentence.
    #[test]
    fn no_header_breaks_the_inspector(
        format in 0..FORMATS.len(),
        changes in proptest::collection::vec((0..0x240_usize, any::<u8>()), 0..24),
        cut in proptest::option::of(0..70_000_usize),
        base in 0..2_usize,
        chunk in 1..100_000_usize,
    ) {
        let starts = [0, 0, 0, 0, 192 << 10, 0, 32 << 10];
        let mut image = match (base, FORMATS[format]) {
            (0, "qcow2") => qcow2(),
            (0, "vmdk") => vmdk("monolithicSparse", "RW 2048 SPARSE \"disk.vmdk\""),
            (0, "vhd") => vhd_dynamic(),
            (1, "vhd") => vhd_fixed(),
            (_, "vhdx") => vhdx(),
            (0, "vdi") => vdi(),
            (0, "iso") => iso(),
            _ => vec![0xff; 300_000],
        };
        for (at, byte) in changes {
            for place in [starts[format] + at, (2 << 20) + at] {
                if let Some(slot) = image.get_mut(place) {
                    *slot = byte;
                }
            }
        }
        image.truncate(cut.unwrap_or(usize::MAX));
        let _ = inspect(FORMATS[format], &image, chunk);
    }

    /// How the bytes are cut into pieces makes no difference.
    #[test]
    fn pieces_do_not_matter(format in 0..6_usize, chunk in 1..300_000_usize) {
        let (name, image) = [
            ("qcow2", qcow2()), ("vhd", vhd_fixed()), ("vhd", vhd_dynamic()), ("vhdx", vhdx()), ("vdi", vdi()), ("iso", iso()),
        ][format].clone();
        prop_assert_eq!(inspect(name, &image, chunk), inspect(name, &image, usize::MAX));
    }
}
