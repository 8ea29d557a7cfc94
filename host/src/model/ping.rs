//! The dead man's switch of a task: addresses outside that hear of its runs, and raise the alarm when they hear nothing.

use url::Url;

/// Addresses that are called when a run begins and ends. Whoever is behind them notices when nothing comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Called when a run begins.
    pub start: Option<Url>,
    /// Called when a run succeeded.
    pub success: Option<Url>,
    /// Called when a run failed.
    pub failure: Option<Url>,
}

impl Ping {
    /// The addresses that healthchecks.io makes of one: `/start` and `/fail` are put behind its path.
    pub fn healthchecks(url: &Url) -> Self {
        let with = |suffix: &str| {
            let mut url = url.clone();
            let path = format!("{}/{suffix}", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url
        };
        Self { start: Some(with("start")), success: Some(url.clone()), failure: Some(with("fail")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_makes_three() {
        let ping = Ping::healthchecks(&"https://hc-ping.com/5d1e/?create=1".parse().unwrap());
        let text = |url: &Option<Url>| url.as_ref().unwrap().to_string();
        assert_eq!(text(&ping.start), "https://hc-ping.com/5d1e/start?create=1");
        assert_eq!(text(&ping.success), "https://hc-ping.com/5d1e/?create=1");
        assert_eq!(text(&ping.failure), "https://hc-ping.com/5d1e/fail?create=1");
    }
}
