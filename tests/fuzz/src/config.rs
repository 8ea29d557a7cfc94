//! The configuration: any text is either accepted or reported on, and every problem has its place in the text.

use std::num::NonZeroU32;
use std::path::Path;

use jiff::Timestamp;
use sandclock_host::config::{Effective, Surroundings, load_text};

pub(crate) fn feed(bytes: &[u8]) {
    let around = Surroundings {
        env: [("TOKEN".to_owned(), "s3cr3t".to_owned())].into(),
        cores: NonZeroU32::MIN,
        now: Timestamp::UNIX_EPOCH,
    };
    // A folder with a folder of plugins in it.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");
    match load_text("fuzzed.toml", crate::text(bytes), Path::new(root), &around) {
        Ok(loaded) => {
            assert!(!loaded.warnings.has_errors());
            let shown = Effective::new(&loaded.config, around.now).to_string();
            assert!(!shown.contains("s3cr3t"), "a secret is shown: {shown}");
        }
        Err(report) => {
            assert!(report.has_errors(), "it is refused without a reason");
            // Showing a problem cuts the text at its place.
            assert!(!report.to_string().is_empty());
            assert!(report.to_json().is_array() || report.to_json().is_object());
        }
    }
}
