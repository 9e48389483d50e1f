//! Tickets: one challenge for one device, once. Also for renewing an identity.

use domain::{EnrollmentId, EnrollmentTokenId, TicketId, Timestamp};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

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
    fn purge_tickets(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<u64>> + Send;
}

macro_rules! ticket_columns {
    () => {
        "id, token_id, enrollment_id, challenge_hash, created_at, expires_at, challenge_used_at, client_address, person"
    };
}

statements! {
    TICKET_INSERT = "INSERT INTO tickets (", ticket_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    TICKET_GET = "SELECT ", ticket_columns!(), " FROM tickets WHERE id = $1";
    TICKET_BY_CHALLENGE = "SELECT ", ticket_columns!(), " FROM tickets WHERE challenge_hash = $1";
    TICKET_USE = "UPDATE tickets SET challenge_used_at = $2
        WHERE challenge_hash = $1 AND challenge_used_at IS NULL AND expires_at > $2
        RETURNING ", ticket_columns!();
    TICKET_BIND = "UPDATE tickets SET enrollment_id = $2
        WHERE id = $1 AND (enrollment_id IS NULL OR enrollment_id = $2)";
    TICKET_PURGE = "DELETE FROM tickets WHERE id IN (
        SELECT id FROM tickets WHERE expires_at < $1 AND enrollment_id IS NULL LIMIT $2)";
}

fn read_ticket(row: &mut Row) -> Result<Ticket> {
    Ok(Ticket {
        id: row.take()?,
        token_id: row.take()?,
        enrollment_id: row.take()?,
        challenge_hash: row.take()?,
        created_at: row.take()?,
        expires_at: row.take()?,
        challenge_used_at: row.take()?,
        client_address: row.take()?,
        person: row.take()?,
    })
}

impl Tickets for Tx {
    async fn insert_ticket(&mut self, ticket: &Ticket) -> Result<()> {
        let values = values![
            ticket.id,
            ticket.token_id,
            ticket.enrollment_id,
            &ticket.challenge_hash,
            ticket.created_at,
            ticket.expires_at,
            ticket.challenge_used_at,
            ticket.client_address.as_deref(),
            ticket.person.as_deref(),
        ];
        self.execute(&TICKET_INSERT, &values).await?;
        Ok(())
    }

    async fn ticket(&mut self, id: TicketId) -> Result<Option<Ticket>> {
        self.find(&TICKET_GET, &values![id], read_ticket).await
    }

    async fn ticket_by_challenge(&mut self, challenge_hash: &[u8; 32]) -> Result<Option<Ticket>> {
        self.find(&TICKET_BY_CHALLENGE, &values![challenge_hash], read_ticket)
            .await
    }

    async fn use_challenge(
        &mut self,
        challenge_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Ticket>> {
        self.find(&TICKET_USE, &values![challenge_hash, now], read_ticket)
            .await
    }

    async fn bind_ticket(&mut self, id: TicketId, enrollment: EnrollmentId) -> Result<bool> {
        self.changes(&TICKET_BIND, &values![id, enrollment]).await
    }

    async fn purge_tickets(&mut self, before: Timestamp, limit: u32) -> Result<u64> {
        self.execute(&TICKET_PURGE, &values![before, limit]).await
    }
}
