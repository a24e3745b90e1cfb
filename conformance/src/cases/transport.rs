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
