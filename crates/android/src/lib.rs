//! Android: Android Management API and Pub/Sub messages, policy compilation.
//!
//! The room is laid out and empty: Muster does not manage Android yet.
