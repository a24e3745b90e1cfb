//! Chapter 21: what is turned away before it is a message.

use chukei_forge::raw::Node;
use chukei_harness::{
    Draft,
    message::SoapAction,
    world::{FORGED, NOBODY},
};

use crate::case::{Case, Kind, Row, bends};

pub(crate) fn add(cases: &mut Vec<Case>) {
    for kind in [Kind::Query, Kind::Mapping] {
        cases.extend(ROWS.iter().map(|row| Case::row(kind, row)));
    }
    for kind in [Kind::Query, Kind::Relayed, Kind::MappingAnswer, Kind::LinkageAnswer] {
        let place = if kind == Kind::LinkageAnswer { "/responder" } else { "" };
        for (id, other) in OTHERS {
            let id = format!("transport/tls/server/{id}{place}");
            cases.push(Case::disguised(kind, &id, other).covering(&["TLS-03"]));
        }
    }
}

/// Whose certificate is shown in the place of the one that is expected.
const OTHERS: [(&str, &str); 3] =
    [("another-party", "insurer-d"), ("self-signed", NOBODY), ("another-authority", FORGED)];

/// More than 2 MiB: white space in Body, which the signature covers.
fn overlong(draft: &mut Draft) {
    draft.bytes.push(|mut bytes| {
        bytes.resize(bytes.len().max(LONGEST.saturating_add(1)), b' ');
        bytes
    });
}

const LONGEST: usize = 2 << 20;

/// Octets in the form of gzip (RFC 1952), in blocks that are stored as they are (RFC 1951 §3.2.4).
fn gzip(octets: &[u8]) -> Vec<u8> {
    /// Deflate, no name, no time, unknown system.
    const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut coded = HEAD.to_vec();
    let mut blocks = octets.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or_default();
        coded.push(u8::from(blocks.peek().is_none()));
        coded.extend(length.to_le_bytes());
        coded.extend((!length).to_le_bytes());
        coded.extend(block);
    }
    coded.extend(crc32(octets).to_le_bytes());
    coded.extend(u32::try_from(octets.len()).unwrap_or_default().to_le_bytes());
    coded
}

fn crc32(octets: &[u8]) -> u32 {
    let shift = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !octets.iter().fold(u32::MAX, |sum, octet| (0..8).fold(sum ^ u32::from(*octet), |sum, _| shift(sum)))
}

const ROWS: &[Row] = bends![
    "transport/method/get" "transport.method.post" "http.method=GET" ["HTTP-06"]
        |d| d.http.method = "GET".into();
    "transport/method/put" "transport.method.post" "http.method=PUT" ["HTTP-06"]
        |d| d.http.method = "PUT".into();
    "transport/path/other" "transport.method.post" "http.path=/nowhere" []
        |d| d.http.path = Some("/nowhere".into());
    "transport/path/wsdl" "transport.method.post" "http.path+http.method=/nowhere?wsdl" ["SOAP-05"]
        |d| { d.http.path = Some("/nowhere?wsdl".into()); d.http.method = "GET".into(); };
    "transport/content-type/json" "transport.content-type" "http.content-type=application/json" []
        |d| d.http.content_type = Some("application/json".into());
    "transport/content-type/soap-1.2" "transport.content-type" "http.content-type=application/soap+xml" ["SOAP-01"]
        |d| d.http.content_type = Some("application/soap+xml; charset=utf-8".into());
    "transport/content-type/multipart" "transport.content-type" "http.content-type=multipart/related" ["SOAP-05"]
        |d| d.http.content_type = Some("multipart/related; type=\"application/xop+xml\"; boundary=x".into());
    "transport/content-type/utf-16" "transport.content-type" "http.content-type=utf-16" []
        |d| d.http.content_type = Some("text/xml; charset=utf-16".into());
    "transport/content-type/missing" "transport.content-type" "http.content-type=missing" []
        |d| d.http.content_type = None;
    "transport/content-type/twice" "transport.field.once" "http.content-type=twice" ["HTTP-01"]
        |d| d.http.fields.push(("content-type".into(), "text/xml; charset=utf-8".into()));
    "transport/content-length/twice" "transport.field.once" "http.content-length=two-lengths" ["HTTP-01"]
        |d| d.http.first_length = Some(1);
    "transport/encoding/identity" "transport.encoding.none" "http.content-encoding=identity" ["HTTP-05"]
        |d| d.http.fields.push(("content-encoding".into(), "identity".into()));
    "transport/encoding/gzip" "transport.encoding.none" "bytes=gzip-and-http.content-encoding" ["HTTP-05"]
        |d| {
            d.http.fields.push(("content-encoding".into(), "gzip".into()));
            d.bytes.push(|bytes| gzip(&bytes));
        };
    "transport/body/overlong" "transport.body.limit" "bytes=2-MiB-and-1" ["SOAP-05", "HTTP-05"]
        overlong;
    "transport/header/overlong" "transport.header.limit" "http.x-padding=17-KiB" ["HTTP-03"]
        |d| d.http.fields.push(("x-padding".into(), "x".repeat(17 << 10)));
    "transport/header/many" "transport.header.limit" "http.x-padding=101-fields" ["HTTP-03"]
        |d| d.http.fields.extend((0..101).map(|_| ("x-padding".to_owned(), "x".to_owned())));
    "transport/tls/no-certificate" "transport.tls.client" "tls=none" ["TLS-02"]
        |d| d.tls = None;
    "transport/tls/self-signed" "transport.tls.client" "tls=nobody" ["TLS-02"]
        |d| d.tls = Some(NOBODY.into());
    "transport/tls/version-1.1" "transport.tls.version" "tls=1.1" ["TLS-01"]
        |d| d.old_tls = true;
    "message/action/soapaction-twice" "message.action.agrees" "http.soapaction=twice" ["SOAP-04"]
        |d| d.http.fields.push(("soapaction".into(), "\"urn:chukei:1.0:AccessHistoryQuery\"".into()));
    "message/action/soapaction-unquoted" "message.action.agrees" "http.soapaction=unquoted" ["SOAP-04"]
        |d| d.http.soap_action = SoapAction::Text(d.action.clone().unwrap_or_default());
    "message/soap/text-in-header" "message.soap.shape" "Header#=text" ["SOAP-01"]
        |d| d.tamper(|root| root.find_mut("soap:Header").children.push(Node::Text("text".into())));
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The block is that of Python's `gzip.compress(b"chukei", 0)`.
    #[test]
    fn what_is_stored_is_gzip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let coded = gzip(b"chukei");
        assert_eq!(coded.get(..10), Some(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff][..]));
        assert_eq!(coded.get(10..21), Some(&b"\x01\x06\x00\xf9\xffchukei"[..]));
        assert_eq!(coded.get(21..), Some(&[crc32(b"chukei").to_le_bytes(), 6u32.to_le_bytes()].concat()[..]));
    }
}
