//! The times within a run in which no window could be answered, until they are noted.

use std::collections::VecDeque;

use time::OffsetDateTime;

use crate::store::{RunRepository, StoreError, Unready};

/// Those that wait for a disk that refuses; beyond them the oldest are lost.
const MOST: usize = 256;

/// The newest one, and those that are not noted yet.
#[derive(Debug, Default)]
pub(super) struct Gaps(VecDeque<Gap>);

#[derive(Debug)]
struct Gap {
    unready: Unready,
    is_behind: bool,
}

impl Gaps {
    /// Takes note of what stands in the way now.
    pub(super) fn see(&mut self, reason: Option<&'static str>, run: i64, now: OffsetDateTime) {
        let open = self.0.back_mut().filter(|it| it.unready.ended.is_none());
        match (open, reason) {
            (None, Some(reason)) => {
                if self.0.len() == MOST {
                    self.0.pop_front();
                }
                self.0.push_back(Gap {
                    unready: Unready {
                        id: 0,
                        run,
                        reason: reason.to_owned(),
                        began: now,
                        ended: None,
                    },
                    is_behind: true,
                });
            }
            (Some(gap), None) => {
                gap.unready.ended = Some(now);
                gap.is_behind = true;
            }
            _ => {}
        }
    }

    /// Notes what is behind. What the disk refuses is noted the next time.
    pub(super) async fn note(&mut self, runs: &dyn RunRepository) -> Result<(), StoreError> {
        for gap in self.0.iter_mut().filter(|it| it.is_behind) {
            gap.unready.id = runs.note_unready(&gap.unready).await?;
            gap.is_behind = false;
        }
        self.0
            .retain(|it| it.is_behind || it.unready.ended.is_none());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;
    use crate::store::{Ledger, Run, Store, Wallet};

    const AT: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);

    #[tokio::test]
    async fn readiness_that_is_lost_and_regained_is_noted_once_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.db");
        let store = Store::open(&path).await.unwrap();
        let wallet = Wallet {
            chain_id: "a".into(),
            address: "b".into(),
        };
        let run = store.begin(&wallet, &Run::of_test(AT)).await.unwrap();
        let mut gaps = Gaps::default();
        let at = |seconds| AT + Duration::seconds(seconds);
        let steps = [
            (0, None),
            (5, Some("no_nodes")),
            (10, Some("no_coins")),
            (15, None),
            (20, None),
            (25, Some("no_coins")),
        ];
        for (second, reason) in steps {
            gaps.see(reason, run, at(second));
            gaps.note(&store).await.unwrap();
        }
        let ledger = Ledger::open(&path).await.unwrap().unwrap();
        let past = ledger.past(&wallet, "uallo").await.unwrap();
        let found: Vec<_> = past
            .unready
            .iter()
            .map(|it| (it.reason.as_str(), it.began, it.ended))
            .collect();
        assert_eq!(
            found,
            [
                ("no_nodes", at(5), Some(at(15))),
                ("no_coins", at(25), None)
            ]
        );
        assert_eq!(gaps.0.len(), 1, "what is noted and over is let go");
    }

    #[test]
    fn what_a_disk_refuses_is_bounded() {
        let mut gaps = Gaps::default();
        for second in 0..2_000 {
            let reason = (second % 2 == 0).then_some("no_nodes");
            gaps.see(reason, 1, AT + Duration::seconds(second));
        }
        assert_eq!(gaps.0.len(), MOST);
    }
}
