//! A trust store for Java: certificates alone, as PKCS #12 without a password.
//!
//! Agents are given their certificate authorities as PEM (`--sslcacert`), scanners read PKCS #12
//! (`sonar.scanner.truststorePath`) and trust what is in it beside their Java's authorities and the system's.
//! Nothing in it is secret, so there is neither encryption nor a checksum made with a password.
//!
//! Contract: RFC 7292, and the attribute by which Java marks a certificate as trusted.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const BMP_STRING: u8 = 0x1e;
const CONTEXT_0: u8 = 0xa0;

/// Object identifiers, encoded.
mod oid {
    /// 1.2.840.113549.1.7.1, data.
    pub(super) const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    /// 1.2.840.113549.1.12.10.1.3, certBag.
    pub(super) const CERTIFICATE_BAG: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03";
    /// 1.2.840.113549.1.9.22.1, x509Certificate.
    pub(super) const X509: &[u8] = b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
    /// 1.2.840.113549.1.9.20, friendlyName.
    pub(super) const NAME: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";
    /// 2.16.840.1.113894.746875.1.1, Java's trustedKeyUsage.
    pub(super) const TRUSTED_KEY_USAGE: &[u8] = b"\x06\x0c\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01";
    /// 2.5.29.37.0, anyExtendedKeyUsage.
    pub(super) const ANY_USAGE: &[u8] = b"\x06\x04\x55\x1d\x25\x00";
}

/// The store with these certificates, each in DER.
pub(crate) fn pkcs12<C: AsRef<[u8]>>(certificates: &[C]) -> Vec<u8> {
    let certificates = certificates.iter().enumerate().map(|(n, c)| bag(n, c.as_ref()));
    let bags = sequence(&certificates.collect::<Vec<_>>().concat());
    sequence(&[tlv(INTEGER, &[3]), data(&sequence(&data(&bags)))].concat())
}

fn bag(number: usize, certificate: &[u8]) -> Vec<u8> {
    let certificate = sequence(&[oid::X509, &tlv(CONTEXT_0, &tlv(OCTET_STRING, certificate))].concat());
    // Java keeps one certificate a name.
    let name: Vec<u8> = format!("agent-{number}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let attributes = [
        sequence(&[oid::NAME, &tlv(SET, &tlv(BMP_STRING, &name))].concat()),
        sequence(&[oid::TRUSTED_KEY_USAGE, &tlv(SET, oid::ANY_USAGE)].concat()),
    ];
    sequence(&[oid::CERTIFICATE_BAG, &tlv(CONTEXT_0, &certificate), &tlv(SET, &attributes.concat())].concat())
}

/// ContentInfo of the type data.
fn data(content: &[u8]) -> Vec<u8> {
    sequence(&[oid::DATA, &tlv(CONTEXT_0, &tlv(OCTET_STRING, content))].concat())
}

fn sequence(content: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, content)
}

/// Tag, length and content in DER.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut encoded = vec![tag];
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        encoded.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[length.leading_zeros() as usize / 8..];
        encoded.push(0x80 | bytes.len() as u8);
        encoded.extend(bytes);
    }
    encoded.extend(content);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every element, by depth: its tag, and its content where it holds no others.
    fn elements(mut der: &[u8], depth: usize, seen: &mut Vec<(usize, u8, Vec<u8>)>) {
        while let [tag, first, rest @ ..] = der {
            let count = if *first < 0x80 { 0 } else { usize::from(first & 0x7f) };
            let (bytes, rest) = rest.split_at(count);
            let length = if count == 0 {
                usize::from(*first)
            } else {
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            };
            let (content, rest) = rest.split_at(length);
            let holds_others = tag & 0x20 != 0 || *tag == OCTET_STRING && content.first() == Some(&SEQUENCE);
            seen.push((depth, *tag, if holds_others { Vec::new() } else { content.to_vec() }));
            if holds_others {
                elements(content, depth + 1, seen);
            }
            der = rest;
        }
        assert!(der.is_empty());
    }

    #[test]
    fn certificates_of_any_size_are_in_it() {
        for sizes in [vec![], vec![1], vec![100, 127, 128, 255, 256, 70_000]] {
            let certificates: Vec<_> = sizes.iter().map(|size| vec![7_u8; *size]).collect();
            let mut seen = Vec::new();
            elements(&pkcs12(&certificates), 0, &mut seen);
            assert_eq!((seen[0].1, &seen[1]), (SEQUENCE, &(1, INTEGER, vec![3])));
            let found = seen.iter().filter(|(_, tag, content)| *tag == OCTET_STRING && !content.is_empty());
            assert_eq!(found.map(|(.., content)| content.clone()).collect::<Vec<_>>(), certificates);
            let names = seen.iter().filter(|(_, tag, _)| *tag == BMP_STRING).map(|(.., name)| name);
            assert_eq!(names.collect::<std::collections::HashSet<_>>().len(), sizes.len());
        }
    }
}
