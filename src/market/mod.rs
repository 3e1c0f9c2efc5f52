//! Market prices: candles from Tiingo or a file, kept in the store.

mod answer;
mod book;
mod config;
mod csv;
mod error;
mod file;
mod keeper;
mod notice;
mod quota;
mod report;
mod stored;
mod tiingo;

pub use config::MarketConfig;
pub use csv::{CsvError, CsvPrices, read_csv};
pub use error::MarketError;
pub use file::{CsvAge, FileKeeper};
pub use keeper::{Keeper, PriceSource};
pub use notice::{Notice, Notices};
pub use report::CsvReport;
pub use stored::stored;
pub use tiingo::{Batch, Tiingo};

pub use crate::store::{Interval, Origin, Series};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod testing_store;
