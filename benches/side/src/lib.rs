//! What is compared: one operation of one library on many inputs, here or in another process.
//!
//! Two libraries that cannot be linked into one program are driven through [`remote`]: the other process holds the
//! inputs and measures by itself, batch by batch in turn with everybody else, so that nothing but the order to start
//! and the time that was taken crosses the pipe.

pub mod remote;

use std::hint::black_box;
use std::time::Duration;

pub use cpu_time::ThreadTime;

/// What is done to an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Signed document in; accepted, or an error.
    Verify,
    /// Document with an empty signature in, signed document out.
    Sign,
    /// Plaintext element in, `EncryptedData` out.
    Seal,
    /// `EncryptedData` in, plaintext element out.
    Open,
}

/// With which kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RSA with 2048 bits.
    Rsa,
    /// Elliptic curve P-256.
    P256,
}

/// The key of one scheme, in the spellings that libraries ask for.
#[derive(Clone, Debug)]
pub struct Keys {
    pub private_pem: Vec<u8>,
    pub private_der: Vec<u8>,
    pub public_pem: Vec<u8>,
    pub public_der: Vec<u8>,
    pub certificate_der: Vec<u8>,
}

/// What libraries that fill a template are given for sealing: the one shape of the standard.
pub const SEAL_TEMPLATE: &str = concat!(
    r#"<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">"#,
    r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>"#,
    r#"<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey>"#,
    r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep">"#,
    r#"<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>"#,
    r#"<xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/>"#,
    "</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue></xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>",
    "</ds:KeyInfo><xenc:CipherData><xenc:CipherValue></xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>",
);

/// One operation with its keys loaded: input in, output out.
pub type Run = Box<dyn FnMut(&[u8]) -> Result<Vec<u8>, String>>;

/// A party of the comparison with its inputs at hand.
pub trait Side {
    fn name(&self) -> &str;

    /// The operation on input number `index`, once.
    fn once(&mut self, index: usize) -> Result<Vec<u8>, String>;

    /// How long the operation takes on these inputs, one after the other. Each has to succeed. What counts is the time
    /// that the thread ran, in the program and in the kernel for it, so that a busy machine disturbs less.
    fn time(&mut self, indices: &[usize]) -> Duration {
        let start = ThreadTime::now();
        for index in indices {
            black_box(self.once(*index)).expect("every input was tried before it is timed");
        }
        start.elapsed()
    }
}

/// A side in this process.
pub struct Local {
    name: String,
    inputs: Vec<Vec<u8>>,
    run: Run,
}

impl Local {
    pub fn new(name: &str, inputs: &[Vec<u8>], run: Run) -> Self {
        Self { name: name.to_owned(), inputs: inputs.to_vec(), run }
    }
}

impl Side for Local {
    fn name(&self) -> &str {
        &self.name
    }

    fn once(&mut self, index: usize) -> Result<Vec<u8>, String> {
        (self.run)(&self.inputs[index])
    }
}
