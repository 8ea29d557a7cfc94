//! A disk that loses its power: what may be on it afterwards, given all that a program wrote and made durable.
//!
//! What was synced is there. Of what came later, any part may be: all, nothing, the first so many, or any subset, whole or
//! torn at sectors, each file for itself. Names come and go in order, as journals of file systems have it, and are sure
//! once their folder was synced.

use std::collections::BTreeMap;

use fastrand::Rng;

/// Something that a program did to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Create {
        name: String,
    },
    Write {
        name: String,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        name: String,
        length: u64,
    },
    Sync {
        name: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        name: String,
    },
    SyncFolder,
    /// It said something to the world, which is no matter of the disk.
    Said(Vec<u8>),
}

/// What becomes of a file's writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Nothing,
    All,
    First,
    Some,
    /// Any of the pieces of this size.
    Torn(u64),
}

impl Fate {
    pub(super) const ALL: [Fate; 6] =
        [Fate::Nothing, Fate::All, Fate::First, Fate::Some, Fate::Torn(512), Fate::Torn(4096)];
}

/// The folder's files as the program sees them, and as they are sure to be.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    sure: BTreeMap<String, usize>,
    /// How the names were after each change since the folder was last synced.
    unsure: Vec<BTreeMap<String, usize>>,
}

#[derive(Debug, Default)]
struct File {
    sure: Vec<u8>,
    unsure: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Length(u64),
}

impl Disk {
    pub(super) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create { name } if !self.names.contains_key(name) => {
                self.files.push(File::default());
                self.names.insert(name.clone(), self.files.len() - 1);
                self.unsure.push(self.names.clone());
            }
            Operation::Create { .. } | Operation::Said(_) => {}
            Operation::Write { name, at, bytes } => {
                self.file(name).unsure.push(Change::Write { at: *at, bytes: bytes.clone() });
            }
            Operation::Truncate { name, length } => self.file(name).unsure.push(Change::Length(*length)),
            Operation::Sync { name } => {
                let file = self.file(name);
                let changes = std::mem::take(&mut file.unsure);
                changes.iter().for_each(|change| change.apply(&mut file.sure));
            }
            Operation::Rename { from, to } => {
                let file = self.names.remove(from).unwrap_or_else(|| panic!("there is no file {from}"));
                self.names.insert(to.clone(), file);
                self.unsure.push(self.names.clone());
            }
            Operation::Unlink { name } => {
                self.names.remove(name);
                self.unsure.push(self.names.clone());
            }
            Operation::SyncFolder => {
                self.sure.clone_from(&self.names);
                self.unsure.clear();
            }
        }
    }

    /// The files after a power cut.
    pub(super) fn after_power_cut(&self, fate: Fate, rng: &mut Rng) -> BTreeMap<String, Vec<u8>> {
        let kept = match fate {
            Fate::Nothing => 0,
            Fate::All => self.unsure.len(),
            _ => rng.usize(0..=self.unsure.len()),
        };
        let names = kept.checked_sub(1).map_or(&self.sure, |last| &self.unsure[last]);
        names.iter().map(|(name, file)| (name.clone(), self.files[*file].after_power_cut(fate, rng))).collect()
    }

    fn file(&mut self, name: &str) -> &mut File {
        let file = *self.names.get(name).unwrap_or_else(|| panic!("there is no file {name}"));
        &mut self.files[file]
    }
}

impl File {
    fn after_power_cut(&self, fate: Fate, rng: &mut Rng) -> Vec<u8> {
        let mut content = self.sure.clone();
        let first = rng.usize(0..=self.unsure.len());
        for (number, change) in self.unsure.iter().enumerate() {
            match (fate, change) {
                (Fate::Nothing, _) => {}
                (Fate::All, _) => change.apply(&mut content),
                (Fate::First, _) if number < first => change.apply(&mut content),
                (Fate::First, _) => {}
                (Fate::Torn(size), Change::Write { at, bytes }) => {
                    for (from, to) in pieces(*at, bytes.len() as u64, size) {
                        if rng.bool() {
                            let piece = &bytes[(from - at) as usize..(to - at) as usize];
                            Change::Write { at: from, bytes: piece.to_owned() }.apply(&mut content);
                        }
                    }
                }
                _ if rng.bool() => change.apply(&mut content),
                _ => {}
            }
        }
        content
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes } => {
                let (from, to) = (*at as usize, *at as usize + bytes.len());
                content.resize(content.len().max(to), 0);
                content[from..to].copy_from_slice(bytes);
            }
            Change::Length(length) => content.resize(*length as usize, 0),
        }
    }
}

/// The parts of a range that lie in sectors of this size each.
fn pieces(at: u64, length: u64, size: u64) -> impl Iterator<Item = (u64, u64)> {
    let end = at + length;
    (at / size..end.div_ceil(size)).map(move |sector| ((sector * size).max(at), ((sector + 1) * size).min(end)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn write(name: &str, at: u64, bytes: &[u8]) -> Operation {
        Operation::Write { name: name.into(), at, bytes: bytes.into() }
    }

    /// Everything that may be there after these operations, as `name=content`.
    fn outcomes(operations: &[Operation]) -> BTreeSet<String> {
        let mut disk = Disk::default();
        operations.iter().for_each(|operation| disk.apply(operation));
        let mut rng = Rng::with_seed(7);
        let mut shown = BTreeSet::new();
        for round in 0..600 {
            let files = disk.after_power_cut(Fate::ALL[round % Fate::ALL.len()], &mut rng);
            let files = files.iter().map(|(name, content)| format!("{name}={}", String::from_utf8_lossy(content)));
            shown.insert(files.collect::<Vec<_>>().join(" "));
        }
        shown
    }

    fn check(operations: &[Operation], expected: &[&str]) {
        assert_eq!(outcomes(operations), expected.iter().map(|text| (*text).to_owned()).collect());
    }

    fn named() -> Vec<Operation> {
        vec![Operation::Create { name: "a".into() }, Operation::SyncFolder]
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let sync = || Operation::Sync { name: "a".into() };
        check(&[named(), vec![write("a", 0, b"x"), sync()]].concat(), &["a=x"]);
        check(&[named(), vec![write("a", 0, b"x")]].concat(), &["a=", "a=x"]);
        check(
            &[named(), vec![write("a", 0, b"x"), sync(), write("a", 0, b"y"), write("a", 1, b"z")]].concat(),
            &["a=x", "a=y", "a=xz", "a=yz"],
        );
        let cut = Operation::Truncate { name: "a".into(), length: 0 };
        check(&[named(), vec![write("a", 0, b"x"), sync(), cut]].concat(), &["a=x", "a="]);
    }

    #[test]
    fn a_write_is_torn_at_sectors() {
        assert_eq!(pieces(500, 600, 512).collect::<Vec<_>>(), [(500, 512), (512, 1024), (1024, 1100)]);
        let seen = outcomes(&[named(), vec![write("a", 511, b"xy")]].concat());
        let zeros = "\0".repeat(511);
        assert_eq!(
            seen,
            ["a=".to_owned(), format!("a={zeros}x"), format!("a={zeros}\0y"), format!("a={zeros}xy")].into()
        );
    }

    #[test]
    fn names_are_sure_when_the_folder_was_synced_and_come_in_order() {
        let create = |name: &str| Operation::Create { name: name.into() };
        check(&[create("a"), create("b")], &["", "a=", "a= b="]);
        check(&[create("a"), Operation::SyncFolder, Operation::Unlink { name: "a".into() }], &["a=", ""]);
        let rename = Operation::Rename { from: "a".into(), to: "b".into() };
        check(&[create("a"), Operation::SyncFolder, rename], &["a=", "b="]);
    }
}
