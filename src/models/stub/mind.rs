//! What a stub's instance thinks.

use super::Behaviour;
use crate::models::{
    Payload,
    proto::{commons::Argument, dynamic_subclass::CallRequest},
};

/// What an instance of a model does with its methods. It knows only what it was told itself: a server
/// that is restarted makes a new one.
pub trait Mind: Send + 'static {
    /// How it takes this call. Calls come one at a time.
    fn call(&mut self, method: &str, arguments: &[Payload]) -> Behaviour;
}

/// Makes an instance.
pub type Maker = dyn Fn() -> Box<dyn Mind> + Send + Sync;

/// An instance that a server holds.
#[derive(Default)]
pub(super) struct Held(pub(super) Option<Box<dyn Mind>>);

impl Held {
    /// How it takes a call; none when it has no mind of its own.
    pub(super) fn take(&mut self, call: &CallRequest) -> Option<Behaviour> {
        let mind = self.0.as_mut()?;
        let mut arguments: Vec<&Argument> = call.method_arguments.iter().collect();
        arguments.sort_by_key(|argument| argument.position);
        let values: Result<Vec<_>, _> = arguments
            .into_iter()
            .map(|argument| Payload::decode(argument.data.clone()))
            .collect();
        Some(match values {
            Ok(values) => mind.call(&call.method_name, &values),
            Err(cause) => Behaviour::Raises(cause),
        })
    }
}
