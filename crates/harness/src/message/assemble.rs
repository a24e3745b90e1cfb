//! From the fields of a [`Draft`] to bytes.

use chukei_forge::{
    raw::{Element, Message},
    wss,
};
use chukei_xml::{lexical::encode_base64, ns};

use super::{Draft, Finished, SoapAction};

impl Draft {
    /// Builds, signs and bends.
    ///
    /// # Panics
    /// When a bend does not fit the message.
    #[must_use]
    pub fn finish(mut self) -> Finished {
        let headers = self.http_headers();
        let body = self.write();
        let Self { tls, http, keys, .. } = self;
        Finished { tls, method: http.method, path: http.path, status: http.status, headers, body, keys }
    }

    fn http_headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        headers.extend(self.http.content_type.iter().map(|value| ("content-type".into(), value.clone())));
        let action = match &self.http.soap_action {
            SoapAction::Same if self.relates_to.is_some() => None,
            SoapAction::Same => self.action.as_ref().map(|action| format!("\"{action}\"")),
            SoapAction::Text(text) => Some(text.clone()),
            SoapAction::Missing => None,
        };
        headers.extend(action.map(|action| ("soapaction".into(), action)));
        headers.extend(self.http.fields.iter().cloned());
        headers
    }

    fn write(&mut self) -> Vec<u8> {
        let mut parts: Vec<(&'static str, String)> = Vec::new();
        let body_id = self.ids.id();
        let mut header = Element::new("soap:Header");
        for (local, block) in self.blocks(&body_id) {
            let id = self.ids.id();
            parts.push((local, id.clone()));
            header = header.child(identified(block, &id));
        }
        let (token_id, reference_id) = (self.ids.id(), self.ids.id());
        let mut security =
            Element::declared(ns::WSSE, "Security").declare(ns::WSU).attribute("soap:mustUnderstand", "1");
        if let Some((created, expires)) = self.timestamp {
            let id = self.ids.id();
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
            .filter(|(local, _)| !self.uncovered.contains(local))
            .map(|(_, id)| id.as_str())
            .filter(|id| root.locate_id(id).is_some())
            .collect();
        let mut signature = wss::signature(&covered, &token_id, &reference_id, &self.world.key(&self.signer));
        if self.uncovered.contains(&"BinarySecurityToken") {
            signature.references.pop();
        }
        self.signature.iter().for_each(|change| change(&mut signature));
        if root.get("soap:Header/wsse:Security/wsse:BinarySecurityToken").is_some() {
            signature.sign(&mut root, "soap:Header/wsse:Security");
        }
        self.after.iter().for_each(|change| change(&mut root));
        self.bytes.iter().fold(Message::new(root).bytes(), |bytes, change| change(bytes))
    }

    /// The header blocks in the order in which they are written, `wsse:Security` left out.
    fn blocks(&mut self, body_id: &str) -> Vec<(&'static str, Element)> {
        let mut blocks = Vec::new();
        if let Some(version) = &self.framework {
            let block = Element::declared(ns::SBF, "Framework").attribute("version", version);
            blocks.push(("Framework", block));
        }
        if let Some(sender) = &self.sender {
            blocks.push(("Sender", Element::declared(ns::SB, "Sender").attribute("providerID", sender)));
        }
        let addressing = [
            ("MessageID", &self.message_id),
            ("RelatesTo", &self.relates_to),
            ("To", &self.to),
            ("Action", &self.action),
        ];
        for (local, text) in addressing {
            blocks.extend(text.iter().map(|text| (local, Element::new(&format!("wsa:{local}")).text(text))));
        }
        if !self.envelopes.is_empty() {
            let mut block = Element::declared(ns::SB, "TargetIdentity");
            for envelope in &self.envelopes {
                let assertion = envelope.build(&self.world, self.now);
                let wrapped = assertion.get("//xenc:EncryptedKey/xenc:CipherData/xenc:CipherValue");
                let wrapped = wrapped.map(Element::content).unwrap_or_default();
                self.keys.push((envelope.sealed_for.clone(), wrapped, encode_base64(&envelope.secret.0)));
                block = block.child(assertion);
            }
            blocks.push(("TargetIdentity", block));
        }
        if let Some(purpose) = &self.purpose {
            let purpose = Element::declared(ns::CK, "Purpose").text(purpose);
            let block = Element::declared(ns::SB, "UsageDirective").attribute("ref", body_id).child(purpose);
            blocks.push(("UsageDirective", block));
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
