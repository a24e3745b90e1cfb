//! Initialised OpenSSL contexts, kept per key and algorithm.

use std::sync::{Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::{HasPublic, PKeyRef};
use openssl::pkey_ctx::{PkeyCtx, PkeyCtxRef};
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;

use crate::SignatureAlgorithm;

/// More idle contexts than threads that ever use one key at a time.
const IDLE: usize = 64;

pub(crate) struct Pool<T>(Mutex<Vec<PkeyCtx<T>>>);

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Runs one operation on an idle context, or on a new one from `make`. After a failure the context is
    /// dropped.
    pub(crate) fn run<R, E: From<ErrorStack>>(
        &self,
        make: impl FnOnce() -> Result<PkeyCtx<T>, ErrorStack>,
        operation: impl FnOnce(&mut PkeyCtxRef<T>) -> Result<R, E>,
    ) -> Result<R, E> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut context = match idle {
            Some(context) => context,
            None => make()?,
        };
        let result = operation(&mut context)?;
        let mut contexts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if contexts.len() < IDLE {
            contexts.push(context);
        }
        Ok(result)
    }

    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A context for making or checking signatures; `init` says which.
pub(crate) fn signature_context<T: HasPublic>(
    key: &PKeyRef<T>,
    algorithm: SignatureAlgorithm,
    init: impl FnOnce(&mut PkeyCtxRef<T>) -> Result<(), ErrorStack>,
) -> Result<PkeyCtx<T>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    init(&mut context)?;
    match algorithm {
        SignatureAlgorithm::EcdsaSha256 => {}
        SignatureAlgorithm::RsaSha256 => context.set_rsa_padding(Padding::PKCS1)?,
        SignatureAlgorithm::RsaPssSha256 => {
            context.set_rsa_padding(Padding::PKCS1_PSS)?;
            context.set_rsa_mgf1_md(Md::sha256())?;
            context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(32))?;
        }
    }
    context.set_signature_md(Md::sha256())?;
    Ok(context)
}

/// A context for wrapping or unwrapping with RSA-OAEP; `init` says which. No label; both digests by name,
/// since the library takes one for the other when only one is set (ENC-10).
pub(crate) fn oaep_context<T: HasPublic>(
    key: &PKeyRef<T>,
    init: impl FnOnce(&mut PkeyCtxRef<T>) -> Result<(), ErrorStack>,
) -> Result<PkeyCtx<T>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    init(&mut context)?;
    context.set_rsa_padding(Padding::PKCS1_OAEP)?;
    context.set_rsa_oaep_md(Md::sha256())?;
    context.set_rsa_mgf1_md(Md::sha256())?;
    Ok(context)
}
