//! Whether to restart this process, and whether to send it requests.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use super::Service;
use super::openapi::refusals;
use super::problem::Problem;

const CATALOG_DEADLINE: Duration = Duration::from_secs(2);

/// Whether the process lives. Depends on nothing: a database that is away is no reason for a restart.
#[utoipa::path(
    get, path = "/livez", tag = "operations",
    responses((status = 200, description = "It does."), refusals::ToAnybody),
    security(()),
)]
pub(super) async fn live() -> StatusCode {
    StatusCode::OK
}

/// Whether to send it requests.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses((status = 200, description = "It takes requests."), refusals::ToReadiness),
    security(()),
)]
pub(super) async fn ready(State(service): State<Service>) -> Result<StatusCode, Problem> {
    if service.stopping.is_cancelled() {
        return Err(Problem::Away);
    }
    match tokio::time::timeout(CATALOG_DEADLINE, service.catalog.ping()).await {
        Ok(Ok(())) => Ok(StatusCode::OK),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::Away),
    }
}
