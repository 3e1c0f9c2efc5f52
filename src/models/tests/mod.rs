//! The whole client against stub models and an orchestrator, over real sockets.

mod authority;
mod calls;
mod confined;
mod faults;
mod frames;
mod mistakes;
mod redeploys;
mod restarts;
mod scene;
mod site;
mod transport;
