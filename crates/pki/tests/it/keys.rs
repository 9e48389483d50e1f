use pki::{
    Decrypter, KeyAlgorithm, KeyError, KeyPair, Legacy, Signer,
    keys::{Digest, SignatureAlgorithm, verify},
};

use crate::support::{Bench, WORLD, key_pem};

#[test]
fn openssl_verifies_our_signatures_and_reads_our_keys() {
    let bench = Bench::new();
    bench.write("message", b"attack at dawn");
    for algorithm in [
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
    ] {
        let key = KeyPair::generate(algorithm).unwrap();
        bench.write("key.pem", key_pem(&key));
        bench.openssl("pkey -in key.pem -pubout -outform DER -out public.der");
        assert_eq!(bench.read("public.der"), key.spki(), "{algorithm}");
        let digest = if algorithm == KeyAlgorithm::P384 {
            "sha384"
        } else {
            "sha256"
        };
        bench.write("signature", key.sign(b"attack at dawn").unwrap());
        bench.openssl("pkey -in key.pem -pubout -out public.pem");
        bench.openssl(&format!(
            "dgst -{digest} -verify public.pem -signature signature message"
        ));
        let again = KeyPair::from_pkcs8(key.to_pkcs8().expose()).unwrap();
        assert_eq!((again.spki(), again.algorithm()), (key.spki(), algorithm));
    }
}

#[test]
fn keys_in_the_forms_of_old_tools_are_read() {
    let bench = Bench::new();
    bench.openssl("genrsa -traditional -out rsa.pem 2048");
    bench.openssl("ecparam -genkey -name secp384r1 -out ec.pem");
    let read = |name: &str| KeyPair::from_pem(&String::from_utf8(bench.read(name)).unwrap());
    assert_eq!(read("rsa.pem").unwrap().algorithm(), KeyAlgorithm::Rsa2048);
    assert_eq!(read("ec.pem").unwrap().algorithm(), KeyAlgorithm::P384);
    bench.openssl("genrsa -aes128 -passout pass:secret -out locked.pem 2048");
    assert!(read("locked.pem").is_err());
    bench.openssl("genrsa -out short.pem 1024");
    assert!(matches!(read("short.pem"), Err(KeyError::Unsupported(_))));
}

#[test]
fn signatures_of_every_supported_algorithm_verify() {
    let bench = Bench::new();
    bench.write("message", b"m");
    for (generate, rsa) in [
        (
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
            true,
        ),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
            false,
        ),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key.pem",
            false,
        ),
    ] {
        bench.openssl(generate);
        bench.openssl("pkey -in key.pem -pubout -outform DER -out public.der");
        let spki = bench.read("public.der");
        for (name, digest) in [
            ("sha1", Digest::Sha1),
            ("sha256", Digest::Sha256),
            ("sha384", Digest::Sha384),
            ("sha512", Digest::Sha512),
        ] {
            if name == "sha1" && generate.contains("P-384") {
                continue;
            }
            bench.openssl(&format!(
                "dgst -{name} -sign key.pem -out signature message"
            ));
            let signature = bench.read("signature");
            let (right, wrong) = if rsa {
                (
                    SignatureAlgorithm::RsaPkcs1(digest),
                    SignatureAlgorithm::Ecdsa(digest),
                )
            } else {
                (
                    SignatureAlgorithm::Ecdsa(digest),
                    SignatureAlgorithm::RsaPkcs1(digest),
                )
            };
            let check = |algorithm, message: &[u8], legacy| {
                verify(&spki, algorithm, message, &signature, legacy)
            };
            assert_eq!(
                check(right, b"m", Legacy::Accept),
                Ok(()),
                "{generate} {name}"
            );
            assert_eq!(check(right, b"n", Legacy::Accept), Err(KeyError::Signature));
            assert_eq!(check(wrong, b"m", Legacy::Accept), Err(KeyError::Algorithm));
            let strict = if name == "sha1" {
                Err(KeyError::Algorithm)
            } else {
                Ok(())
            };
            assert_eq!(check(right, b"m", Legacy::Refuse), strict, "{name}");
        }
    }
}

#[test]
fn short_rsa_keys_need_the_legacy_switch() {
    let bench = Bench::new();
    bench.write("message", b"m");
    bench.openssl("genrsa -out key.pem 1024");
    bench.openssl("pkey -in key.pem -pubout -outform DER -out public.der");
    bench.openssl("dgst -sha256 -sign key.pem -out signature message");
    let (spki, signature) = (bench.read("public.der"), bench.read("signature"));
    let algorithm = SignatureAlgorithm::RsaPkcs1(Digest::Sha256);
    assert_eq!(
        verify(&spki, algorithm, b"m", &signature, Legacy::Accept),
        Ok(())
    );
    assert_eq!(
        verify(&spki, algorithm, b"m", &signature, Legacy::Refuse),
        Err(KeyError::Algorithm)
    );
}

#[test]
fn a_curve_point_has_one_accepted_form() {
    let signature = WORLD.p256.sign(b"m").unwrap();
    let algorithm = WORLD.p256.signature_algorithm();
    let check = |spki: &[u8]| verify(spki, algorithm, b"m", &signature, Legacy::Accept);
    let mut spki = WORLD.p256.spki().to_vec();
    assert_eq!(check(&spki), Ok(()));
    // The hybrid form names the same point; the last bit says whether y is odd.
    let at = spki.len() - 65;
    spki[at] = 6 | (spki[spki.len() - 1] & 1);
    assert_eq!(check(&spki), Err(KeyError::Unsupported("point form")));
}

#[test]
fn decryption_takes_what_openssl_encrypts() {
    let bench = Bench::with_world();
    bench.write("plain", b"0123456789abcdef");
    bench.openssl("pkeyutl -encrypt -certin -inkey rsa.pem -in plain -out cipher");
    let cipher = bench.read("cipher");
    assert_eq!(
        WORLD.rsa.decrypt(&cipher).unwrap().expose(),
        b"0123456789abcdef"
    );
    assert_eq!(
        WORLD.rsa.decrypt(&cipher[1..]).unwrap_err(),
        KeyError::Decryption
    );
    assert!(WORLD.p256.decrypt(&cipher).is_err());
}

#[test]
fn debug_output_and_names_of_keys() {
    let shown = format!("{:?}", WORLD.rsa);
    assert!(shown.contains("Rsa2048") && shown.len() < 60, "{shown}");
    assert_eq!("rsa-3072".parse(), Ok(KeyAlgorithm::Rsa3072));
    assert!("dsa".parse::<KeyAlgorithm>().is_err());
}
