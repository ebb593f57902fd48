//! The values of labels: closed sets, so that they cannot be misspelt, and nobody outside can add one.

/// Defines an enum with the values of one label.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }
        }
    };
}

label! {
    /// What settled an interval.
    By {
        /// The community's own algorithm.
        Algorithm = "algorithm",
        /// The fallback, because the result of the algorithm was bad.
        Fallback = "fallback",
    }
}

label! {
    /// How a pass over a community ended.
    PassOutcome {
        /// Everything that is due is settled.
        Done = "done",
        /// An interval is on hold.
        Held = "held",
        /// The Meters service failed.
        Meters = "meters",
        /// The store failed.
        Store = "store",
        /// The sandbox failed, or the readings do not make a round.
        Failed = "failed",
        /// Another process took over.
        Fenced = "fenced",
        /// The books are ahead of the clock.
        Ahead = "ahead",
    }
}

label! {
    /// How one request to a Meters service ended.
    MetersOutcome {
        /// With readings, possibly none.
        Ok = "ok",
        /// With an error for which a retry may help.
        Failed = "failed",
        /// With a refusal.
        Refused = "refused",
        /// With a response that is too large.
        TooLarge = "too_large",
    }
}

label! {
    /// How an operation of the store ended.
    StoreOutcome {
        Ok = "ok",
        /// The request is impossible: an unknown trade, an invalid transition.
        Refused = "refused",
        /// The store cannot be opened.
        Open = "open",
        /// It is read-only.
        ReadOnly = "read_only",
        /// Its contents are damaged.
        Corrupt = "corrupt",
        /// It does not answer.
        Unavailable = "away",
        /// Any other error of the database.
        Failed = "failed",
    }
}

label! {
    /// How one request that pushes trades to Transactions ended.
    PushOutcome {
        /// Acknowledged, even if single trades were refused.
        Ok = "ok",
        /// Refused as a whole, because of a trade in it.
        Invalid = "invalid",
        /// The request is too large, or the service is overloaded.
        Exhausted = "exhausted",
        /// One of the two services must be configured differently.
        Unsuited = "unsuited",
        /// The response is invalid.
        Garbage = "garbage",
        /// Not answered.
        Unavailable = "away",
        /// Given up because the service stops.
        Stopped = "stopped",
    }
}

label! {
    /// What became of a trade on its way to payment.
    Forwarded {
        /// Transactions fetched it.
        Claimed = "claimed",
        /// It was pushed to Transactions, or Transactions confirmed that it has it.
        Sent = "sent",
        /// Transactions refused it.
        Refused = "refused",
        /// Transactions reported that it is paid.
        Paid = "paid",
        /// Transactions reported that it is not paid yet and may be sent again.
        NotPaid = "not_paid",
        /// Transactions reported that it cannot be paid.
        Failed = "error",
    }
}
