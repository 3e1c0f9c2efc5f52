//! What a worker is among those of its wallet.

/// What a worker is at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It stands by.
    Waiting,
    /// It leads, with this token.
    Leading {
        /// Of its lease.
        token: i64,
        /// Whether it goes on without the database, which is down for all.
        alone: bool,
    },
    /// Another one has taken the lease from it.
    Lost,
}

impl Role {
    /// The token, where it leads.
    #[must_use]
    pub const fn token(self) -> Option<i64> {
        match self {
            Self::Leading { token, .. } => Some(token),
            Self::Waiting | Self::Lost => None,
        }
    }

    /// Whether it leads without the database.
    #[must_use]
    pub const fn is_alone(self) -> bool {
        matches!(self, Self::Leading { alone: true, .. })
    }
}
