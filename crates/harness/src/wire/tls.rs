//! Mutual TLS with the identities of the world.

use openssl::{
    error::ErrorStack,
    pkey::PKey,
    ssl::{Ssl, SslAcceptor, SslContext, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion},
    x509::{X509, store::X509StoreBuilder},
};

use crate::world::World;

/// TLS of a client that shows the certificate of `party`, or none.
///
/// Made once for each: setting one up costs more than a handshake. Sessions are not resumed, so that every connection
/// shows its certificate anew.
pub(crate) fn client(world: &World, party: Option<&str>, old: bool) -> Result<Ssl, ErrorStack> {
    let key = (party.map(str::to_owned), old);
    if let Some(context) = world.contexts().get(&key) {
        return Ssl::new(context);
    }
    let context = context(world, party, old)?;
    let ssl = Ssl::new(&context);
    world.contexts().insert(key, context);
    ssl
}

fn context(world: &World, party: Option<&str>, old: bool) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::tls_client())?;
    if old {
        // Level 0, because nothing above it lets this library offer TLS 1.1 at all.
        builder.set_cipher_list("ALL:@SECLEVEL=0")?;
        builder.set_min_proto_version(Some(SslVersion::TLS1_1))?;
        builder.set_max_proto_version(Some(SslVersion::TLS1_1))?;
    } else {
        builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    }
    trust(&mut builder, world)?;
    // Which host a certificate names is no matter here; doctor compares the whole certificate.
    builder.set_verify(SslVerifyMode::PEER);
    if let Some(party) = party {
        identify(&mut builder, world, party)?;
    }
    Ok(builder.build())
}

/// TLS of the server of `party`, which asks for a certificate and records who showed which.
pub(crate) fn server(world: &World, party: &str) -> Result<SslAcceptor, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    trust(&mut builder, world)?;
    identify(&mut builder, world, party)?;
    // Any certificate, or none: whether the product shows the right one is judged, not refused.
    builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    Ok(builder.build())
}

/// The name of the party whose certificate the other side showed.
pub(crate) fn peer(world: &World, certificate: Option<X509>) -> Option<String> {
    let der = certificate?.to_der().ok()?;
    Some(world.party_of(&der).unwrap_or("unknown").to_owned())
}

fn trust(builder: &mut SslContextBuilder, world: &World) -> Result<(), ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    for certificate in X509::stack_from_pem(world.public.ca.as_bytes())? {
        store.add_cert(certificate)?;
    }
    builder.set_cert_store(store.build());
    Ok(())
}

fn identify(builder: &mut SslContextBuilder, world: &World, party: &str) -> Result<(), ErrorStack> {
    let (certificate, key) = match world.card_named(party) {
        Some(card) => (card.certificate.clone(), card.key.to_pkcs8_pem().unwrap_or_default().to_string()),
        None => (world.certificate(party), world.key_pem(party).unwrap_or_default().to_owned()),
    };
    builder.set_certificate(&*X509::from_der(&certificate)?)?;
    let key = PKey::private_key_from_pem(key.as_bytes())?;
    builder.set_private_key(&key)?;
    builder.check_private_key()
}
