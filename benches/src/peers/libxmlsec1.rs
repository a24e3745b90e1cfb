//! libxmlsec1 of the system through the crate `xmlsec`: key loaded once, a copy of the handle per call (the context
//! takes it over), and no keys manager, which would load the system's certificates.

use chukei_bench_side::{Keys, Operation, Run};
use libxml::parser::Parser;
use xmlsec::{XmlDocument, XmlSecDocumentExt, XmlSecKey, XmlSecKeyFormat, XmlSecSignatureContext};

pub fn operation(operation: Operation, keys: &Keys) -> Option<Run> {
    let load =
        |pem: &[u8]| XmlSecKey::from_memory(pem, XmlSecKeyFormat::Pem, None).expect("the key is sound");
    match operation {
        Operation::Verify => {
            let key = load(&keys.public_pem);
            Some(Box::new(move |input| {
                let (document, context) = prepare(input, &key)?;
                match context.verify_document(&document) {
                    Ok(true) => Ok(Vec::new()),
                    Ok(false) => Err("invalid".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            }))
        }
        Operation::Sign => {
            let key = load(&keys.private_pem);
            Some(Box::new(move |template| {
                let (document, context) = prepare(template, &key)?;
                context.sign_document(&document).map_err(|error| error.to_string())?;
                Ok(document.to_string().into_bytes())
            }))
        }
        // Version 1.2 knows no OAEP with SHA-256.
        Operation::Seal | Operation::Open => None,
    }
}

fn prepare(input: &[u8], key: &XmlSecKey) -> Result<(XmlDocument, XmlSecSignatureContext), String> {
    let document = Parser::default().parse_string(input).map_err(|error| format!("{error:?}"))?;
    document.specify_idattr("/*", "ID", None).map_err(|error| error.to_string())?;
    let mut context = XmlSecSignatureContext::new();
    context.insert_key(key.clone());
    Ok((document, context))
}
