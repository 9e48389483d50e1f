//! Windows: MS-MDE2 enrollment and OMA-DM SyncML.
//!
//! The room is laid out and empty: Muster does not manage Windows yet.
