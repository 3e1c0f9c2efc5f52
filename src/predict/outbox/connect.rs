//! The way to the database, which need not be there at the start.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;

use crate::store::{PredictionStore, StoreError};

/// Opens the database of predictions and brings its tables up to date.
#[async_trait]
pub trait Connect: Send + Sync + 'static {
    /// Tries once. It ends by itself: nobody gives it up, as bringing large tables up to date, which
    /// happens once, takes its time.
    ///
    /// # Errors
    /// When the database can't be reached or used.
    async fn connect(&self) -> Result<Arc<dyn PredictionStore>, StoreError>;
}

#[async_trait]
impl<F, Opening> Connect for F
where
    F: Fn() -> Opening + Send + Sync + 'static,
    Opening: Future<Output = Result<Arc<dyn PredictionStore>, StoreError>> + Send,
{
    async fn connect(&self) -> Result<Arc<dyn PredictionStore>, StoreError> {
        self().await
    }
}
