//! Declarative management: declarations, tokens, endpoints, status.
//!
//! See "Leveraging the declarative management data model to scale devices" and the
//! `declarative/protocol` schema of Apple. Tokens are computed from content alone, so
//! they are the same on every node and after every restart: a token that changes
//! without reason makes devices synchronize for ever.

mod builtin;
mod canonical;
mod declaration;
mod endpoint;
mod snapshot;
mod status;

pub use builtin::{BuiltIn, Capabilities, OrganizationInfo, built_in};
pub use declaration::{Declaration, DeclarationError, DeclarationKind, parse_all};
pub use endpoint::Endpoint;
pub use snapshot::{Rejected, Scoped, Snapshot, tokens_response};
pub use status::{
    DeclarationState, NotAStatus, Reason, StatusError, StatusReport, StatusState, Validity, merge,
};
