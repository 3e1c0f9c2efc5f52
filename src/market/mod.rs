//! Market prices: candles from Tiingo or a file, kept in the store.

mod absence;
mod answer;
mod basis;
mod book;
mod coinbase;
mod config;
mod csv;
mod error;
mod fetch;
mod file;
#[cfg(test)]
pub(crate) mod fuzz;
mod gaps;
mod health;
mod http;
mod import;
mod jump;
mod keeper;
mod notice;
mod quota;
mod report;
mod shelf;
mod sound;
mod source;
mod stand_in;
mod status;
mod step;
mod stored;
mod supply;
mod tiingo;

pub use basis::Basis;
pub use coinbase::Coinbase;
pub(crate) use coinbase::pair;
pub use config::{MarketConfig, StandIn};
pub use csv::{CsvError, CsvPrices, read_csv, read_csv_of};
pub use error::MarketError;
pub use fetch::{FetchError, Fetched, Progress, fetch};
pub use file::{CsvAge, FileKeeper};
pub use health::{Health, Trouble};
pub use import::{Imported, import, write_csv};
pub use keeper::Keeper;
pub use notice::{Notice, Notices};
pub use report::CsvReport;
pub use source::{Batch, PriceSource, Unusable};
pub use status::{Gap, QuotaStatus, SeriesStatus, Status, status};
pub use stored::StoreKeeper;
pub use tiingo::Tiingo;

pub use crate::store::{Interval, Origin, Series};

#[cfg(test)]
mod testing;
#[cfg(test)]
pub(crate) mod testing_store;
