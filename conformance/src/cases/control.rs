//! Chapter 50: the test-control API, of any role.

use chukei_harness::{Broken, Face};
use chukei_spec::{Role, req};
use serde_json::json;

use crate::{
    acts,
    case::{Case, Kind},
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    for (role, reset) in [
        (Role::Responder, reset_responder as fn(&Face) -> Result<(), Broken>),
        (Role::Relay, reset_relay),
        (Role::Requester, reset_requester),
    ] {
        let case = |id: &str, sentence, scene| {
            Case::scene(role, id, (None, ""), &[sentence], scene).needing(&["test-control"])
        };
        cases.extend([
            case("control/identity", req!("control.identity"), identity),
            case("control/unknown", req!("control.unknown"), unknown),
            case("control/reset", req!("control.reset"), reset),
        ]);
    }
}

fn identity(face: &Face) -> Result<(), Broken> {
    face.control("GET", "identity", None).map(drop)
}

/// A verb and an act that nobody can know.
fn unknown(face: &Face) -> Result<(), Broken> {
    let name: String = face.kit().ids.id().chars().skip(1).collect();
    // 501 is what is hoped for here, so it is not lacking.
    let _ = face.control("POST", &name, Some(&json!({})));
    let _ = face.control("POST", "act", Some(&json!({ "act": name, "correlation": name })));
    Ok(())
}

/// A message is accepted, the product reset, and the same message accepted again: the memory of used identifiers is gone.
fn reset_responder(face: &Face) -> Result<(), Broken> {
    let message = acts::draft(face, Kind::Query)?.finish();
    face.deliver_bytes("linkage", "insurer-a", &message, false);
    face.reset()?;
    face.deliver_bytes("linkage", "insurer-a", &message, false);
    Ok(())
}

fn reset_relay(face: &Face) -> Result<(), Broken> {
    let message = acts::draft(face, Kind::Mapping)?.finish();
    face.deliver_bytes("mapping", "insurer-a", &message, false);
    face.reset()?;
    face.deliver_bytes("mapping", "insurer-a", &message, false);
    Ok(())
}

/// The same correlation, which was known before the reset, is unknown after it.
fn reset_requester(face: &Face) -> Result<(), Broken> {
    acts::link(face, &acts::Inquiry::default())?;
    face.reset()?;
    acts::link(face, &acts::Inquiry::default()).map(drop)
}
