//! Many devices as tasks, one handle each.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::{
    sync::{Semaphore, broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
};

use super::{Device, Hardware, Session, State};
use crate::{
    Error, Result,
    apns::{Push, Switchboard},
};

/// Something that happened to a device of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose.
    pub udid: String,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// Enrolled or enrolled again.
    Enrolled,
    /// A push arrived.
    Pushed,
    /// A command was executed.
    Executed {
        /// `RequestType`.
        request_type: String,
        /// `Status` of the result.
        status: &'static str,
    },
    /// A session ended with an empty reply.
    SessionEnded {
        /// Commands in it.
        commands: usize,
    },
    /// A session failed.
    SessionFailed {
        /// Why.
        why: String,
    },
    /// Declarations are up to date.
    Synchronized,
    /// The identity was renewed.
    Renewed,
    /// Erased by command.
    Erased,
    /// The management profile was removed.
    CheckedOut,
    /// The server ended the enrollment.
    Unenrolled,
}

/// How a fleet runs.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Devices that may talk to the server at the same time.
    pub concurrency: usize,
    /// Where pushes come from, if from anywhere.
    pub switchboard: Option<Switchboard>,
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self {
            concurrency: 64,
            switchboard: None,
        }
    }
}

type Job =
    Box<dyn for<'a> FnOnce(&'a mut Device) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> + Send>;

/// Running devices. They stop when it is dropped.
#[derive(Debug)]
pub struct Fleet {
    handles: Vec<Handle>,
    tasks: Vec<JoinHandle<Device>>,
    events: broadcast::Sender<Event>,
    stop: watch::Sender<bool>,
}

/// One device of a fleet. Clones speak to the same device.
#[derive(Clone)]
pub struct Handle {
    hardware: Arc<Hardware>,
    orders: mpsc::UnboundedSender<Job>,
    events: broadcast::Sender<Event>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle({})", self.hardware.udid)
    }
}

impl Fleet {
    /// Starts one task per device.
    #[must_use]
    pub fn start(devices: Vec<Device>, options: FleetOptions) -> Self {
        let limit = Arc::new(Semaphore::new(options.concurrency.max(1)));
        let (events, _) = broadcast::channel(16_384);
        let (stop, stopped) = watch::channel(false);
        let mut handles = Vec::with_capacity(devices.len());
        let mut tasks = Vec::with_capacity(devices.len());
        for mut device in devices {
            let (orders, inbox) = mpsc::unbounded_channel();
            device.reporting_to(events.clone());
            handles.push(Handle {
                hardware: Arc::new(device.hardware().clone()),
                orders,
                events: events.clone(),
            });
            tasks.push(tokio::spawn(live(
                device,
                inbox,
                limit.clone(),
                options.switchboard.clone(),
                stopped.clone(),
            )));
        }
        Self {
            handles,
            tasks,
            events,
            stop,
        }
    }

    /// The devices, in the order given.
    #[must_use]
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// Everything that happens to any device from now on. Slow readers miss old events.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Enrolls every device at the same URL, within the fleet's concurrency.
    pub async fn enroll_all(&self, url: &str) -> Vec<Result<()>> {
        let waiting: Vec<_> = self
            .handles
            .iter()
            .map(|handle| handle.order_enrollment(url))
            .collect();
        let mut results = Vec::with_capacity(waiting.len());
        for answer in waiting {
            results.push(answer.await.unwrap_or(Err(Error::Stopped)));
        }
        results
    }

    /// Lets every device finish what it is doing, stops it and gives it back. Orders not yet begun
    /// are answered with [`Error::Stopped`].
    pub async fn stop(mut self) -> Vec<Device> {
        self.stop.send_replace(true);
        let mut devices = Vec::new();
        for task in std::mem::take(&mut self.tasks) {
            match task.await {
                Ok(device) => devices.push(device),
                Err(error) => tracing::warn!(%error, "a device's task failed"),
            }
        }
        devices
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Handle {
    /// What the device is.
    #[must_use]
    pub fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// Enrolls by profile download URL.
    ///
    /// # Errors
    /// As [`Device::enroll_from`]; [`Error::Stopped`] after the fleet.
    pub async fn enroll(&self, url: &str) -> Result<()> {
        self.order_enrollment(url)
            .await
            .unwrap_or(Err(Error::Stopped))
    }

    /// Connects now, awake or not.
    ///
    /// # Errors
    /// As [`Device::connect`]; [`Error::Stopped`] after the fleet.
    pub async fn connect_now(&self) -> Result<Session> {
        self.order(|device| {
            Box::pin(async move {
                device.wake();
                device.connect().await
            })
        })
        .await
        .unwrap_or(Err(Error::Stopped))
    }

    /// Removes the management profile.
    ///
    /// # Errors
    /// As [`Device::check_out`]; [`Error::Stopped`] after the fleet.
    pub async fn check_out(&self) -> Result<()> {
        self.order(|device| Box::pin(device.check_out()))
            .await
            .unwrap_or(Err(Error::Stopped))
    }

    /// A copy of the device's state.
    ///
    /// # Errors
    /// [`Error::Stopped`] after the fleet.
    pub async fn state(&self) -> Result<State> {
        self.with(|device| device.state().clone()).await
    }

    /// Runs a closure on the device between its sessions.
    ///
    /// # Errors
    /// [`Error::Stopped`] after the fleet.
    pub async fn with<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Device) -> T + Send + 'static,
    ) -> Result<T> {
        self.order(|device| Box::pin(async move { look(device) }))
            .await
            .map_err(|_| Error::Stopped)
    }

    /// Everything that happens to any device of the fleet from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    fn order_enrollment(&self, url: &str) -> oneshot::Receiver<Result<()>> {
        let url = url.to_owned();
        self.order(|device| {
            Box::pin(async move {
                device.wake();
                device.enroll_from(&url).await
            })
        })
    }

    fn order<T: Send + 'static>(
        &self,
        job: impl for<'a> FnOnce(&'a mut Device) -> Pin<Box<dyn Future<Output = T> + Send + 'a>>
        + Send
        + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, receiver) = oneshot::channel();
        let job: Job = Box::new(move |device| {
            Box::pin(async move {
                // Whoever asked may have gone.
                let _ = answer.send(job(device).await);
            })
        });
        // After the fleet the receiver reports the closed channel.
        let _ = self.orders.send(job);
        receiver
    }
}

/// Tokens the switchboard knows this device by.
#[derive(Default)]
struct Lines {
    tokens: Vec<Vec<u8>>,
}

impl Lines {
    fn update(
        &mut self,
        device: &Device,
        switchboard: &Switchboard,
        listener: &mpsc::UnboundedSender<Push>,
    ) {
        let wanted: Vec<Vec<u8>> = device
            .state()
            .enrollment
            .iter()
            .flat_map(|enrollment| {
                std::iter::once(enrollment.token.clone())
                    .chain(enrollment.users.values().map(|user| user.token.clone()))
            })
            .collect();
        if wanted == self.tokens {
            return;
        }
        for old in self.tokens.iter().filter(|old| !wanted.contains(old)) {
            switchboard.forget(old);
        }
        for new in wanted.iter().filter(|new| !self.tokens.contains(new)) {
            switchboard.listen(new, listener.clone());
        }
        self.tokens = wanted;
    }
}

async fn live(
    mut device: Device,
    mut orders: mpsc::UnboundedReceiver<Job>,
    limit: Arc<Semaphore>,
    switchboard: Option<Switchboard>,
    mut stopped: watch::Receiver<bool>,
) -> Device {
    let (listener, mut pushes) = mpsc::unbounded_channel::<Push>();
    let mut lines = Lines::default();
    // A push that came while the device slept: the service keeps one.
    let mut missed: Option<Push> = None;
    loop {
        if let Some(switchboard) = &switchboard {
            lines.update(&device, switchboard, &listener);
        }
        tokio::select! {
            biased;
            () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => break,
            order = orders.recv() => {
                let Some(order) = order else { break };
                let Ok(_permit) = limit.acquire().await else { break };
                order(&mut device).await;
                if let Some(push) = missed.take_if(|_| !device.is_asleep()) {
                    answer_push(&mut device, &push).await;
                }
            }
            Some(push) = pushes.recv() => {
                let sleeps = device.behavior.sleeps;
                if device.random.chance(sleeps) {
                    device.sleep();
                }
                if device.is_asleep() {
                    missed = Some(push);
                    continue;
                }
                let Ok(_permit) = limit.acquire().await else { break };
                answer_push(&mut device, &push).await;
            }
        }
    }
    if let Some(switchboard) = &switchboard {
        for token in &lines.tokens {
            switchboard.forget(token);
        }
    }
    device
}

async fn answer_push(device: &mut Device, push: &Push) {
    if let Err(error) = device.receive_push(&push.magic).await {
        tracing::debug!(udid = %device.hardware.udid, %error, "a session failed");
        device.emit(EventKind::SessionFailed {
            why: error.to_string(),
        });
    }
}
