//! SAML 2.0 assertions, metadata and their processing rules, as far as the standard uses them.

#![forbid(unsafe_code)]
