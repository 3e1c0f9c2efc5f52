//! The page: a season at a glance, for those who would rather look than read.
//!
//! Data goes one way: `read` puts a [`Board`] together from the worker's own files and, where the worker
//! itself serves the page, from what it knows at the moment; `view` makes HTML of it; `serve` hands it out,
//! keeps open pages up to date, and gives the same figures as JSON. Nothing here is on a window's path.

mod board;
mod read;
pub mod sample;
pub mod serve;
pub mod view;

pub use board::{
    Anatomy, Band, Board, Earnings, LatencyBoard, LogLine, ModelsBoard, NetworkNow, Pending,
    RewardPoint, Round, ScorePoint, Told, TopicBoard, Track, TrackPoint, WindowRow,
};
pub use read::{Asked, BoardPlan, ModelsPlan, Reader};
