//! Devices and a program at work, and what each of them was promised.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use simulator::{
    Error,
    apple::{Device, Executed, Kind, Outcome},
};
use tokio::{sync::watch, task::JoinHandle};

use crate::process::{Api, Place, events_in, order};

/// Pause of a client that was refused or found nobody.
const PAUSE: Duration = Duration::from_millis(20);
/// What the program orders, by turns.
const KINDS: [&str; 3] = ["certificate_list", "profile_list", "security_info"];

/// A device and what it was promised.
pub struct Phone {
    pub device: Device,
    pub enrolled: bool,
    /// It was enrolled and the server no longer knew it.
    pub thrown_out: bool,
    /// Every command it carried out.
    pub executed: Vec<String>,
    /// The commands whose acknowledgement the server accepted.
    pub acknowledged: Vec<String>,
    /// Statuses other than 200, and how often.
    pub refusals: BTreeMap<u16, u64>,
    /// How often nobody answered.
    pub unanswered: u64,
    undelivered: Option<String>,
}

impl Phone {
    pub fn new(device: Device) -> Self {
        Self {
            device,
            enrolled: false,
            thrown_out: false,
            executed: Vec::new(),
            acknowledged: Vec::new(),
            refusals: BTreeMap::new(),
            unanswered: 0,
            undelivered: None,
        }
    }

    /// One attempt to enrol, or one session. True when it went through and there is nothing more.
    pub async fn turn(&mut self, profile_url: &str) -> bool {
        if self.device.state().enrollment.is_none() {
            if self.enrolled {
                self.thrown_out = true;
                return true;
            }
            let done = self.device.enroll_from(profile_url).await;
            self.enrolled = done.is_ok();
            self.note(done.err());
            return false;
        }
        let before = self.device.state().executed;
        let done = self.device.connect().await;
        let state = self.device.state();
        let count = usize::try_from(state.executed - before).unwrap();
        let fresh: Vec<Executed> = state.commands[state.commands.len() - count..].to_vec();
        let went_through = done.is_ok();
        // The next command, or the end of the session, says that the answer before it arrived.
        if went_through || count > 0 {
            self.acknowledged.extend(self.undelivered.take());
        }
        for (index, command) in fresh.iter().enumerate() {
            let uuid = command.uuid.to_ascii_lowercase();
            self.executed.push(uuid.clone());
            assert_eq!(command.outcome, Outcome::Acknowledged, "{command:?}");
            if went_through || index + 1 < count {
                self.acknowledged.push(uuid);
            } else {
                self.undelivered = Some(uuid);
            }
        }
        self.note(done.err());
        went_through && count == 0
    }

    fn note(&mut self, error: Option<Error>) {
        match error {
            None => {}
            Some(Error::Status { status, .. }) => *self.refusals.entry(status).or_default() += 1,
            Some(_) => self.unanswered += 1,
        }
    }
}

/// What a program was promised: by its key, the identifier of each command.
#[derive(Default)]
pub struct Ledger {
    pub orders: BTreeMap<String, String>,
    /// Refusals that were no promise, by status.
    pub refusals: Vec<crate::process::Answer>,
    pub unanswered: u64,
    /// Orders that were sent again with the same key because no answer had come.
    pub repeated: u64,
}

/// Everybody at work.
pub struct Load {
    stop: watch::Sender<bool>,
    phones: Vec<JoinHandle<Phone>>,
    programs: Vec<JoinHandle<Ledger>>,
    answered: Arc<AtomicU64>,
}

/// What came of it.
pub struct Promises {
    pub phones: Vec<Phone>,
    pub ledgers: Vec<Ledger>,
}

impl Load {
    /// Starts `devices` devices, one after the other, and two programs.
    pub fn start(place: &Place, devices: u64) -> Self {
        let (stop, stopped) = watch::channel(false);
        let known: Arc<Mutex<Vec<String>>> = Arc::default();
        let answered = Arc::new(AtomicU64::new(0));
        let phones = (0..devices)
            .map(|index| {
                let phone = Phone::new(place.device(Kind::IPhone, 1000 + index));
                let (api, url) = (place.api(), place.profile_url.clone());
                let (known, stopped) = (Arc::clone(&known), stopped.clone());
                let wait = Duration::from_millis(200 * index);
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    live(phone, api, &url, &known, stopped).await
                })
            })
            .collect();
        let programs = (0..2)
            .map(|index| {
                let (api, known, stopped) = (place.api(), Arc::clone(&known), stopped.clone());
                let answered = Arc::clone(&answered);
                tokio::spawn(
                    async move { administer(index, api, &known, &answered, stopped).await },
                )
            })
            .collect();
        Self {
            stop,
            phones,
            programs,
            answered,
        }
    }

    /// Waits until so many more orders were accepted.
    pub async fn more(&self, orders: u64) {
        let enough = self.answered.load(Ordering::Relaxed) + orders;
        let waiting = async {
            while self.answered.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let patience = Duration::from_secs(60);
        tokio::time::timeout(patience, waiting)
            .await
            .expect("orders are accepted");
    }

    /// Ends the load; the server must be there. Everything promised is delivered first.
    pub async fn finish(self, place: &Place) -> Promises {
        self.stop.send_replace(true);
        let mut promises = Promises {
            phones: Vec::new(),
            ledgers: Vec::new(),
        };
        for program in self.programs {
            promises.ledgers.push(program.await.unwrap());
        }
        for phone in self.phones {
            let mut phone = phone.await.unwrap();
            // Twice nothing: facts that came with the last session may have asked for more.
            let mut quiet = 0;
            for _ in 0..200 {
                quiet = if phone.turn(&place.profile_url).await {
                    quiet + 1
                } else {
                    0
                };
                if quiet == 2 {
                    break;
                }
            }
            assert_eq!(quiet, 2, "the device does not come to rest");
            promises.phones.push(phone);
        }
        promises
    }
}

async fn live(
    mut phone: Phone,
    api: Api,
    url: &str,
    known: &Mutex<Vec<String>>,
    stopped: watch::Receiver<bool>,
) -> Phone {
    let mut listed = false;
    while !*stopped.borrow() && !phone.thrown_out {
        let (refused, unanswered) = (phone.refusals.len(), phone.unanswered);
        let nothing = phone.turn(url).await;
        if phone.enrolled && !listed {
            let serial = phone.device.hardware().serial_number.clone();
            if let Ok(Some(id)) = api.device_id(&serial).await {
                known.lock().unwrap().push(id);
                listed = true;
            }
        }
        if nothing || refused < phone.refusals.len() || unanswered < phone.unanswered {
            tokio::time::sleep(PAUSE).await;
        }
    }
    phone
}

async fn administer(
    index: usize,
    api: Api,
    known: &Mutex<Vec<String>>,
    answered: &AtomicU64,
    stopped: watch::Receiver<bool>,
) -> Ledger {
    let mut ledger = Ledger::default();
    for number in 0_usize.. {
        if *stopped.borrow() {
            break;
        }
        let device = {
            let known = known.lock().unwrap();
            known.get((number + index) % known.len().max(1)).cloned()
        };
        let Some(device) = device else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let key = format!("order-{index}-{number}");
        let path = format!("devices/{device}/commands");
        let body = order(KINDS[number % KINDS.len()], &key);
        // Until there is a promise: the same key again means the same command.
        for attempt in 0.. {
            match api.post(&path, &key, &body).await {
                Ok(answer) if answer.status.is_success() => {
                    ledger.repeated += u64::from(attempt > 0);
                    let id = answer.body["id"].as_str().unwrap().to_owned();
                    ledger.orders.insert(key, id);
                    answered.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Ok(answer) => {
                    assert!(answer.status.is_server_error(), "{answer:?}");
                    ledger.refusals.push(answer);
                    tokio::time::sleep(PAUSE).await;
                }
                Err(_) => {
                    ledger.unanswered += 1;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ledger
}

/// How much was promised and kept.
#[derive(Debug, Default)]
pub struct Kept {
    pub enrollments: usize,
    pub orders: usize,
    pub acknowledgements: usize,
    pub repeated: u64,
    pub unanswered: u64,
}

impl Promises {
    /// Every promise was kept, exactly once. The server is running.
    pub async fn kept(&self, place: &Place) -> Kept {
        let api = place.api();
        let mut kept = Kept::default();
        let mut states: HashMap<String, String> = HashMap::new();
        let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for phone in &self.phones {
            let serial = &phone.device.hardware().serial_number;
            assert!(phone.enrolled && !phone.thrown_out, "{serial}");
            let id = api.device_id(serial).await.unwrap().unwrap();
            let device = api.read(&format!("devices/{id}")).await;
            assert_eq!(device["state"], "enrolled", "{device}");
            kept.enrollments += 1;
            for command in api.list(&format!("devices/{id}/commands")).await {
                let text = |name: &str| command[name].as_str().map(str::to_owned);
                let id = text("id").unwrap();
                if let Some(reason) = text("reason").filter(|reason| reason.starts_with("order")) {
                    by_reason.entry(reason).or_default().push(id.clone());
                }
                states.insert(id, text("state").unwrap());
            }
            let once: BTreeSet<&String> = phone.executed.iter().collect();
            assert_eq!(once.len(), phone.executed.len(), "carried out twice");
            for id in &phone.acknowledged {
                assert_eq!(
                    states.get(id).map(String::as_str),
                    Some("acknowledged"),
                    "{id}"
                );
                kept.acknowledgements += 1;
            }
            kept.unanswered += phone.unanswered;
        }
        let executed: BTreeSet<&String> = self
            .phones
            .iter()
            .flat_map(|phone| &phone.executed)
            .collect();
        for ledger in &self.ledgers {
            for (key, id) in &ledger.orders {
                assert_eq!(by_reason.remove(key), Some(vec![id.clone()]), "{key}");
                assert_eq!(
                    states.get(id).map(String::as_str),
                    Some("acknowledged"),
                    "{key}"
                );
                assert!(executed.contains(id), "{key}");
                kept.orders += 1;
            }
            kept.repeated += ledger.repeated;
            kept.unanswered += ledger.unanswered;
        }
        assert!(by_reason.is_empty(), "nobody ordered {by_reason:?}");
        kept
    }

    /// The journal proves itself and tells of every promise. The server has ended.
    pub async fn journalled(&self, place: &Place) {
        place.run(&["check"]).await.done();
        let file = place.folder.path().join("journal.jsonl");
        let name = file.to_str().unwrap();
        place.run(&["journal", "export", name]).await.done();
        place.run(&["journal", "verify", name]).await.done();
        let events = events_in(&file);
        let mut told: HashMap<(String, String), usize> = HashMap::new();
        for event in &events {
            let subject = event["subject"].as_str().unwrap_or_default();
            let kind = event["kind"].as_str().unwrap();
            *told
                .entry((kind.to_owned(), subject.to_owned()))
                .or_default() += 1;
        }
        let times = |kind: &str, id: &str| {
            told.get(&(kind.to_owned(), id.to_owned()))
                .copied()
                .unwrap_or(0)
        };
        for ledger in &self.ledgers {
            for id in ledger.orders.values() {
                assert_eq!(times("command.queued", id), 1, "{id}");
            }
        }
        for phone in &self.phones {
            for id in &phone.acknowledged {
                assert_eq!(times("command.acknowledged", id), 1, "{id}");
            }
        }
        let enrolled: BTreeSet<&str> = events
            .iter()
            .filter(|event| event["kind"] == "device.enrolled")
            .filter_map(|event| event["device"].as_str())
            .collect();
        assert_eq!(enrolled.len(), self.phones.len());
    }
}
