//! The suite of the journal, on SQLite.

use allora_worker::store::Store;

use crate::journal_suite::journal_suite;

struct Place {
    journal: Store,
}

impl Place {
    async fn clear(self) {
        drop(self.journal);
        tokio::task::yield_now().await;
    }
}

async fn sqlite() -> Option<Place> {
    let journal = Store::in_memory().await.unwrap();
    Some(Place { journal })
}

journal_suite!(sqlite);
