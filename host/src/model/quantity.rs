//! Durations, byte sizes and counts as people write them, and as they are shown again.
