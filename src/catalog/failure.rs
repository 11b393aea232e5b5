//! What ends a piece of work early: the database's word or our own, and both in the words of the port.

use actors::ports::CatalogError;
use sqlx::error::ErrorKind;

pub(super) type Answer<T> = Result<T, Failure>;

#[derive(Debug)]
pub(super) enum Failure {
    Database(sqlx::Error),
    Refused(CatalogError),
}

impl Failure {
    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self::Refused(CatalogError::Unknown(what.into()))
    }

    fn violates(&self, constraint: ErrorKind) -> bool {
        let Self::Database(error) = self else { return false };
        error.as_database_error().is_some_and(|error| error.kind() == constraint)
    }

    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Refused(CatalogError::Corrupt(what.into()))
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Self::Refused(error)
    }
}

impl From<Failure> for CatalogError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::Database(error) if is_damage(&error) => Self::Corrupt(error.to_string()),
            Failure::Database(error) => Self::Away(error.to_string()),
        }
    }
}

/// Gives a violated constraint the name of the thing it is about.
pub(super) trait Constrained<T> {
    fn or_exists(self, what: impl FnOnce() -> String) -> Answer<T>;
    fn or_unknown(self, what: impl FnOnce() -> String) -> Answer<T>;
}

impl<T, E: Into<Failure>> Constrained<T> for Result<T, E> {
    fn or_exists(self, what: impl FnOnce() -> String) -> Answer<T> {
        self.map_err(|error| match error.into() {
            failure if failure.violates(ErrorKind::UniqueViolation) => {
                CatalogError::Exists(what()).into()
            }
            failure => failure,
        })
    }

    fn or_unknown(self, what: impl FnOnce() -> String) -> Answer<T> {
        self.map_err(|error| match error.into() {
            failure if failure.violates(ErrorKind::ForeignKeyViolation) => Failure::unknown(what()),
            failure => failure,
        })
    }
}

/// Whether asking again cannot help: the file is no database any more, or a row has the wrong shape.
fn is_damage(error: &sqlx::Error) -> bool {
    const SQLITE_CORRUPT: u32 = 11;
    const SQLITE_NOTADB: u32 = 26;
    const PRIMARY_CODE: u32 = 0xff;
    let Some(said) = error.as_database_error() else {
        return matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    };
    let code = said.code().and_then(|code| code.parse::<u32>().ok());
    matches!(code.map(|code| code & PRIMARY_CODE), Some(SQLITE_CORRUPT | SQLITE_NOTADB))
}
