//! From the fields of a [`Draft`] to bytes.

use chukei_forge::{
    mutation::{Change, Mutation},
    raw::{Element, Message},
    specimen, wss,
};
use chukei_xml::{lexical::encode_base64, ns};

use super::{Draft, Finished, SoapAction};

const SECURITY: &str = "soap:Header/wsse:Security";

impl Draft {
    /// Builds, signs and bends.
    ///
    /// # Panics
    /// When a bend does not fit the message.
    #[must_use]
    pub fn finish(mut self) -> Finished {
        let headers = self.http_headers();
        let body = self.write();
        let Self { tls, old_tls, http, keys, .. } = self;
        Finished {
            tls,
            old_tls,
            method: http.method,
            path: http.path,
            status: http.status,
            headers,
            first_length: http.first_length,
            body,
            keys,
        }
    }

    fn http_headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        headers.extend(self.http.content_type.iter().map(|value| ("content-type".into(), value.clone())));
        let action = match &self.http.soap_action {
            SoapAction::Same if self.http.is_answer => None,
            SoapAction::Same => self.action.as_ref().map(|action| format!("\"{action}\"")),
            SoapAction::Text(text) => Some(text.clone()),
            SoapAction::Missing => None,
        };
        headers.extend(action.map(|action| ("soapaction".into(), action)));
        headers.extend(self.http.fields.iter().cloned());
        headers
    }

    fn write(&mut self) -> Vec<u8> {
        let forge = self.world.forge(self.seed, self.now);
        let mut parts: Vec<(&'static str, String)> = Vec::new();
        let body_id = forge.id("body");
        let mut header = Element::new("soap:Header");
        for (local, label, block) in self.blocks(&body_id) {
            parts.push((local, forge.id(label)));
            header = header.child(identified(block, &forge.id(label)));
        }
        for (block, number) in self.more.iter().zip(1..) {
            let id = forge.id(&format!("more-{number}"));
            parts.push(("more", id.clone()));
            header = header.child(identified(block.clone(), &id));
        }
        let (token_id, reference_id) = (forge.id("token"), forge.id("token-reference"));
        let mut security = Element::declared(ns::WSSE, "Security").attribute("soap:mustUnderstand", "1");
        if let Some((created, expires)) = self.timestamp {
            let id = forge.id("timestamp");
            let timestamp = Element::new("wsu:Timestamp")
                .attribute("wsu:Id", &id)
                .child(Element::new("wsu:Created").text(&self.time(created)))
                .child(Element::new("wsu:Expires").text(&self.time(expires)));
            security = security.child(timestamp);
            parts.push(("Timestamp", id));
        }
        let token = self.world.certificate(&self.token);
        let header = header.child(security.child(wss::binary_security_token(&token_id, &token)));
        parts.push(("Body", body_id.clone()));
        let body = Element::new("soap:Body").attribute("wsu:Id", &body_id).child(self.body.clone());
        let mut root = Element::declared(ns::SOAP, "Envelope")
            .declare(ns::WSA)
            .declare(ns::WSU)
            .child(header)
            .child(body);

        self.before.iter().for_each(|change| change(&mut root));
        let covered: Vec<&str> = parts
            .iter()
            .filter(|(local, id)| !self.uncovered.contains(local) && root.locate_id(id).is_some())
            .map(|(_, id)| id.as_str())
            .collect();
        let mut signature = wss::signature(&covered, &token_id, &reference_id, &self.world.key(&self.signer));
        if self.uncovered.contains(&"BinarySecurityToken") || root.locate_id(&token_id).is_none() {
            signature.references.pop();
        }
        self.signature.iter().for_each(|change| change(&mut signature));
        let signatures = root.get(SECURITY).map(|_| (SECURITY.to_owned(), signature));
        let draft =
            specimen::Draft { message: Message::new(root), signatures: signatures.into_iter().collect() };
        let mut message = apply(draft, self.mutation, &forge);
        self.after.iter().for_each(|change| change(&mut message.root));
        let bytes = bend_bytes(message.bytes(), self.mutation, &forge);
        self.bytes.iter().fold(bytes, |bytes, change| change(bytes))
    }

    /// The header blocks in the order in which they are written, `wsse:Security` left out.
    fn blocks(&mut self, body_id: &str) -> Vec<(&'static str, &'static str, Element)> {
        let mut blocks = Vec::new();
        if let Some(version) = &self.framework {
            let block = Element::declared(ns::SBF, "Framework").attribute("version", version);
            blocks.push(("Framework", "framework", block));
        }
        if let Some(sender) = &self.sender {
            let block = Element::declared(ns::SB, "Sender").attribute("providerID", sender);
            blocks.push(("Sender", "sender", block));
        }
        let addressing = [
            ("MessageID", "message-id", &self.message_id),
            ("RelatesTo", "relates-to", &self.relates_to),
            ("To", "to", &self.to),
            ("Action", "action", &self.action),
        ];
        for (local, label, text) in addressing {
            let block = |text: &String| (local, label, Element::new(&format!("wsa:{local}")).text(text));
            blocks.extend(text.iter().map(block));
        }
        if !self.envelopes.is_empty() || !self.carried.is_empty() {
            let mut block =
                Element::declared(ns::SB, "TargetIdentity").children(self.carried.iter().cloned());
            for envelope in &self.envelopes {
                let assertion = envelope.build(&self.world, self.now);
                let wrapped = assertion.get("//xenc:EncryptedKey/xenc:CipherData/xenc:CipherValue");
                let wrapped = wrapped.map(Element::content).unwrap_or_default();
                // A bent seal may not open with the key that went into it.
                if envelope.mutation.is_none() && envelope.seal.is_empty() {
                    self.keys.push((
                        envelope.sealed_for.clone(),
                        wrapped,
                        encode_base64(&envelope.content_key),
                    ));
                }
                block = block.child(assertion);
            }
            blocks.push(("TargetIdentity", "target-identity", block));
        }
        if let Some(purpose) = &self.purpose {
            let purpose = Element::declared(ns::CK, "Purpose").text(purpose);
            let block = Element::declared(ns::SB, "UsageDirective").attribute("ref", body_id).child(purpose);
            blocks.push(("UsageDirective", "usage-directive", block));
        }
        blocks
    }
}

/// The block with this identifier in front of its other attributes.
fn identified(mut block: Element, id: &str) -> Element {
    let declarations = block.attributes.iter().take_while(|(name, _)| name.starts_with("xmlns")).count();
    block.attributes.insert(declarations, ("wsu:Id".into(), id.into()));
    block
}

/// Signs, with the changes of a mutation before, at and after signing.
pub(super) fn apply(
    mut draft: specimen::Draft,
    mutation: Option<&'static Mutation>,
    forge: &specimen::World,
) -> Message {
    let changes = mutation.map_or(&[][..], |mutation| mutation.changes);
    for change in changes {
        if let Change::Before(change) = change {
            change(&mut draft, forge);
        }
    }
    for change in changes {
        if let (Change::Signature(change), Some((_, spec))) = (change, draft.signatures.first_mut()) {
            change(spec, forge);
        }
    }
    let mut message = draft.sign();
    for change in changes {
        if let Change::After(change) = change {
            change(&mut message, forge);
        }
    }
    message
}

fn bend_bytes(bytes: Vec<u8>, mutation: Option<&'static Mutation>, forge: &specimen::World) -> Vec<u8> {
    let changes = mutation.map_or(&[][..], |mutation| mutation.changes);
    changes.iter().fold(bytes, |bytes, change| match change {
        Change::Bytes(change) => change(bytes, forge),
        _ => bytes,
    })
}
