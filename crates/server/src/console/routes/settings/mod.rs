//! Settings of the server.

pub(super) mod push;
pub(super) mod tokens;
pub(super) mod webhooks;
