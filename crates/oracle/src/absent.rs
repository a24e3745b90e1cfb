//! Stands in where the crate is built without the feature `libxmlsec1`: has no opinion.

use crate::{Apex, Opinion};

const ABSENT: &str = "built without the feature libxmlsec1";

pub(crate) struct Key;

impl Key {
    pub(crate) fn from_pem(_: &[u8]) -> Result<Self, String> {
        Ok(Self)
    }
    pub(crate) fn from_certificate_pem(_: &[u8]) -> Result<Self, String> {
        Ok(Self)
    }
}

pub(crate) fn versions() -> String {
    ABSENT.into()
}
pub(crate) fn verify(_: &[u8], _: &Key, _: &[(&str, &str)], _: usize) -> Opinion {
    Opinion::Unsupported(ABSENT.into())
}
pub(crate) fn sign(_: &[u8], _: &[u8]) -> Result<Vec<u8>, String> {
    Err(ABSENT.into())
}
pub(crate) fn exclusive_c14n(_: &[u8], _: Apex<'_>, _: &[&str]) -> Result<Vec<u8>, String> {
    Err(ABSENT.into())
}
pub(crate) fn well_formed(_: &[u8]) -> Result<bool, String> {
    Err(ABSENT.into())
}
pub(crate) fn expand(_: &[u8]) -> Result<Vec<u8>, String> {
    Err(ABSENT.into())
}
