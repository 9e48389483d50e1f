//! The life of an enrollment: one period of management on one channel.

use crate::words::words;

words! {
    /// Where an enrollment stands.
    EnrollmentState, "enrollment state" {
        /// The device identified itself; it cannot take commands yet.
        Pending = "pending",
        /// The device gave us the means to wake it; it takes commands.
        Active = "active",
        /// Over. Never comes back: a device that returns gets a new one.
        Ended = "ended",
    }
}

words! {
    /// Why an enrollment is over.
    EndReason, "end reason" {
        /// The device said so.
        CheckedOut = "checked_out",
        /// The device enrolled again.
        Reenrolled = "reenrolled",
        /// We erased it and it acknowledged.
        Wiped = "wiped",
        /// We ended management.
        Unenrolled = "unenrolled",
        /// It never finished enrolling.
        Abandoned = "abandoned",
    }
}
