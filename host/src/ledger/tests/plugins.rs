//! A plugin's row is there for as long as there is an attempt with it.

use super::*;
use crate::ledger::Removal;
use crate::model::run::RunState;

#[tokio::test]
async fn retention_takes_a_plugin_with_its_last_attempt() {
    let bench = Bench::new();
    let plugins = || {
        let sizes = bench.reader().sizes().unwrap();
        sizes.tables.iter().find(|table| table.table == "plugins").unwrap().rows
    };
    let remove = |run| Entry::Removed(Removal { runs: vec![id(run)], ..Removal::default() });
    for run in [1, 2] {
        let begun = admitted(self::run(run, "a", Some(slot(run))), Admission::Running);
        bench.append([begun, ended(run, 1, succeeded(), Next::Final)]).await.unwrap();
    }
    bench.append([admitted(run(3, "a", Some(slot(3))), Admission::Running)]).await.unwrap();
    assert_eq!(plugins(), 1);
    bench.append([remove(1), remove(3)]).await.unwrap();
    assert_eq!((plugins(), bench.run(id(3)).state), (1, RunState::Running { attempt: 1 }));
    bench.append([remove(2)]).await.unwrap();
    assert_eq!(plugins(), 0);
    bench.append([ended(3, 1, succeeded(), Next::Final)]).await.unwrap();
    assert_eq!(plugins(), 1, "the same plugin is entered again");
    assert_eq!(bench.reader().verify().unwrap(), [] as [String; 0]);
}
