//! What another configuration changes about the host: a comparison of keys.

use super::{HostKey, HostKeys};
use crate::model::plan::{Counts, HostPlan};

/// The settings that differ from those in force, in the order of their keys.
pub(super) fn plan(in_force: &HostKeys, after: &HostKeys) -> Vec<HostPlan> {
    let value = |keys: &HostKeys, key: &str| keys.get(key).map(|key| key.value.clone());
    let mut keys: Vec<(&String, &HostKey)> = in_force.iter().chain(after).collect();
    keys.sort_unstable_by_key(|(key, _)| *key);
    keys.dedup_by_key(|(key, _)| *key);
    let plan = |(key, setting): (&String, &HostKey)| HostPlan {
        key: key.clone(),
        before: value(in_force, key),
        after: value(after, key),
        counts: setting.counts,
    };
    keys.into_iter().map(plan).filter(|plan| plan.before != plan.after).collect()
}

/// Takes over what counts at once.
pub(super) fn take(in_force: &mut HostKeys, after: &HostKeys) {
    in_force.retain(|key, setting| setting.counts == Counts::AfterRestart || after.contains_key(key));
    let now = after.iter().filter(|(_, setting)| setting.counts == Counts::Now);
    in_force.extend(now.map(|(key, setting)| (key.clone(), setting.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_restart_stays_in_the_plan_until_there_is_one() {
        let keys = |keys: &[(&str, &str, Counts)]| -> HostKeys {
            let key = |(key, value, counts): &(&str, &str, Counts)| {
                ((*key).to_owned(), HostKey { value: (*value).to_owned(), counts: *counts })
            };
            keys.iter().map(key).collect()
        };
        let mut in_force = keys(&[("a", "1", Counts::Now), ("b", "1", Counts::AfterRestart), ("c", "1", Counts::Now)]);
        let after = keys(&[("a", "2", Counts::Now), ("b", "2", Counts::AfterRestart), ("d", "2", Counts::Now)]);
        let shown = |in_force: &HostKeys| -> Vec<String> {
            let show = |plan: HostPlan| {
                let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
                format!("{} {} {} {:?}", plan.key, or_none(plan.before), or_none(plan.after), plan.counts)
            };
            plan(in_force, &after).into_iter().map(show).collect()
        };
        assert_eq!(shown(&in_force), ["a 1 2 Now", "b 1 2 AfterRestart", "c 1 - Now", "d - 2 Now"]);
        take(&mut in_force, &after);
        assert_eq!(shown(&in_force), ["b 1 2 AfterRestart"]);
        assert_eq!(plan(&after, &after), []);
    }
}
