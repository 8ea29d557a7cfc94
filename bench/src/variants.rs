//! Many plugins that differ and do the same: the bytes of one, each with a number in a section of its own at the end.

use std::fs;
use std::path::Path;

use sandclock_host::model::limits::Metering;
use sandclock_host::model::task::Build;

/// Writes so many variants of a plugin's file into a folder. A file that is there already stays as it is.
pub(crate) fn write(sample: &Path, folder: &Path, count: usize) -> anyhow::Result<Vec<Build>> {
    let sample = fs::read(sample)?;
    let write = |number| {
        let name = name(number);
        let file = folder.join(format!("{name}.wasm"));
        let variant = variant(&sample, number);
        if fs::read(&file).ok().as_ref() != Some(&variant) {
            fs::write(file, variant)?;
        }
        Ok(Build { plugin: name.parse()?, metering: Metering::Fuel })
    };
    (0..count).map(write).collect()
}

/// What the variant of a number is called.
pub(crate) fn name(number: usize) -> String {
    format!("variant-{number}")
}

/// A custom section has the id 0, its size, a name with its length, and anything. It may stand at the end of modules
/// and components alike.
fn variant(sample: &[u8], number: usize) -> Vec<u8> {
    let number = number.to_le_bytes();
    let size = 1 + NAME.len() + number.len();
    let mut bytes = sample.to_vec();
    bytes.extend([0, size as u8, NAME.len() as u8]);
    bytes.extend(NAME.as_bytes());
    bytes.extend(number);
    bytes
}

const NAME: &str = "variant";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_and_are_sections_of_their_length() {
        let sample = b"\0asm\x01\0\0\0";
        let variants = [variant(sample, 1), variant(sample, 1000)];
        assert_ne!(variants[0], variants[1]);
        for variant in variants {
            let section = &variant[sample.len()..];
            assert_eq!((section[0], usize::from(section[1])), (0, section.len() - 2));
            assert_eq!(&section[3..3 + usize::from(section[2])], b"variant");
        }
    }
}
