//! Commands that are ordered or taken back exactly once, however often the request arrives.

use domain::{
    CommandId, DeviceId, EnrollmentId,
    scope::{Authority, Scope},
};
use store::CommandRecord;

use crate::{
    Engine, Result,
    idempotency::{Answer, IdempotencyKey},
    queue::Order,
};

impl Engine {
    /// [`Engine::send_command`] under an idempotency key: `render` makes the answer that a repeated
    /// request gets again. The key, the command and the answer are one transaction.
    ///
    /// # Errors
    /// As [`Engine::send_command`] and [`Engine::once`].
    pub async fn send_command_once(
        &self,
        by: &Authority,
        key: IdempotencyKey,
        device: DeviceId,
        enrollment: Option<EnrollmentId>,
        order: Order,
        render: impl FnOnce(CommandRecord) -> Result<Answer> + Send + 'static,
    ) -> Result<Answer> {
        let order = self.admitted(by, order)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.once(key, move |tx| {
            Box::pin(async move {
                let record = engine
                    .order_in(tx, &actor, device, enrollment, order)
                    .await?;
                render(record)
            })
        })
        .await
        .inspect(|_| self.after_enqueue())
    }

    /// [`Engine::cancel_command`] under an idempotency key, as [`Engine::send_command_once`].
    ///
    /// # Errors
    /// As [`Engine::cancel_command`] and [`Engine::once`].
    pub async fn cancel_command_once(
        &self,
        by: &Authority,
        key: IdempotencyKey,
        id: CommandId,
        render: impl FnOnce(CommandRecord) -> Result<Answer> + Send + 'static,
    ) -> Result<Answer> {
        by.require(Scope::DevicesWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.once(key, move |tx| {
            Box::pin(async move {
                let record = engine.cancel_in(tx, &actor, id).await?;
                render(record)
            })
        })
        .await
    }
}
