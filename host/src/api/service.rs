//! What the handlers work with.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Semaphore;

use super::docs;
use super::events::Ring;
use super::guard::Guard;
use super::readers::Readers;
use crate::clock::Clock;
use crate::daemon::Handle;
use crate::observe::Scraper;

/// How many clients may follow logs or events at once.
pub(super) const MOST_FOLLOWERS: usize = 512;

/// How many bytes of requests' bodies may be on their way at once.
pub(super) const MOST_BODIES: usize = 256 << 20;

/// What the handlers work with. Every request clones it several times, so that is one count and no more.
#[derive(Clone)]
pub(super) struct Service(Arc<Parts>);

/// What a service is made of.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) daemon: Handle,
    pub(super) readers: Readers,
    pub(super) scraper: Scraper,
    pub(super) ring: Arc<Ring>,
    pub(super) clock: Clock,
    /// Who may do what.
    pub(super) guard: Arc<Guard>,
    /// The zone of schedules without one of their own.
    pub(super) zone: TimeZone,
    pub(super) started_at: Timestamp,
    /// Room for followers.
    pub(super) followers: Arc<Semaphore>,
    /// Room for the bytes of bodies.
    pub(super) bodies: Arc<Semaphore>,
    /// The OpenAPI document and the page made of it.
    pub(super) document: Bytes,
    pub(super) page: Bytes,
}

impl Service {
    /// The service of a daemon.
    pub(super) fn new(
        daemon: Handle,
        readers: Readers,
        scraper: Scraper,
        clock: Clock,
        guard: Arc<Guard>,
        zone: TimeZone,
    ) -> Self {
        let started_at = clock.now();
        Self(Arc::new(Parts {
            daemon,
            readers,
            scraper,
            ring: Arc::new(Ring::new(started_at)),
            clock,
            guard,
            zone,
            started_at,
            followers: Arc::new(Semaphore::new(MOST_FOLLOWERS)),
            bodies: Arc::new(Semaphore::new(MOST_BODIES)),
            document: Bytes::new(),
            page: Bytes::new(),
        }))
    }

    /// The same with the document that it serves of itself.
    pub(super) fn with_document(self, document: &utoipa::openapi::OpenApi) -> Self {
        let (document, page) = (docs::json(document).into(), docs::html(document).into());
        Self(Arc::new(Parts { document, page, ..Parts::clone(&self) }))
    }
}

impl Deref for Service {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
