//! The values that labels can have: closed sets, so that no caller can misspell one and no stranger can add one.

/// Makes an enum of the values of one label.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// As it appears in the label.
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
        /// The fallback, because the algorithm's result was bad.
        Fallback = "fallback",
    }
}

label! {
    /// How a pass over a community ended.
    PassOutcome {
        /// Everything due is settled.
        Done = "done",
        /// An interval is on hold.
        Held = "held",
        /// The Meters service did not answer as it should.
        Meters = "meters",
        /// The store did not.
        Store = "store",
        /// The machine failed, or the readings make no round.
        Failed = "failed",
        /// Another process took over.
        Fenced = "fenced",
    }
}

label! {
    /// How one request to a Meters service ended.
    MetersOutcome {
        /// With readings, maybe none.
        Ok = "ok",
        /// With an error that another attempt may mend.
        Failed = "failed",
        /// With a refusal.
        Refused = "refused",
        /// With more than is taken.
        TooLarge = "too_large",
    }
}

label! {
    /// How an operation of the store ended.
    StoreOutcome {
        /// Done.
        Ok = "ok",
        /// The request cannot be done: an unknown trade, an impossible transition.
        Refused = "refused",
        /// The store cannot be opened.
        Open = "open",
        /// It cannot be written.
        ReadOnly = "read_only",
        /// Its contents are damaged.
        Corrupt = "corrupt",
        /// It does not answer.
        Away = "away",
        /// Anything else that the database said.
        Failed = "failed",
    }
}

label! {
    /// How one request that pushes trades to Transactions ended.
    PushOutcome {
        /// Acknowledged, though single trades may be refused.
        Ok = "ok",
        /// Refused as a whole, because of a trade in it.
        Invalid = "invalid",
        /// Too large, or too much at the moment.
        Exhausted = "exhausted",
        /// The two services are not set up for each other.
        Unsuited = "unsuited",
        /// The answer makes no sense.
        Garbage = "garbage",
        /// Not answered.
        Away = "away",
        /// Given up, because it was time to stop.
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
        /// Transactions reported that it is not paid and may be tried again.
        NotPaid = "not_paid",
        /// Transactions reported that it cannot be paid.
        Failed = "error",
    }
}
