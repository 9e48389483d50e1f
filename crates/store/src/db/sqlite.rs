//! SQLite: one writer thread with group commit, and a few reader threads.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection as Sql, OpenFlags, config::DbConfig, ffi};
use tokio::sync::{mpsc, oneshot};

use super::{BoxFuture, Tx, tx::Connection};
use crate::{
    ConstraintKind, Result, StoreError,
    value::{Row, Value},
    wake::WakeHub,
};

/// Closures that may wait for the writer, and for the readers.
pub(super) const QUEUE: usize = 8192;
/// Closures in one commit, at most.
const BATCH: usize = 512;
/// How long a batch may run before it is committed.
const BATCH_TIME: Duration = Duration::from_millis(10);
/// How long to wait for a lock that another process holds.
const LOCK_TIME: Duration = Duration::from_secs(5);

/// One file, its writer and its readers.
pub(crate) struct Sqlite {
    path: PathBuf,
    writer: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    readers: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    threads: Mutex<Vec<oneshot::Receiver<()>>>,
}

impl Sqlite {
    pub(super) async fn open(path: PathBuf, readers: usize, wakes: Arc<WakeHub>) -> Result<Self> {
        let mut threads = Vec::new();
        // Opening happens on the writer's thread: it touches the disk.
        let (opened, result) = oneshot::channel();
        let (writer, jobs) = mpsc::channel(QUEUE);
        let file = path.clone();
        threads.push(spawn("store-writer", move || {
            let first = open_writer(&file);
            let failed = first.as_ref().err().cloned();
            let ok = failed.is_none();
            let _ = opened.send(failed.map_or(Ok(()), Err));
            if ok {
                Writer {
                    path: file,
                    jobs,
                    wakes,
                    connection: first.ok(),
                }
                .run();
            }
        })?);
        result
            .await
            .map_err(|_| unavailable("the writer did not start"))??;
        let (reader, jobs) = mpsc::channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..readers.max(1) {
            let (file, jobs) = (path.clone(), jobs.clone());
            threads.push(spawn("store-reader", move || read_jobs(&file, &jobs))?);
        }
        Ok(Self {
            path,
            writer: Mutex::new(Some(writer)),
            readers: Mutex::new(Some(reader)),
            threads: Mutex::new(threads),
        })
    }

    pub(super) async fn write<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        submit(&self.writer, body).await
    }

    pub(super) async fn read<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        submit(&self.readers, body).await
    }

    pub(super) async fn close(&self) {
        lock(&self.writer).take();
        lock(&self.readers).take();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            let _ = thread.await;
        }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Opens the file for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Sql> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Sql::open_with_flags(path, flags).map_err(|e| error("open", e))?;
    connection
        .busy_timeout(LOCK_TIME)
        .map_err(|e| error("open", e))?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(256);
    connection
        .execute_batch("PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;")
        .map_err(|e| error("open", e))?;
    Ok(connection)
}

/// A prepared statement keeps its plan whatever values are bound. Otherwise SQLite, once it has
/// samples of an index, may prepare a statement anew when other values are bound to it.
fn keep_plans(connection: &Sql) -> Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|e| error("open", e))?;
    Ok(())
}

/// Opens the file for writing, with everything durable.
pub(crate) fn open_writer(path: &Path) -> Result<Sql> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Sql::open_with_flags(path, flags).map_err(|e| error("open", e))?;
    connection
        .busy_timeout(LOCK_TIME)
        .map_err(|e| error("open", e))?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(512);
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
        )
        .map_err(|e| error("open", e))?;
    Ok(connection)
}

/// What a driver error means to the caller.
pub(crate) fn error(statement: &str, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as Code;
    let rusqlite::Error::SqliteFailure(failure, ref message) = error else {
        return StoreError::Statement {
            statement: statement.to_owned(),
            reason: error.to_string(),
        };
    };
    let reason = message.clone().unwrap_or_else(|| failure.to_string());
    match failure.code {
        Code::DatabaseBusy | Code::DatabaseLocked => StoreError::Busy,
        Code::DiskFull => StoreError::Full,
        Code::DatabaseCorrupt | Code::NotADatabase => StoreError::Corrupt(reason),
        Code::ConstraintViolation => StoreError::Constraint {
            kind: match failure.extended_code {
                ffi::SQLITE_CONSTRAINT_UNIQUE
                | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_ROWID => ConstraintKind::Unique,
                ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
                ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
                _ => ConstraintKind::Other,
            },
            name: reason,
        },
        Code::SystemIoFailure
        | Code::CannotOpen
        | Code::ReadOnly
        | Code::PermissionDenied
        | Code::OutOfMemory
        | Code::FileLockingProtocolFailed => unavailable(&reason),
        _ => StoreError::Statement {
            statement: statement.to_owned(),
            reason,
        },
    }
}

pub(super) fn execute(connection: &Sql, name: &str, text: &str, values: &[Value]) -> Result<u64> {
    let mut statement = connection
        .prepare_cached(text)
        .map_err(|e| error(name, e))?;
    if statement.column_count() > 0 {
        // With RETURNING: run to the end, count the rows.
        let mut rows = statement
            .query(rusqlite::params_from_iter(values))
            .map_err(|e| error(name, e))?;
        let mut count = 0;
        while rows.next().map_err(|e| error(name, e))?.is_some() {
            count += 1;
        }
        return Ok(count);
    }
    statement
        .execute(rusqlite::params_from_iter(values))
        .map(|changed| changed as u64)
        .map_err(|e| error(name, e))
}

pub(super) fn rows(connection: &Sql, name: &str, text: &str, values: &[Value]) -> Result<Vec<Row>> {
    let mut statement = connection
        .prepare_cached(text)
        .map_err(|e| error(name, e))?;
    let width = statement.column_count();
    let mut rows = statement
        .query(rusqlite::params_from_iter(values))
        .map_err(|e| error(name, e))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|e| error(name, e))? {
        found.push(Row::new(columns(name, row, width)?));
    }
    Ok(found)
}

/// The columns of a driver row.
pub(crate) fn columns(name: &str, row: &rusqlite::Row<'_>, width: usize) -> Result<Vec<Value>> {
    (0..width)
        .map(|index| {
            Value::try_from(row.get_ref(index).map_err(|e| error(name, e))?)
                .map_err(StoreError::Invalid)
        })
        .collect()
}

/// A closure on its way through a thread, and back.
trait Job: Send {
    /// Runs it; true when its changes shall be kept.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Tells the caller, after the commit or its failure.
    fn answer(self: Box<Self>, outcome: Result<()>);
}

struct Closure<F, T, E> {
    body: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Closure<F, T, E>
where
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let Some(body) = self.body.take() else {
            return false;
        };
        let result = catch_unwind(AssertUnwindSafe(|| block_on(body(tx))));
        let result = match (result, tx.spoiled.clone()) {
            (Err(_), _) => Err(E::from(StoreError::Panicked)),
            (Ok(Ok(_)), Some(error)) => Err(E::from(error)),
            (Ok(result), _) => result,
        };
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, outcome: Result<()>) {
        let result = match (outcome, self.result) {
            (Err(error), None | Some(Ok(_))) => Err(error.into()),
            (_, Some(result)) => result,
            (Ok(()), None) => Err(unavailable("the closure did not run").into()),
        };
        let _ = self.reply.send(result);
    }
}

async fn submit<T, E, F>(queue: &Mutex<Option<mpsc::Sender<Box<dyn Job>>>>, body: F) -> Result<T, E>
where
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (reply, result) = oneshot::channel();
    let job = Box::new(Closure {
        body: Some(body),
        result: None,
        reply,
    });
    match &*lock(queue) {
        None => return Err(unavailable("the database is closed").into()),
        Some(queue) => queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                metrics::counter!("muster_store_refused_total").increment(1);
                StoreError::Busy
            }
            mpsc::error::TrySendError::Closed(_) => unavailable("the database is closed"),
        })?,
    }
    result
        .await
        .unwrap_or_else(|_| Err(unavailable("the database thread ended").into()))
}

/// The one thread that writes.
struct Writer {
    path: PathBuf,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    wakes: Arc<WakeHub>,
    connection: Option<Sql>,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            metrics::gauge!("muster_store_queue_depth").set(self.jobs.len() as f64 + 1.0);
            match self.connection() {
                Ok(connection) => self.batch(connection, first),
                Err(error) => first.answer(Err(error)),
            }
        }
        if let Some(connection) = self.connection.take() {
            let _ = connection.execute_batch("PRAGMA optimize;");
        }
    }

    /// The connection, opened again if the last one was given up.
    fn connection(&mut self) -> Result<Sql> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => open_writer(&self.path),
        }
    }

    /// Runs what waits, in one transaction.
    fn batch(&mut self, connection: Sql, first: Box<dyn Job>) {
        let mut tx = Tx {
            connection: Connection::Sqlite(Box::new(connection)),
            wakes: Vec::new(),
            spoiled: None,
        };
        let mut done = Vec::new();
        let outcome = self.transaction(&mut tx, first, &mut done);
        if outcome.is_err() {
            tx.wakes.clear();
        }
        metrics::histogram!("muster_store_batch_size").record(done.len() as f64);
        let Connection::Sqlite(connection) = tx.connection else {
            return;
        };
        // After these errors the connection itself is in doubt; the next batch opens a new one.
        if !matches!(
            outcome,
            Err(StoreError::Unavailable { .. } | StoreError::Corrupt(_))
        ) && connection.is_autocommit()
        {
            self.connection = Some(*connection);
        }
        self.wakes.publish(tx.wakes);
        for job in done {
            job.answer(outcome.clone());
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "bounds how long a batch may run; nothing that is stored depends on it"
    )]
    fn transaction(
        &mut self,
        tx: &mut Tx,
        first: Box<dyn Job>,
        done: &mut Vec<Box<dyn Job>>,
    ) -> Result<()> {
        let begun = Instant::now();
        let mut next = Some(first);
        if let Err(error) = command(tx, "BEGIN IMMEDIATE") {
            done.extend(next);
            return Err(error);
        }
        let mut failure = None;
        while let Some(mut job) = next.take() {
            let result = in_savepoint(tx, &mut *job);
            done.push(job);
            if let Err(error) = result {
                failure = Some(error);
                break;
            }
            if done.len() < BATCH && begun.elapsed() < BATCH_TIME {
                next = self.jobs.try_recv().ok();
            }
        }
        let result = match failure {
            Some(error) => Err(error),
            None => command(tx, "COMMIT"),
        };
        if result.is_err() && !autocommit(tx) {
            let _ = command(tx, "ROLLBACK");
        }
        result
    }
}

/// Runs one closure so that it can fail alone. An error here is one of the whole transaction.
fn in_savepoint(tx: &mut Tx, job: &mut dyn Job) -> Result<()> {
    command(tx, "SAVEPOINT closure")?;
    let wakes = tx.wakes.len();
    let keep = job.run(tx);
    let spoiled = tx.spoiled.take();
    // Some failures (a full disk, an I/O error) make SQLite roll back everything by itself.
    if autocommit(tx) {
        return Err(spoiled.unwrap_or_else(|| unavailable("the transaction was rolled back")));
    }
    if !keep {
        tx.wakes.truncate(wakes);
        command(tx, "ROLLBACK TO closure")?;
    }
    command(tx, "RELEASE closure")
}

fn command(tx: &Tx, text: &str) -> Result<()> {
    match &tx.connection {
        Connection::Sqlite(connection) => connection
            .prepare_cached(text)
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .map_err(|e| error(text, e)),
        Connection::Postgres(_) => Ok(()),
    }
}

fn autocommit(tx: &Tx) -> bool {
    match &tx.connection {
        Connection::Sqlite(connection) => connection.is_autocommit(),
        Connection::Postgres(_) => false,
    }
}

/// A reader thread: each closure gets a snapshot of its own.
fn read_jobs(path: &Path, jobs: &Mutex<mpsc::Receiver<Box<dyn Job>>>) {
    let mut open = None;
    loop {
        let Some(mut job) = lock(jobs).blocking_recv() else {
            return;
        };
        let connection = match open.take().map_or_else(|| open_reader(path), Ok) {
            Ok(connection) => connection,
            Err(error) => {
                job.answer(Err(error));
                continue;
            }
        };
        let mut tx = Tx {
            connection: Connection::Sqlite(Box::new(connection)),
            wakes: Vec::new(),
            spoiled: None,
        };
        let outcome = command(&tx, "BEGIN").map(|()| {
            job.run(&mut tx);
        });
        let clean = outcome.is_ok() && command(&tx, "COMMIT").is_ok();
        if let (true, Connection::Sqlite(connection)) = (clean, tx.connection) {
            open = Some(*connection);
        }
        job.answer(outcome);
    }
}

/// Drives a closure's future on this thread. On SQLite nothing in it ever waits.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// A thread whose end can be awaited.
fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            body();
            let _ = ended.send(());
        })
        .map_err(|error| unavailable(&error.to_string()))?;
    Ok(end)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.to_owned(),
        outcome_unknown: false,
    }
}
