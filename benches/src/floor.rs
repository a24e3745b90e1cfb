//! What no implementation can do without: the operations of the cryptographic library, with contexts that are reused.

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::md::Md;
use openssl::pkey::{HasPublic, PKey, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rand::rand_bytes;
use openssl::rsa::Padding;
use openssl::sha::Sha256;

use chukei_bench_side::{Scheme, Side};

use crate::documents::Signed;
use crate::keys::KeyPair;

const IV: usize = 12;
const TAG: usize = 16;

/// A side of raw operations: knows its inputs by number.
pub struct Floor<F> {
    run: F,
}

impl<F: FnMut(usize) -> Result<Vec<u8>, String>> Side for Floor<F> {
    fn name(&self) -> &str {
        "floor"
    }

    fn once(&mut self, index: usize) -> Result<Vec<u8>, String> {
        (self.run)(index)
    }
}

/// R: SHA-256 of the canonical bytes of the signed element and of `SignedInfo`, and verification on a reused context.
pub fn verify(pair: &KeyPair, documents: &[Signed]) -> Box<dyn Side> {
    let parts: Vec<_> =
        documents.iter().map(|d| (d.canonical.clone(), d.signed_info.clone(), d.value.clone())).collect();
    let public = PKey::public_key_from_der(&pair.keys.public_der).unwrap();
    let mut context = signature_context(&public, pair.scheme, |context| context.verify_init());
    Box::new(Floor {
        run: move |index: usize| {
            let (canonical, signed_info, value) = &parts[index];
            let digest = hash(canonical);
            std::hint::black_box(digest);
            match context.verify(&hash(signed_info), value) {
                Ok(true) => Ok(Vec::new()),
                _ => Err("invalid".to_owned()),
            }
        },
    })
}

/// The raw signature over a digest.
pub fn sign(pair: &KeyPair) -> Box<dyn Side> {
    let mut context = signature_context(&pair.private, pair.scheme, |context| context.sign_init());
    let mut value = vec![0; 512];
    Box::new(Floor {
        run: move |index: usize| {
            let digest = [index as u8; 32];
            context.sign(&digest, Some(&mut value)).map(|_| Vec::new()).map_err(|error| error.to_string())
        },
    })
}

/// Content key and IV from the generator, the content key wrapped, the plaintext through AES-GCM.
pub fn seal(pair: &KeyPair, plaintexts: &[Vec<u8>]) -> Box<dyn Side> {
    let mut floor = Sealing::new(pair);
    let plaintexts = plaintexts.to_vec();
    Box::new(Floor { run: move |index: usize| Ok(floor.seal(&plaintexts[index]).1) })
}

/// The content key unwrapped, the ciphertext through AES-GCM.
pub fn open(pair: &KeyPair, plaintexts: &[Vec<u8>]) -> Box<dyn Side> {
    let mut sealing = Sealing::new(pair);
    let sealed: Vec<_> = plaintexts.iter().map(|plaintext| sealing.seal(plaintext)).collect();
    let mut context = oaep_context(&pair.private, |context| context.decrypt_init());
    let mut cipher = CipherCtx::new().unwrap();
    let aes = Cipher::fetch(None, "AES-256-GCM", None).unwrap();
    let mut key = vec![0; 256];
    Box::new(Floor {
        run: move |index: usize| {
            let (wrapped, content) = &sealed[index];
            let (iv, rest) = content.split_at(IV);
            let (ciphertext, tag) = rest.split_at(rest.len() - TAG);
            let length = context.decrypt(wrapped, Some(&mut key)).map_err(|error| error.to_string())?;
            let mut plaintext = Vec::with_capacity(ciphertext.len() + TAG);
            cipher.decrypt_init(Some(&aes), Some(&key[..length]), Some(iv)).unwrap();
            cipher.set_tag(tag).unwrap();
            cipher.cipher_update_vec(ciphertext, &mut plaintext).unwrap();
            cipher.cipher_final_vec(&mut plaintext).map_err(|error| error.to_string())?;
            Ok(plaintext)
        },
    })
}

struct Sealing {
    wrap: PkeyCtx<Public>,
    cipher: CipherCtx,
    aes: Cipher,
}

impl Sealing {
    fn new(pair: &KeyPair) -> Self {
        let public = PKey::public_key_from_der(&pair.keys.public_der).unwrap();
        let wrap = oaep_context(&public, |context| context.encrypt_init());
        let aes = Cipher::fetch(None, "AES-256-GCM", None).unwrap();
        Self { wrap, cipher: CipherCtx::new().unwrap(), aes }
    }

    /// Wrapped key, and IV ‖ ciphertext ‖ tag.
    fn seal(&mut self, plaintext: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut key, mut iv, mut tag) = ([0; 32], [0; IV], [0; TAG]);
        rand_bytes(&mut key).unwrap();
        rand_bytes(&mut iv).unwrap();
        let mut wrapped = vec![0; 256];
        self.wrap.encrypt(&key, Some(&mut wrapped)).unwrap();
        let mut content = Vec::with_capacity(IV + plaintext.len() + 2 * TAG);
        content.extend_from_slice(&iv);
        self.cipher.encrypt_init(Some(&self.aes), Some(&key), Some(&iv)).unwrap();
        self.cipher.cipher_update_vec(plaintext, &mut content).unwrap();
        self.cipher.cipher_final_vec(&mut content).unwrap();
        self.cipher.tag(&mut tag).unwrap();
        content.extend_from_slice(&tag);
        (wrapped, content)
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut state = Sha256::new(); // the one-shot function looks the algorithm up at each call
    state.update(bytes);
    state.finish()
}

type Init<T> = fn(&mut PkeyCtx<T>) -> Result<(), openssl::error::ErrorStack>;

fn signature_context<T: HasPublic>(key: &PKey<T>, scheme: Scheme, init: Init<T>) -> PkeyCtx<T> {
    let mut context = PkeyCtx::new(key).unwrap();
    init(&mut context).unwrap();
    if scheme == Scheme::Rsa {
        context.set_rsa_padding(Padding::PKCS1).unwrap();
    }
    context.set_signature_md(Md::sha256()).unwrap();
    context
}

fn oaep_context<T: HasPublic>(key: &PKey<T>, init: Init<T>) -> PkeyCtx<T> {
    let mut context = PkeyCtx::new(key).unwrap();
    init(&mut context).unwrap();
    context.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    context.set_rsa_oaep_md(Md::sha256()).unwrap();
    context.set_rsa_mgf1_md(Md::sha256()).unwrap();
    context
}
