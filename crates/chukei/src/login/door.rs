//! `chukei login --tls`: the card is presented to the relay over TLS, and the portal logs in with the ticket (chapter 34).
//!
//! The TLS library signs with a key that it has, so only the key of a card as a file can sign here. For a card in a reader
//! another client presents it, through PKCS #11 for example, and its ticket is typed in.

use std::{fs, io::BufRead as _, path::Path};

use chukei_card::{Hex, Image};
use chukei_crypto::{Certificate, PrivateKey};
use chukei_harness::Task;
use chukei_profile::{
    Purpose,
    login::{CardPresentation, Login},
};
use chukei_world::{Handle, folder::entity};
use chukei_xml::lexical::encode_base64;

use super::{refused, told, visit};
use crate::{
    card,
    contacts::InProcess,
    say::{Exit, Failure, Say},
};

/// The login with a ticket for this card, or for the one that another client presents.
pub(super) fn login(handle: &Handle, image: Option<&Path>, say: &Say) -> Result<Login, Failure> {
    let challenge = handle.challenge().map_err(|code| refused(&code))?;
    let no_door = || Failure::new(Exit::Setup, "login.no-door", [""; 0]).fix("login.no-door-fix", [""; 0]);
    let door = challenge.door.ok_or_else(no_door)?;
    let challenge = challenge.value;
    let presentation = CardPresentation {
        challenge: challenge.clone(),
        portal: entity("portal"),
        purpose: Purpose::History,
    };
    let mut typed = std::io::stdin().lock().lines().map_while(Result::ok);
    let ticket = match image {
        Some(image) => {
            let mut contacts = InProcess::new(card::load(image)?);
            // The card asks for its PIN, and shows that its key works.
            say.ask("login.type-pin");
            let signed = match visit(&mut contacts, Task::Login, None, &mut typed)? {
                Ok(signed) => signed,
                Err(outcome) => return Err(told(&outcome)),
            };
            let key = key_of(image, &signed.certificate)?;
            let certificate = pem("CERTIFICATE", &signed.certificate);
            let shown = handle.present(&door, (key, certificate), presentation);
            shown.map_err(|code| refused(&code))?.ticket
        }
        None => {
            let octets = presentation.write().map_err(|error| refused(&error.to_string()))?;
            let document = String::from_utf8_lossy(&octets);
            say.note(say.text("login.present", [""; 0]));
            say.result(serde_json::json!({ "door": door, "presentation": document }));
            let ticket = typed.next().unwrap_or_default().trim().to_owned();
            if ticket.is_empty() {
                return Err(
                    Failure::new(Exit::Usage, "login.no-ticket", [""; 0]).fix("login.no-ticket-fix", [""; 0])
                );
            }
            ticket.into()
        }
    };
    Ok(Login::Ticket { challenge, ticket })
}

/// The private key of this certificate in the image of a TEST card, as PEM.
fn key_of(image: &Path, certificate: &[u8]) -> Result<String, Failure> {
    let text = fs::read_to_string(image).map_err(|error| Failure::read(image, &error))?;
    let parsed = Image::parse(&text).map_err(|error| card::misread(image, &error))?;
    let wanted = Certificate::from_der(certificate).ok().and_then(|shown| shown.public_key().ok());
    let keys = parsed.applications.iter().flat_map(|application| &application.keys);
    let secrets = keys.filter_map(|key| Hex::parse(&key.private.as_ref()?.get_ref().0));
    let own = secrets.map(|Hex(octets)| octets).find(|octets| {
        PrivateKey::from_pkcs8_der(octets).is_ok_and(|key| Some(key.public_key()) == wanted.as_ref())
    });
    own.map(|octets| pem("PRIVATE KEY", &octets)).ok_or_else(|| refused("NoKey"))
}

/// RFC 7468: lines of 64 characters.
fn pem(label: &str, octets: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encode_base64(octets);
    while !rest.is_empty() {
        let next = rest.split_off(rest.len().min(64));
        text += &rest;
        text.push('\n');
        rest = next;
    }
    text + &format!("-----END {label}-----\n")
}
