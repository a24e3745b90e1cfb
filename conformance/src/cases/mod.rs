//! The tables of cases.

pub(crate) mod card;
pub(crate) mod control;
pub(crate) mod door;
pub(crate) mod envelope;
pub(crate) mod forged;
pub(crate) mod layers;
pub(crate) mod ledger;
pub(crate) mod linkage;
pub(crate) mod login;
pub(crate) mod message;
pub(crate) mod relay;
pub(crate) mod requester;
pub(crate) mod terminal;
pub(crate) mod time;
pub(crate) mod transport;
pub(crate) mod withholding;

use crate::case::Case;

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    message::add(&mut cases);
    transport::add(&mut cases);
    envelope::add(&mut cases);
    linkage::add(&mut cases);
    relay::add(&mut cases);
    login::add(&mut cases);
    door::add(&mut cases);
    ledger::add(&mut cases);
    withholding::add(&mut cases);
    time::add(&mut cases);
    requester::add(&mut cases);
    layers::add(&mut cases);
    forged::add(&mut cases);
    control::add(&mut cases);
    card::add(&mut cases);
    terminal::add(&mut cases);
    cases
}
