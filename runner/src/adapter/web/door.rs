//! Who asks: known by a session, a token, or the proxy's word.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use pages::look::Look;
use pages::place::Form;

use super::answer::told;
use super::ask::{Ask, Parts};
use super::viewer::Viewer;
use crate::config::Role;

/// Knows who may come in.
pub struct Door {
    /// Whether everybody on this machine may see everything.
    pub open: bool,
}

/// Why somebody is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nothing shows who asks.
    Unknown,
}

/// Whether a path is one at which people come in or go, whoever they are.
pub fn is_door(_path: &str) -> bool {
    false
}

impl Door {
    /// Answers a request at the door.
    pub async fn answer(&self, _parts: &Parts, _peer: IpAddr, look: &Look, _request: Request) -> Response {
        self.refused(look, Form::Page, &Refused::Unknown)
    }

    /// Finds out who asks.
    ///
    /// # Errors
    /// If nobody knows.
    pub async fn identify(&self, _parts: &Parts, peer: IpAddr, _headers: &HeaderMap) -> Result<Viewer, Refused> {
        if self.open && peer.is_loopback() {
            let name = "anyone on this machine".to_owned();
            return Ok(Viewer { name, role: Role::Manager, community: None, member: None, has_session: false });
        }
        Err(Refused::Unknown)
    }

    /// The answer to somebody who is not known.
    pub fn refused(&self, look: &Look, form: Form, _refused: &Refused) -> Response {
        let frame = &look.texts().frame;
        told(look, form, StatusCode::UNAUTHORIZED, frame.refused_title, frame.refused)
    }

    /// Notes who opened what.
    pub fn note(&self, _ask: &Ask, _status: StatusCode) {}
}
