pub(crate) fn router(_: crate::Placement) -> axum::Router {
    axum::Router::new()
}
