//! SOAP 1.1, WS-Addressing, WS-Security and the Liberty ID-WSF 2.0 services that the standard uses.

#![forbid(unsafe_code)]
