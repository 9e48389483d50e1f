//! Tickets: one challenge for one device, once. Also for renewing an identity.

use domain::{EnrollmentId, EnrollmentTokenId, TicketId, Timestamp};

use crate::Result;

/// A one-time permission to get an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Identity.
    pub id: TicketId,
    /// The enrollment token it was made from; `None` for a renewal.
    pub token_id: Option<EnrollmentTokenId>,
    /// The enrollment it belongs to: the one to renew, or the one that came of it.
    pub enrollment_id: Option<EnrollmentId>,
    /// SHA-256 of the challenge.
    pub challenge_hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when its challenge works.
    pub expires_at: Timestamp,
    /// When its challenge was used.
    pub challenge_used_at: Option<Timestamp>,
    /// The network address that opened the page.
    pub client_address: Option<String>,
    /// The person who opened the page.
    pub person: Option<String>,
}

/// Tickets.
pub trait Tickets {
    /// Adds a ticket.
    fn insert_ticket(&mut self, ticket: &Ticket) -> impl Future<Output = Result<()>> + Send;
    /// One ticket.
    fn ticket(&mut self, id: TicketId) -> impl Future<Output = Result<Option<Ticket>>> + Send;
    /// By the hash of its challenge, used or not.
    fn ticket_by_challenge(
        &mut self,
        challenge_hash: &[u8; 32],
    ) -> impl Future<Output = Result<Option<Ticket>>> + Send;
    /// Uses the challenge if it is unused and in time; gives the ticket to exactly one caller.
    fn use_challenge(
        &mut self,
        challenge_hash: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Ticket>>> + Send;
    /// Notes the enrollment that came of the ticket; false when it already has another.
    fn bind_ticket(
        &mut self,
        id: TicketId,
        enrollment: EnrollmentId,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Removes tickets that expired before the time and led to nothing; gives how many.
    fn purge_tickets(&mut self, before: Timestamp, limit: u32) -> impl Future<Output = Result<u64>> + Send;
}
