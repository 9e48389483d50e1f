//! Values on their way into and out of the databases.

use std::error::Error;

use bytes::BytesMut;
use domain::{
    AdminId, ApiTokenId, Channel, CommandId, DeclarationId, DeviceId, DeviceState, EnrollmentId,
    EnrollmentKind, EnrollmentTokenId, EventId, OsVersion, Ownership, PasskeyId, Platform,
    ReportId, Secret, SecretId, TicketId, Timestamp, UnitId, WebhookId,
    command::CommandState,
    enrollment::{EndReason, EnrollmentState},
    facts::Category,
    journal::Hash,
};
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::{Serialize, de::DeserializeOwned};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use uuid::Uuid;

use crate::{Result, StoreError};

/// One value of a parameter or a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Absent.
    Null,
    /// Stored as 0 or 1 by SQLite.
    Bool(bool),
    /// An integer, or a time in milliseconds.
    I64(i64),
    /// Text without NUL.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// Stored as 16 bytes by SQLite.
    Uuid(Uuid),
    /// JSON text.
    Json(String),
}

impl Value {
    /// Anything that serializes, as JSON text.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self> {
        serde_json::to_string(value)
            .map(|text| Self::Json(without_nul(text)))
            .map_err(|error| StoreError::Invalid(error.to_string()))
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::I64(_) => "integer",
            Self::Text(_) => "text",
            Self::Blob(_) => "blob",
            Self::Uuid(_) => "uuid",
            Self::Json(_) => "json",
        }
    }
}

/// Parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::value::Value::from($value)),*] };
}
pub(crate) use values;

/// PostgreSQL's text cannot hold NUL; devices may send it.
fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::I64(value)
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::I64(value.into())
    }
}
impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::I64(value.into())
    }
}
impl From<u64> for Value {
    /// Sequence numbers; beyond the range of the databases they mean "the end".
    fn from(value: u64) -> Self {
        Self::I64(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(without_nul(value.to_owned()))
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(without_nul(value))
    }
}
impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}
impl From<&OsVersion> for Value {
    fn from(value: &OsVersion) -> Self {
        Self::from(value.as_str())
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}
impl From<&Vec<u8>> for Value {
    fn from(value: &Vec<u8>) -> Self {
        Self::Blob(value.clone())
    }
}
impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}
impl From<&[u8; 32]> for Value {
    fn from(value: &[u8; 32]) -> Self {
        Self::Blob(value.to_vec())
    }
}
impl From<Hash> for Value {
    fn from(value: Hash) -> Self {
        Self::Blob(value.0.to_vec())
    }
}
impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}
impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::I64(value.millis())
    }
}
impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        Self::Json(without_nul(value.to_string()))
    }
}
impl From<&Secret<Vec<u8>>> for Value {
    fn from(value: &Secret<Vec<u8>>) -> Self {
        Self::Blob(value.expose().clone())
    }
}
impl From<&Secret<String>> for Value {
    fn from(value: &Secret<String>) -> Self {
        Self::from(value.expose().as_str())
    }
}
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a column can be read as.
pub(crate) trait FromValue: Sized {
    /// Reads the value; the text says what is wrong with it.
    fn from_value(value: Value) -> Result<Self, String>;
}

fn unexpected<T>(value: &Value) -> Result<T, String> {
    Err(format!("unexpected {}", value.kind()))
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}
impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Bool(value) => Ok(value),
            Value::I64(value) => Ok(value != 0),
            other => unexpected(&other),
        }
    }
}
impl FromValue for i64 {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::I64(value) => Ok(value),
            other => unexpected(&other),
        }
    }
}
impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Text(value) | Value::Json(value) => Ok(value),
            other => unexpected(&other),
        }
    }
}
impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Blob(value) => Ok(value),
            other => unexpected(&other),
        }
    }
}
impl FromValue for Uuid {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Uuid(value) => Ok(value),
            Value::Blob(bytes) => Self::from_slice(&bytes).map_err(|error| error.to_string()),
            other => unexpected(&other),
        }
    }
}
impl FromValue for [u8; 32] {
    fn from_value(value: Value) -> Result<Self, String> {
        Vec::<u8>::from_value(value)?
            .try_into()
            .map_err(|_| "expected 32 bytes".to_owned())
    }
}
impl FromValue for Hash {
    fn from_value(value: Value) -> Result<Self, String> {
        <[u8; 32]>::from_value(value).map(Self)
    }
}
impl FromValue for u64 {
    fn from_value(value: Value) -> Result<Self, String> {
        Self::try_from(i64::from_value(value)?).map_err(|error| error.to_string())
    }
}
impl FromValue for u32 {
    fn from_value(value: Value) -> Result<Self, String> {
        Self::try_from(i64::from_value(value)?).map_err(|error| error.to_string())
    }
}
impl FromValue for u16 {
    fn from_value(value: Value) -> Result<Self, String> {
        Self::try_from(i64::from_value(value)?).map_err(|error| error.to_string())
    }
}
impl FromValue for Timestamp {
    fn from_value(value: Value) -> Result<Self, String> {
        i64::from_value(value).map(Self::from_millis)
    }
}
impl FromValue for OsVersion {
    fn from_value(value: Value) -> Result<Self, String> {
        String::from_value(value).map(|text| Self::new(&text))
    }
}
impl FromValue for Secret<Vec<u8>> {
    fn from_value(value: Value) -> Result<Self, String> {
        Vec::from_value(value).map(Self::new)
    }
}
impl FromValue for Secret<String> {
    fn from_value(value: Value) -> Result<Self, String> {
        String::from_value(value).map(Self::new)
    }
}

/// A column of JSON text read as `T`.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromValue for Json<T> {
    fn from_value(value: Value) -> Result<Self, String> {
        serde_json::from_str(&String::from_value(value)?)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

macro_rules! ids {
    ($($id:ty)+) => {$(
        impl From<$id> for Value {
            fn from(value: $id) -> Self { Self::Uuid(value.uuid()) }
        }
        impl FromValue for $id {
            fn from_value(value: Value) -> Result<Self, String> { Uuid::from_value(value).map(Self::from_uuid) }
        }
    )+};
}
ids!(AdminId ApiTokenId CommandId DeclarationId DeviceId EnrollmentId EnrollmentTokenId EventId PasskeyId ReportId
    SecretId TicketId UnitId WebhookId);

macro_rules! words {
    ($($word:ty)+) => {$(
        impl From<$word> for Value {
            fn from(value: $word) -> Self { Self::Text(value.as_str().to_owned()) }
        }
        impl FromValue for $word {
            fn from_value(value: Value) -> Result<Self, String> {
                String::from_value(value)?.parse().map_err(|error: domain::words::UnknownWord| error.to_string())
            }
        }
    )+};
}
words!(Category Channel CommandState DeviceState EndReason EnrollmentKind EnrollmentState Ownership Platform);

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer((*value).into()),
            Self::I64(value) => ValueRef::Integer(*value),
            Self::Text(text) | Self::Json(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Uuid(uuid) => ValueRef::Blob(uuid.as_bytes()),
        }))
    }
}

impl TryFrom<ValueRef<'_>> for Value {
    type Error = String;

    fn try_from(value: ValueRef<'_>) -> Result<Self, String> {
        Ok(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::I64(value),
            ValueRef::Text(text) => {
                Self::Text(String::from_utf8(text.to_vec()).map_err(|error| error.to_string())?)
            }
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
            ValueRef::Real(_) => return Err("unexpected real".to_owned()),
        })
    }
}

type BoxError = Box<dyn Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Bool(value), &Type::BOOL) => value.to_sql(ty, out),
            (Self::I64(value), &Type::INT8) => value.to_sql(ty, out),
            (Self::I64(value), &Type::INT4) => i32::try_from(*value)?.to_sql(ty, out),
            (Self::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::NAME) => text.to_sql(ty, out),
            (Self::Blob(bytes), &Type::BYTEA) => bytes.to_sql(ty, out),
            (Self::Uuid(uuid), &Type::UUID) => uuid.to_sql(ty, out),
            // The binary form of `json` is its text.
            (Self::Json(text), &Type::JSON | &Type::TEXT) => text.as_str().to_sql(&Type::TEXT, out),
            (value, ty) => Err(format!("{} given for {ty}", value.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(match *ty {
            Type::BOOL => Self::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Self::I64(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::I64(i32::from_sql(ty, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::NAME => Self::Text(String::from_sql(ty, raw)?),
            Type::BYTEA => Self::Blob(Vec::from_sql(ty, raw)?),
            Type::UUID => Self::Uuid(Uuid::from_sql(ty, raw)?),
            Type::JSON => Self::Json(String::from_sql(&Type::TEXT, raw)?),
            _ => return Err(format!("a column of type {ty} was not expected").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row, read column by column in the order of the statement.
pub(crate) struct Row {
    values: std::vec::IntoIter<Value>,
}

impl Row {
    /// A row of these columns.
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self {
            values: values.into_iter(),
        }
    }

    /// The next column.
    pub(crate) fn take<T: FromValue>(&mut self) -> Result<T> {
        let value = self
            .values
            .next()
            .ok_or_else(|| StoreError::Invalid("a row has too few columns".into()))?;
        T::from_value(value).map_err(|reason| {
            StoreError::Invalid(format!(
                "a stored {} cannot be read: {reason}",
                std::any::type_name::<T>()
            ))
        })
    }

    /// The next column, JSON read as `T`.
    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.take::<Json<T>>().map(|json| json.0)
    }
}
