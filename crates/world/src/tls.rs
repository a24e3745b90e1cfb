//! Mutual TLS: one closed shape for servers and clients of the mock world.

use chukei_idwsf::Checks;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    SslAcceptor, SslConnector, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode,
    SslVerifyMode, SslVersion,
};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

/// TLS 1.2: forward secrecy and authenticated encryption only.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
/// TLS 1.3.
const SUITES: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
/// Key exchange.
const GROUPS: &str = "X25519:P-256:P-384";

/// Who may connect to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Whoever has a certificate of the authority.
    Federation,
    /// Anybody. Whoever shows a certificate proves its key; what it is worth, and whether none will do, is the handler's
    /// matter.
    Cards,
}

/// Key, certificate and the one authority that is believed, as PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    /// PKCS#8 private key.
    pub key: String,
    /// Its certificate.
    pub certificate: String,
    /// The certification authority of everybody else.
    pub authority: String,
}

impl TlsIdentity {
    /// The identity of a party of this world.
    ///
    /// # Errors
    /// [`crate::WorldError::Io`].
    pub fn of(world: &crate::World, name: &str) -> Result<Self, crate::WorldError> {
        let (key, certificate) = world.tls_pem(name)?;
        Ok(Self { key, certificate, authority: world.ca_pem()? })
    }

    /// A server for these clients. A mock party may skip asking the federation's for a certificate.
    pub(crate) fn acceptor(&self, clients: Clients, checks: &Checks) -> Result<SslAcceptor, ErrorStack> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        self.configure(&mut builder)?;
        match clients {
            Clients::Cards => builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true),
            // [transport.tls.client]
            Clients::Federation if checks.skips("transport.tls.client") => {
                builder.set_verify(SslVerifyMode::NONE);
            }
            Clients::Federation => {
                builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
            }
        }
        // [transport.tls.version]
        if checks.skips("transport.tls.version") {
            builder.set_min_proto_version(Some(SslVersion::TLS1))?;
            builder.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
            builder.set_cipher_list("ALL:@SECLEVEL=0")?;
        }
        // No resumption at all: a session of one client must never be continued by another (TLS-05).
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        builder.set_options(SslOptions::NO_TICKET);
        builder.set_num_tickets(0)?;
        Ok(builder.build())
    }

    /// A client that shows its certificate, and believes the authority alone. A mock party may believe every server.
    pub(crate) fn connector(&self, checks: &Checks) -> Result<SslConnector, ErrorStack> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        self.configure(&mut builder)?;
        // [transport.tls.server]
        let believes_all = checks.skips("transport.tls.server");
        builder.set_verify(if believes_all { SslVerifyMode::NONE } else { SslVerifyMode::PEER });
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        Ok(builder.build())
    }

    fn configure(&self, builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
        builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        builder.set_cipher_list(CIPHERS)?;
        builder.set_ciphersuites(SUITES)?;
        builder.set_groups_list(GROUPS)?;
        builder.set_options(
            SslOptions::NO_COMPRESSION | SslOptions::NO_RENEGOTIATION | SslOptions::CIPHER_SERVER_PREFERENCE,
        );
        builder.set_mode(SslMode::RELEASE_BUFFERS);
        // A record's head and body in one read of the socket.
        builder.set_read_ahead(true);
        // Replaces the system's authorities, which the constructors of the library load.
        let mut store = X509StoreBuilder::new()?;
        store.add_cert(X509::from_pem(self.authority.as_bytes())?)?;
        builder.set_cert_store(store.build());
        builder.set_verify_depth(1);
        builder.set_private_key(&*PKey::private_key_from_pem(self.key.as_bytes())?)?;
        builder.set_certificate(&*X509::from_pem(self.certificate.as_bytes())?)?;
        builder.check_private_key()
    }
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}
