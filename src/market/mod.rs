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
mod tiingo;

pub use config::MarketConfig;
pub use csv::{CsvError, CsvPrices, read_csv};
pub use error::MarketError;
pub use file::{CsvAge, FileKeeper};
pub use keeper::{Keeper, PriceSource};
pub use notice::{Notice, Notices};
pub use report::CsvReport;
pub use tiingo::{Batch, Tiingo};

#[cfg(test)]
mod testing;
