//! Market prices: candles from Tiingo or a file, kept in the store.
